"""Conditions on the prompt: is an intervention made for this prompt, or not?

The prompts are computed once more for this, without any steering and only up to the last site that a condition reads;
what a rule decides does therefore not depend on other rules, nor on their order. The steering that is left after the
decision is ordinary steering, so keys and values are reused, or dropped, as for any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float32Array, Float64Array
from pysteer.condition import Condition
from pysteer.errors import ContextFullError, SteeringError
from pysteer.site import Site
from pysteer.steering_program import Compiled

if TYPE_CHECKING:
    from pysteer.session import Session

Tokens = Sequence[int] | npt.NDArray[np.int32]


def decided(session: Session, steerings: Sequence[Compiled], prompts: Sequence[Tokens]) -> list[Compiled]:
    """Return each steering for its prompt: without the edits whose condition the prompt does not meet.

    Where there is anything to decide, the session's sequences are dropped. Each prompt is computed once.

    Raises
    ------
    ContextFullError
        A prompt is longer than the session's context.
    """
    conditions = {
        id(item.condition): item.condition for steering in steerings for item in steering if item.condition is not None
    }
    if not conditions:
        return list(steerings)
    keys = [np.asarray(prompt, dtype=np.int32).tobytes() for prompt in prompts]
    asked = {
        key: prompt
        for key, prompt, steering in zip(keys, prompts, steerings, strict=True)
        if any(item.condition is not None for item in steering)
    }
    table = condition_values(session, list(asked.values()), list(conditions.values()))
    met = {
        (key, identity): condition.is_met(value)
        for key, row in zip(asked, table, strict=True)
        for (identity, condition), value in zip(conditions.items(), row, strict=True)
    }
    return [
        tuple(
            replace(item, condition=None) for item in steering if item.condition is None or met[key, id(item.condition)]
        )
        for steering, key in zip(steerings, keys, strict=True)
    ]


def condition_values(session: Session, prompts: Sequence[Tokens], conditions: Sequence[Condition]) -> Float64Array:
    """Return the value of each condition for each prompt, float64, (n_prompts, n_conditions).

    The prompts are computed unsteered, whatever steering is in force, and the session's sequences are dropped.

    Raises
    ------
    SteeringError
        A condition on rows: it has no value for a whole prompt.
    ContextFullError
        A prompt is longer than the session's context.
    """
    for condition in conditions:
        if condition.scope != "prompt":
            raise SteeringError(f"a condition on rows has no value for a whole prompt: {condition}")
    sites = sorted({condition.site for condition in conditions})
    table = np.zeros((len(prompts), len(conditions)))
    for begin, end in _groups(session, prompts):
        read = [
            tuple(sorted({at for condition in conditions for at in condition.positions(len(prompt))}))
            for prompt in prompts[begin:end]
        ]
        recorded = _recorded(session, prompts[begin:end], read, sites)
        for place, (positions, rows) in enumerate(zip(read, recorded, strict=True)):
            n_prompt = len(prompts[begin + place])
            for number, condition in enumerate(conditions):
                at = np.searchsorted(positions, condition.positions(n_prompt))
                table[begin + place, number] = condition.value(rows[condition.site][at])
    session.forget()
    return table


def _groups(session: Session, prompts: Sequence[Tokens]) -> Iterator[tuple[int, int]]:
    """Yield (begin, end) of consecutive prompts that fit the session together."""
    native = session.native
    begin, used = 0, 0
    for place, prompt in enumerate(prompts):
        length = len(prompt)
        if not 0 < length <= native.n_ctx:
            raise ContextFullError(f"a prompt has {length} tokens; expected 1 to {native.n_ctx} (n_ctx)")
        if place > begin and (used + length > native.n_ctx or place - begin == native.n_sequences):
            yield begin, place
            begin, used = place, 0
        used += length
    if len(prompts) > begin:
        yield begin, len(prompts)


def _recorded(
    session: Session, prompts: Sequence[Tokens], read: Sequence[Sequence[int]], sites: Sequence[Site]
) -> list[dict[Site, Float32Array]]:
    """Return the rows of each prompt at the positions to read, by site."""
    session.forget()
    lengths = [len(prompt) for prompt in prompts]
    marked = [np.isin(np.arange(length), positions) for length, positions in zip(lengths, read, strict=True)]
    decoded = session.native.decode(
        np.concatenate([np.asarray(prompt, dtype=np.int32) for prompt in prompts]),
        np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
        np.repeat(np.arange(len(prompts), dtype=np.int32), lengths),
        recorded=np.concatenate(marked).astype(np.uint8),
        sites=[(site.component, site.layer) for site in sites],
        stop_early=True,
    )
    ends = np.cumsum([len(positions) for positions in read])
    return [
        {site: rows[end - len(positions) : end] for site, rows in zip(sites, decoded.recordings, strict=True)}
        for positions, end in zip(read, ends, strict=True)
    ]
