"""The parts of the study, in order: layer, vectors, steering under each setting, controls, quantised models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from pysteer.chat_template import Message
from pysteer.errors import ModelError
from pysteer.measurements.measured import Work
from pysteer.pair_text import answer_pair
from pysteer.pairs import ContrastPair, Dataset
from pysteer.prompt_settings import persona_settings
from pysteer.studies.parts import Part
from pysteer.studies.quantised_model import QuantisedModel
from pysteer.studies.questionnaires import Planted, Questionnaire, load_questionnaires
from pysteer.studies.reliability import measuring
from pysteer.studies.reliability.sizes import COEFFICIENTS, SWEEP_COEFFICIENTS, Sizes
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel

DEFAULT_SYSTEM = "You are a helpful, honest and concise assistant."
"""The default system message of arXiv:2407.12404; the embedded model has one of its own."""
_TOKENS_PER_BRANCH = 2.5
"""Tokens of the answer that each steering computes for itself."""

Settings = dict[str, list[str | None]]
"""By name: system message and what is put before the user's message."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a run of the study works on.

    Parameters
    ----------
    questionnaires : tuple of Questionnaire
        The layer is chosen on the first few of them.
    planted : Planted, optional
    """

    questionnaires: tuple[Questionnaire, ...]
    planted: Planted | None


@lru_cache(maxsize=4)
def load_material(context: StudyContext) -> Material:
    """Return the questionnaires that fit all models."""
    sizes: Sizes = context.sizes
    folder = dispositions_folder(context)
    limits = [(model.loaded, model.raw, model.loaded.n_ctx_train) for model in context.models]

    def fits(pair: ContrastPair, personas: tuple[str, str]) -> bool:
        longest = ContrastPair(
            f"{DEFAULT_SYSTEM}\n{max(personas, key=len)}\n\n{pair.prompt}", pair.positive, pair.negative
        )
        n_bytes = len(longest.positive_text.encode()) + 64
        return all(
            n_bytes <= limit or len(answer_pair(model, longest, raw=raw)[0].tokens) + 8 <= limit
            for model, raw, limit in limits
        )

    found, planted = load_questionnaires(
        context.data_folder,
        folder,
        n_items=(sizes.n_train, sizes.n_validation, sizes.n_test),
        n_most=sizes.n_questionnaires,
        seed=context.seed,
        fits=fits,
    )
    return Material(tuple(found), planted)


def dispositions_folder(context: StudyContext) -> Path | None:
    """Return the embedded model's questionnaires: in the data folder, beside a model, or in the package."""
    given = context.data_file("dispositions")
    if given is not None:
        return given
    for model in context.models:
        beside = model.path.resolve().parent / "dispositions"
        if beside.is_dir():
            return beside
    if context.data_file("mwe") is not None:
        return None
    packaged = Path(__file__).resolve().parents[2] / "demo" / "dispositions"
    return packaged if packaged.is_dir() else None


def settings_of(model: StudyModel, personas: tuple[str, str], default_system: str) -> Settings:
    """Return the prompt settings that the model can take, BASE first.

    Without a chat template: only BASE, prompts as they are. Without a system message: BASE, USER_POS and USER_NEG.
    """
    if model.raw:
        return {"BASE": []}
    takes_system = _takes_system(model.loaded.chat)
    found = persona_settings(*personas, default_system=default_system if takes_system else None)
    names = [name for name in found if takes_system or not name.startswith("SYS")]
    return {name: [found[name].system, found[name].user_prefix] for name in names}


def _takes_system(chat: object) -> bool:
    """Return whether the chat template shows a system message."""
    messages: list[Message] = [{"role": "system", "content": "Zyx."}, {"role": "user", "content": "?"}]
    try:
        return "Zyx." in chat(messages)  # type: ignore[operator]
    except ModelError:
        return False


def layers_to_sweep(model: StudyModel, n_most: int | None) -> list[int]:
    """Return the layers to try: all, or evenly spread ones with the first and the last."""
    n_layers = model.loaded.n_layers
    if n_most is None or n_layers <= n_most:
        return list(range(n_layers))
    return sorted(set(np.linspace(0, n_layers - 1, n_most).round().astype(int).tolist()))


def quantised_models(model: StudyModel, types: Sequence[str]) -> list[QuantisedModel]:
    """Return the models made of one by coarser weights; types that the file has already are left out."""
    return [QuantisedModel(model, weight_type) for weight_type in types if weight_type != model.loaded.quantisation]


def name_of(model: StudyModel, *words: str) -> str:
    """Return the name of a part."""
    return " / ".join((model.label, *words))


def make_parts(context: StudyContext, material: Material) -> list[Part]:
    """Return all parts, model by model."""
    default = material.planted.default_system if material.planted is not None else DEFAULT_SYSTEM
    return [part for model in context.models for part in _ModelPlan(context, material, model, default).parts()]


