"""Laws of running moments, and NumPy's own mean and covariance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pysteer.errors import MeasurementError, ShapeError
from pysteer.moments import Moments

WIDTH = 3
# Sums of at most 20 float64 numbers below 1e3 in another order: 1e-12 relative to their squares.
TOLERANCE = {"rtol": 1e-10, "atol": 1e-8}
rows = hnp.arrays(np.float32, st.tuples(st.integers(0, 20), st.just(WIDTH)), elements=st.floats(-1000, 1000, width=32))


def moments_of(*batches: np.ndarray) -> Moments:
    moments = Moments(WIDTH, covariance=True)
    for batch in batches:
        moments.update(batch)
    return moments


def assert_equal(a: Moments, b: Moments) -> None:
    assert a.count == b.count
    if a.count:
        np.testing.assert_allclose(a.mean, b.mean, **TOLERANCE)
    if a.count > 1:
        np.testing.assert_allclose(a.covariance(), b.covariance(), **TOLERANCE)


@given(rows)
def test_mean_and_covariance_equal_numpy(batch: np.ndarray) -> None:
    moments = moments_of(batch)
    assert moments.count == len(batch)
    if len(batch) > 0:
        np.testing.assert_allclose(moments.mean, batch.astype(np.float64).mean(axis=0), **TOLERANCE)
    if len(batch) > 1:
        np.testing.assert_allclose(moments.covariance(), np.cov(batch.astype(np.float64).T), **TOLERANCE)


@given(rows, rows)
def test_it_does_not_matter_how_rows_are_cut_into_batches(a: np.ndarray, b: np.ndarray) -> None:
    together = moments_of(np.concatenate([a, b]))
    assert_equal(moments_of(a, b), together)
    assert_equal(moments_of(*np.concatenate([a, b])[:, None, :]), together)


@given(rows, rows, rows)
def test_merging_is_commutative_and_associative(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    left, right, swapped = moments_of(a), moments_of(b), moments_of(b)
    right.merge(moments_of(c))
    left.merge(right)  # a + (b + c)
    swapped.merge(moments_of(a))
    swapped.merge(moments_of(c))  # (b + a) + c
    assert_equal(left, swapped)
    assert_equal(left, moments_of(a, b, c))


def test_a_small_spread_around_a_large_mean_keeps_its_digits() -> None:
    # The sum of squares minus the squared mean would be wrong in all digits here: 1e14 against 1e-2.
    rng = np.random.default_rng(1)
    batch = (1e7 + rng.integers(-1, 2, size=(4000, WIDTH))).astype(np.float32)  # float32 holds whole numbers to 1.6e7
    moments = moments_of(*np.split(batch, 40))
    np.testing.assert_allclose(moments.covariance(), np.cov(batch.astype(np.float64).T), rtol=1e-9, atol=1e-9)


def test_what_was_not_seen_is_an_error_and_not_a_nan() -> None:
    with pytest.raises(MeasurementError, match="no row"):
        Moments(2).mean  # noqa: B018
    with pytest.raises(MeasurementError, match="two rows"):
        moments_of(np.ones((1, WIDTH), dtype=np.float32)).covariance()
    with pytest.raises(MeasurementError, match="covariance=True"):
        Moments(2).covariance()


@pytest.mark.parametrize("batch", [np.ones((2, 4)), np.ones(WIDTH), np.full((1, WIDTH), np.nan)])
def test_rows_of_another_width_or_not_finite_are_refused(batch: np.ndarray) -> None:
    with pytest.raises(ShapeError):
        Moments(WIDTH).update(batch.astype(np.float32))


def test_moments_of_another_kind_cannot_be_merged() -> None:
    for other in (Moments(WIDTH + 1), Moments(WIDTH, covariance=True)):
        with pytest.raises(ShapeError):
            Moments(WIDTH).merge(other)


def test_the_mean_that_is_returned_is_a_copy() -> None:
    moments = moments_of(np.ones((2, WIDTH), dtype=np.float32))
    moments.mean[:] = 7.0
    np.testing.assert_array_equal(moments.mean, np.ones(WIDTH))
