"""Functional tasks: word pairs with one right answer, as folds of train, test and validation words.

A model that lies beside a `functions.json` (the embedded one) is studied on those tasks; others on the public tasks of
Todd et al. 2023 from the folder of data sets. Words whose prompts would not fit the model's context are left out.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

import pysteer.demo
from pysteer.errors import DroppedDataWarning, TokenizeError
from pysteer.formats.texts import Texts
from pysteer.formats.word_pairs import WordPair, WordPairs, load_word_pairs
from pysteer.function_vectors.icl_prompts import make_prompt, tokenize_prompt
from pysteer.model import Model
from pysteer.studies.icl.sizes import Sizes
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel

MAIN_TASKS = (
    "abstractive/country-capital",
    "abstractive/present-past",
    "abstractive/antonym",
    "abstractive/english-french",
    "abstractive/singular-plural",
    "abstractive/capitalize",
    "abstractive/product-company",
    "abstractive/capitalize_first_letter",
    "extractive/animal_v_object_3",
    "extractive/choose_first_of_3",
)
"""Public tasks, those of the paper first. Where all tasks are asked for, the folder's others follow, by name."""
FUNCTIONS_FILE = "functions.json"
FOLDER = "function_vectors"
"""Of the public tasks, in the folder of data sets."""
SMALL = 60
"""A task with fewer words is split several times."""
MOST_PAIRS = 400
"""Word pairs that are kept of a large task, drawn with the seed."""
FEWEST = 4
"""Words without which a task cannot be split."""
MAX_TOKENS = 16
"""Tokens of an answer, as in the paper."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One split of one task.

    Parameters
    ----------
    task : str
    number : int
        Of the split; its seed is the study's seed plus this.
    train, test, valid : WordPairs
        Disjoint by input. Shots and demonstrations come from train. Function vectors are made from prompts that ask
        about valid, and choices are made on it, for all splits together: so all splits of a task have the same.
    n_shots, n_bound : int
        Examples in a prompt that fit the context and the training side.
    n_left_out : int
        Words of the task that did not fit, or whose answer begins with a bare blank or has no first token.
    """

    task: str
    number: int
    train: WordPairs
    test: WordPairs
    valid: WordPairs
    n_shots: int
    n_bound: int
    n_left_out: int

    @property
    def name(self) -> str:
        return f"{self.task} {self.number}"


def load_folds(context: StudyContext, model: StudyModel) -> tuple[tuple[Fold, ...], dict[str, str]]:
    """Return the folds of all tasks that the model is studied on, and why others are not, by task or fold.

    Raises
    ------
    DataError
        The model needs public tasks, and no folder of data is given.
    """
    left_out: dict[str, str] = {}
    sizes: Sizes = context.sizes
    tasks = _tasks(context, model, left_out)
    folds = [fold for task in tasks for fold in _folds(model.loaded, task, sizes, context.seed, left_out)]
    return tuple(folds), left_out


def asks_for_case(task: str) -> bool:
    """Return whether an answer of this task is wrong in other letters: it asks for a capital, or for a small one."""
    name = task.rsplit("/", 1)[-1]
    return name.startswith(("capitalize", "next_capital", "lowercase"))


def is_embedded(model: StudyModel) -> bool:
    """Return whether the model brings its own tasks and planted truths."""
    folder = model.path.resolve().parent
    return (folder / FUNCTIONS_FILE).is_file() and (folder / "planted_truths.json").is_file()


@lru_cache(maxsize=4)
def random_texts(context: StudyContext, model: StudyModel) -> Texts:
    """Return beginnings of texts that have nothing to do with any task: the other side of demonstrations."""
    public = context.data_file("repe", "data", "emotions", "all_truncated_outputs.json")
    if public is not None and not is_embedded(model):
        found = [text.strip() for text in json.loads(public.read_text("utf-8")) if text.strip()]
        return Texts("beginnings of public texts", tuple(dict.fromkeys(found)))
    lines = (Path(pysteer.demo.__file__).parent / "passages.jsonl").read_text("utf-8").splitlines()
    words = [json.loads(line)["text"].split() for line in lines]
    beginnings = (" ".join(each[: 2 + number % 5]) for number, each in enumerate(words))
    return Texts("beginnings of the embedded model's passages", tuple(dict.fromkeys(beginnings)))


