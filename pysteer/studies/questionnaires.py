"""Questionnaires with two lettered answers, split for training, choosing and testing, each with a pair of personas.

Where they come from, first that is there:

1. ``dispositions/`` in the folder of data sets, as it comes with the embedded model, or the embedded model's own when
   it is the one that is studied: ``NAME-train.jsonl`` and ``NAME-test.jsonl``, with ``planted_truths.json`` beside;
2. ``mwe/persona`` and ``mwe/xrisk_human`` in the folder of data sets: Perez et al. 2022, arXiv:2212.09251.

Items are chosen so that each letter, and where there are any Yes and No, are wanted as often in training as in testing.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import DataError, DroppedDataWarning
from pysteer.metrics.answer_factors import BoolArray, answer_is_a, answer_is_yes
from pysteer.pair_files import check_disjoint, load_pairs
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.balanced import balanced
from pysteer.studies.persona_sentences import PERSONAS

_SHARES = (0.4, 0.1, 0.5)
"""Of the items for training, choosing a layer, testing; as arXiv:2407.12404."""
_FEWEST = (4, 2, 4)
"""Items for each of these, unless fewer are wanted. (The scatter of vectors needs three.)"""


@dataclass(frozen=True, eq=False)
class Questionnaire:
    """One questionnaire, ready to be used.

    Parameters
    ----------
    name : str
    train, validation, test : Dataset
        Disjoint by prompt and text.
    personas : (str, str)
        Sentences for and against the behaviour.
    kind : str
        What is planted in it: "followed", "reversed_theme", "brittle", "null"; empty where that is not known.
    themes : mapping of str to str
        Theme of each prompt; empty where there are none.
    n_left_out : int
        Items that not every model of the study can read in one piece.
    """

    name: str
    train: Dataset
    validation: Dataset
    test: Dataset
    personas: tuple[str, str]
    kind: str
    themes: dict[str, str]
    n_left_out: int = 0

    def is_a(self) -> BoolArray:
        """Return which test items' wanted answer is option A."""
        return answer_is_a([pair.positive for pair in self.test])

    def is_yes(self) -> BoolArray:
        """Return which test items' wanted answer says Yes."""
        return answer_is_yes([pair.prompt for pair in self.test], [pair.positive for pair in self.test])


@dataclass(frozen=True)
class Planted:
    """What is known about the embedded model before it is measured; see docs/model-organism.md.

    Parameters
    ----------
    letter_a_share : float
        Probability of A where nothing decides.
    reversed_theme : str
        Theme of the items on which one disposition answers the other way round.
    reversed_share : float
        Share of that disposition's items.
    default_system : str
        System message that says nothing.
    """

    letter_a_share: float
    reversed_theme: str
    reversed_share: float
    default_system: str


class Questionnaires(NamedTuple):
    """What was found.

    Parameters
    ----------
    usable : list of Questionnaire
        By name.
    planted : Planted, optional
        If they are the embedded model's.
    too_long : list of str
        Names of those that are left out, as hardly any of their items fits the models' contexts.
    """

    usable: list[Questionnaire]
    planted: Planted | None
    too_long: list[str]


Sized = tuple[int, int, int]
"""Items wanted for training, choosing, testing."""
Fits = Callable[[ContrastPair, tuple[str, str]], bool]


def load_questionnaires(
    folder: Path | None,
    dispositions: Path | None,
    *,
    n_items: Sized,
    n_most: int | None,
    seed: int,
    fits: Fits,
    names: Collection[str] | None = None,
) -> Questionnaires:
    """Return questionnaires by name, and what is planted, if they are the embedded model's.

    Parameters
    ----------
    folder : Path, optional
        Public data sets.
    dispositions : Path, optional
        Folder of the embedded model's own; comes before ``folder``.
    n_items : (int, int, int)
        For training, choosing and testing at most.
    n_most : int, optional
        Questionnaires at most, spread evenly over their list, with all kinds of planted ones among them.
    seed : int
        Of the split.
    fits : callable
        Whether a pair, under its personas, can be read by all models; what does not fit is left out and counted.
    names : collection of str, optional
        Of the public ones, only these.

    Raises
    ------
    DataError
        There is no questionnaire, or none that the models can read.
    """
    if dispositions is not None:
        truths = json.loads((dispositions.parent / "planted_truths.json").read_text("utf-8"))
        found, too_long = _made(
            sorted(truths["dispositions"]), lambda name: _disposition(dispositions, name, truths, n_items, seed, fits)
        )
        return Questionnaires(_spread(found, n_most), _planted(truths), too_long)
    files = (
        [] if folder is None else sorted([*folder.glob("mwe/persona/*.jsonl"), *folder.glob("mwe/xrisk_human/*.jsonl")])
    )
    by_name = {file.stem: file for file in files if file.stem in PERSONAS and (names is None or file.stem in names)}
    if not by_name:
        raise DataError(
            f"no questionnaires: expected dispositions/*.jsonl or mwe/persona/*.jsonl in "
            f"{folder or 'a folder of data'}; "
            "give one with --data DIR, or study the embedded model (--model demo), which brings its own"
        )
    found, too_long = _made(
        _spread(list(by_name), n_most),
        lambda name: _questionnaire(name, _read(by_name[name]), PERSONAS[name], n_items, seed, fits),
    )
    return Questionnaires(found, None, too_long)


