"""How sure is a mean over styles whose items are about the same requests?

Drawing styles, and then items of each by themselves, takes items of two styles for independent. Where they are about
one request they are alike, and a request that is drawn has to come with its items of all styles. So styles and requests
are both drawn (Owen 2007, "The pigeonhole bootstrap", arXiv:0712.1111): an item counts as often as its style times its
request. This is on the safe side: the interval is rather too wide than too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.statistics import Interval, drawn_interval

N_RESAMPLES = 2000


def crossed_mean(values: Sequence[Float64Array], requests: Sequence[Sequence[str]], *, seed: int) -> Interval:
    """Return the mean over styles of the mean over their items, with its interval from drawing styles and requests.

    Parameters
    ----------
    values : sequence of float, shape (n_items,) each
        Of every style; NaN: no number, left out. Styles without any are left out.
    requests : sequence of (sequence of str)
        Of the same items.

    Returns
    -------
    Interval
        ``n`` is the number of styles.

    Raises
    ------
    MeasurementError
        Fewer than two styles or two requests have a number.

    Examples
    --------
    >>> crossed_mean([np.array([1.0, 3.0]), np.array([2.0, 4.0])], [["a", "b"], ["a", "b"]], seed=0).mean
    2.5
    """
    names = list(dict.fromkeys(name for each in requests for name in each))
    sums, counts = np.zeros((len(values), len(names))), np.zeros((len(values), len(names)))
    for style, (row, asked) in enumerate(zip(values, requests, strict=True)):
        known = ~np.isnan(row)
        at = np.array([names.index(name) for name in asked])[known]
        np.add.at(sums[style], at, row[known])
        np.add.at(counts[style], at, 1.0)
    there = counts.any(axis=1)
    asked_for = counts.any(axis=0)  # a request without any number is none that could have been drawn
    sums, counts = sums[np.ix_(there, asked_for)], counts[np.ix_(there, asked_for)]
    n_styles, n_requests = counts.shape
    if min(n_styles, n_requests) < 2:
        raise MeasurementError(f"expected at least two styles and two requests, got {n_styles} and {n_requests}")
    generator = np.random.default_rng(seed)
    of_requests = generator.multinomial(n_requests, np.full(n_requests, 1.0 / n_requests), size=N_RESAMPLES)
    of_styles = generator.multinomial(n_styles, np.full(n_styles, 1.0 / n_styles), size=N_RESAMPLES)
    top, below = of_requests @ sums.T, of_requests @ counts.T  # (n_resamples, n_styles)
    weights = np.where(below > 0.0, of_styles, 0)  # a style none of whose requests was drawn
    means = np.divide(top, below, out=np.zeros_like(top), where=below > 0.0)
    n = weights.sum(axis=1)
    drawn = np.divide((weights * means).sum(axis=1), n, out=np.full(N_RESAMPLES, np.nan), where=n > 0)
    return drawn_interval(float((sums.sum(axis=1) / counts.sum(axis=1)).mean()), drawn, n_styles)
