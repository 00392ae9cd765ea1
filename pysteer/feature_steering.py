"""Steering a model by the features of a sparse dictionary.

`add` is a plain steering vector (`feature_vector`). Clamp, scale and ablate depend on the features of each row, and
which features are active (ReLU, TopK, JumpReLU) is no rank-one function of the row, so the native core cannot do them
in one pass. They are done in two: the first records the site's rows, and the second adds each row's own change. This is
exact, up to the rounding of a repeated computation: an edit at one site changes keys and values only behind it, so no
row of that site depends on edits of earlier tokens at the same site.

`edit_features` does so for whatever a session computes, generation included, `interventions_on_text` for one text that
is known. Not here: several dictionaries at once, and models with recurrent state, which cannot take a step back.

Source: "Mind the Performance Gap", arXiv:2602.04903; Gao et al. 2024, arXiv:2406.04093.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from pysteer.dictionaries.feature_edits import FeatureEdit, feature_changes
from pysteer.dictionaries.feature_selection import feature_vector
from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import ShapeError, SteeringError
from pysteer.intervention import Intervention
from pysteer.native import core
from pysteer.provenance import Provenance
from pysteer.recording import record
from pysteer.session import Session
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.window import Window

__all__ = ["edit_features", "feature_vector", "interventions_on_text"]


@contextmanager
def edit_features(session: Session, dictionary: SparseDictionary, edits: Sequence[FeatureEdit]) -> Iterator[Session]:
    """Edit features at every token of everything that the session computes inside the ``with`` block.

    Each token is computed twice: once to see its features, and again with the change that follows from them. Steering
    by `Session.steer` or of single requests may be in force at other sites.

    Parameters
    ----------
    session : Session
        Its sequences are dropped at both ends of the block.

    Raises
    ------
    SteeringError
        The dictionary has no site, the model has recurrent state, no edit, or two of one feature; while computing: the
        site is steered by something else, too.
    ShapeError
        The dictionary has no such feature, or is not as wide as the model's rows.
    """
    site = _site(dictionary)
    native = session.native
    width = native.site_width(site.component, site.layer)
    if width != dictionary.width:
        raise ShapeError(f"rows at {site} have {width} entries, those of this dictionary {dictionary.width}")
    if session.model.native.is_recurrent:
        raise SteeringError(f"{session.model.name} has recurrent state, which cannot take a step back; add a vector")
    feature_changes(dictionary, np.zeros((1, width), dtype=np.float32), edits)  # refuse edits that make no sense now
    with session.computing_through(cast(core.Session, _EditedNative(native, dictionary, site, edits))):
        yield session


def interventions_on_text(
    session: Session, dictionary: SparseDictionary, tokens: Sequence[int], edits: Sequence[FeatureEdit]
) -> tuple[Intervention, ...]:
    """Return one addition a token that makes the edits on this text, under the steering in force.

    They belong to these tokens and no others. The session's sequences are dropped. The dictionary's site must not be
    steered already: the recorded rows would be those after that steering, and both orders are not the same.
    """
    site = _site(dictionary)
    if any(item.site == site for item in session.steering):
        raise SteeringError(f"{site} is steered already: end that steering before features are edited there")
    rows = record(session.model, [list(tokens)], [site], session=session)[0][site]
    changes = feature_changes(dictionary, rows, edits)
    origin = Provenance("feature_edits")
    return tuple(
        Intervention(SteeringVector({site: change}, origin), coefficient=1.0, window=Window.parse(f"{at}:{at + 1}"))
        for at, change in enumerate(changes)
        if change.any()
    )


class _EditedNative:
    """Stands for a native session: before a batch is computed, its rows' changes are added to the programs.

    A program is what was set, then one step for each token that features changed.
    """

    def __init__(
        self, native: core.Session, dictionary: SparseDictionary, site: Site, edits: Sequence[FeatureEdit]
    ) -> None:
        self._native, self._dictionary, self._site, self._edits = native, dictionary, site, tuple(edits)
        self._given: list[list[core.Step]] = [[] for _ in range(native.n_sequences)]
        self._changes: list[list[core.Step]] = [[] for _ in range(native.n_sequences)]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def decode(
        self,
        tokens: npt.NDArray[np.int32],
        positions: npt.NDArray[np.int32],
        sequences: npt.NDArray[np.int32],
        **wanted: Any,
    ) -> core.Decoded:
        place = (self._site.component, self._site.layer)
        known = {int(sequence): self._native.length(int(sequence)) for sequence in sequences}
        seen = self._native.decode(
            tokens, positions, sequences, recorded=np.ones(len(tokens), dtype=np.uint8), sites=[place], scored=False
        )
        changes = feature_changes(self._dictionary, seen.recordings[0], self._edits)
        for row in np.flatnonzero(changes.any(axis=1)):
            edit = core.Edit.rank_one(None, np.ascontiguousarray(changes[row]), 1.0, 0.0)
            step = core.Step(*place, edit, int(positions[row]), int(positions[row]) + 1)
            self._changes[int(sequences[row])].append(step)
        for sequence, length in known.items():
            self._native.trim(sequence, length)
            self._program(sequence)
        return self._native.decode(tokens, positions, sequences, **wanted)

    def set_program(self, sequence: int, steps: Sequence[core.Step]) -> int:
        if any(step.site == (self._site.component, self._site.layer) for step in steps):
            raise SteeringError(f"{self._site} is steered by something else; leave it to the features")
        self._given[sequence] = list(steps)
        return self._keep(sequence, self._program(sequence))

    def share(self, source: int, target: int, n: int) -> int:
        self._changes[target] = [step for step in self._changes[source] if step.begin < n]
        self._program(target)
        return self._keep(target, self._native.share(source, target, n))

    def trim(self, sequence: int, n: int) -> int:
        return self._keep(sequence, self._native.trim(sequence, n))

    def clear(self) -> None:
        self._native.clear()
        for sequence in range(len(self._changes)):
            self._keep(sequence, 0)

    def _keep(self, sequence: int, n: int) -> int:
        """Forget changes of tokens that are no longer there."""
        kept = [step for step in self._changes[sequence] if step.begin < n]
        if len(kept) < len(self._changes[sequence]):
            self._changes[sequence] = kept
            self._program(sequence)
        return n

    def _program(self, sequence: int) -> int:
        return self._native.set_program(sequence, self._given[sequence] + self._changes[sequence])


def _site(dictionary: SparseDictionary) -> Site:
    if dictionary.site is None:
        raise SteeringError("this dictionary does not say where its rows come from: give it a site")
    return dictionary.site
