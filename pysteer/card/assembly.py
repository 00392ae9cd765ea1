"""From measured cells to a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from importlib.metadata import version

import numpy as np

import pysteer
from pysteer.card.guard import Guard, recommend
from pysteer.card.numbers import behaviour_of, costs_of, factors_of, layer_map_of, onset_of
from pysteer.card.presets import SEVEN, Preset
from pysteer.card.vector_card import (
    Behaviour,
    DataFacts,
    Factors,
    LayerMap,
    ModelFacts,
    Quantity,
    VectorCard,
    VectorFacts,
)
from pysteer.card.verdicts import findings_of
from pysteer.errors import MeasurementError
from pysteer.evaluation_axes import Arm
from pysteer.evaluation_plan import Group
from pysteer.measurements import About, Data, Measured
from pysteer.model import Model
from pysteer.pairs import Dataset
from pysteer.prompt_settings import PromptSetting
from pysteer.provenance import Provenance
from pysteer.questions import QuestionSet
from pysteer.statistics import spearman
from pysteer.vector import SteeringVector


@dataclass(frozen=True, eq=False)
class CardInputs:
    """Everything that a card is made of.

    ``groups`` are the planned cells by what they are for: "behaviour", "controls", "setting NAME", "strengths", "text",
    "questions", "layers"; ``reasons`` say why one of them is missing; ``cells`` hold what was measured, by key.
    """

    model: Model
    arm: Arm
    controls: Mapping[str, SteeringVector]
    controls_reason: str
    items: Dataset
    n_in_file: int
    training: str
    text: Data
    n_texts_in_file: int
    questions: QuestionSet | None
    n_questions_in_file: int
    settings: tuple[PromptSetting, ...]
    preset: Preset
    guard: Guard
    seed: int
    confidence: float
    command: str
    seconds: float
    groups: Mapping[str, Group]
    reasons: Mapping[str, str]
    cells: Mapping[str, Measured]
    provenance: Provenance

    def about(self, data: Data) -> About:
        """Return what every score on these data carries."""
        return About(self.seed, self.confidence, self.model.hash, data.content_hash)

    def curve(self, key: str, place: int = 0) -> list[Measured]:
        """Return the cells of the ``place``-th arm of a group, in the order of its strengths."""
        return [self.cells[cell.key] for cell in self.groups[key].curves[place].cells]

    @cached_property
    def failures(self) -> dict[str, int]:
        """What went wrong in all cells, and how often."""
        counts: dict[str, int] = {}
        for cell in self.cells.values():
            for reason, n in cell.failures.items():
                counts[reason] = counts.get(reason, 0) + n
        return counts


def assemble(given: CardInputs) -> VectorCard:
    """Return the card."""
    about = given.about(given.items)
    few = given.preset.few_coefficients
    behaviour = behaviour_of(given.arm.name, SEVEN, given.curve("behaviour"), about, keep=True)
    controls = [
        behaviour_of(name, few, given.curve("controls", place), about, direction_seed=given.seed + place)
        for place, name in enumerate(given.controls)
    ]
    settings, settings_reason = _settings(given, behaviour, about)
    factors, factors_reason = _factors(given, about)
    costs = costs_of(
        given.preset.all_strengths,
        given.curve("strengths"),
        given.curve("text"),
        given.curve("questions") if "questions" in given.groups else None,
        _bases(given),
        (about, given.about(given.text), given.about(given.questions or given.text)),
        given.reasons.get("questions", "no questions were given"),
    )
    text_curve, text_about = given.curve("text"), given.about(given.text)
    recommended = [
        recommend(
            costs, given.guard, "towards", onset=onset_of(given.preset.all_strengths, text_curve, text_about, sign=1.0)
        ),
        recommend(
            costs, given.guard, "away", onset=onset_of(given.preset.all_strengths, text_curve, text_about, sign=-1.0)
        ),
    ]
    chance = None
    if given.questions is not None and "questions" in given.groups:
        chance = float(np.mean([1.0 / len(question.choices) for question in given.questions]))
    card = VectorCard(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        pysteer_version=pysteer.__version__,
        llama_cpp_version=version("llama-cpp-python"),
        command=given.command,
        preset=given.preset.name,
        seed=given.seed,
        confidence=given.confidence,
        seconds=given.seconds,
        vector=_vector_facts(given),
        model=_model_facts(given.model),
        data=_data_facts(given.items, given.n_in_file),
        training=given.training,
        variant=str(given.curve("behaviour")[0].details.get("variant", "")),
        coefficients=list(SEVEN),
        few_coefficients=list(few),
        behaviour=behaviour,
        controls=controls,
        controls_reason=given.controls_reason,
        settings=settings,
        settings_reason=settings_reason,
        factors=factors,
        factors_reason=factors_reason,
        text=_data_facts(given.text, given.n_texts_in_file),
        questions=None if given.questions is None else _data_facts(given.questions, given.n_questions_in_file),
        question_chance=chance,
        costs=costs,
        layer_map=_layer_map(given),
        guard=str(given.guard),
        max_perplexity_ratio=given.guard.max_perplexity_ratio,
        recommended=recommended,
        findings=[],
        failures=given.failures,
    )
    return card.model_copy(update={"findings": findings_of(card)})


def _bases(given: CardInputs) -> dict[str, Measured]:
    """Return the unsteered model's cell of each group."""
    return {key: given.cells[group.base.key] for key, group in given.groups.items()}


