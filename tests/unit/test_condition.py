"""Conditions as data: what has a meaning, what value rows have, where a threshold belongs."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.condition import Condition
from pysteer.condition_threshold import choose_threshold, threshold_score
from pysteer.errors import MeasurementError, SiteError, SteeringError
from pysteer.intervention import Intervention
from pysteer.operations import Gate, edits
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.window import Window


def vector(*layers: int, direction: tuple[float, ...] = (3.0, 0.0, 4.0)) -> SteeringVector:
    return SteeringVector({Site("resid_post", layer): np.array(direction) for layer in layers}, Provenance("example"))


def test_values_of_rows_are_cosines_or_projections_on_the_unit_direction() -> None:
    rows = np.array([[3, 0, 4], [0, 2, 0], [-6, 0, -8], [0, 0, 0]], dtype=np.float32)
    given = vector(2)
    cosines = Condition(given, threshold=0.0).row_values(rows)
    np.testing.assert_allclose(cosines, [1, 0, -1, 0], atol=1e-7)
    projections = Condition(given, threshold=0.0, measure="projection").row_values(rows)
    np.testing.assert_allclose(projections, [5, 0, -10, 0], rtol=1e-6)
    scaled = Condition(100 * given, threshold=0.0, measure="projection").row_values(rows)
    np.testing.assert_array_equal(scaled, projections)


@pytest.mark.parametrize(("reduce", "expected"), [("mean", -1.0), ("max", 5.0), ("min", -10.0), ("last", 2.0)])
def test_values_are_reduced_over_the_tokens(reduce: str, expected: float) -> None:
    rows = np.array([[3, 0, 4], [-6, 0, -8], [1.2, 7, 1.6]], dtype=np.float32)
    condition = Condition(vector(2), threshold=0.0, measure="projection", reduce=reduce)
    assert condition.value(rows) == pytest.approx(expected, rel=1e-6)


def test_a_value_that_equals_the_threshold_meets_neither_side() -> None:
    above, below = (Condition(vector(2), threshold=0.5, comparison=side) for side in ("above", "below"))
    assert [above.is_met(value) for value in (0.4, 0.5, 0.6)] == [False, False, True]
    assert [below.is_met(value) for value in (0.4, 0.5, 0.6)] == [True, False, False]


@pytest.mark.parametrize(
    ("window", "expected"), [("prompt", (0, 1, 2, 3)), ("all", (0, 1, 2, 3)), ("1:end", (1, 2, 3)), ("last", (3,))]
)
def test_the_window_is_cut_off_behind_the_prompt(window: str, expected: tuple[int, ...]) -> None:
    assert Condition(vector(2), threshold=0.0, window=Window.parse(window)).positions(4) == expected


def test_a_window_behind_the_prompt_is_refused() -> None:
    with pytest.raises(SteeringError, match="holds no token of a prompt of 4"):
        Condition(vector(2), threshold=0.0, window=Window.parse("generation")).positions(4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": float("nan")}, "finite threshold"),
        ({"threshold": 0.0, "comparison": ">"}, "comparison '>'"),
        ({"threshold": 0.0, "measure": "cosin"}, "did you mean 'cosine'"),
        ({"threshold": 0.0, "scope": "tokens"}, "did you mean 'token'"),
        ({"threshold": 0.0, "reduce": "median"}, "Available: mean, max, min, last"),
    ],
)
def test_a_condition_without_meaning_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SteeringError, match=message):
        Condition(vector(2), **options)  # type: ignore[arg-type]


def test_a_direction_of_zero_is_refused() -> None:
    with pytest.raises(SteeringError, match="zero"):
        Condition(vector(2, direction=(0.0, 0.0)), threshold=0.0)


def test_a_condition_on_the_prompt_reads_one_site() -> None:
    with pytest.raises(SteeringError, match="2: choose a layer"):
        Condition(vector(1, 2), threshold=0.0)
    assert Condition(vector(1, 2).select([2]), threshold=0.0).site == Site("resid_post", 2)


def test_a_condition_on_rows_needs_a_direction_at_every_edited_site() -> None:
    condition = Condition(vector(1, 2), threshold=0.5, scope="token")
    Intervention(vector(1, 2), coefficient=1.0, condition=condition)
    Intervention(vector(2, 3), coefficient=1.0, condition=condition, layers=(2,))
    with pytest.raises(SiteError, match=r"no direction at resid_post\.3"):
        Intervention(vector(2, 3), coefficient=1.0, condition=condition)


def test_a_condition_on_rows_is_the_gate_of_every_edit_and_one_on_the_prompt_is_none() -> None:
    on_rows = Condition(vector(1, 2), threshold=0.5, comparison="below", scope="token")
    gate = Gate(np.array([0.6, 0.0, 0.8], dtype=np.float32), 0.5, is_above=False, is_cosine=True)
    gated = [spec for _, spec, _ in edits(Intervention(vector(1, 2), "ablate", coefficient=1.0, condition=on_rows))]
    assert [spec.gate for spec in gated] == [gate, gate]
    on_prompt = Condition(vector(1), threshold=0.5)
    plain = [spec for _, spec, _ in edits(Intervention(vector(1, 2), "ablate", coefficient=1.0, condition=on_prompt))]
    assert [spec.gate for spec in plain] == [None, None]
    assert gated != plain


# Thresholds


def test_a_threshold_between_separated_values_is_perfect_and_in_the_widest_gap() -> None:
    values, labels = [0.1, 0.2, 0.3, 0.9, 1.0], [False, False, False, True, True]
    choice = choose_threshold(values, labels)
    assert (choice.threshold, choice.comparison) == (pytest.approx(0.6), "above")
    assert (choice.accuracy, choice.f1, choice.youden) == (1.0, 1.0, 1.0)
    assert (choice.n_met, choice.n_unmet) == (2, 3)
    mirrored = choose_threshold(values, [not label for label in labels])
    assert (mirrored.threshold, mirrored.comparison, mirrored.accuracy) == (pytest.approx(0.6), "below", 1.0)


@pytest.mark.parametrize("by", ["youden", "f1"])
@pytest.mark.parametrize("seed", range(5))
def test_no_other_threshold_is_better(by: str, seed: int) -> None:
    """Oracle: every threshold between two values, counted one example at a time."""
    rng = np.random.default_rng(seed)
    values, labels = rng.normal(size=30).round(1), rng.random(30) < 0.3
    choice = choose_threshold(values, labels, by=by)
    best = -np.inf
    for threshold in np.linspace(-4, 4, 321) + 0.0123:
        for side in ("above", "below"):
            met = [(value > threshold) == (side == "above") for value in values]
            hits = sum(m and label for m, label in zip(met, labels, strict=True))
            wrong = sum(m and not label for m, label in zip(met, labels, strict=True))
            if not 0 < sum(met) < len(met):
                continue
            youden = hits / labels.sum() - wrong / (~labels).sum()
            f1 = 2 * hits / (labels.sum() + sum(met))
            best = max(best, youden if by == "youden" else f1)
    assert getattr(choice, by) == pytest.approx(best)


def test_scores_are_counted_as_defined() -> None:
    score = threshold_score([0.1, 0.4, 0.6, 0.9], [True, False, True, True], 0.5, "above")
    assert (score.accuracy, score.sensitivity, score.specificity) == (0.75, pytest.approx(2 / 3), 1.0)
    assert score.youden == pytest.approx(2 / 3)
    assert score.f1 == pytest.approx(0.8)
    never = threshold_score([0.1, 0.2], [True, False], 5.0, "above")
    assert (never.f1, never.youden) == (0.0, 0.0)


def test_shuffled_labels_are_near_chance() -> None:
    rng = np.random.default_rng(1)
    score = threshold_score(rng.normal(size=2000), rng.random(2000) < 0.5, 0.0, "above")
    assert abs(score.youden) < 0.1


@pytest.mark.parametrize(
    ("values", "labels", "message"),
    [
        ([], [], "both labels"),
        ([0.1, 0.2], [True, True], "both labels"),
        ([0.1, 0.2], [True], "one label for each value"),
        ([0.1, np.nan], [True, False], "not finite"),
        ([0.1, 0.1], [True, False], "no threshold separates"),
    ],
)
def test_examples_that_say_nothing_are_refused(values: list[float], labels: list[bool], message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        choose_threshold(values, labels)


def test_unknown_words_are_refused() -> None:
    with pytest.raises(SteeringError, match="did you mean 'youden'"):
        choose_threshold([0.1, 0.2], [True, False], by="yuden")
    with pytest.raises(SteeringError, match="comparison"):
        choose_threshold([0.1, 0.2], [True, False], comparison="over")
