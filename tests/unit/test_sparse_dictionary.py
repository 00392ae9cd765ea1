"""Sparse dictionaries: closed forms of encode, decode, FVU and L0; shapes that do not fit are refused."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.dictionaries import SparseDictionary
from pysteer.errors import MeasurementError, ShapeError
from pysteer.provenance import Provenance

ORIGIN = Provenance("example")
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(50, 6)).astype(np.float32)


def random_dictionary(activation: str, **parameters: object) -> SparseDictionary:
    rng = np.random.default_rng(1)
    return SparseDictionary(
        rng.normal(size=(6, 20)), rng.normal(size=20), rng.normal(size=(20, 6)), rng.normal(size=6),
        activation, ORIGIN, b_pre=rng.normal(size=6), **parameters,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_perfect_dictionary_explains_everything() -> None:
    both = np.concatenate([np.eye(6), -np.eye(6)])
    perfect = SparseDictionary(both.T, np.zeros(12), both, np.zeros(6), "relu", ORIGIN)
    assert perfect.fvu(ROWS) == 0.0
    assert perfect.l0(ROWS) == 6.0
    np.testing.assert_array_equal(perfect.decode(perfect.encode(ROWS)), ROWS)


def test_the_mean_alone_explains_nothing() -> None:
    mean = ROWS.mean(axis=0)
    empty = SparseDictionary(np.zeros((6, 3)), np.zeros(3), np.zeros((3, 6)), mean, "relu", ORIGIN)
    assert empty.fvu(ROWS) == pytest.approx(1.0, rel=1e-6)
    assert empty.l0(ROWS) == 0.0


@pytest.mark.parametrize(
    ("activation", "parameters"),
    [("relu", {}), ("topk", {"k": 3}), ("jumprelu", {"threshold": np.full(20, 0.7)})],
)
def test_encode_equals_a_loop(activation: str, parameters: dict[str, object]) -> None:
    dictionary = random_dictionary(activation, **parameters)
    assert dictionary.b_pre is not None
    expected = np.zeros((50, 20))
    for i, row in enumerate(ROWS.astype(np.float64)):
        z = [(row - dictionary.b_pre) @ dictionary.w_enc[:, j] + dictionary.b_enc[j] for j in range(20)]
        largest = sorted(range(20), key=lambda j: -z[j])[:3]
        for j in range(20):
            keeps = {"relu": True, "topk": j in largest, "jumprelu": z[j] > 0.7}[activation]
            expected[i, j] = max(z[j], 0.0) if keeps else 0.0
    np.testing.assert_allclose(dictionary.encode(ROWS), expected, atol=1e-5)


def test_topk_keeps_k_features_even_among_equals() -> None:
    tied = SparseDictionary(np.zeros((6, 9)), np.ones(9), np.ones((9, 6)), np.zeros(6), "topk", ORIGIN, k=4)
    assert tied.l0(ROWS) == 4.0


def test_arrays_are_read_only_and_features_are_checked() -> None:
    dictionary = random_dictionary("relu")
    with pytest.raises(ValueError, match="read-only"):
        dictionary.w_dec[0, 0] = 1.0
    with pytest.raises(ShapeError, match="run from 0 to 19"):
        dictionary.direction(20)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w_enc": np.ones((5, 20))}, "w_enc"),
        ({"b_dec": np.ones(5)}, "b_dec"),
        ({"b_enc": np.full(20, np.nan)}, "NaN"),
        ({"activation": "gelu"}, "gelu"),
        ({"activation": "topk"}, "needs k"),
        ({"activation": "topk", "k": 21}, "from 1 to 20"),
        ({"activation": "jumprelu"}, "threshold"),
        ({"k": 3}, "needs k"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes: dict[str, object], message: str) -> None:
    given: dict[str, object] = {
        "w_enc": np.ones((6, 20)), "b_enc": np.ones(20), "w_dec": np.ones((20, 6)), "b_dec": np.ones(6),
        "activation": "relu", "provenance": ORIGIN,
    }  # fmt: skip
    with pytest.raises(ShapeError, match=message):
        SparseDictionary(**{**given, **changes})  # type: ignore[arg-type]


def test_rows_that_do_not_fit_or_do_not_differ_are_refused() -> None:
    dictionary = random_dictionary("relu")
    with pytest.raises(ShapeError, match=r"\(n, 6\)"):
        dictionary.encode(np.ones((3, 5), dtype=np.float32))
    with pytest.raises(ShapeError, match="NaN"):
        dictionary.encode(np.full((3, 6), np.nan, dtype=np.float32))
    with pytest.raises(MeasurementError, match="do not differ"):
        dictionary.fvu(np.ones((3, 6), dtype=np.float32))
