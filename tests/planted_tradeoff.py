"""Made-up results of the study of trade-offs, in which everything is known: for tests of what the study concludes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pysteer.formats.texts import Texts
from pysteer.pairs import ContrastPair, Dataset
from pysteer.questions import Question, QuestionSet
from pysteer.studies.parts import PartResult
from pysteer.studies.study import Piece, StudyContext
from pysteer.studies.tradeoff import Tradeoff, compared_arms, ladder, mitigations, more_strength, side_panel
from pysteer.studies.tradeoff.arms import ARMS, BASE
from pysteer.studies.tradeoff.capability import kind_of
from pysteer.studies.tradeoff.found import Found
from pysteer.studies.tradeoff.side_effects import KINDS
from pysteer.studies.tradeoff.side_tasks import SideTask
from pysteer.studies.tradeoff.sizes import PRESETS
from pysteer.studies.tradeoff.writing import QUANTITIES

STYLES = ("joyful", "sad", "formal")
N_QUESTIONS, N_REQUESTS, N_SCORED, N_SWEPT, N_OWN = 40, 24, 40, 20, 40
N_PAIRS = 10
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Numbers:
    """What an arm's texts are like: share of right answers, nats per token, share of replies that show the style."""

    right: float = 0.8
    ratio: float = 0.0
    surprise: float = 1.0
    shows: float = 0.4


CONTROL = Numbers()
PAPER: dict[str, Numbers] = {
    "control": CONTROL,
    "prompting": replace(CONTROL, ratio=0.2, shows=0.5),
    "vector": Numbers(0.4, 0.4, 2.0, 0.8),
    "features": Numbers(0.4, 0.4, 2.2, 0.7),
    "vector + prompting": Numbers(0.6, 0.6, 1.8, 1.0),
    "features + prompting": Numbers(0.6, 0.6, 1.8, 1.0),
    "few-shot": CONTROL,
    "few-shot + vector": Numbers(0.7, 0.4, 2.0, 0.8),
    "open book": replace(CONTROL, right=1.0),
    "open book + vector": Numbers(0.9, 0.4, 2.0, 0.8),
    "optimised": Numbers(0.8, 0.4, 1.2, 0.8),
    "random direction": CONTROL,
    "shuffled labels": CONTROL,
}
"""As the paper has it, with mitigations that help."""


def falling(kind: str, strength: float) -> Numbers:
    """The more, the more behaviour, the fewer right answers, the less sense; random directions do nothing."""
    if kind == "random":
        return CONTROL
    return Numbers(0.8 - 0.6 * strength, 0.8 * strength, 1.0 + 2.0 * strength, 0.4 + 0.6 * strength)


Sweep = Callable[[str, float], Numbers]


def contrasts(style: str, side: str, n: int) -> Dataset:
    """Contrast texts on the same requests for every style."""
    return Dataset(tuple(ContrastPair(f"{side} {i}", f"{style} {i}", f"plain {i}") for i in range(n)), style)


def evenly(n: int) -> np.ndarray:
    """Numbers between 0 and 1, spread evenly whatever n is: the same ones for the first items of more."""
    return (0.5 + np.arange(n) * 0.6180339887498949) % 1.0


def cells(numbers: Numbers, n_questions: int, n_requests: int, seed: int) -> np.ndarray:
    """Quantities of an arm's texts, (n_items, n_quantities); right answers are spread evenly over the questions."""
    noise = np.random.default_rng(seed)
    n = n_questions + n_requests
    table = np.zeros((n, len(QUANTITIES)))
    at = QUANTITIES.index
    table[:, at("hit")] = np.nan
    # The hardest questions are lost first, as in life, so that arms are paired by question; hard ones lie everywhere.
    table[:n_questions, at("hit")] = evenly(n_questions) < numbers.right
    table[:, at("surprise")] = numbers.surprise + noise.normal(0.0, 0.05, n)
    table[:, at("ratio")] = numbers.ratio + noise.normal(0.0, 0.02, n)
    table[:, at("shows")] = np.nan
    table[n_questions:, at("shows")] = evenly(n_requests) < numbers.shows
    table[:, at("n_tokens")] = 20.0
    return table


