"""How a behaviour under steering is asked, with or without a string behind the user's message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.intervention import Intervention
from pysteer.pair_text import answer_pair, is_letter
from pysteer.pairs import Dataset
from pysteer.prefix_tree import Int32Array
from pysteer.prompt_search import Evaluated, Mutation, ReversalObjective, SearchSettings, neighbours, uniform
from pysteer.prompt_settings import PromptSetting
from pysteer.studies.study_model import StudyModel

_LARGE, _N_DIRECTIONS = 50_000_000, 256
"""Numbers in embeddings from which on they are made compact, and directions that are left."""
LOW_PENALTY, HIGH_PENALTY, RESTART_PENALTY = 0.03, 3.0, 0.3
"""Of a search's slots and restarts, in units in which going from random to natural text is worth the whole steered
preference: those of arXiv:2402.01702 are for targets of a fixed scale, and preferences have that of the model."""


@dataclass(frozen=True, eq=False)
class Target:
    """A behaviour with the steering that a string is to undo.

    Parameters
    ----------
    name : str
    steering : tuple of Intervention
    setting : PromptSetting, optional
    """

    name: str
    steering: tuple[Intervention, ...]
    setting: PromptSetting | None = None


@dataclass(eq=False)
class Recorded:
    """An objective that remembers how far it got: (strings measured, best target)."""

    objective: ReversalObjective
    curve: list[tuple[int, float]] = field(default_factory=list)

    @property
    def fingerprint(self) -> str:
        return self.objective.fingerprint

    def evaluate(self, tokens: Int32Array) -> Evaluated:
        """Measure strings and note the best so far."""
        found = self.objective.evaluate(tokens)
        n, best = self.curve[-1] if self.curve else (0, -np.inf)
        self.curve.append((n + len(found), max(best, float(found.target.max()))))
        return found


@contextmanager
def asking(
    model: StudyModel, items: Dataset, target: Target, answer_tokens: int, *, room: int = 0
) -> Iterator[ReversalObjective]:
    """Yield the objective on some items, in the study's own session; letters are compared at one token."""
    subject = model.subject(setting=target.setting)
    longest = max(
        len(side.tokens)
        for pair in items
        for side in answer_pair(subject.model, pair, raw=subject.raw, setting=target.setting)
    )
    session = subject.session_for_texts(longest + room)
    n_answer = None if all_letters(items) else answer_tokens
    yield ReversalObjective(
        subject.model, items, target.steering, raw=subject.raw, setting=target.setting, answer_tokens=n_answer,
        session=session,
    )  # fmt: skip


def all_letters(items: Dataset) -> bool:
    """Return whether every answer is a letter."""
    return all(is_letter(pair.positive) and is_letter(pair.negative) for pair in items)


def mutations_of(objective: ReversalObjective, vocabulary: Int32Array) -> dict[str, tuple[Mutation, float]]:
    """Return the three ways of drawing a token, alike often."""
    embeddings = compact(objective.model.weight("token_embd.weight"))
    near = min(16, len(vocabulary) - 1)
    return {
        "uniform": (uniform(vocabulary), 1.0),
        "neighbours": (neighbours(embeddings, vocabulary, n_near=near), 1.0),
        "proposals": (objective.proposals(vocabulary), 1.0),
    }


def compact(embeddings: Float32Array) -> Float32Array:
    """Return embeddings on a few random directions where they are many and wide: cosines stay nearly what they are.

    Likeness of 128 000 tokens of width 4096 would take gigabytes. Source: Johnson & Lindenstrauss 1984.
    """
    width = embeddings.shape[1]
    if embeddings.size <= _LARGE or width <= _N_DIRECTIONS:
        return embeddings
    directions = np.random.default_rng(0).standard_normal((width, _N_DIRECTIONS)).astype(np.float32)
    return np.asarray(embeddings @ directions, dtype=np.float32)


def penalty_scale(objective: ReversalObjective, natural: Int32Array, random: Int32Array) -> tuple[float, float]:
    """Return nats of preference for a nat of cross-entropy, and the mean cross-entropy of natural text.

    The scale is such that going from random to natural text is worth as much as the preference that is to be reversed,
    or, where that is small, as the spread that random strings make.

    Parameters
    ----------
    natural, random : int32, (n, length)
    """
    preference = abs(float(objective.reversals(None).mean()))
    by_chance, plain = objective.evaluate(random), objective.evaluate(natural)
    usual = float(plain.cross_entropy.mean())
    distance = float(by_chance.cross_entropy.mean()) - usual
    return max(preference, float(by_chance.target.std()), 1e-3) / max(distance, 1.0), usual


def search_settings(sizes: Mapping[str, Any], scale: float) -> SearchSettings:
    """Return how to search, with penalties in units of `penalty_scale`."""
    return SearchSettings(
        length=sizes["length"],
        n_slots=sizes["n_slots"],
        n_children=sizes["n_children"],
        n_rounds=max(1, sizes["budget"] // (sizes["n_slots"] * sizes["n_children"])),
        budget=sizes["budget"],
        low_penalty=LOW_PENALTY * scale,
        high_penalty=HIGH_PENALTY * scale,
        restart_every=sizes["restart_every"],
        restart_penalty=RESTART_PENALTY * scale,
        seed=sizes["seed"],
    )
