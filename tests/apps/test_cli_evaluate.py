"""``pysteer evaluate``."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

import pysteer


def test_json_is_what_the_function_returns(run, chat_model: Path, vector_file: Path, pairs_file: Path) -> None:
    outcome = run("evaluate", chat_model, vector_file, pairs_file, "--coefficients=-1,0,1", "--seed", 5, "--json")
    facts = outcome.json
    expected = pysteer.measure_steerability(
        pysteer.Model.load(chat_model),
        pysteer.load_vector(vector_file),
        pysteer.load_pairs(pairs_file),
        coefficients=[-1, 0, 1],
        seed=5,
    )
    assert outcome.err == ""
    assert facts["steerability"] == pytest.approx(expected.steerability.value, rel=1e-6)
    assert (facts["low"], facts["high"]) == pytest.approx((expected.steerability.low, expected.steerability.high))
    np.testing.assert_allclose(facts["per_example"], expected.steerability.per_example, rtol=1e-6)
    np.testing.assert_allclose(facts["propensities"], expected.propensities, rtol=1e-6)
    assert facts["anti_steerable"] == expected.anti_steerable.value
    assert (facts["n"], facts["failures"], facts["seed"]) == (6, 0, 5)
    assert (facts["coefficients"], facts["propensity"]) == ([-1.0, 0.0, 1.0], "full_response")
    assert facts["data_hash"] == pysteer.load_pairs(pairs_file).content_hash
    assert facts["vector_hash"] == hashlib.sha256(vector_file.read_bytes()).hexdigest()
    assert facts["model_hash"] == hashlib.sha256(chat_model.read_bytes()).hexdigest()


def test_default_coefficients_are_the_seven_of_the_paper(
    run, chat_model: Path, vector_file: Path, letters_file: Path
) -> None:
    facts = run("evaluate", chat_model, vector_file, letters_file, "--json").json
    assert facts["coefficients"] == [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
    assert facts["propensity"] == "letter"


def test_propensity_can_be_chosen(
    run, chat_model: Path, vector_file: Path, letters_file: Path, pairs_file: Path
) -> None:
    few = ("--coefficients=0,1", "--json")
    whole = run("evaluate", chat_model, vector_file, letters_file, "--propensity", "full_response", *few).json
    assert whole["propensity"] == "full_response"
    assert "letter" in run("evaluate", chat_model, vector_file, pairs_file, "--propensity", "letter", *few).sentence


def test_table_has_a_row_for_each_strength_and_a_histogram(
    run, chat_model: Path, vector_file: Path, pairs_file: Path
) -> None:
    out = run("evaluate", chat_model, vector_file, pairs_file, "--coefficients=-1,0,1").out
    assert [line.split()[0] for line in out.splitlines()[2:5]] == ["-1", "0", "+1"]
    assert "anti-steerable" in out
    counts = [int(line.split()[-1]) for line in out.split("items by slope\n")[1].splitlines()]
    assert sum(counts) == 6


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--coefficients=1",), "two different coefficients"),
        (("--coefficients=1,nan",), "finite"),
        (("--layers", "1:9"), "no layer 9"),
        (("--operation", "ablat"), "did you mean 'ablate'?"),
        (("--window", "nowhere"), "expected a window"),
    ],
)
def test_wrong_options_are_one_sentence(
    run, chat_model: Path, vector_file: Path, pairs_file: Path, options: tuple[str, ...], expected: str
) -> None:
    assert expected in run("evaluate", chat_model, vector_file, pairs_file, *options).sentence


@pytest.mark.parametrize("options", [("--coefficients=1,two",), ("--propensity", "letters")])
def test_malformed_options_are_usage_errors(
    run, chat_model: Path, vector_file: Path, pairs_file: Path, options
) -> None:
    assert options[0].split("=")[0] in run("evaluate", chat_model, vector_file, pairs_file, *options).usage_error


def test_empty_pairs_are_one_sentence(run, chat_model: Path, vector_file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("", "utf-8")
    assert "empty.jsonl" in run("evaluate", chat_model, vector_file, tmp_path / "empty.jsonl").sentence


def test_pairs_in_place_of_the_vector_are_one_sentence(
    run, chat_model: Path, vector_file: Path, pairs_file: Path
) -> None:
    assert "good and bad.jsonl" in run("evaluate", chat_model, pairs_file, vector_file).sentence


def test_vector_for_another_model_is_one_sentence(run, wide_model: Path, vector_file: Path, pairs_file: Path) -> None:
    assert "good.gguf" in run("evaluate", wide_model, vector_file, pairs_file).sentence
