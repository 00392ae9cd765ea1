"""The tasks of the panel of side effects: what no vector of the study was made of or chosen on."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

from pysteer.demo.material import read_rows
from pysteer.demo.texts import NEUTRAL_TEXT
from pysteer.errors import DroppedDataWarning
from pysteer.formats.blimp import sample_blimp
from pysteer.formats.texts import Texts
from pysteer.formats.winogrande import BLANK
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
    is_per_byte : bool
        Choices differ in length, and the log-probability per byte decides, not the sum.
    """

    name: str
    measurement: str
    items: Data
    chance: float
    tokens_each: int
    is_per_byte: bool = False


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


def without_twins(questions: QuestionSet) -> QuestionSet:
    """Return questions with the first of each twin: WinoGrande has sentences that begin alike, with the other answer.

    Twins have their choices in common, too: other sentences may begin alike, with one word. Who takes one twin for
    right for a wrong reason takes the other one for wrong, so that twins are no two items.
    """
    begins: dict[tuple[str, frozenset[str]], Question] = {}
    for question in questions:
        begins.setdefault((question.prompt.partition(BLANK)[0], frozenset(question.choices)), question)
    return QuestionSet(tuple(begins.values()), questions.name)


def _functions(folder: Path, n_items: int) -> list[tuple[str, WordPairs]]:
    """Return two of the functions that the embedded model reads off examples; chance is that of their domain."""
    content = json.loads((folder / "functions.json").read_text("utf-8"))
    named = {"antonyms": "antonym", "plurals": "singular-plural"}
    return [
        (shown, WordPairs(name, tuple(WordPair(row["input"], row["output"]) for row in content[name][: 11 + n_items])))
        for shown, name in named.items()
    ]


def public_side_tasks(folder: Path | None, n_items: int, *, seed: int) -> list[SideTask]:
    """Return those that are in the folder of data sets, and those that come with pysteer."""
    with warnings.catch_warnings():  # records that repeat are dropped by the readers, which is the files' own matter
        warnings.simplefilter("ignore", DroppedDataWarning)
        found = [] if folder is None else [*_pairs(folder, n_items, seed), *_questions(folder, n_items)]
    requests = json.loads((MATERIAL / "requests.json").read_text("utf-8"))["requests"]
    return [
        *found,
        SideTask("running text", "perplexity", Texts("neutral text", NEUTRAL_TEXT), float("nan"), 150),
        SideTask("requests", _REFUSAL, Texts("requests", tuple(requests)), float("nan"), 40),
    ]


def _pairs(folder: Path, n_items: int, seed: int) -> list[SideTask]:
    """Return the tasks of two answers, and BLiMP's of two sentences (summed log-probability, as published)."""
    found = []
    for name, file in {"TruthfulQA, A or B": "truthfulqa.json", "MMLU, A or B": "mmlu.json"}.items():
        path = folder / "caa" / "test" / file
        if path.is_file():
            found.append(SideTask(name, "pair_choice", load_pairs(path)[:n_items], 0.5, 90))
    path = folder / "linguistic" / "blimp" / "BLiMP.zip"
    if path.is_file():
        sentences = sample_blimp(path, n_items, seed=seed)
        found.append(SideTask("BLiMP", "pair_choice:variant=full_response", sentences, 0.5, 25))
    return found


def _questions(folder: Path, n_items: int) -> list[SideTask]:
    """Return the tasks of common sense.

    The field's convention decides how choices are compared: PIQA and ARC easy by the sum of their log-probabilities,
    HellaSwag, whose endings differ much in length, by the sum over their bytes, WinoGrande by what follows the blank.
    """
    found = []
    for name, file, measurement, tokens_each, is_per_byte in (
        ("ARC easy", "arc_easy.jsonl", "completion_choice", 100, False),
        ("PIQA", "piqa.jsonl", "completion_choice", 100, False),
        ("HellaSwag", "hellaswag.jsonl", "completion_choice", 150, True),
        ("WinoGrande", "winogrande.jsonl", "blank_choice", 50, False),
    ):
        path = folder / "commonsense" / file
        if path.is_file():
            loaded = load_questions(path)
            some = (without_twins(loaded) if measurement == "blank_choice" else loaded)[:n_items]
            found.append(SideTask(name, measurement, some, guessing(some), tokens_each, is_per_byte))
    return found
