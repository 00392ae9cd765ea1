"""The measurements of a card: planned as one grid of cells, computed through the run store, turned into a card.

Killed or interrupted at any point, the same call goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pysteer.card.assembly import CardInputs, assemble
from pysteer.card.guard import Guard
from pysteer.card.presets import SEVEN, Preset
from pysteer.card.training_data import held_out
from pysteer.card.vector_card import VectorCard
from pysteer.errors import DataError, ModelError, PysteerError, SteeringError
from pysteer.evaluation_axes import Arm, arms_of
from pysteer.evaluation_estimate import Estimate, estimate_units
from pysteer.evaluation_grid import read_cells
from pysteer.evaluation_plan import Group, missing_units, plan_groups
from pysteer.evaluation_run import run_units
from pysteer.formats.texts import Texts
from pysteer.measurements import Data, Measurement, Subject, make_measurement
from pysteer.measurements.running_text import RunningText
from pysteer.model import Model
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.questions import QuestionSet
from pysteer.store import RunStore
from pysteer.vector import SteeringVector
from pysteer.vector_comparison import random_like
from pysteer.window import Window

NEUTRAL_SHIFTS = (
    PromptSetting("system message", system="You are a helpful assistant."),
    PromptSetting("user sentence", user_prefix="Please answer the following question."),
)
"""Other prompts that say nothing about the behaviour, where no persona sentences are given."""


def measure_card(
    model: Model,
    vector: SteeringVector,
    data: Dataset,
    *,
    text: Texts | RunningText,
    questions: QuestionSet | None,
    preset: Preset,
    name: str,
    seed: int,
    settings: Sequence[PromptSetting] = NEUTRAL_SHIFTS,
    train: Dataset | None = None,
    guard: Guard | None = None,
    operation: str = "add",
    parameters: Mapping[str, float] | None = None,
    window: str | Window = "answer",
    layers: tuple[int, ...] | None = None,
    variant: str = "auto",
    question_form: str = "letter",
    raw: bool = False,
    confidence: float = 0.95,
    command: str = "",
    store: str | Path | RunStore | None = None,
    n_threads: int | None = None,
    progress: Progress = silent,
    on_estimate: Callable[[Estimate], object] | None = None,
) -> VectorCard:
    """Return the card of a vector on a model.

    Parameters
    ----------
    data : Dataset
        Held-out items; those that share a text with the training data are left out.
    text : Texts or RunningText
        What perplexity and KL are measured on.
    questions : QuestionSet, optional
        What accuracy is measured on. None: it is not.
    name : str
        Of the vector.
    seed : int
        Of the drawing of items, of the random directions (``seed``, ``seed + 1``, ...), and of the bootstrap.
    settings : sequence of PromptSetting
        Other prompts to measure the behaviour under.
    train : Dataset, optional
        The training data, to check that no item is among them.
    command : str
        The command line that made the card, for its reader.
    store : path or RunStore, optional
        Where cells are kept. None keeps them in memory.
    on_estimate : callable, optional
        Gets the `Estimate` before anything is computed.

    Raises
    ------
    DataError
        The items are the training data, too few, or cannot be measured in the plain setting.
    SteeringError, SiteError, UnknownNameError
        The vector cannot be applied like that.
    StoreError
        The store cannot be read or written. What was finished stays in it.
    """
    checked = held_out(vector.provenance, data, train)
    items = _drawn(checked.data, preset.n_items, seed)
    passages = _drawn_texts(text, preset.n_texts, seed)
    asked = questions
    if asked is not None and len(asked) > preset.n_questions:
        asked = asked.draw(preset.n_questions, seed=seed)
    given = operation if not parameters else [(operation, parameters)]
    windows = window if isinstance(window, Window) else Window.parse(window)
    plan = _Plan(make_measurement("steerability", variant=variant), items)
    with ExitStack() as stack:
        subject = stack.enter_context(Subject(model, raw=raw, seed=seed, n_threads=n_threads))
        kept = store if isinstance(store, RunStore) else stack.enter_context(RunStore(store))

        def arm_of(named: str, directions: SteeringVector, at: tuple[int, ...] | None) -> Arm:
            return arms_of({named: directions}, at, given, windows, n_layers=model.n_layers)[0]

        arm = arm_of(name, vector, layers)
        controls, controls_reason = _controls(arm, preset.n_controls, seed)
        control_arms = [arm_of(named, each, None) for named, each in controls.items()]
        few = preset.few_coefficients
        plan.add(subject, "behaviour", plan.steerability, items, None, [arm], SEVEN)
        plan.add(subject, "controls", plan.steerability, items, None, control_arms, few)
        for setting in settings:
            plan.add(subject, f"setting {setting.name}", plan.steerability, items, setting, [arm], few)
        at = preset.all_strengths
        plan.add(subject, "strengths", plan.steerability, items, None, [arm], at)
        plan.add(subject, "text", make_measurement("perplexity"), passages, None, [arm], at)
        if asked is not None:
            chosen = make_measurement("multiple_choice", form=question_form)
            plan.add(subject, "questions", chosen, asked, None, [arm], at)
        if preset.has_layer_map and len(arm.layers) > 1:
            alone = [arm_of(f"layer {layer}", vector, (layer,)) for layer in arm.layers]
            plan.add(subject, "layers", plan.steerability, items, None, alone, at)
        for wanted in ("behaviour", "text"):
            if wanted in plan.reasons:
                raise plan.reasons[wanted]
        groups = list(plan.groups.values())
        units = missing_units(groups, kept)
        n_cells = len({cell.key for group in groups for cell in group.cells})
        estimate = estimate_units(subject, units, n_cells=n_cells, n_rows=n_cells)
        if on_estimate is not None:
            on_estimate(estimate)
        run_units(subject, units, kept, progress)
        cells = read_cells(groups, kept)
        seconds = sum(head.seconds for head in kept.heads() if head.key in cells)
    inputs = CardInputs(
        model=model,
        arm=arm,
        controls=controls,
        controls_reason=controls_reason,
        items=items,
        n_in_file=len(data),
        training=checked.note,
        text=passages,
        n_texts_in_file=len(text),
        questions=asked,
        n_questions_in_file=0 if questions is None else len(questions),
        settings=tuple(settings),
        preset=preset,
        guard=guard or Guard(),
        seed=seed,
        confidence=confidence,
        command=command,
        seconds=seconds,
        groups=plan.groups,
        reasons={key: str(error) for key, error in plan.reasons.items()},
        cells=cells,
        provenance=vector.provenance,
    )
    return assemble(inputs)


@dataclass
class _Plan:
    """The groups of cells by what they are for, and why some cannot be measured."""

    steerability: Measurement
    items: Dataset
    groups: dict[str, Group] = field(default_factory=dict)
    reasons: dict[str, PysteerError] = field(default_factory=dict)

    def add(
        self,
        subject: Subject,
        key: str,
        measurement: Measurement,
        data: Data,
        setting: PromptSetting | None,
        arms: Sequence[Arm],
        strengths: Sequence[float],
    ) -> None:
        """Add a group after letting the measurement look at its data."""
        subject.setting = setting
        try:
            measurement.check(subject, data)
        except (DataError, ModelError) as error:
            self.reasons[key] = error
            return
        self.groups[key] = plan_groups(subject, [measurement], [data], [setting], arms, strengths)[0]


def _drawn(data: Dataset, n: int, seed: int) -> Dataset:
    """Return at most ``n`` items, in the order of the data."""
    if len(data) <= n:
        return data
    chosen = sorted(np.random.default_rng(seed).permutation(len(data))[:n].tolist())
    return replace(data, pairs=tuple(data.pairs[index] for index in chosen))


def _drawn_texts(text: Texts | RunningText, n: int, seed: int) -> Texts | RunningText:
    """Return at most ``n`` documents; a running text stays whole."""
    if not isinstance(text, Texts) or len(text) <= n:
        return text
    chosen = sorted(np.random.default_rng(seed).permutation(len(text))[:n].tolist())
    return Texts(text.name, tuple(text.texts[index] for index in chosen))


def _controls(arm: Arm, n: int, seed: int) -> tuple[dict[str, SteeringVector], str]:
    """Return random directions by name, and why there are none if so."""
    try:
        return {f"random {seed + index}": random_like(arm.vector, seed=seed + index) for index in range(n)}, ""
    except SteeringError as error:
        return {}, f"no random directions of the same norm: {error}"
