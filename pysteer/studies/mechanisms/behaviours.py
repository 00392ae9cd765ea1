"""What the study steers: questionnaires, and `contrasts` of whole texts, each split for extracting, choosing, testing.

Questionnaires are those of `pysteer.studies.questionnaires`: answers are letters. A contrast of texts has a joyful and
a sad reply to the same message, or two whole texts: the model is asked which of them is the more probable one. Vectors
of questionnaires often do not steer a small model at all; joyful against sad does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pysteer.demo import model_path
from pysteer.errors import DataError
from pysteer.file_hash import file_hash
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.mechanisms.contrasts import HIGH_LEVEL, JOYFUL, MOOD, SCENES, contrasts
from pysteer.studies.mechanisms.sizes import Sizes
from pysteer.studies.own_questionnaires import dispositions_folder
from pysteer.studies.questionnaires import Planted, Questionnaire, load_questionnaires
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel

CHOSEN = (
    "openness",
    "power-seeking-inclination",
    "neuroticism",
    "myopic-reward",
    "conscientiousness",
    "survival-instinct",
    "wealth-seeking-inclination",
    "corrigible-less-HHH",
    "extraversion",
    "agreeableness",
    "narcissism",
    "risk-seeking",
)
"""Public questionnaires, in this order: Big Five and others in turn, so that few of them are not all of one kind.

arXiv:2505.03189 names the Big Five, honesty and power-seeking. Those that are not in the folder are skipped.
"""
Fits = Callable[[ContrastPair], bool]


@dataclass(frozen=True, eq=False)
class Behaviour:
    """Something to steer.

    Parameters
    ----------
    name : str
    kind : "questionnaire" or "texts"
    train, validation, test : Dataset
        Disjoint by prompt and text.
    high_level : (str, str)
        The behaviour and its opposite in one word or sentence each.
    planted : str
        What is planted in it, in the embedded model: "followed", "null", "mood"; empty where nothing is known.
    n_left_out : int
        Items that no model of the study can read in one piece.
    """

    name: str
    kind: str
    train: Dataset
    validation: Dataset
    test: Dataset
    high_level: tuple[str, str]
    planted: str = ""
    n_left_out: int = 0

    @property
    def has_mood(self) -> bool:
        """Whether the words of a reply tell the behaviour: joyful ones, or sad ones."""
        return self.name in (MOOD, JOYFUL, SCENES)

    @property
    def is_letters(self) -> bool:
        """Whether answers are letters, so that its propensity is that of one token."""
        return self.kind == "questionnaire"


@dataclass(frozen=True, eq=False)
class Material:
    """What a run of the study works on.

    Parameters
    ----------
    behaviours : tuple of Behaviour
        Contrasts of texts first.
    is_embedded : bool
        The model is the one that comes with pysteer (or made of it), so that its planted truths are known.
    planted : Planted, optional
    """

    behaviours: tuple[Behaviour, ...]
    is_embedded: bool
    planted: Planted | None = None


def name_of(model: StudyModel, *words: str) -> str:
    """Return the name of a part: of a model, or of one of its behaviours."""
    return " / ".join((model.label, *words))


@lru_cache(maxsize=4)
def load_material(context: StudyContext) -> Material:
    """Return the behaviours that fit all models."""
    sizes: Sizes = context.sizes
    fits = _fitting(context)
    embedded = all(is_embedded(model) for model in context.models)
    questionnaires, planted = _questionnaires(context, sizes, fits, embedded)
    texts = _texts(context, sizes, fits, embedded)
    return Material((*texts, *map(_of_questionnaire, questionnaires)), embedded, planted)


def is_embedded(model: StudyModel) -> bool:
    """Return whether a model is the one that comes with the package."""
    path = model_path()
    return path.is_file() and model.hash == file_hash(path)


def _fitting(context: StudyContext) -> Fits:
    """Return whether all models can read a pair; what a chat template adds is counted once, as it is slow."""
    limits = [(model.loaded, _frame(model), model.loaded.n_ctx_train) for model in context.models]

    def fits(pair: ContrastPair) -> bool:
        longest = pair.prompt + max(pair.positive, pair.negative, key=len)
        n_bytes = len(longest.encode())
        return all(
            n_bytes + frame <= limit or len(model.tokenize(longest)) + frame <= limit for model, frame, limit in limits
        )

    return fits


def _frame(model: StudyModel) -> int:
    """Return the tokens that a chat template puts around a message, and a few to spare."""
    framed = 0 if model.raw else len(model.loaded.tokenize(model.loaded.chat("Hello.")))
    return framed + 16


def _questionnaires(
    context: StudyContext, sizes: Sizes, fits: Fits, embedded: bool
) -> tuple[list[Questionnaire], Planted | None]:
    n_items = (sizes.n_train, sizes.n_validation, sizes.n_test)
    if embedded:
        folder = dispositions_folder(context) or model_path().parent / "dispositions"
    elif context.data_file("mwe") is None:
        raise DataError(
            "this study needs questionnaires: expected mwe/persona/*.jsonl in the folder of data sets; give one with "
            "--data DIR, or study the embedded model (--model demo), which brings its own"
        )
    else:
        folder = None
    found, planted, _ = load_questionnaires(
        context.data_folder,
        folder,
        n_items=n_items,
        n_most=None,
        seed=context.seed,
        fits=lambda pair, personas: fits(pair),
        names=CHOSEN,
    )
    return _some(found, sizes.n_questionnaires), planted


def _some(found: list[Questionnaire], n_most: int) -> list[Questionnaire]:
    """Return the questionnaires named in `CHOSEN`, in that order; of the embedded model's, each kind first."""
    by_name = {each.name: each for each in found}
    chosen = [by_name[name] for name in CHOSEN if name in by_name]
    if not chosen:
        kinds = ("followed", "null", "reversed_theme", "brittle")
        firsts = [next((each for each in found if each.kind == kind), None) for kind in kinds]
        special = [each for each in firsts if each is not None]
        chosen = [*special, *(each for each in found if each not in special)]
    return chosen[:n_most]


def _of_questionnaire(each: Questionnaire) -> Behaviour:
    return Behaviour(
        each.name, "questionnaire", each.train, each.validation, each.test, each.personas, each.kind, each.n_left_out
    )


def _texts(context: StudyContext, sizes: Sizes, fits: Fits, embedded: bool) -> list[Behaviour]:
    """Return the contrasts of texts; of the embedded model's, the name says what is planted."""
    found = contrasts(context, is_embedded=embedded, n_most=sizes.n_contrasts)
    return [
        _of_texts(name, train, rest, sizes, fits, context.seed, name if embedded else "") for name, train, rest in found
    ]


def _of_texts(
    name: str, train: Dataset, rest: Dataset, sizes: Sizes, fits: Fits, seed: int, planted: str = ""
) -> Behaviour:
    validation, test = rest.split(0.3, seed=seed)
    n_all = len(train) + len(rest)
    train_side, validation_side, test_side = (
        Dataset(tuple(pair for pair in side if fits(pair))[:n], f"{name}.{label}")
        for side, n, label in (
            (train, sizes.n_train, "train"),
            (validation, sizes.n_validation, "validation"),
            (test, sizes.n_test, "test"),
        )
    )
    n_fitting = sum(fits(pair) for side in (train, rest) for pair in side)
    return Behaviour(
        name,
        "texts",
        train_side,
        validation_side,
        test_side,
        HIGH_LEVEL[name],
        planted=planted,
        n_left_out=n_all - n_fitting,
    )
