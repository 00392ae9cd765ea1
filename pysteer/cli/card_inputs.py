"""What ``pysteer card`` measures on: items, texts, questions and prompts, named by the user or by default."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pysteer.formats.texts import Texts
    from pysteer.measurements.running_text import RunningText
    from pysteer.pairs import Dataset
    from pysteer.prompt_settings import PromptSetting
    from pysteer.questions import QuestionSet
    from pysteer.vector import SteeringVector


def items_of(
    vector: SteeringVector, data: Path | None, train: Path | None, format: str | None
) -> tuple[Dataset, Dataset | None]:
    """Return the items to measure on, and the training data where they are known.

    Parameters
    ----------
    data, train : Path, optional
        Default: those of the library's behaviour that the vector was made from.
    """
    from pysteer.library import behaviours, load_behaviour
    from pysteer.pair_files import load_pairs

    known = None if train is None else load_pairs(train, format=format)
    if data is not None:
        return load_pairs(data, format=format), known
    for name in behaviours():
        pairs, test = load_behaviour(name)
        if pairs.content_hash == vector.provenance.data_hash:
            return test, known or pairs
    raise typer.BadParameter(
        "the vector was not made from a behaviour of the library: name held-out pairs to measure on",
        param_hint="--data",
    )


def cost_data(model: str, text: Path | None, questions: Path | None) -> tuple[Texts | RunningText, QuestionSet | None]:
    """Return what costs are measured on: what was named, else what comes with the embedded model, or with pysteer."""
    from pysteer.card.texts import everyday_questions
    from pysteer.cli.loading import read_text
    from pysteer.demo.texts import NEUTRAL_TEXT
    from pysteer.formats.texts import Texts
    from pysteer.measurements.running_text import RunningText
    from pysteer.question_files import load_questions

    if model == "demo":
        from pysteer.demo import model_path

        folder = model_path().parent
        text = text or _if_there(folder / "passages.jsonl")
        questions = questions or _if_there(folder / "questions.jsonl")
    passages: Texts | RunningText = Texts("neutral passages", NEUTRAL_TEXT)
    if text is not None:
        found = read_text(text)
        passages = RunningText(text.name, found) if isinstance(found, str) else Texts(text.name, tuple(found))
    return passages, everyday_questions() if questions is None else load_questions(questions)


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def settings_of(personas: tuple[str, str] | None) -> Sequence[PromptSetting]:
    """Return the other prompts: personas where two sentences are given, else sentences that say nothing."""
    from pysteer.card.battery import NEUTRAL_SHIFTS
    from pysteer.prompt_settings import persona_settings

    if personas is None:
        return NEUTRAL_SHIFTS
    named = persona_settings(*personas, default_system=None)
    return tuple(setting for name, setting in named.items() if name != "BASE")
