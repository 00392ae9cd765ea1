"""The material and the parts of the study: vectors, features, unsteered answers, search, arms, sweep, rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pysteer.demo import dictionary_path
from pysteer.file_hash import file_hash
from pysteer.measurements.measured import Data, Work
from pysteer.studies.model_settings import layers_to_sweep
from pysteer.studies.parts import Part
from pysteer.studies.quantised_model import QuantisedModel
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff import judging, letters, ratio_check, search, side_effects, vectors, writing
from pysteer.studies.tradeoff.arms import ARMS, BASE
from pysteer.studies.tradeoff.side_tasks import SideTask
from pysteer.studies.tradeoff.sizes import (
    GUARD,
    MOST_SURPRISE,
    N_FEATURES,
    N_WRITTEN,
    OPERATIONS,
    STRENGTH,
    WINDOWS,
    Sizes,
)
from pysteer.studies.tradeoff.study_material import load_stories, material_of
from pysteer.studies.tradeoff.styles import Style, joined_words

_BATCH = 12.0
"""How many times faster many texts are written at once than one alone, for the estimate."""


def name_of(model: StudyModel, *words: str) -> str:
    """Return the name of a part."""
    return " / ".join((model.label, *words))


def make_parts(context: StudyContext) -> list[Part]:
    """Return all parts, model by model."""
    return [part for model in context.models for part in _ModelPlan(context, model).parts()]


def coarser_models(context: StudyContext, model: StudyModel) -> list[QuantisedModel]:
    """Return the models made of one by coarser weights; a type that the file has already is left out."""
    sizes: Sizes = context.sizes
    kinds = [kind for kind in sizes.quantisations if kind != model.loaded.quantisation]
    return [QuantisedModel(model, kind) for kind in kinds]


class _ModelPlan:
    def __init__(self, context: StudyContext, model: StudyModel) -> None:
        self.context, self.seed, self.model = context, context.seed, model
        self.sizes: Sizes = context.sizes
        self.material = material_of(context, model)
        self.styles = self.material.styles
        self.n_items = (len(self.material.tasks.asked), len(self.material.requests))
        self.layers = sorted({*layers_to_sweep(model, self.sizes.n_search_layers), self.material.layer})

    def parts(self) -> list[Part]:
        first = [self._vectors(self.model), self._features(), self._base(self.model), self._letters_base()]
        check = [self._check_ratio(), self._check_judge()]
        by_style = [part for style in self.styles for part in self._style(style)]
        sides = [self._side(task) for task in self.material.side_tasks]
        return [*first, *check, *by_style, *sides, *self._ladder()]

    def _vectors(self, model: StudyModel) -> Part:
        texts = sum(len(style.train) for style in self.styles)
        return Part(
            name_of(model, "vectors"),
            vectors.train_vectors,
            settings={
                "styles": [style.name for style in self.styles],
                "layers": self.layers,
                "layer": self.material.layer,
                "seed": self.seed,
            },
            data={style.name: style.train for style in self.styles},
            model=model,
            work=Work(2 * texts * 50),
            modules=vectors.MODULES,
        )

    def _features(self) -> Part:
        data: dict[str, Data] = {style.name: style.train for style in self.styles}
        stories = self.context.data_file("text", "tinystories", "tinystories_1000.json")
        kind = "embedded" if self.material.is_embedded else "trained"
        if stories is not None and kind == "trained":
            data["~stories"] = load_stories(str(stories), self.sizes.n_dictionary_rows)
        n_rows = self.sizes.n_dictionary_rows if kind == "trained" else 0
        return Part(
            name_of(self.model, "features"),
            vectors.select_style_features,
            settings={
                "styles": [style.name for style in self.styles],
                "layer": self.material.layer,
                "dictionary": kind,
                "dictionary_file": file_hash(dictionary_path()) if kind == "embedded" else "",
                "n_features": N_FEATURES,
                "n_rows": self.sizes.n_dictionary_rows,
                "seed": self.seed,
            },
            data=data,
            model=self.model,
            work=Work(2 * sum(len(style.train) for style in self.styles) * 40 + 3 * n_rows),
            modules=vectors.FEATURE_MODULES,
        )

    def _writing(self, n_items: tuple[int, int]) -> dict[str, Any]:
        return {
            "place": self.material.place,
            "thoughts": self.material.tasks.thoughts,
            "n_items": list(n_items),
            "max_tokens": self.material.max_tokens,
            "seed": self.seed,
        }

    @property
    def _items(self) -> dict[str, Data]:
        return {"questions": self.material.tasks.asked, "requests": self.material.requests}

    def _base(self, model: StudyModel) -> Part:
        n = self.n_items
        return Part(
            name_of(model, "unsteered"),
            writing.write_base,
            settings=self._writing(n),
            data={**self._items, "validation": self.material.tasks.validation},
            model=model,
            work=self._written(3 * n[0] + n[1] + self.sizes.n_validation, 120, n_read=1),
            modules=writing.MODULES,
        )

    def _written(self, n_texts: int, n_prompt: int, *, n_read: int = 3) -> Work:
        """Tokens of texts that are written together and read again by the unsteered model."""
        n_generated = n_texts * self.material.max_tokens
        n_tokens = n_texts * n_prompt * n_read + 2 * n_generated
        return Work(n_tokens, n_generated=round(n_generated / _BATCH), n_ctx=8192)

    def _letters_base(self) -> Part:
        return Part(
            name_of(self.model, "letters"),
            letters.score_base,
            settings={"place": self.material.place},
            data={"questions": self.material.tasks.scored},
            model=self.model,
            work=Work(len(self.material.tasks.scored) * 330),
            modules=letters.MODULES,
        )

    def _check_ratio(self) -> Part:
        return Part(
            name_of(self.model, "check of the ratio"),
            ratio_check.check_ratio,
            settings={
                "place": self.material.place,
                "instructions": {style.name: style.instruction for style in self.styles},
            },
            data={style.name: style.train for style in self.styles},
            model=self.model,
            work=Work(sum(4 * len(style.train) for style in self.styles) * 60),
            modules=ratio_check.MODULES,
        )

    def _check_judge(self) -> Part:
        return Part(
            name_of(self.model, "check of the judge"),
            judging.check_judge,
            settings={"seed": self.seed},
            data={"pairs": self.styles[0].train},
            model=self.model,
            work=Work(2 * judging.N_CHECKED * 250),
            modules=judging.MODULES,
        )

    def _style(self, style: Style) -> list[Part]:
        sizes, model = self.sizes, self.model
        n_settings = len(self.layers) * len(sizes.search_strengths) * len(WINDOWS) * len(OPERATIONS)
        about = {"style": style.name, "instruction": style.instruction, "proxy": joined_words(style)}
        needs = {"vectors": name_of(model, "vectors"), "features": name_of(model, "features")}
        searched = Part(
            name_of(model, style.name, "search"),
            search.search_settings,
            settings={
                "style": style.name,
                "place": self.material.place,
                "layers": self.layers,
                "strengths": list(sizes.search_strengths),
                "windows": list(WINDOWS),
                "operations": list(OPERATIONS),
                "guard": GUARD,
                "most_surprise": MOST_SURPRISE,
                "n_written": N_WRITTEN,
                "instruction": style.instruction,
                "max_tokens": self.material.max_tokens,
            },
            data={"pairs": style.validation, "validation": self.material.tasks.validation},
            model=model,
            needs={"vectors": needs["vectors"], "base": name_of(model, "unsteered")},
            work=_both(
                Work((1 + n_settings) * (2 * len(style.validation) * 50 + sizes.n_validation * 90)),
                self._written((1 + N_WRITTEN) * (sizes.n_validation + len(style.validation)), 60),
            ),
            modules=search.MODULES,
        )
        needs = {**needs, "search": searched.name}
        n_steered = len(ARMS) - len(BASE)
        n_texts = n_steered * self.n_items[0] + (n_steered - 2) * self.n_items[1]
        arms = Part(
            name_of(model, style.name, "arms"),
            writing.write_arms,
            settings={**self._writing(self.n_items), **about, "strength": STRENGTH},
            data=self._items,
            model=model,
            needs={**needs, "base": name_of(model, "unsteered")},
            work=self._written(n_texts, 90),
            modules=writing.MODULES,
        )
        scored = Part(
            name_of(model, style.name, "letters"),
            letters.score_arms,
            settings={**self._writing((0, 0)), **about, "strength": STRENGTH},
            data={"questions": self.material.tasks.scored},
            model=model,
            needs=needs,
            work=Work(len(self.material.tasks.scored) * n_steered * 90),
            modules=letters.MODULES,
        )
        judged = Part(
            name_of(model, style.name, "judged"),
            judging.judge_arms,
            settings={"task": style.task, "n_judged": sizes.n_judged},
            model=model,
            needs={"arms": arms.name},
            work=Work(len(ARMS) * sizes.n_judged * 2 * 280),
            modules=judging.MODULES,
        )
        return [searched, arms, scored, judged, self._sweep(style, model, needs)]

    def _sweep(self, style: Style, model: StudyModel, needs: dict[str, str]) -> Part:
        n = (min(self.material.n_swept, self.n_items[0]), min(self.material.n_swept, self.n_items[1]))
        n_kinds = 3 if "features" in needs else 2
        return Part(
            name_of(model, style.name, "sweep"),
            writing.sweep_strengths,
            settings={
                **self._writing(n),
                "style": style.name,
                "instruction": style.instruction,
                "proxy": joined_words(style),
                "strengths": list(self.sizes.strengths),
            },
            data=self._items,
            model=model,
            needs={alias: name for alias, name in needs.items() if alias != "search"},
            work=self._written(sum(n) * (1 + n_kinds * len(self.sizes.strengths)), 60),
            modules=writing.MODULES,
        )

    def _side(self, task: SideTask) -> Part:
        names = [style.name for style in self.styles[: self.sizes.n_side_styles]]
        n_steered = 1 + len(names) * len(side_effects.KINDS)
        return Part(
            name_of(self.model, "side effects", task.name),
            side_effects.measure_side_effect,
            settings={
                "measurement": task.measurement,
                "styles": names,
                "strength": STRENGTH,
                "seed": self.seed,
            },
            data={"items": task.items},
            model=self.model,
            needs={"vectors": name_of(self.model, "vectors"), "features": name_of(self.model, "features")},
            work=Work(len(task.items) * task.tokens_each * n_steered),
            modules=side_effects.MODULES,
        )

    def _ladder(self) -> list[Part]:
        found: list[Part] = []
        for other in coarser_models(self.context, self.model):
            own = self._vectors(other)
            found.append(own)
            found += [
                self._sweep(style, other, {"vectors": own.name}) for style in self.styles[: self.sizes.n_ladder_styles]
            ]
        return found


def _both(first: Work, second: Work) -> Work:
    """Return the work of two passes."""
    return replace(second, n_tokens=first.n_tokens + second.n_tokens)
