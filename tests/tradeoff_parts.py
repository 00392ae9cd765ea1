"""Made-up material of the study of trade-offs for a tiny model, and the parts that all others need."""

from __future__ import annotations

from typing import Any

from pysteer.formats.texts import Texts
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import silent
from pysteer.questions import Question, QuestionSet
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff.vectors import train_vectors
from pysteer.studies.tradeoff.writing import (
    write_base,
)

STYLES = ("a", "b")
PAIRS = {
    name: Dataset(tuple(ContrastPair(f"q{i}?", f"{name} {i} yes!", f"{i} no.") for i in range(6)), name)
    for name in STYLES
}
SHOTS = (Question("s?", ("w", "x", "y", "z"), 1, passage="s."),)
QUESTIONS = QuestionSet(
    tuple(Question(f"q {i}?", ("w", "x", "y", "z"), i % 4, passage=f"p {i}.") for i in range(3)), "questions", SHOTS
)
VALIDATION = QuestionSet(tuple(Question(f"v {i}?", ("w", "x", "y", "z"), i % 4) for i in range(2)), "validation")
REQUESTS = Texts("requests", ("hi?", "you?", "we?"))
REPLIES = Texts("validation requests", tuple(f"q{i}?" for i in range(6)))
BLANKS = QuestionSet(tuple(Question(f"It {i} so _ was.", ("he", "she"), i % 2) for i in range(3)), "blanks")
SENTENCES = Dataset(tuple(ContrastPair("", f"This is {i}.", f"This are {i}.") for i in range(3)), "sentences")
WRITING: dict[str, Any] = {
    "place": "raw",
    "thoughts": {"s?": "it."},
    "n_items": [3, 3],
    "max_tokens": 5,
    "seed": 3,
}
ABOUT: dict[str, Any] = {
    "style": "b",
    "instruction": "Say b.",
    "proxy": {"words": ["b"], "against": [], "length": ""},
}
ITEMS = {"questions": QUESTIONS, "requests": REQUESTS}


def first_parts(model: StudyModel) -> dict[str, PartResult]:
    """Return vectors, the unsteered texts, and features that are those vectors."""
    settings = {"styles": list(STYLES), "layers": [1, 2], "layer": 2, "seed": 3}
    vectors = train_vectors(Task(settings, PAIRS, {}, silent, model))
    base = write_base(Task(WRITING, {**ITEMS, "validation": VALIDATION, "replies": REPLIES}, {}, silent, model))
    features = PartResult({}, {"directions": vectors.arrays["directions"][:, 1]})
    return {"vectors": vectors, "base": base, "features": features}
