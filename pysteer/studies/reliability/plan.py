"""The parts of the study, in order: layer, vectors, steering under each setting, controls, quantised models."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from pysteer.measurements.measured import Work
from pysteer.pairs import Dataset
from pysteer.studies.model_settings import DEFAULT_SYSTEM, Settings, layers_to_sweep, settings_of
from pysteer.studies.parts import Part
from pysteer.studies.quantised_model import quantised_models
from pysteer.studies.questionnaires import Questionnaire
from pysteer.studies.reliability import caa_measuring, measuring
from pysteer.studies.reliability.caa_behaviours import Behaviour
from pysteer.studies.reliability.material import Material
from pysteer.studies.reliability.sizes import CAA_COEFFICIENTS, COEFFICIENTS, SWEEP_COEFFICIENTS
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel

_TOKENS_PER_BRANCH = 2.5
"""Tokens of the answer that each steering computes for itself."""


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
        return [*sweeps, layer, *own, *self._behaviours(layer.name), *self._quantised()]

    def _part(self, name: str, compute: object, settings: Mapping[str, object], **options: object) -> Part:
        options.setdefault("model", self.model)
        return Part(name, compute, settings=settings, modules=measuring.MODULES, **options)  # type: ignore[arg-type]

    def _settings(self, each: Questionnaire) -> Settings:
        return self._persona_settings(each.personas)

    def _persona_settings(self, personas: tuple[str, str]) -> Settings:
        return settings_of(self.model, personas, self.default_system)

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

    def _behaviours(self, layer: str) -> list[Part]:
        behaviours = self.material.behaviours
        vectors = [
            self._part(
                name_of(self.model, "CAA", each.name, "vector"),
                caa_measuring.train_behaviour,
                {"setting": ["BASE", *self._persona_settings(each.personas)["BASE"]]},
                data={"train": each.train},
                needs={"layer": layer},
                work=Work(self._read(each.train, 2)),
            )
            for each in behaviours
        ]
        needs = {each.name: part.name for each, part in zip(behaviours, vectors, strict=True)}
        steered = [self._steered_behaviour(each, {**needs, "own": needs[each.name]}) for each in behaviours]
        return [*vectors, *steered]

    def _steered_behaviour(self, each: Behaviour, needs: Mapping[str, str]) -> Part:
        settings = self._persona_settings(each.personas)
        chosen = list(settings)[:3]  # BASE, and the personas in the system message, or else in front of the question
        return self._part(
            name_of(self.model, "CAA", each.name, "steered"),
            caa_measuring.steer_behaviour,
            {
                "settings": {name: settings[name] for name in chosen},
                "coefficients": CAA_COEFFICIENTS,
                "seed": self.seed,
                "n_random": self.sizes.n_random,
            },
            data={"items": each.test},
            needs=needs,
            work=Work(self._read(each.test, 5) * len(chosen) + self._read(each.test, 2 * self.sizes.n_random)),
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
