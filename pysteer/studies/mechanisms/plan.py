"""The parts of the study: layer, vectors, behaviour, text, subsets, single pairs, queries, coarser weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pysteer.formats.texts import Texts
from pysteer.measurements.measured import Work
from pysteer.pairs import Dataset
from pysteer.studies.mechanisms import measuring, text_measuring
from pysteer.studies.mechanisms.adversarial_plan import adversarial_parts
from pysteer.studies.mechanisms.behaviours import Behaviour, Material, name_of
from pysteer.studies.mechanisms.corpora import prompts, queries
from pysteer.studies.mechanisms.found import repeat_items
from pysteer.studies.mechanisms.plan_lengths import WindowPlan, mean_tokens, windows_of_models
from pysteer.studies.mechanisms.sizes import (
    ALL_STRENGTHS,
    JUDGED_STRENGTHS,
    MAP_STRENGTHS,
    OVERDOSE,
    PAIR_COUNTS,
    QUERY_STRENGTHS,
    RANDOM_GAIN_STRENGTHS,
    RANDOM_STRENGTHS,
    REPLY_STRENGTHS,
    STRENGTHS,
    SWEEP_STRENGTHS,
    Sizes,
)
from pysteer.studies.model_settings import layers_to_sweep
from pysteer.studies.parts import Part
from pysteer.studies.quantised_model import QuantisedModel, quantised_models
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel


def make_parts(context: StudyContext, material: Material) -> list[Part]:
    """Return all parts, model by model."""
    windows = windows_of_models(context, is_embedded=material.is_embedded)
    plans = [_ModelPlan(context, material, model, own) for model, own in zip(context.models, windows, strict=True)]
    # All models are measured on one text, so what they make of each is known before anything is measured on it.
    return [*(plan.read_corpora() for plan in plans), *(part for plan in plans for part in plan.parts())]


def pair_counts(n_pairs: int) -> list[int]:
    """Return the sizes of subsets for a behaviour: those below its number of pairs.

    Examples
    --------
    >>> pair_counts(60)
    [1, 2, 5, 10, 20, 40]
    """
    return [n for n in PAIR_COUNTS if n < n_pairs]


def map_layers(layers: Sequence[int], n: int) -> list[int]:
    """Return some of the layers, evenly spread, first and last among them."""
    if len(layers) <= n:
        return list(layers)
    return [layers[int(place)] for place in np.linspace(0, len(layers) - 1, n).round()]


class _ModelPlan:
    def __init__(self, context: StudyContext, material: Material, model: StudyModel, windows: WindowPlan) -> None:
        self.context, self.material, self.model = context, material, model
        self.seed = context.seed
        self.sizes: Sizes = context.sizes
        self.windows = windows
        self.prompts = prompts(is_embedded=material.is_embedded, n=self.sizes.n_prompts)

    def parts(self) -> list[Part]:
        behaviours = self.material.behaviours
        sweeps = [self._sweep(each) for each in behaviours]
        layer = Part(
            name_of(self.model, "layer"),
            measuring.choose_layer,
            settings={"coefficients": SWEEP_STRENGTHS},
            model=self.model,
            needs={f"{index:03d}": part.name for index, part in enumerate(sweeps)},
            modules=measuring.MODULES,
        )
        read = {f"{index:03d}": name_of(model, "corpora") for index, model in enumerate(self.context.models)}
        corpus = Part(
            name_of(self.model, "corpus"),
            text_measuring.choose_corpus,
            settings={"own": f"{self.context.models.index(self.model):03d}"},
            needs=read,
        )
        own = [part for each in behaviours for part in self._behaviour(each)]
        searched = adversarial_parts(self.context, self.material, self.model, self.sizes.adversarial)
        coarser = [
            part
            for other in quantised_models(self.model, self.sizes.quantisations)
            for part in self._quantised(other, behaviours)
        ]
        return [*sweeps, layer, corpus, *own, *searched, *coarser]

    def read_corpora(self) -> Part:
        """Return the part that reads every text that could be chosen."""
        return self._text_part("corpora", text_measuring.read_corpora, {}, self.sizes.n_map_windows, {}, 1)

    def _behaviour(self, each: Behaviour) -> list[Part]:
        vectors = self._part(
            self._name(each, "vectors"),
            measuring.train_vectors,
            {"high_level": [list(each.high_level)]},
            data={"train": each.train},
            needs={"layer": name_of(self.model, "layer")},
            work=Work(self._tokens(each.train, 0, both=True)),
        )
        return [
            vectors,
            self._items(each, "judged", each.validation, JUDGED_STRENGTHS, 0),
            self._items(each, "behaviour", each.test, ALL_STRENGTHS, self.sizes.n_random),
            self._windows(each, "perplexity", self.model, self.sizes.n_random),
            self._map(each),
            self._write(each, "texts", OVERDOSE, self.prompts),
            *self._subsets(each),
            *self._queries(each),
        ]

    def _sweep(self, each: Behaviour) -> Part:
        layers = layers_to_sweep(self.model, self.sizes.n_sweep_layers)
        return self._part(
            self._name(each, "layers"),
            measuring.sweep_layers,
            {"layers": layers, "coefficients": SWEEP_STRENGTHS},
            data={"train": each.train, "validation": each.validation},
            work=Work(self._tokens(each.train, 0, both=True) + self._tokens(each.validation, 2 * len(layers))),
        )

    def _map(self, each: Behaviour) -> Part:
        layers = map_layers(layers_to_sweep(self.model, self.sizes.n_sweep_layers), self.sizes.n_map_layers)
        return self._text_part(
            self._own(each, "map"),
            text_measuring.read_layers,
            {"layers": layers, "coefficients": MAP_STRENGTHS},
            self.sizes.n_map_windows,
            self._needs(each, "layers"),
            len(layers) * len(MAP_STRENGTHS),
        )

    def _write(self, each: Behaviour, name: str, strengths: Sequence[float], asked: Texts) -> Part:
        n_texts = len(asked) * len(strengths)
        lengths = sum(len(self.model.loaded.tokenize(text)) + 12 for text in asked)
        return self._part(
            self._name(each, name),
            text_measuring.write_texts,
            {"coefficients": strengths, "n_words": self.sizes.n_words},
            data={"prompts": asked},
            needs={"vectors": self._name(each, "vectors")},
            modules=text_measuring.MODULES,
            work=Work(2 * lengths * len(strengths) + n_texts * self.sizes.n_words, n_texts * self.sizes.n_words),
        )

    def _subsets(self, each: Behaviour) -> list[Part]:
        items = repeat_items(each, self.sizes)
        sizes, n_repeats = pair_counts(len(each.train)), self.sizes.n_repeats
        common = {"coefficients": SWEEP_STRENGTHS, "seed": self.seed}
        return [
            self._steer(
                each,
                "subsets",
                measuring.steer_subsets,
                items,
                {**common, "pair_counts": sizes, "n_repeats": n_repeats},
                4 * n_repeats * len(sizes),
            ),
            self._steer(
                each,
                "single",
                measuring.steer_single,
                items,
                {**common, "n_single": self.sizes.n_single},
                4 * (1 + self.sizes.n_single),
            ),
        ]

    def _queries(self, each: Behaviour) -> list[Part]:
        is_embedded, n = self.material.is_embedded, self.sizes.n_queries
        parts = [
            self._items(each, kind, items, QUERY_STRENGTHS, self.sizes.n_random)
            for kind, items in queries(each, is_embedded=is_embedded, n=n).items()
        ]
        if not each.has_mood:
            return parts
        return [*parts, self._write(each, "replies", REPLY_STRENGTHS, prompts(is_embedded=is_embedded, n=n))]

    def _quantised(self, other: QuantisedModel, behaviours: Sequence[Behaviour]) -> list[Part]:
        return [self._windows(each, other.weight_type, other, 0) for each in behaviours[: self.sizes.n_quantised]]

    def _items(self, each: Behaviour, name: str, items: Dataset, strengths: Sequence[float], n_random: int) -> Part:
        settings = self._drawn(strengths, RANDOM_GAIN_STRENGTHS, n_random)
        n_pushes = len(strengths) - 1 + n_random * len(RANDOM_GAIN_STRENGTHS)
        return self._steer(each, name, measuring.steer_items, items, settings, n_pushes)

    def _windows(self, each: Behaviour, name: str, model: StudyModel, n_random: int) -> Part:
        """Return a part that reads text; fewer windows on coarser weights."""
        return self._text_part(
            self._own(each, name),
            text_measuring.read_windows,
            self._drawn(STRENGTHS, RANDOM_STRENGTHS, n_random),
            self.sizes.n_windows if model is self.model else self.sizes.n_map_windows,
            self._needs(each, "vectors"),
            len(STRENGTHS) + n_random * len(RANDOM_STRENGTHS),
            model=model,
        )

    def _drawn(self, own: Sequence[float], random: Sequence[float], n_random: int) -> dict[str, object]:
        return {"coefficients": own, "random_coefficients": random, "n_random": n_random, "seed": self.seed}

    def _name(self, each: Behaviour, name: str) -> str:
        return name_of(self.model, each.name, name)

    def _own(self, each: Behaviour, name: str) -> str:
        return f"{each.name} / {name}"

    def _needs(self, each: Behaviour, name: str) -> dict[str, str]:
        return {name: self._name(each, name), "corpus": name_of(self.model, "corpus")}

    def _part(self, name: str, compute: object, settings: Mapping[str, object], **options: object) -> Part:
        options.setdefault("model", self.model)
        options.setdefault("modules", measuring.MODULES)
        return Part(name, compute, settings=settings, **options)  # type: ignore[arg-type]

    def _steer(
        self,
        each: Behaviour,
        name: str,
        compute: object,
        items: Dataset,
        settings: Mapping[str, object],
        n_pushes: int,
    ) -> Part:
        return self._part(
            self._name(each, name),
            compute,
            settings,
            data={"items": items},
            needs={"vectors": self._name(each, "vectors")},
            work=Work(self._tokens(items, n_pushes)),
        )

    def _text_part(
        self,
        name: str,
        compute: object,
        settings: Mapping[str, object],
        n_windows: int,
        needs: Mapping[str, str],
        n_runs: int,
        **options: object,
    ) -> Part:
        n_tokens = round(n_windows * n_runs * self.windows.mean_length())
        return self._part(
            name_of(self.model, name),
            compute,
            {**settings, "n_windows": n_windows, "window_size": self.windows.size},
            data=self.windows.texts,
            needs=needs,
            modules=text_measuring.MODULES,
            work=Work(n_tokens, n_outputs=n_tokens),
            **options,
        )

    def _tokens(self, items: Dataset, n_branches: int, *, both: bool = False) -> int:
        """Tokens to compute for a data set when each prompt goes on in so many ways; ``both`` reads both texts."""
        prompt, answers = mean_tokens(self.model, items)
        return round(len(items) * (prompt + answers * (n_branches + 1)) * (1.2 if both else 1.0))
