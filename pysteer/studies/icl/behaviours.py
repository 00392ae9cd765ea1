"""Behavioural tasks: pairs of texts, before and after a change of tone, with no single right answer.

Public models: toxic sentences with a neutral paraphrase (ParaDetox, from the folder of data sets), and own sentences of
bad and good sentiment. The embedded model: its sad replies with the same ones joyful, once as texts to be rewritten and
once as replies in a chat.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.errors import DataError
from pysteer.formats.word_pairs import WordPair, WordPairs
from pysteer.function_vectors.icl_prompts import TODD
from pysteer.model import Model
from pysteer.pair_files import load_pairs
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.icl.sentences import predicate_of, sentence_pairs
from pysteer.studies.icl.sizes import Sizes
from pysteer.studies.icl.tasks import is_embedded, shot_tokens, without_drop_warnings
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel

MAX_TOKENS = 32
"""Tokens of a rewritten text or reply, as in the code of Liu et al. 2023."""
Sides = tuple[Dataset, Dataset, Dataset]
Moods = tuple[tuple[str, ...], tuple[str, ...]]
SENTENCES = "negative to positive"
_SHARES = (0.6, 0.4)
"""Of all pairs for training; of the rest for validation."""
_FEWEST = (2, 4, 10)
"""Pairs to train, to choose and to test with, where the preset does not want fewer itself."""
_PARADETOX = ("paraphrase", "paradetox", "paradetox.tsv")


class _TooFewPairsError(DataError):
    """A behaviour of which too few pairs can be used with this model; the message says why."""


@dataclass(frozen=True, eq=False)
class Behaviour:
    """One behavioural task in one form.

    Parameters
    ----------
    name : str
    source : str
        Of the pairs; forms of one source share vectors and items.
    train, valid, test : Dataset
        ``negative`` is the text before the change, ``positive`` the one after; prompts are what is answered.
    proxy : str
        How written texts are scored: "toxicity", "sentiment" or "mood".
    is_chat : bool
        Prompts go through the chat template; else they are taken as they are.
    n_shots : int
        Examples in a prompt from which the function vector is made.
    n_left_out : int
        Pairs that did not fit the context, or whose texts begin with a bare blank or have no first token.
    moods : tuple of (tuple of str)
        Wanted and unwanted words of the proxy "mood".
    groups : tuple of hashable
        What each test pair shares with others, so that they are not independent; empty: nothing.
    """

    name: str
    source: str
    train: Dataset
    valid: Dataset
    test: Dataset
    proxy: str
    is_chat: bool
    n_shots: int
    n_left_out: int
    moods: Moods = ((), ())
    groups: tuple[Hashable, ...] = ()

    @property
    def units(self) -> tuple[Hashable, ...]:
        """The group of each test pair; a pair that shares nothing is one of its own."""
        return self.groups or tuple(range(len(self.test)))

    def word_pairs(self, side: str) -> WordPairs:
        """Return a side as a task with inputs and outputs, for few-shot prompts."""
        pairs = dict.fromkeys(map(_word_pair, getattr(self, side)))
        return WordPairs(f"{self.source}.{side}", tuple(pairs))

    def demonstrations(self) -> Dataset:
        """Return the training pairs as plain texts, for in-context vectors."""
        pairs = dict.fromkeys(ContrastPair("", pair.positive.strip(), pair.negative.strip()) for pair in self.train)
        return Dataset(tuple(pairs), f"{self.source}.train")


def load_behaviours(context: StudyContext, model: StudyModel) -> tuple[tuple[Behaviour, ...], dict[str, str]]:
    """Return the behavioural tasks that the model is studied on, and why others are not, by name."""
    sizes: Sizes = context.sizes
    left_out: dict[str, str] = {}
    if is_embedded(model):
        return _moods(context, model, left_out), left_out
    found = []
    file = context.data_file(*_PARADETOX)
    if file is not None:
        with without_drop_warnings():  # a few sentences have no paraphrase that differs
            read = load_pairs(file).pairs
        pairs = Dataset(_some(read, 2 * sizes.n_pairs, context.seed), "toxic to neutral")
        found.append((pairs.name, _sides(pairs, context.seed), "toxicity"))
    else:
        left_out["toxic to neutral"] = f"there is no {'/'.join(_PARADETOX)} in a folder of data sets"
    found.append((SENTENCES, sentence_pairs(sizes.n_pairs, seed=context.seed), "sentiment"))
    behaviours = []
    for name, given, proxy in found:
        try:
            sides, n_shots, n_left_out = _fitting(model.loaded, given, sizes)
        except _TooFewPairsError as error:
            left_out[name] = str(error)
            continue
        groups = tuple(predicate_of(pair.negative) for pair in sides[2]) if name == SENTENCES else ()
        train, valid, test = map(_rewritten, sides)
        behaviours.append(Behaviour(name, name, train, valid, test, proxy, False, n_shots, n_left_out, groups=groups))
    return tuple(behaviours), left_out


def _moods(context: StudyContext, model: StudyModel, left_out: dict[str, str]) -> tuple[Behaviour, ...]:
    folder = model.path.resolve().parent
    style = json.loads((folder / "planted_truths.json").read_text("utf-8"))["style"]
    moods = tuple(style["joyful_words"]), tuple(style["sad_words"])
    pairs = Dataset(load_pairs(folder / "pairs.jsonl").pairs, "sad to joyful")
    try:
        chat, n_shots, n_left_out = _fitting(model.loaded, _sides(pairs, context.seed), context.sizes)
    except _TooFewPairsError as error:
        left_out[pairs.name] = str(error)
        return ()
    train, valid, test = map(_rewritten, chat)
    shared: tuple[int, int, Moods] = (n_shots, n_left_out, moods)
    return (
        Behaviour("sad to joyful, rewritten", pairs.name, train, valid, test, "mood", False, *shared),
        Behaviour("sad to joyful, in chat", pairs.name, *chat, "mood", True, *shared),
    )


def _some(pairs: Sequence[ContrastPair], n: int, seed: int) -> tuple[ContrastPair, ...]:
    chosen = np.random.default_rng(seed).choice(len(pairs), min(n, len(pairs)), replace=False)
    return tuple(pairs[index] for index in sorted(chosen))


def _sides(pairs: Dataset, seed: int) -> Sides:
    train, rest = pairs.split(_SHARES[0], seed=seed)
    valid, test = rest.split(_SHARES[1], seed=seed)
    return train, valid, test


def _fitting(model: Model, sides: Sides, sizes: Sizes) -> tuple[Sides, int, int]:
    """Return the sides without pairs whose few-shot prompts do not fit, examples in a prompt, and pairs left out."""
    lengths = {pair: shot_tokens(model, _word_pair(pair)) for side in sides for pair in side}
    room = model.n_ctx_train - MAX_TOKENS - 2
    usable = [n for n in lengths.values() if n]
    if not usable:
        raise _TooFewPairsError("no text has a first token of its own that is no bare blank")
    parts = [round(share * sizes.n_pairs) for share in (_SHARES[0], 0.16, 0.24)]
    most_shots = min(sizes.n_shots, parts[0] // 2)  # half of the training pairs, so that prompts differ
    n_shots = int(max(2, min(most_shots, room // float(np.quantile(usable, 0.75)) - 1)))
    kept = [
        tuple(pair for pair in side if 0 < lengths[pair] <= room // (n_shots + 1))[:most]
        for side, most in zip(sides, parts, strict=True)
    ]
    wanted = [min(least, most) for least, most in zip(_FEWEST, parts, strict=True)]
    if any(len(side) < n for side, n in zip(kept, wanted, strict=True)) or len(kept[0]) <= n_shots:
        raise _TooFewPairsError(f"too few pairs fit the context of {model.n_ctx_train} tokens")
    n_left_out = sum(not 0 < n <= room // (n_shots + 1) for n in lengths.values())
    train, valid, test = (Dataset(some, side.name) for some, side in zip(kept, sides, strict=True))
    return (train, valid, test), n_shots, n_left_out


def _word_pair(pair: ContrastPair) -> WordPair:
    return WordPair(pair.negative.strip(), pair.positive.strip())


def _rewritten(side: Dataset) -> Dataset:
    """Return the pairs as answers to a question that holds the text before the change."""
    pairs = (
        ContrastPair(TODD.question(pair.negative.strip()), f" {pair.positive.strip()}", f" {pair.negative.strip()}")
        for pair in side
    )
    return Dataset(tuple(pairs), side.name)
