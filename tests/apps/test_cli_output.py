"""Pieces of output: JSON, the histogram, the reference in docs/cli.md."""

from __future__ import annotations

import doctest
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import pysteer.cli.histogram
from pysteer.cli.console import print_json, signed
from pysteer.cli.histogram import histogram

REPOSITORY = Path(__file__).resolve().parents[2]


def test_json_keeps_every_digit_and_writes_null_for_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"third": 1 / 3, "odd": [float("nan"), float("inf")], "text": "Ĝis → 😀"})
    out = capsys.readouterr().out
    assert json.loads(out) == {"third": 1 / 3, "odd": [None, None], "text": "Ĝis → 😀"}
    assert out.endswith("}\n")


@pytest.mark.parametrize(("number", "shown"), [(0.0, "0"), (-0.0, "0"), (1.5, "+1.5"), (-2.0, "-2")])
def test_strengths_are_shown_with_their_sign(number: float, shown: str) -> None:
    assert signed(number) == shown


def test_histogram_example_runs() -> None:
    assert doctest.testmod(pysteer.cli.histogram).failed == 0


@pytest.mark.parametrize("seed", range(20))
def test_histogram_counts_every_value_and_separates_the_signs(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0.3, 10.0 ** (seed % 5 - 2), size=1 + 7 * seed)
    lines = histogram(values, width=30)
    counts = [int(line.split()[-1]) for line, _ in lines]
    assert sum(counts) == len(values)
    assert sum(count for count, (_, is_low) in zip(counts, lines, strict=True) if is_low) == (values <= 0).sum()
    assert 1 <= len(lines) <= 12
    assert all(len(line) <= 60 for line, _ in lines)


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [5.0, 5.0], [-3.0]])
def test_histogram_of_equal_values_is_one_bin(values: list[float]) -> None:
    ((_, is_low),) = histogram(np.array(values), width=10)
    assert is_low == (values[0] <= 0)


def test_reference_in_the_docs_is_up_to_date() -> None:
    specification = importlib.util.spec_from_file_location("cli_docs", REPOSITORY / "tools" / "cli_docs.py")
    assert specification is not None
    assert specification.loader is not None
    cli_docs = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(cli_docs)
    assert cli_docs.DOCUMENT.read_text("utf-8") == cli_docs.render(), "run python tools/cli_docs.py"
