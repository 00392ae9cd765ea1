"""What the study works on: questionnaires and behaviours that every model of the run can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pysteer.errors import MeasurementError
from pysteer.pair_text import answer_pair
from pysteer.pairs import ContrastPair
from pysteer.studies.model_settings import DEFAULT_SYSTEM
from pysteer.studies.own_questionnaires import dispositions_folder
from pysteer.studies.questionnaires import Fits, Planted, Questionnaire, load_questionnaires
from pysteer.studies.reliability.caa_behaviours import Behaviour, load_caa_behaviours
from pysteer.studies.reliability.sizes import Sizes
from pysteer.studies.study import StudyContext


@dataclass(frozen=True, eq=False)
class Material:
    """What a run of the study works on.

    Parameters
    ----------
    questionnaires : tuple of Questionnaire
        The layer is chosen on the first few of them.
    planted : Planted, optional
    behaviours : tuple of Behaviour
        Of contrastive activation addition, or the embedded model's own dispositions once more.
    too_long : tuple of str
        Questionnaires that are left out, as hardly any of their items fits the models' contexts.
    """

    questionnaires: tuple[Questionnaire, ...]
    planted: Planted | None
    behaviours: tuple[Behaviour, ...]
    too_long: tuple[str, ...]


@lru_cache(maxsize=4)
def load_material(context: StudyContext) -> Material:
    """Return the questionnaires that fit all models; MeasurementError where they are too few."""
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

    found, planted, too_long = load_questionnaires(
        context.data_folder,
        folder,
        n_items=(sizes.n_train, sizes.n_validation, sizes.n_test),
        n_most=sizes.n_questionnaires,
        seed=context.seed,
        fits=fits,
    )
    if len(found) < 2:
        raise MeasurementError(
            f"this study needs at least two questionnaires, there is {found[0].name!r} alone; {len(too_long)} others "
            "do not fit the models' contexts"
        )
    return Material(tuple(found), planted, _behaviours(context, found, planted, fits), tuple(too_long))


def _behaviours(
    context: StudyContext, found: Sequence[Questionnaire], planted: Planted | None, fits: Fits
) -> tuple[Behaviour, ...]:
    sizes: Sizes = context.sizes
    folder = context.data_file("caa")
    if planted is not None or folder is None:
        some = found[: sizes.n_behaviours] if planted is not None else ()
        return tuple(Behaviour(each.name, each.train, each.test, each.personas, each.n_left_out) for each in some)
    return tuple(
        load_caa_behaviours(
            folder,
            n_train=sizes.n_train,
            n_test=sizes.n_test,
            n_most=sizes.n_behaviours,
            seed=context.seed,
            fits=fits,
        )
    )
