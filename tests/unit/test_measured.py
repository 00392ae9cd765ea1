"""What measurements take and give, on arrays: NaN is counted, never averaged, and no number comes without interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pysteer.errors import DataError, MeasurementError
from pysteer.measurements import About, Measured, Undefined
from pysteer.measurements.perplexity import Perplexity
from pysteer.measurements.running_text import RunningText
from pysteer.measurements.steerability import Steerability
from pysteer.score import Score

ABOUT = About(seed=0, model_hash="m", data_hash="d")
NAN = math.nan


def test_a_mean_is_over_the_items_that_have_a_number() -> None:
    score = ABOUT.mean("length", np.array([1.0, NAN, 3.0]), unit="tokens", better="neither")
    assert isinstance(score, Score)
    assert (score.value, score.n, score.failures) == (2.0, 2, 1)
    assert (score.seed, score.model_hash, score.data_hash) == (0, "m", "d")
    np.testing.assert_array_equal(score.per_example, [1.0, 3.0])


@pytest.mark.parametrize("values", [[1.0], [NAN, NAN], [NAN, 2.0]])
def test_without_two_numbers_a_mean_is_undefined_and_says_why(values: list[float]) -> None:
    score = ABOUT.mean("length", np.array(values), unit="tokens", better="neither")
    assert isinstance(score, Undefined)
    assert "an interval needs two" in score.reason
    assert score.n + score.failures == len(values)


def test_infinite_values_and_other_shapes_are_errors() -> None:
    for values in (np.array([1.0, math.inf]), np.zeros((2, 2))):
        with pytest.raises(MeasurementError):
            ABOUT.mean("length", values, unit="tokens", better="neither")


def test_a_confidence_widens_the_interval() -> None:
    values = np.arange(20.0)
    wide, narrow = (
        About(seed=0, confidence=confidence).mean("x", values, unit="", better="neither") for confidence in (0.99, 0.5)
    )
    assert isinstance(wide, Score)
    assert isinstance(narrow, Score)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_what_was_measured_is_frozen_and_checked() -> None:
    measured = Measured({"x": np.array([1, 2])}, failures={"late": 2, "never": 0})
    assert measured.values["x"].dtype == np.float64
    assert measured.failures == {"late": 2}
    with pytest.raises(ValueError, match="read-only"):
        measured.values["x"][0] = 3.0
    for values in (np.array(1.0), np.empty(0)):
        with pytest.raises(MeasurementError, match="a number for each item"):
            Measured({"x": values})


def test_a_metric_that_refuses_its_arrays_is_undefined() -> None:
    result = ABOUT.metric("steerability", coefficients=[0.0, 1.0], propensities=np.ones((1, 2)), failures=3)
    assert isinstance(result, Undefined)
    assert (result.name, result.n, result.failures, result.better) == ("steerability", 1, 3, "higher")
    assert result.reason


# Steerability of made-up propensities


def curve(table: np.ndarray, coefficients: list[float]) -> dict[str, Score | Undefined]:
    measured = [Measured({"propensity": column}) for column in table.T]
    return {result.name: result for result in Steerability().curves(coefficients, measured, ABOUT)}


def test_the_slope_of_a_line_is_its_steerability() -> None:
    at = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
    slopes = np.array([2.0, -1.0, 0.5])
    results = curve(slopes[:, None] * np.array(at) + 7.0, at)
    slope, share = results["steerability"], results["anti_steerable_fraction"]
    assert isinstance(slope, Score)
    assert isinstance(share, Score)
    np.testing.assert_allclose(slope.per_example, slopes, atol=1e-12)
    assert slope.value == pytest.approx(0.5)
    assert share.value == pytest.approx(1 / 3)


def test_the_negative_of_a_vector_mirrors_it() -> None:
    at = [-1.0, 0.0, 1.0]
    table = np.random.default_rng(0).normal(size=(9, 3))
    slope, mirrored = (curve(values, at)["steerability"] for values in (table, table[:, ::-1]))
    assert isinstance(slope, Score)
    assert isinstance(mirrored, Score)
    np.testing.assert_allclose(mirrored.per_example, -slope.per_example, atol=1e-12)


def test_an_item_without_a_number_at_one_strength_is_in_no_slope() -> None:
    table = np.array([[0.0, 1.0], [NAN, 5.0], [0.0, 3.0]])
    slope = curve(table, [0.0, 1.0])["steerability"]
    assert isinstance(slope, Score)
    assert (slope.value, slope.n, slope.failures) == (2.0, 2, 1)


# Perplexity of made-up windows


def windows(nll: list[float], n_tokens: list[float]) -> Measured:
    n = len(nll)
    return Measured(
        {
            "window_nll": np.array(nll),
            "window_kl": np.zeros(n),
            "window_agreement": np.ones(n),
            "window_entropy": np.ones(n),
            "window_tokens": np.array(n_tokens),
        }
    )


def test_perplexity_weighs_windows_by_their_tokens() -> None:
    table = windows([1.0, 3.0], [30.0, 10.0])
    scores = {score.name: score for score in Perplexity().scores(table, table, ABOUT)}
    perplexity = scores["perplexity"]
    assert isinstance(perplexity, Score)
    assert perplexity.value == pytest.approx(math.exp(1.5))
    assert {"perplexity", "kl_divergence", "top1_agreement", "entropy_change"} <= scores.keys()


def test_a_window_without_a_number_is_a_failure() -> None:
    table = windows([1.0, NAN, 1.0], [10.0, 10.0, 10.0])
    (perplexity,) = (
        s for s in Perplexity().scores(table, windows([1.0] * 3, [10.0] * 3), ABOUT) if s.name == "perplexity"
    )
    assert isinstance(perplexity, Score)
    assert (perplexity.n, perplexity.failures) == (2, 1)
    assert perplexity.value == pytest.approx(math.e)


# Running text


@pytest.mark.parametrize("text", ["", " \n", "\ud800"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        RunningText("book", text)


def test_the_name_of_a_text_is_not_in_its_hash() -> None:
    assert RunningText("a", "word").content_hash == RunningText("b", "word").content_hash
    assert RunningText("a", "word").content_hash != RunningText("a", "Word").content_hash
