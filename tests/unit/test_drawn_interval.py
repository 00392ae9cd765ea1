"""The interval of a number from its draws."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.errors import MeasurementError
from pysteer.statistics import drawn_interval


def test_the_ends_are_percentiles_of_the_draws() -> None:
    draws = np.arange(1001) / 1000.0
    found = drawn_interval(0.5, draws, 7)
    assert (found.mean, found.n, found.confidence) == (0.5, 7, 0.95)
    assert (found.low, found.high) == pytest.approx((0.025, 0.975))


def test_the_value_lies_inside_though_its_draws_do_not_reach_it() -> None:
    assert drawn_interval(2.0, [0.0, 1.0], 2).high == 2.0
    assert drawn_interval(-2.0, [0.0, 1.0], 2).low == -2.0


def test_one_undefined_draw_in_ten_is_left_out_and_more_are_refused() -> None:
    found = drawn_interval(1.0, [1.0] * 9 + [float("nan")], 10)
    assert (found.low, found.high) == (1.0, 1.0)
    with pytest.raises(MeasurementError, match="not on enough draws"):
        drawn_interval(1.0, [1.0] * 8 + [float("nan")] * 2, 10)


@pytest.mark.parametrize(("value", "draws"), [(float("nan"), [1.0, 1.0]), (1.0, [])])
def test_no_value_or_no_draw_is_refused(value: float, draws: list[float]) -> None:
    with pytest.raises(MeasurementError, match="not defined"):
        drawn_interval(value, draws, 2)
