"""The parts of the study: vectors, features, unsteered answers, checks, parts by style, side effects, ladder."""

from __future__ import annotations

from pysteer.demo import dictionary_path
from pysteer.file_hash import file_hash
from pysteer.measurements.measured import Data, Work
from pysteer.measurements.measurement import make_measurement
from pysteer.studies.parts import Part
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff import capability, judging, letters, ratio_check, side_effects, vectors, writing
from pysteer.studies.tradeoff.plan_basics import ModelPlan, coarser_models, name_of
from pysteer.studies.tradeoff.side_tasks import SideTask
from pysteer.studies.tradeoff.sizes import N_FEATURES, STRENGTH
from pysteer.studies.tradeoff.study_material import load_stories
from pysteer.studies.tradeoff.style_plan import style_parts, sweep_part


def make_parts(context: StudyContext) -> list[Part]:
    """Return all parts, model by model."""
    return [part for model in context.models for part in _Plan(context, model).parts()]


class _Plan(ModelPlan):
    def parts(self) -> list[Part]:
        first = [self._vectors(self.model), self._features(), self._base(self.model), self._letters_base()]
        check = [self._capability(), self._check_ratio(), self._check_judge()]
        by_style = [part for number, style in enumerate(self.styles) for part in style_parts(self, style, number)]
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

    def _base(self, model: StudyModel) -> Part:
        n = self.n_items
        return Part(
            name_of(model, "unsteered"),
            writing.write_base,
            settings=self.writing(n),
            data={**self.items, "validation": self.material.tasks.validation, "replies": self.replies},
            model=model,
            work=self.written(3 * n[0] + n[1] + self.sizes.n_validation + len(self.replies), 120, n_read=2),
            modules=writing.MODULES,
        )

    def _capability(self) -> Part:
        questions = self.material.tasks.capability
        return Part(
            name_of(self.model, "capability"),
            capability.measure_capability,
            settings=self.writing((len(questions), 0)),
            data={"questions": questions},
            model=self.model,
            work=self.written(len(questions), 120, n_read=2),
            modules=capability.MODULES,
        )

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

    def _side(self, task: SideTask) -> Part:
        names = [style.name for style in self.styles[: self.sizes.n_side_styles]]
        n_steered = 1 + len(names) * len(side_effects.KINDS)
        return Part(
            name_of(self.model, "side effects", task.name),
            side_effects.measure_side_effect,
            settings={
                "measurement": task.measurement,
                "is_per_byte": task.is_per_byte,
                "styles": names,
                "strength": STRENGTH,
                "seed": self.seed,
            },
            data={"items": task.items},
            model=self.model,
            needs={"vectors": name_of(self.model, "vectors"), "features": name_of(self.model, "features")},
            work=Work(len(task.items) * task.tokens_each * n_steered),
            modules=(*side_effects.MODULES, *make_measurement(task.measurement).depends_on),
        )

    def _ladder(self) -> list[Part]:
        found: list[Part] = []
        for other in coarser_models(self.context, self.model):
            own = self._vectors(other)
            found.append(own)
            found += [
                sweep_part(self, style, other, {"vectors": own.name})
                for style in self.styles[: self.sizes.n_ladder_styles]
            ]
        return found