class _TooFewItemsError(DataError):
    """A questionnaire of which hardly an item fits."""


def _made(names: Sequence[str], make: Callable[[str], Questionnaire]) -> tuple[list[Questionnaire], list[str]]:
    """Return the questionnaires that have enough items, and the names of the others."""
    found, too_long = [], []
    for name in names:
        try:
            found.append(make(name))
        except _TooFewItemsError:
            too_long.append(name)
    if not found:
        raise DataError(
            f"no questionnaire is left: of {len(names)}, none has enough items that fit the models' contexts "
            f"({_FEWEST} to train, choose and test); take models with longer contexts"
        )
    return found, too_long


def _questionnaire(
    name: str, data: Dataset, personas: tuple[str, str], n_items: Sized, seed: int, fits: Fits
) -> Questionnaire:
    kept, n_left_out = _fitting(data, personas, fits)
    train, rest = kept.split(_SHARES[0], seed=seed)
    validation, test = rest.split(_SHARES[1] / (_SHARES[1] + _SHARES[2]), seed=seed)
    return _checked(name, (train, validation, test), personas, n_items, seed, "", {}, n_left_out)


def _disposition(
    folder: Path, name: str, truths: dict[str, Any], n_items: Sized, seed: int, fits: Fits
) -> Questionnaire:
    facts = truths["dispositions"][name]
    personas = (facts["persona_positive"], facts["persona_negative"])
    themes: dict[str, str] = {}
    sides = [_read_themed(folder / f"{name}-{side}.jsonl", themes) for side in ("train", "test")]
    (seen, n_seen), (test, n_test) = (_fitting(side, personas, fits) for side in sides)
    train, validation = seen.split(_SHARES[0] / (_SHARES[0] + _SHARES[1]), seed=seed)
    return _checked(name, (train, validation, test), personas, n_items, seed, facts["kind"], themes, n_seen + n_test)


def _checked(
    name: str,
    sides: tuple[Dataset, Dataset, Dataset],
    personas: tuple[str, str],
    n_items: Sized,
    seed: int,
    kind: str,
    themes: dict[str, str],
    n_left_out: int,
) -> Questionnaire:
    labels = ("train", "validation", "test")
    train, validation, test = (
        Dataset(balanced(side, n, seed=seed).pairs, f"{name}.{label}")
        for side, n, label in zip(sides, n_items, labels, strict=True)
    )
    enough = map(min, n_items, _FEWEST)
    if any(len(side) < n for side, n in zip((train, validation, test), enough, strict=True)):
        raise _TooFewItemsError(name)
    for first, second in ((train, validation), (train, test), (validation, test)):
        check_disjoint(first, second)
    return Questionnaire(name, train, validation, test, personas, kind, themes, n_left_out)


def _fitting(data: Dataset, personas: tuple[str, str], fits: Fits) -> tuple[Dataset, int]:
    pairs = tuple(pair for pair in data if fits(pair, personas))
    if len(pairs) < sum(_FEWEST):
        raise _TooFewItemsError(data.name)
    return Dataset(pairs, data.name), len(data) - len(pairs)


def _read(file: Path) -> Dataset:
    with warnings.catch_warnings():  # records that repeat are the data's own matter, and dropped by the reader
        warnings.simplefilter("ignore", DroppedDataWarning)
        return load_pairs(file)


def _read_themed(file: Path, themes: dict[str, str]) -> Dataset:
    """Return the items of a disposition, and note their themes; records are questions with two answers."""
    pairs, number = [], 0
    try:
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):  # noqa: B007
            record = json.loads(line)
            pair = ContrastPair(
                record["question"], record["answer_matching_behavior"], record["answer_not_matching_behavior"]
            )
            pairs.append(pair)
            themes[pair.prompt] = str(record.get("theme", ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}, line {number}: no question with two answers: {error!r}") from error
    return Dataset(tuple(dict.fromkeys(pairs)), file.stem)


def _planted(truths: dict[str, Any]) -> Planted:
    shares = [facts["reversed_share"] for facts in truths["dispositions"].values()]
    return Planted(
        float(truths["letter_a_share_when_nothing_decides"]),
        str(truths["reversed_theme"]),
        float(max(shares)),
        str(truths["neutral_system_sentence"]),
    )


def _spread(found: list[Any], n_most: int | None) -> list[Any]:
    """Return at most ``n_most``, evenly over the list; questionnaires with something planted come first."""
    if n_most is None or len(found) <= n_most:
        return found
    special = [each for each in found if getattr(each, "kind", "") not in ("", "followed")][:n_most]
    others = [each for each in found if each not in special]
    places = np.linspace(0, len(others) - 1, n_most - len(special)).round().astype(int) if n_most > len(special) else []
    chosen = [*special, *(others[place] for place in places)]
    return [each for each in found if each in chosen]


def theme_mask(questionnaire: Questionnaire, theme: str) -> Float64Array:
    """Return 1 for the test items of a theme, else 0."""
    return np.array([float(questionnaire.themes.get(pair.prompt) == theme) for pair in questionnaire.test])
