"""Were the items of a card seen when the vector was made? Nothing on the training data counts as a result."""

from __future__ import annotations

from dataclasses import dataclass

from pysteer.errors import DataError
from pysteer.library import behaviours, load_behaviour
from pysteer.pairs import ContrastPair, Dataset
from pysteer.provenance import Provenance


@dataclass(frozen=True)
class HeldOut:
    """Items that can be measured, and what is known about where they come from."""

    data: Dataset
    note: str


def held_out(origin: Provenance, data: Dataset, train: Dataset | None = None) -> HeldOut:
    """Return the items that share no prompt and no text with the training data.

    Parameters
    ----------
    origin : Provenance
        Of the vector; names the training data by its hash.
    train : Dataset, optional
        The training data. Default: a behaviour of the library with that hash.

    Raises
    ------
    DataError
        The data are the training data, or fewer than two items are left.
    """
    if origin.data_hash == data.content_hash:
        raise DataError(
            f"data set {data.name!r} is what the vector was extracted from: a card needs held-out items; split the "
            "data before extraction (Dataset.split), or give another file"
        )
    known = train or _library_pairs(origin)
    if known is None:
        named = f"{origin.data_name!r} (hash {origin.data_hash[:12]})" if origin.data_hash else "not named in its file"
        return HeldOut(data, f"not checked: the vector's training data, {named}, were not given")
    seen = {text for pair in known for text in _texts(pair)}
    kept = tuple(pair for pair in data if not seen & _texts(pair))
    n_left_out = len(data) - len(kept)
    if len(kept) < 2:
        raise DataError(
            f"{n_left_out} of {len(data)} items of {data.name!r} share a prompt or a text with the training data "
            f"{known.name!r}; a card needs at least two held-out items"
        )
    note = f"checked: no item shares a prompt or a text with the training data {known.name!r}"
    if n_left_out:
        note = (
            f"checked: {n_left_out} of {len(data)} items share a prompt or a text with the training data "
            f"{known.name!r} and were left out"
        )
    if origin.data_hash not in (None, known.content_hash):
        note += f" (its hash differs from that in the vector's file, which names {origin.data_name!r})"
    return HeldOut(Dataset(kept, data.name), note)


def _library_pairs(origin: Provenance) -> Dataset | None:
    for name in behaviours() if origin.data_hash else ():
        train, _ = load_behaviour(name)
        if train.content_hash == origin.data_hash:
            return train
    return None


def _texts(pair: ContrastPair) -> set[tuple[str, str]]:
    texts = {("text", pair.positive_text), ("text", pair.negative_text)}
    return texts | {("prompt", pair.prompt)} if pair.prompt else texts
