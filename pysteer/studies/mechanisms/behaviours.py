"""What the study steers: questionnaires, and `contrasts` of whole texts, each split for extracting, choosing, testing.

Questionnaires are those of `pysteer.studies.questionnaires`: answers are letters. A contrast of texts has a joyful and
a sad reply to the same message, or two whole texts: the model is asked which of them is the more probable one. Vectors
of questionnaires often do not steer a small model at all; joyful against sad does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

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
MOST_LONGER = 1.5
"""Times by which the median answer of one side may be longer than that of the other, for rates to be formed.

The probability of a text is a product over its tokens, so that of two texts the much longer one is hardly ever the more
probable one, whatever it says.
"""
_FEWEST = (4, 2, 4)
"""Pairs of a contrast for the vector, for choosing, for testing, unless fewer are wanted."""
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
        In the embedded model: the kind of a questionnaire ("followed", "null", "reversed_theme", "brittle"), or the
        name of a contrast ("mood", "register", "length", "thinking"); empty where nothing is known.
    n_left_out : int
        Items that not every model of the study can read in one piece.
    has_rate : bool
        Both answers are of a like length, so that it says something which one is the more probable. Else only what
        steering changes about that does: there are slopes, but no rate.
    """

    name: str
    kind: str
    train: Dataset
    validation: Dataset
    test: Dataset
    high_level: tuple[str, str]
    planted: str = ""
    n_left_out: int = 0
    has_rate: bool = True

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
    left_out : tuple of str
        What is left out as a whole, each with the reason.
    """

    behaviours: tuple[Behaviour, ...]
    is_embedded: bool
    planted: Planted | None = None
    left_out: tuple[str, ...] = ()


def name_of(model: StudyModel, *words: str) -> str:
    """Return the name of a part: of a model, or of one of its behaviours."""
    return " / ".join((model.label, *words))


@lru_cache(maxsize=4)
def load_material(context: StudyContext) -> Material:
    """Return the behaviours that fit all models."""
    sizes: Sizes = context.sizes
    fits = _fitting(context)
    embedded = all(is_embedded(model) for model in context.models)
    questionnaires, planted, too_long = _questionnaires(context, sizes, fits, embedded)
    texts, missing = _texts(context, sizes, fits, embedded)
    unread = [f"{name} is left out: hardly any of its items fits the models' contexts" for name in too_long]
    return Material((*texts, *map(_of_questionnaire, questionnaires)), embedded, planted, (*missing, *unread))


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
) -> tuple[list[Questionnaire], Planted | None, list[str]]:
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
    found, planted, too_long = load_questionnaires(
        context.data_folder,
        folder,
        n_items=n_items,
        n_most=None,
        seed=context.seed,
        fits=lambda pair, personas: fits(pair),
        names=CHOSEN,
    )
    return _some(found, sizes.n_questionnaires), planted, too_long


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
    train, validation, test = (_spaced(side) for side in (each.train, each.validation, each.test))
    return Behaviour(each.name, "questionnaire", train, validation, test, each.personas, each.kind, each.n_left_out)


def _spaced(items: Dataset) -> Dataset:
    """Return items with a blank before their letters, which models without a chat template would read glued on."""
    pairs = (ContrastPair(pair.prompt, f" {pair.positive.strip()}", f" {pair.negative.strip()}") for pair in items)
    return Dataset(tuple(pairs), items.name)


def _texts(context: StudyContext, sizes: Sizes, fits: Fits, embedded: bool) -> tuple[list[Behaviour], list[str]]:
    """Return the contrasts of texts, and why others are left out.

    Of the embedded model's, the name says what is planted.
    """
    found, missing = contrasts(context, is_embedded=embedded, n_most=sizes.n_contrasts)
    every = [
        _of_texts(name, (train, *rest.split(0.3, seed=context.seed)), sizes, fits, name if embedded else "")
        for name, train, rest in found
    ]
    behaviours = [each for each in every if isinstance(each, Behaviour)]
    unread = [each for each in every if isinstance(each, str)]
    # Model by model, as few of them are kept open at a time.
    alike = [{each.name for each in behaviours if alike_in_length(model, each.train)} for model in context.models]
    rated = set.intersection(*alike)
    return [replace(each, has_rate=each.name in rated) for each in behaviours], [*missing, *unread]


def _of_texts(name: str, sides: Sequence[Dataset], sizes: Sizes, fits: Fits, planted: str = "") -> Behaviour | str:
    """Return a contrast of what fits, or why there is none; ``sides`` are for the vector, for choosing, for testing."""
    kept = [tuple(pair for pair in side if fits(pair)) for side in sides]
    most = (sizes.n_train, sizes.n_validation, sizes.n_test)
    if any(len(side) < min(n, fewest) for side, n, fewest in zip(kept, most, _FEWEST, strict=True)):
        return f"{name} is left out: hardly any of its pairs fits the models' contexts"
    train, validation, test = (
        Dataset(side[:n], f"{name}.{label}")
        for side, n, label in zip(kept, most, ("train", "validation", "test"), strict=True)
    )
    n_left_out = sum(map(len, sides)) - sum(map(len, kept))
    return Behaviour(name, "texts", train, validation, test, HIGH_LEVEL[name], planted, n_left_out)


def alike_in_length(model: StudyModel, pairs: Dataset) -> bool:
    """Return whether the answers of both sides have median lengths in tokens within `MOST_LONGER` of each other."""
    tokenize = model.loaded.tokenize
    sides = ([pair.positive for pair in pairs], [pair.negative for pair in pairs])
    medians = [float(np.median([len(tokenize(answer)) for answer in side])) for side in sides]
    return max(medians) <= MOST_LONGER * min(medians)
