"""What a scan of heads found: causal indirect effects, their mean with intervals, the heads in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import DataError, MeasurementError

Head: TypeAlias = tuple[int, int]
"""(layer, head): query head ``head`` of block ``layer``, both counted from 0."""


@dataclass(frozen=True, eq=False)
class IndirectEffects:
    """CIE of heads in trials.

    Parameters
    ----------
    cie : float64, shape (n_trials, n_layers, n_heads)
        Change of the answer's probability; NaN for heads that were not scanned.
    clean : float64, shape (n_trials,)
        The answer's probability without replacement.
    n_wanted : int
        Trials asked for; more than n_trials after Ctrl-C.
    n_blank : int
        Trials whose answer begins with a bare blank token: what they say is meaningless.
    model_hash, prompts_hash, means_hash : str
    """

    cie: Float64Array
    clean: Float64Array
    n_wanted: int
    n_blank: int
    model_hash: str
    prompts_hash: str
    means_hash: str

    @property
    def n_trials(self) -> int:
        return len(self.cie)

    @property
    def aie(self) -> Float64Array:
        """Mean CIE over the trials, float64, (n_layers, n_heads)."""
        mean: Float64Array = self.cie.mean(axis=0)
        return mean

    def intervals(
        self, *, seed: int, confidence: float = 0.95, n_resamples: int = 10_000
    ) -> tuple[Float64Array, Float64Array]:
        """Return both ends of the percentile bootstrap interval of AIE, float64, (n_layers, n_heads) each.

        Trials are drawn with replacement, the same for all heads; see `pysteer.statistics` on few examples.

        Raises
        ------
        MeasurementError
            Fewer than two trials.
        """
        n = self.n_trials
        if n < 2:
            raise MeasurementError("an interval needs at least two trials, got one: nothing shows how much they vary")
        share = np.random.default_rng(seed).multinomial(n, np.full(n, 1.0 / n), size=n_resamples) / n
        tail = (1.0 - confidence) / 2.0
        ends = [np.quantile(share @ self.cie[:, layer], [tail, 1.0 - tail], axis=0) for layer in range(len(self.aie))]
        low, high = np.stack(ends, axis=1)
        return low, high


def top_heads(aie: Float64Array, n: int) -> tuple[Head, ...]:
    """Return the ``n`` heads with the largest AIE, largest first: signed, so heads that hurt come last.

    Parameters
    ----------
    aie : float64, shape (n_layers, n_heads)
        NaN for heads that were not scanned, which are never chosen. Of equal heads the first comes first.

    Raises
    ------
    DataError
        ``n`` is not between 1 and the number of scanned heads.
    """
    known = int(np.count_nonzero(~np.isnan(aie)))
    if not 1 <= n <= known:
        raise DataError(f"expected 1 to {known} heads (those that were scanned), got {n}")
    order = np.argsort(-aie.ravel(), kind="stable")[:n]  # NaN sorts last
    return tuple((int(place) // aie.shape[1], int(place) % aie.shape[1]) for place in order)


def recall(exact: Float64Array, proxy: Float64Array, *, n_heads: int, n_candidates: Sequence[int]) -> dict[int, float]:
    """Return which share of the exact scan's top heads is among the best candidates of a cheaper ranking.

    Parameters
    ----------
    exact, proxy : float64, shape (n_layers, n_heads)
    n_heads : int
        Size of the exact top.
    n_candidates : sequence of int
        Sizes of the proxy's top to report.

    Returns
    -------
    dict of n_candidates to share, 0 to 1
    """
    if exact.shape != proxy.shape:
        raise DataError(f"two rankings of the same heads expected, got shapes {exact.shape} and {proxy.shape}")
    wanted = set(top_heads(exact, n_heads))
    return {n: len(wanted & set(top_heads(proxy, n))) / n_heads for n in n_candidates}