@contextmanager
def without_drop_warnings() -> Iterator[None]:
    """Keep quiet about records that a reader drops by its rules; they are the same in every run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DroppedDataWarning)
        yield


def _tasks(context: StudyContext, model: StudyModel, left_out: dict[str, str]) -> list[WordPairs]:
    sizes: Sizes = context.sizes
    if is_embedded(model):
        found = json.loads((model.path.resolve().parent / FUNCTIONS_FILE).read_text("utf-8"))
        names = _spread(list(found), sizes.n_tasks)
        return [WordPairs(name, tuple(WordPair(**pair) for pair in found[name])) for name in names]
    # Without any folder it was forgotten; one without these tasks still has texts for the behavioural ones.
    folder = context.needed_file(".") / FOLDER
    files = []
    for name in MAIN_TASKS:
        if (folder / f"{name}.json").is_file():
            files.append(folder / f"{name}.json")
        else:
            left_out[name] = f"{FOLDER}/ of the folder of data sets does not hold it"
    if sizes.n_tasks is None:
        files += sorted(set(folder.glob("*/*.json")) - set(files))
    return [_read(file) for file in files[: sizes.n_tasks]]


@lru_cache(maxsize=64)
def _read(file: Path) -> WordPairs:
    with without_drop_warnings():  # some tasks give a pair twice; it is taken once
        return load_word_pairs(file)


def _spread(names: Sequence[str], n_most: int | None) -> list[str]:
    """Return names evenly spread over the list, which goes from domain to domain."""
    if n_most is None or len(names) <= n_most:
        return list(names)
    return [names[index] for index in np.linspace(0, len(names) - 1, n_most).round().astype(int)]


def _folds(model: Model, task: WordPairs, sizes: Sizes, seed: int, left_out: dict[str, str]) -> list[Fold]:
    some = task.pairs
    if len(some) > MOST_PAIRS:
        chosen = np.random.default_rng(seed).choice(len(some), MOST_PAIRS, replace=False)
        some = tuple(some[index] for index in sorted(chosen))
    lengths = np.array([shot_tokens(model, pair) for pair in some])
    usable = lengths[lengths > 0]
    if usable.size < FEWEST:
        left_out[task.name] = f"fewer than {FEWEST} answers have a first token of their own that is no bare blank"
        return []
    n_shots = _shots_that_fit(model, usable, sizes.n_shots)
    room = (model.n_ctx_train - MAX_TOKENS - 2) // (n_shots + 1)
    kept = tuple(pair for pair, n in zip(some, lengths, strict=True) if 0 < n <= room)
    n_words, n_needed = len(set(map(_key, kept))), max(FEWEST, 4 * (n_shots + 1) // 3)
    if n_words < FEWEST or len(kept) < n_needed:
        left_out[task.name] = (
            f"{n_words} different words fit the context of {model.n_ctx_train} tokens, and prompts of {n_shots} "
            f"examples need {n_needed}"
        )
        return []
    fitting = WordPairs(task.name, kept)
    n_bound = min(max(n_shots, _shots_that_fit(model, usable, sizes.n_bound)), sizes.n_bound)
    folds = []
    for number in range(sizes.n_folds if len(kept) < SMALL else 1):
        train, test, valid = _dealt(fitting, number, seed)
        test, valid = _first(test, sizes.n_test), _first(valid, sizes.n_valid)
        if min(len(test), len(valid)) < 2 or len(train) <= n_shots:
            left_out[f"{task.name} {number}"] = "too few words for training, test and validation"
            continue
        most = min(n_bound, len(train) - 1)
        folds.append(Fold(task.name, number, train, test, valid, n_shots, most, len(some) - len(kept)))
    return folds


def _dealt(task: WordPairs, number: int, seed: int) -> tuple[WordPairs, WordPairs, WordPairs]:
    """Return (train, test, valid) of a split, disjoint by input.

    Choices pool the validation words of all splits, so these are drawn once, with the first split; the others deal the
    rest anew. Else the test words of one split would help to choose what is measured on them.
    """
    train, test, valid = task.split(seed=seed)
    if number == 0:
        return train, test, valid
    rest = (*train, *test)
    inputs = sorted(set(map(_key, rest)))
    order = np.random.default_rng(seed + number).permutation(len(inputs))
    asked = {inputs[index] for index in order[: len(set(map(_key, test)))]}
    sides = {
        name: [pair for pair in task if pair in set(rest) and (_key(pair) in asked) == is_test]
        for name, is_test in (("train", False), ("test", True))
    }
    train, test = (WordPairs(f"{task.name}.{name}", tuple(pairs)) for name, pairs in sides.items())
    return train, test, valid


def _first(side: WordPairs, n: int) -> WordPairs:
    """Return at most ``n`` pairs, each input once, evenly spread over the side."""
    once = tuple({_key(pair): pair for pair in reversed(side.pairs)}.values())[::-1]
    chosen = np.unique(np.linspace(0, len(once) - 1, min(n, len(once))).round().astype(int))
    return WordPairs(side.name, tuple(once[index] for index in chosen))


def _key(pair: WordPair) -> str:
    """Return what makes two inputs the same: they may differ in case and outer blanks."""
    return pair.input.strip().casefold()


def shot_tokens(model: Model, pair: WordPair) -> int:
    """Return the tokens of one example, 0 where the answer has no first token of its own, or a bare blank for one."""
    prompt = make_prompt((), pair)
    try:
        question = tokenize_prompt(model, prompt)
    except TokenizeError:
        return 0
    if question.is_blank:
        return 0
    return len(question.tokens) + len(model.tokenize(prompt.answer, add_special=False)) + 2


def _shots_that_fit(model: Model, lengths: np.ndarray, n_wanted: int) -> int:
    """Return how many examples fit the context together with a question, for nine in ten pairs; at least two."""
    long = float(np.quantile(lengths, 0.9))
    return int(max(2, min(n_wanted, (model.n_ctx_train - MAX_TOKENS - 2) // long - 1)))
