"""Extraction methods on arrays: independent references, planted directions, signs, single pairs, controls."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
from extractor_oracles import ORACLES

from pysteer.errors import ShapeError, SteeringError
from pysteer.extractors import extractors

CONTROLS = ("random", "shuffled_labels")
UNIT = ("pca", "pca_diff", "pca_center", "logistic")


def planted(n_pairs: int = 60, width: int = 40, *, seed: int = 3, noise: float = 0.3) -> tuple[Any, Any, Any]:
    """Positive and negative rows that differ along a direction by varying amounts, in noise; and the direction."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=width)
    direction /= np.linalg.norm(direction)
    base = rng.normal(size=(n_pairs, width)) * 3 + 5
    step = rng.uniform(1.0, 6.0, size=(n_pairs, 1)) * direction
    positive, negative = base + step / 2, base - step / 2
    positive, negative = (side + noise * rng.normal(size=side.shape) for side in (positive, negative))
    return positive.astype(np.float32), negative.astype(np.float32), direction


def run(method: str, positive: Any, negative: Any, seed: int = 0) -> np.ndarray:
    arguments = {"seed": (seed,)} if extractors.facts(method).get("seed") else {}
    return np.asarray(extractors.get(method)(positive, negative, **arguments))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_every_method_has_an_oracle_or_is_a_control() -> None:
    assert set(extractors) == {*ORACLES, *CONTROLS}


@pytest.mark.parametrize("n_pairs", [3, 12, 60])  # fewer and more rows than columns: both Gram matrices
@pytest.mark.parametrize("method", ORACLES)
def test_each_method_equals_its_independent_reference(method: str, n_pairs: int) -> None:
    positive, negative, _ = planted(n_pairs, 24)
    expected = ORACLES[method](positive.astype(np.float64), negative.astype(np.float64))
    # 1e-5: repeng's formulas; the probe stops at a tolerance of its own.
    tolerance = 1e-4 if method == "logistic" else 1e-5
    np.testing.assert_allclose(run(method, positive, negative), expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("method", ORACLES)
def test_a_direction_planted_in_noise_is_found_with_its_sign(method: str) -> None:
    positive, negative, direction = planted(400, 40, noise=0.1)
    assert cosine(run(method, positive, negative), direction) > 0.99


@pytest.mark.parametrize("method", ORACLES)
def test_swapping_both_sides_turns_the_direction_round(method: str) -> None:
    positive, negative, _ = planted()
    forward, back = run(method, positive, negative), run(method, negative, positive)
    np.testing.assert_allclose(back, -forward, atol=2e-5 * np.abs(forward).max())


@pytest.mark.parametrize("method", ["mean_difference", "pca", "pca_center", "logistic"])
def test_differences_of_rank_one_give_their_direction(method: str) -> None:
    rng = np.random.default_rng(0)
    direction = rng.normal(size=16).astype(np.float32)
    negative = rng.normal(size=(30, 16)).astype(np.float32)
    amounts = rng.uniform(-1.0, 3.0, size=(30, 1)).astype(np.float32)
    assert amounts.mean() > 0 > amounts.min()
    assert cosine(run(method, negative + amounts * direction, negative), direction) > 1 - 1e-5


@pytest.mark.parametrize("method", UNIT)
def test_directions_of_components_and_probes_have_norm_one(method: str) -> None:
    positive, negative, _ = planted()
    assert np.linalg.norm(run(method, positive, negative)) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("method", ["mean_difference", "pca", "pca_center", "logistic"])
def test_one_pair_gives_its_difference(method: str) -> None:
    positive, negative, _ = planted(1)
    assert cosine(run(method, positive, negative), (positive - negative)[0]) > 1 - 1e-5


@pytest.mark.parametrize(
    ("method", "message"), [("pca_diff", "takes the mean"), ("shuffled_labels", "swaps half of the pairs")]
)
def test_methods_that_need_several_pairs_say_so(method: str, message: str) -> None:
    positive, negative, _ = planted(1)
    with pytest.raises(ShapeError, match=f"{message}.*use"):
        run(method, positive, negative)


def test_pca_diff_of_pairs_that_all_differ_alike_is_an_error_and_no_rounding_noise() -> None:
    negative = np.random.default_rng(0).integers(-8, 8, size=(9, 6)).astype(np.float32)
    step = np.array([0.5, 1, 2, 3, 4, 5], dtype=np.float32)
    with pytest.raises(ShapeError, match="nothing is left"):
        run("pca_diff", negative + step, negative)


@pytest.mark.parametrize("method", extractors)
def test_sides_without_a_difference_have_no_direction(method: str) -> None:
    rows = np.ones((4, 3), dtype=np.float32)
    if method == "mean_difference":
        assert not run(method, rows, rows).any()
    else:
        with pytest.raises(ShapeError, match="the same in all 4 pairs"):
            run(method, rows, rows)


@pytest.mark.parametrize("method", ["pca", "pca_center"])
def test_differences_that_cancel_have_no_positive_end(method: str) -> None:
    negative = np.zeros((2, 3), dtype=np.float32)
    positive = np.array([[1, 0, 0], [-1, 0, 0]], dtype=np.float32)
    with pytest.raises(ShapeError, match="neither end"):
        run(method, positive, negative)


@pytest.mark.parametrize("method", extractors)
@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        (np.ones((2, 3)), np.ones((2, 3))),
        (np.ones((0, 3), "f4"), np.ones((0, 3), "f4")),
        (np.ones((2, 3), "f4"), np.zeros((3, 3), "f4")),
        (np.full((2, 3), np.nan, "f4"), np.ones((2, 3), "f4")),
    ],
    ids=["float64", "no pair", "other shape", "nan"],
)
def test_rows_that_are_no_pairs_are_refused(method: str, positive: Any, negative: Any) -> None:
    with pytest.raises(ShapeError):
        run(method, positive, negative)


@pytest.mark.parametrize("method", CONTROLS)
def test_controls_have_the_norm_of_the_mean_difference_and_follow_their_seed(method: str) -> None:
    positive, negative, _ = planted()
    true = run("mean_difference", positive, negative)
    drawn = [run(method, positive, negative, seed) for seed in range(10)]
    assert [np.linalg.norm(d) for d in drawn] == pytest.approx([float(np.linalg.norm(true))] * 10, rel=1e-5)
    np.testing.assert_array_equal(drawn[3], run(method, positive, negative, 3))
    assert not np.allclose(drawn[3], drawn[4])
    assert abs(np.mean([cosine(d, true) for d in drawn])) < 0.35  # 10 draws of a cosine with deviation 1 / sqrt(40)


def test_shuffled_labels_cancel_what_all_pairs_have_in_common() -> None:
    rng = np.random.default_rng(1)
    negative = rng.normal(size=(20, 8)).astype(np.float32)
    common = np.eye(8, dtype=np.float32)[0]
    noise = rng.normal(size=(20, 8)).astype(np.float32)
    noise[:, 0] = 0.0
    shuffled = run("shuffled_labels", negative + 50 * common + noise, negative)
    assert abs(shuffled[0]) < 1e-3 * np.linalg.norm(shuffled)


def test_the_probe_without_scikit_learn_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    positive, negative, _ = planted(4)
    with pytest.raises(SteeringError, match=r"pip install 'pysteer-gguf\[probe\]'"):
        run("logistic", positive, negative)