def _settings(given: CardInputs, plain: Behaviour, about: About) -> tuple[list[Behaviour], str]:
    found = []
    for setting in given.settings:
        key = f"setting {setting.name}"
        if key not in given.groups:
            continue
        shifted = behaviour_of(setting.name, given.preset.few_coefficients, given.curve(key), about)
        found.append(
            shifted.model_copy(
                update={
                    "system": setting.system,
                    "user_prefix": setting.user_prefix,
                    "correlation": _correlation(plain.slopes, shifted.slopes, about),
                }
            )
        )
    reasons = dict.fromkeys(text for key, text in given.reasons.items() if key.startswith("setting "))
    return found, "; ".join(reasons)


def _correlation(plain: Sequence[float | None], shifted: Sequence[float | None], about: About) -> Quantity:
    both = [(x, y) for x, y in zip(plain, shifted, strict=True) if x is not None and y is not None]
    undefined = Quantity(unit="rank correlation", n=len(both), data_hash=about.data_hash)
    try:
        found = spearman([x for x, _ in both], [y for _, y in both], confidence=about.confidence)
    except MeasurementError as error:
        return undefined.model_copy(update={"reason": str(error)})
    return undefined.model_copy(update={"value": found.value, "low": found.low, "high": found.high})


def _factors(given: CardInputs, about: About) -> tuple[list[Factors], str]:
    plain = factors_of("plain", given.items, SEVEN, given.curve("behaviour"), about)
    if isinstance(plain, str):
        return [], plain
    found = [plain]
    for setting in given.settings:
        if f"setting {setting.name}" in given.groups:
            measured = given.curve(f"setting {setting.name}")
            one = factors_of(setting.name, given.items, given.preset.few_coefficients, measured, about)
            found += [] if isinstance(one, str) else [one]
    return found, ""


def _layer_map(given: CardInputs) -> LayerMap | None:
    if "layers" not in given.groups:
        return None
    curves = [given.curve("layers", place) for place in range(len(given.arm.layers))]
    return layer_map_of(given.arm.layers, given.preset.all_strengths, curves, _bases(given)["layers"])


def _vector_facts(given: CardInputs) -> VectorFacts:
    arm, origin = given.arm, given.provenance
    norms = arm.vector.norms()
    return VectorFacts(
        name=arm.name,
        directions_hash=arm.vector_hash,
        method=origin.method,
        sites=[str(site) for site in norms],
        norms=list(norms.values()),
        layers=list(arm.layers),
        operation=arm.operation_text,
        window=str(arm.window),
        trained_on=origin.data_name or "",
        trained_on_hash=origin.data_hash or "",
        trained_with_model_hash=origin.model_hash or "",
    )


def _model_facts(model: Model) -> ModelFacts:
    return ModelFacts(
        name=model.name,
        hash=model.hash,
        architecture=model.architecture,
        quantisation=model.quantisation,
        n_layers=model.n_layers,
        d_model=model.d_model,
    )


def _data_facts(data: Data, n_in_file: int) -> DataFacts:
    return DataFacts(name=data.name, hash=data.content_hash, n=len(data), n_in_file=n_in_file)
