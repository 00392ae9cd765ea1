"""Provenance in memory and as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pysteer.errors import DataError
from pysteer.provenance import Provenance

FULL = Provenance(
    method="mean_difference",
    model_name="TinyTalk",
    model_hash="ab" * 32,
    architecture="llama",
    quantisation="Q4_K_M",
    data_name="wärme",
    data_hash="cd" * 32,
    n_pairs=40,
    token_rule="last",
    layers=(3, 4),
    seed=0,
    pysteer_version="0.1.0",
    llama_cpp_version="0.3.36",
    created="2025-01-01T00:00:00Z",
    extra={"card": {"n": [1, 2.5, None, True]}},
)


def test_json_gives_back_every_field() -> None:
    assert Provenance.from_json(FULL.to_json()) == FULL
    assert Provenance.from_json(Provenance(method="m").to_json()) == Provenance(method="m")


def test_the_same_provenance_always_gives_the_same_json() -> None:
    again = Provenance.from_json(json.dumps(dict(reversed(json.loads(FULL.to_json()).items()))))
    assert again.to_json() == FULL.to_json()
    assert "\n" not in FULL.to_json()


def test_fields_of_a_later_version_are_kept() -> None:
    origin = Provenance.from_json('{"method": "m", "colour": "red"}')
    assert origin.extra == {"colour": "red"}
    assert Provenance.from_json(origin.to_json()) == origin


def test_extra_is_detached_from_the_caller_and_read_only() -> None:
    given: dict[str, Any] = {"list": [1]}
    origin = Provenance(method="m", extra=given)
    given["list"].append(2)
    assert origin.extra == {"list": [1]}
    with pytest.raises(TypeError):
        origin.extra["list"] = []  # type: ignore[index]


def test_a_provenance_can_be_hashed() -> None:
    assert len({FULL, Provenance.from_json(FULL.to_json()), Provenance(method="m")}) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '"m"',
        '{"method": null}',
        '{"method": 3}',
        '{"method": "m", "seed": "0"}',
        '{"method": "m", "seed": true}',
        '{"method": "m", "n_pairs": 1.5}',
        '{"method": "m", "layers": 3}',
        '{"method": "m", "layers": "3"}',
        '{"method": "m", "layers": ["3"]}',
        '{"method": "m", "extra": []}',
        '{"method": "m", "extra": {"x": NaN}}',
        '{"method": "\\ud800"}',
        "[" * 100_000,
        "9" * 5000,
    ],
    ids=lambda text: text[:30],
)
def test_what_is_no_provenance_is_a_data_error(text: str) -> None:
    with pytest.raises(DataError, match="provenance"):
        Provenance.from_json(text)


@pytest.mark.parametrize("extra", [{"x": object()}, {"x": float("nan")}, {"x": {1, 2}}, [1]])
def test_extra_that_json_cannot_hold_is_a_data_error(extra: dict[str, object]) -> None:
    with pytest.raises(DataError):
        Provenance(method="m", extra=extra)


def test_a_long_chain_of_arithmetic_is_only_a_list() -> None:
    origin = FULL
    for _ in range(500):
        origin = origin.combined_with(Provenance(method="random"), "+")
    assert len(origin.extra["history"]) == 500
    assert Provenance.from_json(origin.to_json()) == origin