def planted_model(
    arms: Mapping[str, Numbers] = PAPER,
    *,
    label: str = "made-up",
    sweep: Sweep = falling,
    letters: Mapping[str, float] | None = None,
    own: tuple[float, float] | None = None,
    ratio_check: float = 0.3,
    judge_gap: float = 0.0,
    sides: Mapping[str, tuple[float, Mapping[str, float]]] | None = None,
    is_embedded: bool = False,
    n_parameters: int = 1_000_000,
    coarser: Mapping[str, Sweep] | None = None,
    kl: tuple[float, float] = (0.5, 0.1),
) -> Found:
    """Return what the study would have found on a model that behaves as told.

    Parameters
    ----------
    letters : mapping of arm to accuracy by letters; by default as the written one.
    own : accuracy without steering, written and by letters, on the questions on which it is judged whether there is
        anything to lose; by default as on the others.
    ratio_check : how far the likelihood ratio tells contrast texts apart.
    judge_gap : rating of plain texts minus that of shuffled words.
    sides : accuracy of the unsteered model on each side task, and under each kind of direction.
    coarser : sweep of each weight type that the model is quantised to.
    kl : on running text, under the vector and under a random direction.
    """
    results: dict[str, PartResult] = {}
    generator = np.random.default_rng(11)

    def put(
        name: str, arrays: dict[str, np.ndarray], content: dict[str, Any] | None = None, model: str = label
    ) -> None:
        results[f"{model} / {name}"] = PartResult(content or {}, arrays)

    def swept(behaviour: Sweep, kind: str) -> np.ndarray:
        return np.stack([cells(behaviour(kind, strength), N_SWEPT, N_SWEPT, 5) for strength in STRENGTHS], axis=1)

    written = dict(arms)
    shares = dict(letters) if letters is not None else {name: numbers.right for name, numbers in written.items()}
    hits = {name: (np.arange(N_SCORED) < round(share * N_SCORED)).astype(float) for name, share in shares.items()}
    put("letters", {name: hits[name] for name in BASE})
    right = own if own is not None else (written["control"].right, shares["control"])
    judged = [(np.arange(N_OWN) < round(share * N_OWN)).astype(float) for share in right]
    put("capability", dict(zip(("written", "letters"), judged, strict=True)), {"kind": kind_of(*judged)})
    noise = np.outer(np.tile([1.0, -1.0], N_PAIRS // 2), [0.02, -0.02])
    put("check of the ratio", {style: noise + np.array([ratio_check, 0.0]) for style in STYLES})
    put("check of the judge", {"ratings": 3.0 + generator.normal(0.0, 0.1, (12, 2)) + np.array([judge_gap, 0.0])})
    setting = {"layer": 2, "strength": 0.3, "window": "all", "operation": "add", "chosen": 0, "is_within": True,
               "settings": [{}, {}], "n": {"gain": 3, "cost": 4, "ratio": 2, "surprise": 6, "kept": 1}}  # fmt: skip
    for number, style in enumerate(STYLES):
        tables = {
            name: cells(numbers, N_QUESTIONS, N_REQUESTS, 100 * number + place)
            for place, (name, numbers) in enumerate(written.items())
        }
        for arm in ARMS:
            if not arm.answers_requests and arm.name in tables:
                tables[arm.name][N_QUESTIONS:] = np.nan
        put(f"{style} / arms", tables)
        put(f"{style} / letters", {name: hits[name] for name in written if name not in BASE})
        put(f"{style} / judged", {name: np.full((1, 2), 3.0 + number) for name in written})
        put(f"{style} / search", {name: np.array([0.0, 0.1]) for name in ("gain", "cost", "ratio", "surprise", "kept")},
            setting)  # fmt: skip
        put(f"{style} / sweep", {kind: swept(sweep, kind) for kind in KINDS})
    for kind_of_weights, behaviour in (coarser or {}).items():
        for style in STYLES:
            arrays = {kind: swept(behaviour, kind) for kind in KINDS}
            put(f"{style} / sweep", arrays, model=f"{label}, {kind_of_weights}")
    side_tasks = []
    for name, (base, steered) in (sides or {"task": (0.9, {"vector": 0.6})}).items():
        items = Texts(name, tuple(f"{name} {i}" for i in range(40)))
        side_tasks.append(SideTask(name, "pair_choice", items, 0.5, 10))
        arrays = {"unsteered": (np.arange(40) < round(base * 40)).astype(float)[:, None]}
        for kind in KINDS:
            right = steered.get(kind, base)
            arrays[kind] = np.stack([(np.arange(40) < round(right * 40)).astype(float)[:, None]] * 2)
        put(f"side effects / {name}", arrays, {"values": ["accuracy"]})
    side_tasks.append(SideTask("running text", "perplexity", Texts("t", ("a", "b")), float("nan"), 10))
    base_text = np.stack([np.full(8, 3.0), np.zeros(8)], axis=1)
    spread = np.linspace(-0.02, 0.02, 8)
    moved = {"vector": kl[0], "features": kl[0], "random": kl[1]}
    arrays = {"unsteered": base_text}
    for kind, amount in moved.items():
        arrays[kind] = (base_text + np.stack([amount + spread, amount + spread], axis=1))[None]
    put("side effects / running text", arrays, {"values": ["nll", "kl"]})

    def questions(name: str, n: int) -> QuestionSet:
        return QuestionSet(tuple(Question(f"{name} {i}?", ("a", "b", "c", "d"), i % 4) for i in range(n)), name)

    tasks = SimpleNamespace(
        asked=questions("asked", N_QUESTIONS),
        scored=questions("scored", N_SCORED),
        validation=questions("validation", 4),
        capability=questions("capability", N_OWN),
        n_left_out=3,
    )
    requests = Texts("requests", tuple(f"request {i}" for i in range(N_REQUESTS)))
    material: Any = SimpleNamespace(
        styles=tuple(
            SimpleNamespace(name=style, train=contrasts(style, "train", N_PAIRS), validation=contrasts(style, "val", 3))
            for style in STYLES
        ),
        tasks=tasks,
        requests=requests,
        side_tasks=tuple(side_tasks),
        is_embedded=is_embedded,
        layer=2,
        n_swept=N_SWEPT,
    )
    loaded = SimpleNamespace(n_parameters=n_parameters, quantisation="all F32", n_layers=4)
    model: Any = SimpleNamespace(label=label, hash=f"{len(label) + n_parameters:064x}", loaded=loaded, options=None,
                                 shelf=None)  # fmt: skip
    sizes = replace(PRESETS["quick"], strengths=STRENGTHS[1:], n_ladder_styles=3, quantisations=tuple(coarser or ()))
    return Found(model, StudyContext((model,), "quick", sizes, 0), material, results)


def verdicts(piece: Piece) -> dict[str, str]:
    """Return what each claim of a piece comes to."""
    claims = {claim.id: claim for claim in Tradeoff.claims}
    return {claim: claims[claim].judge(row).outcome for claim, row in piece.findings}


def value(piece: Piece, claim: str) -> float:
    return next(row.value for name, row in piece.findings if name == claim)


def reason(piece: Piece, claim: str) -> str:
    return next(row.note for name, row in piece.findings if name == claim)


def leave_out_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the drawing, which takes most of the time."""
    drawn = {
        compared_arms: ("draw_heat_map", "draw_arm_violins", "turn_names"),
        more_strength: ("draw_trade_off", "draw_pareto_front"),
        mitigations: ("draw_rows",),
        side_panel: ("draw_rows",),
        ladder: ("draw_rows",),
    }
    for module, names in drawn.items():
        for name in names:
            monkeypatch.setattr(module, name, lambda *_, **__: None)
