"""Results of the study by what they are about: model, questionnaire, setting of the vector, setting of the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.metrics.steerability import slopes
from pysteer.statistics import Interval, bootstrap_datasets
from pysteer.studies.parts import PartResult
from pysteer.studies.questionnaires import Planted, Questionnaire
from pysteer.studies.reliability.caa_behaviours import Behaviour
from pysteer.studies.reliability.measuring import METHODS
from pysteer.studies.reliability.plan import name_of
from pysteer.studies.reliability.sizes import COEFFICIENTS, Sizes
from pysteer.studies.rows import Origin, joined_hash
from pysteer.studies.study import OfModel, StudyContext
from pysteer.studies.study_model import StudyModel

AT = np.array(COEFFICIENTS)
UNIT = "nats per unit of coefficient"


@dataclass(frozen=True, eq=False)
class Found(OfModel):
    """All results of one model.

    Parameters
    ----------
    model : StudyModel
    context : StudyContext
    questionnaires : tuple of Questionnaire
    planted : Planted, optional
    results : mapping of str to PartResult
        Of all parts.
    settings : tuple of str
        Prompt settings that the model takes, BASE first.
    behaviours : tuple of Behaviour
        Of contrastive activation addition.
    """

    model: StudyModel
    context: StudyContext
    questionnaires: tuple[Questionnaire, ...]
    planted: Planted | None
    results: Mapping[str, PartResult]
    settings: tuple[str, ...]
    behaviours: tuple[Behaviour, ...] = ()

    @property
    def sizes(self) -> Sizes:
        sizes: Sizes = self.context.sizes
        return sizes

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.questionnaires]

    @property
    def layer(self) -> int:
        """The layer that was chosen."""
        return int(self.results[name_of(self.model, "layer")].content["layer"])

    def origin(self, *questionnaires: Questionnaire) -> Origin:
        """Return seed and hashes for numbers on these test items; on all of them without any."""
        chosen = questionnaires or self.questionnaires
        return self.context.origin(self.model, joined_hash([each.test.content_hash for each in chosen]))

    def part(self, each: Questionnaire, name: str) -> PartResult:
        """Return a part's result: "vectors", "seen", "controls", a setting, or a weight type."""
        return self.results[name_of(self.model, each.name, name)]

    def propensities(self, each: Questionnaire, train: str = "BASE", test: str = "BASE") -> Float64Array:
        """Return propensities, nats, (n_items, n_coefficients): vector of setting ``train``, items under ``test``."""
        return self.part(each, test).arrays["propensities"][:, self.settings.index(train)]

    def unsteered(self, each: Questionnaire, test: str = "BASE") -> Float64Array:
        """Return propensities without steering, nats, (n_items,)."""
        return self.propensities(each, test=test)[:, COEFFICIENTS.index(0.0)]

    def seen(self, each: Questionnaire) -> Float64Array:
        """Return propensities of the items that the vector was made of, (n_train, n_coefficients)."""
        return self.part(each, "seen").arrays["propensities"][:, 0]

    def method(self, each: Questionnaire, name: str) -> Float64Array | None:
        """Return propensities under a method's vector ("mean", "pca", "logistic", "shuffled"); None: it has none."""
        if name == "mean":
            return self.propensities(each)
        index = [*METHODS, "shuffled"].index(name)
        values = self.part(each, "controls").arrays["propensities"][:, index]
        return values if np.isfinite(values).all() else None

    def random(self, each: Questionnaire) -> Float64Array:
        """Return propensities under random directions, (n_items, n_random, n_coefficients)."""
        return self.part(each, "controls").arrays["propensities"][:, len(METHODS) + 1 :]

    def steerability(self, train: str = "BASE", test: str = "BASE") -> Float64Array:
        """Return the mean slope of every questionnaire, (n_questionnaires,)."""
        return np.array([slopes(AT, self.propensities(each, train, test)).mean() for each in self.questionnaires])

    def effect(self) -> Interval:
        """Return the mean steerability over questionnaires; these and their items are drawn anew."""
        return bootstrap_datasets([slopes(AT, self.propensities(each)) for each in self.questionnaires], seed=self.seed)

    def why_no_ratio(self) -> str | None:
        """Return why nothing can be compared with the vectors' effect, as a ratio: it may be 0. None where it can."""
        own = self.effect()
        if not own.low <= 0.0 <= own.high:
            return None
        return f"the vectors' own steerability may be 0: {own.mean:.3g} [{own.low:.3g}, {own.high:.3g}]"

    def variances(self, train: str = "BASE", test: str = "BASE") -> Float64Array:
        """Return the variance of slopes over items of every questionnaire, (n_questionnaires,)."""
        return np.array([slopes(AT, self.propensities(each, train, test)).var() for each in self.questionnaires])


def anti_steerable(values: Float64Array) -> Float64Array:
    """Return 1 for items whose slope is not positive, else 0; from propensities (n_items, n_coefficients)."""
    return np.asarray(slopes(AT, values) <= 0.0, dtype=np.float64)
