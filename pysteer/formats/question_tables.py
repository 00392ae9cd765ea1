"""Questions as tables: MMLU's CSV files, with and without a header, and TruthfulQA's."""

from __future__ import annotations

from pysteer.errors import DataError
from pysteer.formats.format import Source, formats
from pysteer.formats.question_building import QuestionCollector, choice_number
from pysteer.formats.tables import table_rows
from pysteer.questions import QuestionSet

_MMLU = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
_TRUTHFULQA = ["Type", "Category", "Question", "Best Answer", "Correct Answers", "Incorrect Answers", "Source"]


def _is_mmlu(source: Source) -> bool:
    if source.suffix != ".csv":
        return False
    try:
        _, first = next(table_rows(source, ","), ("", []))
    except DataError:
        return False
    return first == _MMLU or (len(first) == len(_MMLU) and first[-1].strip() in ("A", "B", "C", "D"))


@formats.register("mmlu_csv", holds="questions", recognises=_is_mmlu, files=".csv")
def read_mmlu(source: Source) -> QuestionSet:
    """MMLU, one subject a file: question, four choices, the right one as a letter (no header) or a number (header).

    The subject is the file's name without ``_test``, ``_dev`` or ``_val``.

    References
    ----------
    Hendrycks et al. 2020, "Measuring Massive Multitask Language Understanding", arXiv:2009.03300.
    """
    subject = source.name
    for ending in ("_test", "_dev", "_val"):
        subject = subject.removesuffix(ending)
    collector = QuestionCollector(source)
    for index, (where, row) in enumerate(table_rows(source, ",")):
        if index == 0 and row == _MMLU:
            continue
        if len(row) != len(_MMLU):
            raise DataError(f"{where}: expected {len(_MMLU)} columns, got {len(row)}")
        answer = choice_number(row[-1], f"{where}, answer")
        collector.add(row[0], row[1:-1], answer, where, subject=subject.replace("_", " "))
    return collector.question_set()


def _is_truthfulqa(source: Source) -> bool:
    return source.suffix == ".csv" and source.text.startswith(",".join(_TRUTHFULQA))


@formats.register("truthfulqa", holds="questions", recognises=_is_truthfulqa, files=".csv")
def read_truthfulqa(source: Source) -> QuestionSet:
    """TruthfulQA: the best answer is choice 0, then the other true answers, then the false ones.

    A text that the file lists as true and as false is taken for true.

    References
    ----------
    Lin et al. 2021, "TruthfulQA: Measuring How Models Mimic Human Falsehoods", arXiv:2109.07958.
    """
    collector = QuestionCollector(source)
    table = table_rows(source, ",")
    _, header = next(table, ("", []))
    if header != _TRUTHFULQA:
        raise DataError(f"{source.where}, header: expected {_TRUTHFULQA}, got {header}")
    for where, row in table:
        if len(row) != len(_TRUTHFULQA):
            raise DataError(f"{where}: expected {len(_TRUTHFULQA)} columns, got {len(row)}")
        cells = dict(zip(_TRUTHFULQA, row, strict=True))
        best = cells["Best Answer"].strip()
        true = list(dict.fromkeys([best, *_listed(cells["Correct Answers"])]))
        false = [text for text in dict.fromkeys(_listed(cells["Incorrect Answers"])) if text not in true]
        collector.add(
            cells["Question"].strip(),
            [*true, *false],
            0,
            where,
            subject=cells["Category"],
            also_right=range(1, len(true)),
        )
    return collector.question_set()


def _listed(cell: str) -> list[str]:
    return [text.strip() for text in cell.split(";") if text.strip()]
