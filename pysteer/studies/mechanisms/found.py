"""Results of the study by what they are about: model and behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pysteer.arrays import Float64Array
from pysteer.pairs import Dataset
from pysteer.statistics import Interval, slope
from pysteer.studies.mechanisms.behaviours import Behaviour, Material, name_of
from pysteer.studies.mechanisms.corpora import corpora
from pysteer.studies.mechanisms.judging import judged_mean
from pysteer.studies.mechanisms.sizes import (
    ALL_STRENGTHS,
    JUDGED_STRENGTHS,
    QUERY_STRENGTHS,
    RANDOM_GAIN_STRENGTHS,
    SWEEP_STRENGTHS,
    Sizes,
)
from pysteer.studies.parts import PartResult
from pysteer.studies.rows import Origin, joined_hash
from pysteer.studies.study import OfModel, StudyContext
from pysteer.studies.study_model import StudyModel


def repeat_items(each: Behaviour, sizes: Sizes) -> Dataset:
    """Return the test items on which vectors of fewer pairs are measured: the first ones."""
    return Dataset(each.test.pairs[: sizes.n_repeat_items], f"{each.name}.repeat")


@dataclass(frozen=True, eq=False)
class Found(OfModel):
    """All results of one model.

    Parameters
    ----------
    model : StudyModel
    context : StudyContext
    material : Material
    results : mapping of str to PartResult
        Of all parts.
    """

    model: StudyModel
    context: StudyContext
    material: Material
    results: Mapping[str, PartResult]

    @property
    def sizes(self) -> Sizes:
        sizes: Sizes = self.context.sizes
        return sizes

    @property
    def behaviours(self) -> tuple[Behaviour, ...]:
        return self.material.behaviours

    @property
    def layer(self) -> int:
        """The layer that was chosen, for all behaviours."""
        return int(self.results[name_of(self.model, "layer")].content["layer"])

    def origin(self, *behaviours: Behaviour) -> Origin:
        """Return seed and hashes for numbers on the test items of these behaviours; of all of them without any."""
        chosen = behaviours or self.behaviours
        return self.context.origin(self.model, joined_hash([each.test.content_hash for each in chosen]))

    @cached_property
    def text_origin(self) -> Origin:
        """Seed and hashes for numbers on running text."""
        texts = corpora(self.context, is_embedded=self.material.is_embedded, n=self.sizes.n_windows)
        return self.context.origin(self.model, texts[self.part(None, "corpus").content["chosen"]].content_hash)

    def text_windows(self) -> int:
        """Return the number of windows of text."""
        return len(self.part(self.behaviours[0], "perplexity").arrays["tokens"])

    def repeat_origin(self, *behaviours: Behaviour) -> Origin:
        """Return seed and hashes for numbers on the test items on which vectors of fewer pairs are measured."""
        chosen = behaviours or self.behaviours
        hashes = [repeat_items(each, self.sizes).content_hash for each in chosen]
        return self.context.origin(self.model, joined_hash(hashes))

    def train_origin(self, *behaviours: Behaviour) -> Origin:
        """Return seed and hashes for numbers on the training pairs of these behaviours; of all of them without any."""
        chosen = behaviours or self.behaviours
        return self.context.origin(self.model, joined_hash([each.train.content_hash for each in chosen]))

    def has_part(self, each: Behaviour, name: str) -> bool:
        """Return whether a behaviour has a part of that name."""
        return name_of(self.model, each.name, name) in self.results

    def part(self, each: Behaviour | None, name: str) -> PartResult:
        """Return the result of a part of a behaviour; of one of the whole model where there is none."""
        words = (name,) if each is None else (each.name, name)
        return self.results[name_of(self.model, *words)]

    def propensities(self, each: Behaviour, strength: float, part: str = "behaviour") -> Float64Array:
        """Return propensities of items at a strength of the vector, nats, (n_items,)."""
        strengths = ALL_STRENGTHS if part == "behaviour" else QUERY_STRENGTHS
        values: Float64Array = self.part(each, part).arrays["propensities"][:, strengths.index(strength)]
        return values

    def random_propensities(self, each: Behaviour, strength: float, part: str) -> Float64Array:
        """Return propensities of items at a strength of random directions, nats, (n_items, n_random)."""
        values: Float64Array = self.part(each, part).arrays["random"][..., RANDOM_GAIN_STRENGTHS.index(strength)]
        return values

    def judged_slopes(self, each: Behaviour) -> Float64Array:
        """Return every validation item's steerability at moderate strengths, nats per strength, (n_items,)."""
        return slope(JUDGED_STRENGTHS, self.part(each, "judged").arrays["propensities"])

    def slopes(self, each: Behaviour, strengths: Sequence[float] = JUDGED_STRENGTHS) -> Float64Array:
        """Return every test item's steerability at some strengths, nats per strength, (n_items,)."""
        places = [ALL_STRENGTHS.index(strength) for strength in strengths]
        return slope(strengths, self.part(each, "behaviour").arrays["propensities"][:, places])

    def whole_slopes(self, each: Behaviour) -> Float64Array:
        """Return the steerability of the test items on which vectors of fewer pairs are measured, (n_items,)."""
        return self.slopes(each, SWEEP_STRENGTHS)[: self.sizes.n_repeat_items]

    @cached_property
    def steered(self) -> tuple[Behaviour, ...]:
        """The behaviours whose steerability on validation items is above 0 with its whole interval.

        Judged on the items on which their effect is measured, the effect would look larger than it is.
        """
        return tuple(each for each in self.behaviours if self.judged(each).low > 0.0)

    def judged(self, each: Behaviour) -> Interval:
        """Return the mean steerability of validation items."""
        return judged_mean(self.judged_slopes(each), seed=self.seed)