class _ModelPlan:
    def __init__(self, context: StudyContext, material: Material, model: StudyModel, default_system: str) -> None:
        self.seed, self.sizes = context.seed, context.sizes
        self.material, self.model, self.default_system = material, model, default_system

    def parts(self) -> list[Part]:
        swept = self.material.questionnaires[: self.sizes.n_sweep_questionnaires]
        sweeps = [self._sweep(each) for each in swept]
        needs = {f"{index:03d}": part.name for index, part in enumerate(sweeps)}
        layer = Part(
            name_of(self.model, "layer"),
            measuring.choose_layer,
            settings={"coefficients": SWEEP_COEFFICIENTS},
            model=self.model,
            needs=needs,
        )
        own = [part for each in self.material.questionnaires for part in self._questionnaire(each, layer.name)]
        return [*sweeps, layer, *own, *self._quantised()]

    def _part(self, name: str, compute: object, settings: Mapping[str, object], **options: object) -> Part:
        options.setdefault("model", self.model)
        return Part(name, compute, settings=settings, modules=measuring.MODULES, **options)  # type: ignore[arg-type]

    def _settings(self, each: Questionnaire) -> Settings:
        return settings_of(self.model, each.personas, self.default_system)

    def _base(self, each: Questionnaire) -> list[str | None]:
        return ["BASE", *self._settings(each)["BASE"]]

    def _sweep(self, each: Questionnaire) -> Part:
        layers = layers_to_sweep(self.model, self.sizes.n_sweep_layers)
        return self._part(
            name_of(self.model, each.name, "layers"),
            measuring.sweep_layers,
            {"layers": layers, "coefficients": SWEEP_COEFFICIENTS, "setting": self._base(each)},
            data={"train": each.train, "validation": each.validation},
            work=Work(self._read(each.train, 2) + self._read(each.validation, 2 * len(layers))),
        )

    def _questionnaire(self, each: Questionnaire, layer: str) -> list[Part]:
        settings = self._settings(each)
        vectors = self._part(
            name_of(self.model, each.name, "vectors"),
            measuring.train_vectors,
            {"settings": settings, "seed": self.seed},
            data={"train": each.train},
            needs={"layer": layer},
            work=Work(len(settings) * self._read(each.train, 2)),
        )
        steered = [
            self._steered(each, name, each.test, [name, *parts], vectors.name, len(settings))
            for name, parts in settings.items()
        ]
        seen = self._steered(each, "seen", each.train, self._base(each), vectors.name, len(settings))
        controls = self._part(
            name_of(self.model, each.name, "controls"),
            measuring.steer_controls,
            {
                "setting": self._base(each),
                "coefficients": COEFFICIENTS,
                "seed": self.seed,
                "n_random": self.sizes.n_random,
            },
            data={"items": each.test},
            needs={"vectors": vectors.name},
            work=Work(self._read(each.test, 6 * (len(measuring.METHODS) + 1 + self.sizes.n_random))),
        )
        return [vectors, *steered, seen, controls]

    def _steered(
        self,
        each: Questionnaire,
        name: str,
        items: Dataset,
        setting: list[str | None],
        vectors: str,
        n_vectors: int,
    ) -> Part:
        return self._part(
            name_of(self.model, each.name, name),
            measuring.steer_setting,
            {"setting": setting, "coefficients": COEFFICIENTS},
            data={"items": items},
            needs={"vectors": vectors},
            work=Work(self._read(items, 6 * n_vectors)),
        )

    def _quantised(self) -> list[Part]:
        return [
            self._part(
                name_of(self.model, each.name, other.weight_type),
                measuring.steer_quantised,
                {"setting": self._base(each), "coefficients": COEFFICIENTS},
                data={"train": each.train, "items": each.test},
                needs={"vectors": name_of(self.model, each.name, "vectors")},
                model=other,
                work=Work(self._read(each.train, 2) + self._read(each.test, 12)),
            )
            for other in quantised_models(self.model, self.sizes.quantisations)
            for each in self.material.questionnaires[: self.sizes.n_quantised_questionnaires]
        ]

    def _read(self, items: Dataset, n_branches: int) -> int:
        """Tokens to compute for a data set when each prompt goes on in so many ways."""
        return round(len(items) * (_mean_tokens(self.model, items) + _TOKENS_PER_BRANCH * n_branches))


@lru_cache(maxsize=4096)
def _mean_tokens(model: StudyModel, items: Dataset) -> float:
    some = items.pairs[:: max(1, len(items) // 8)]
    return float(np.mean([len(model.loaded.tokenize(pair.prompt)) for pair in some])) + 16.0
