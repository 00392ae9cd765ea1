"""The tasks of the panel of side effects: what no vector of the study was made of or chosen on."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

from pysteer.demo.material import read_rows
from pysteer.demo.texts import NEUTRAL_TEXT
from pysteer.errors import DroppedDataWarning
from pysteer.formats.texts import Texts
from pysteer.formats.word_pairs import WordPair, WordPairs
from pysteer.measurements.measured import Data
from pysteer.pair_files import load_pairs
from pysteer.question_files import load_questions
from pysteer.questions import LETTERS, Question, QuestionSet
from pysteer.studies.tradeoff.styles import MATERIAL

_REFUSAL = "refusal:max_tokens=24"


@dataclass(frozen=True, eq=False)
class SideTask:
    """One task.

    Parameters
    ----------
    name : str
    measurement : str
        With settings, as `pysteer.measurements.make_measurement` reads them.
    items : Data
    chance : float
        Accuracy of somebody who does not know anything; NaN where it is no accuracy.
    tokens_each : int
        Rough number of tokens of an item, for the estimate.
    """

    name: str
    measurement: str
    items: Data
    chance: float
    tokens_each: int


def embedded_side_tasks(folder: Path, n_items: int) -> list[SideTask]:
    """Return the embedded model's: passages, functions read off examples, descriptions, requests nobody refuses."""
    rows = [dict(row) for row in read_rows(folder / "questions.jsonl") if row["book"] == "open"][:n_items]
    asked = [
        Question(row["question"], tuple(row["choices"]), LETTERS.index(row["answer"]), passage=row["passage"])
        for row in rows
    ]
    passages = [row["text"] for row in read_rows(folder / "passages.jsonl") if row["kind"] == "description"]
    prompts = [row["prompt"] for row in read_rows(folder / "prompts.jsonl")]
    return [
        SideTask(
            "questions about a passage",
            "multiple_choice:form=tags,open_book=true",
            QuestionSet(tuple(asked), "passages"),
            0.25,
            90,
        ),
        *(
            SideTask(f"{shown} after ten examples", "word_answers:n_shots=10,max_tokens=4", pairs, 0.25, 70)
            for shown, pairs in _functions(folder, n_items)
        ),
        SideTask("running text", "perplexity", Texts("descriptions", tuple(passages[:n_items])), float("nan"), 45),
        SideTask("requests", _REFUSAL, Texts("requests", tuple(prompts[: max(4, n_items // 2)])), float("nan"), 40),
    ]


def guessing(questions: QuestionSet) -> float:
    """Return the accuracy of somebody who guesses; questions may have different numbers of choices."""
    return sum(1.0 / len(question.choices) for question in questions) / len(questions)


def _functions(folder: Path, n_items: int) -> list[tuple[str, WordPairs]]:
    """Return two of the functions that the embedded model reads off examples; chance is that of their domain."""
    content = json.loads((folder / "functions.json").read_text("utf-8"))
    named = {"antonyms": "antonym", "plurals": "singular-plural"}
    return [
        (shown, WordPairs(name, tuple(WordPair(row["input"], row["output"]) for row in content[name][: 11 + n_items])))
        for shown, name in named.items()
    ]


def public_side_tasks(folder: Path | None, n_items: int) -> list[SideTask]:
    """Return those that are in the folder of data sets, and those that come with pysteer."""
    found: list[SideTask] = []
    pairs = {"TruthfulQA, A or B": "truthfulqa.json", "MMLU, A or B": "mmlu.json"}
    questions = {"ARC easy": "arc_easy.jsonl", "PIQA": "piqa.jsonl"}
    with warnings.catch_warnings():  # records that repeat are dropped by the readers, which is the files' own matter
        warnings.simplefilter("ignore", DroppedDataWarning)
        for name, file in pairs.items() if folder is not None else ():
            path = Path(str(folder)) / "caa" / "test" / file
            if path.is_file():
                found.append(SideTask(name, "pair_choice", load_pairs(path)[:n_items], 0.5, 90))
        for name, file in questions.items() if folder is not None else ():
            path = Path(str(folder)) / "commonsense" / file
            if path.is_file():
                some = load_questions(path)[:n_items]
                found.append(SideTask(name, "completion_choice", some, guessing(some), 100))
    requests = json.loads((MATERIAL / "requests.json").read_text("utf-8"))["requests"]
    return [
        *found,
        SideTask("running text", "perplexity", Texts("neutral text", NEUTRAL_TEXT), float("nan"), 150),
        SideTask("requests", _REFUSAL, Texts("requests", tuple(requests)), float("nan"), 40),
    ]
