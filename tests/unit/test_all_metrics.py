"""What every registered metric owes: a text that explains it, one way to be called, errors, and the same number."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from pysteer.errors import MeasurementError
from pysteer.metrics import metrics
from pysteer.metrics.metric import INPUTS, THEMES
from pysteer.score import Better, Score

N_ITEMS, N_COEFFICIENTS = 12, 7
GENERATOR = np.random.default_rng(0)
COEFFICIENTS = np.array([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5])
SENTENCES = (
    "The happy dog ran home again and again and again and again.",
    "<answer>B</answer> is what I say.",
    "I'm sorry, but I cannot help with that.",
    "What an awful idiot he is.",
)
SAMPLES: dict[str, Any] = {
    "coefficients": COEFFICIENTS,
    "propensities": 0.3 * COEFFICIENTS + GENERATOR.standard_normal((N_ITEMS, N_COEFFICIENTS)),
    "is_a": np.arange(N_ITEMS) % 2 == 0,
    "is_yes": np.arange(N_ITEMS) % 4 < 2,
    "log_probs": -GENERATOR.exponential(size=(N_ITEMS, 4)),
    "lengths": GENERATOR.integers(1, 9, size=(N_ITEMS, 4)),
    "answers": GENERATOR.integers(0, 4, size=N_ITEMS),
    "displays": GENERATOR.integers(0, 2, size=N_ITEMS).astype(float),
    "id_steerability": 2.0 + GENERATOR.random(N_ITEMS),
    "ood_steerability": 1.0 + GENERATOR.random(N_ITEMS),
    "steerability_a": GENERATOR.random(N_ITEMS),
    "steerability_b": GENERATOR.random(N_ITEMS),
    "transfer_steerability": 1.0 + GENERATOR.random((5, 5)),
    "deltas": 1.0 + GENERATOR.standard_normal((N_ITEMS, 8)),
    "texts": [f"{SENTENCES[i % 4]} Number {i}." for i in range(N_ITEMS)],
    "base_texts": [f"{SENTENCES[i % 3]} Number {i}." for i in range(N_ITEMS)],
    "targets": [["the happy dog", "happy"] if i % 2 else "happy" for i in range(N_ITEMS)],
    "gold_letters": ["ABCD"[i % 4] for i in range(N_ITEMS)],
    "window_nll": 3.0 + GENERATOR.random(N_ITEMS),
    "base_window_nll": 3.0 + GENERATOR.random(N_ITEMS),
    "window_tokens": GENERATOR.integers(100, 200, size=N_ITEMS),
    "window_kl": GENERATOR.random(N_ITEMS),
    "window_agreement": GENERATOR.random(N_ITEMS),
    "window_entropy": 3.0 + GENERATOR.random(N_ITEMS),
    "base_window_entropy": 3.0 + GENERATOR.random(N_ITEMS),
    "ranks": GENERATOR.integers(0, 5, size=N_ITEMS),
    "word_ranks": GENERATOR.integers(0, 2, size=N_ITEMS),
    "ratings": GENERATOR.integers(1, 6, size=N_ITEMS).astype(float),
    "repeated_ratings": GENERATOR.integers(1, 6, size=N_ITEMS).astype(float),
    "key_ratings": GENERATOR.integers(1, 6, size=N_ITEMS).astype(float),
    "preferences": GENERATOR.random(N_ITEMS),
    "swapped_preferences": GENERATOR.random(N_ITEMS),
    "capabilities": np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.3, 0.0]) + 0.2 * GENERATOR.random((N_ITEMS, N_COEFFICIENTS)),
    "behaviour_gain": 1.0 + GENERATOR.random(N_ITEMS),
    "capability_loss": 0.5 + GENERATOR.random(N_ITEMS),
    "control": 0.8 + 0.1 * GENERATOR.random(N_ITEMS),
    "steered": 0.3 + 0.1 * GENERATOR.random(N_ITEMS),
    "mitigated": 0.6 + 0.1 * GENERATOR.random(N_ITEMS),
    "coherence": GENERATOR.integers(1, 6, size=N_ITEMS).astype(float),
    "accuracy": GENERATOR.integers(0, 2, size=N_ITEMS).astype(float),
}
# Two lists of different items: of any length each.
UNPAIRED = {"behaviour_gain", "capability_loss"}
BY_COEFFICIENT = {"propensities", "capabilities"}
STANDARD = {"seed", "confidence", "model_hash", "data_hash"}
FIELDS = ("Question: ", "Source: ", "Formula: ", "Unit: ", "Range: ")


def arrays_of(name: str) -> dict[str, Any]:
    needs: Any = metrics.facts(name)["needs"]
    arrays = {need: SAMPLES[need] for need in needs}
    if name == "over_steering_onset":  # takes one sign at a time
        arrays["coefficients"] = np.arange(7.0)
    return arrays


def measure(name: str, arrays: dict[str, Any], **keywords: Any) -> Score:
    return metrics.get(name)(**arrays, **{"seed": 3, **keywords})


@pytest.mark.parametrize("name", metrics)
def test_the_file_says_what_is_asked_where_it_comes_from_and_what_the_number_means(name: str) -> None:
    source = inspect.getdoc(sys.modules[metrics.get(name).__module__]) or ""
    title, text = source.split("\n", 1)
    assert title.split(" (Proxy")[0].endswith("?"), title
    places = [text.find(field) for field in FIELDS]
    assert -1 not in places, (name, dict(zip(FIELDS, places, strict=True)))
    assert places == sorted(places), name
    assert re.search(r"arXiv:\d{4}\.\d{4,5}|\b1[89]\d\d\b|\b20\d\d\b|own|pysteer|llama\.cpp|harness|test-retest", text)


@pytest.mark.parametrize("name", metrics)
def test_one_file_holds_one_metric_of_its_name(name: str) -> None:
    function = metrics.get(name)
    assert Path(inspect.getfile(function)).stem == name == function.__name__  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", metrics)
def test_facts_tell_a_runner_all_it_has_to_know(name: str) -> None:
    facts: Any = metrics.facts(name)
    assert set(facts) == {"needs", "better", "unit", "theme", "version"}
    assert isinstance(facts["version"], int)
    assert facts["version"] >= 1
    assert facts["better"] in get_args(Better)
    assert facts["theme"] in THEMES
    assert facts["unit"]
    parameters = inspect.signature(metrics.get(name)).parameters
    assert tuple(parameters)[: len(facts["needs"])] == facts["needs"]
    for parameter in parameters.values():
        if parameter.name in facts["needs"]:
            assert parameter.name in INPUTS
            assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        else:
            assert parameter.kind is parameter.KEYWORD_ONLY
            assert parameter.name == "seed" or parameter.default is not parameter.empty
    assert set(parameters) >= STANDARD


def test_every_explained_input_is_needed_by_a_metric() -> None:
    needed = {need for name in metrics for need in metrics.facts(name)["needs"]}  # type: ignore[attr-defined]
    assert needed == set(INPUTS) == set(SAMPLES)


@pytest.mark.parametrize("name", metrics)
def test_the_score_carries_name_unit_order_hashes_and_examples(name: str) -> None:
    score = measure(name, arrays_of(name), model_hash="aa", data_hash="bb")
    facts = metrics.facts(name)
    assert (score.name, score.unit, score.better) == (name, facts["unit"], facts["better"])
    assert (score.model_hash, score.data_hash) == ("aa", "bb")
    assert score.low <= score.value <= score.high
    assert score.low < score.high, "the samples vary, so the interval has a width"
    assert score.seed in (3, None)


@pytest.mark.parametrize("name", metrics)
def test_the_same_seed_gives_the_same_score_and_leaves_the_arrays_alone(name: str) -> None:
    arrays = arrays_of(name)
    before = {need: np.array(values, dtype=object if need == "targets" else None) for need, values in arrays.items()}
    assert measure(name, arrays) == measure(name, arrays)
    for need, values in arrays.items():
        np.testing.assert_array_equal(np.array(values, dtype=object if need == "targets" else None), before[need])


@pytest.mark.parametrize("name", metrics)
def test_another_seed_moves_the_interval_at_most_and_nothing_where_the_score_has_none(name: str) -> None:
    first, second = (measure(name, arrays_of(name), seed=seed) for seed in (0, 1))
    assert first.value == second.value
    np.testing.assert_array_equal(first.per_example, second.per_example)
    if first.seed is None:
        assert first == second


@pytest.mark.parametrize("name", metrics)
def test_more_confidence_is_a_wider_interval(name: str) -> None:
    wide, narrow = (measure(name, arrays_of(name), confidence=confidence) for confidence in (0.99, 0.5))
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high
    assert wide.high - wide.low > narrow.high - narrow.low


@pytest.mark.parametrize("name", metrics)
def test_nothing_measured_is_an_error_and_not_zero(name: str) -> None:
    for need, values in arrays_of(name).items():
        empty: Any = [] if isinstance(values, list) else np.empty((0, *np.shape(values)[1:]))
        with pytest.raises(MeasurementError):
            measure(name, {**arrays_of(name), need: empty})


@pytest.mark.parametrize("name", metrics)
def test_nan_is_an_error_or_a_counted_failure_and_never_a_number(name: str) -> None:
    for need, values in arrays_of(name).items():
        if isinstance(values, list):
            continue
        holed = np.array(values, dtype=float)
        holed.flat[0] = np.nan
        try:
            failures = measure(name, {**arrays_of(name), need: holed}).failures
        except MeasurementError:
            failures = measure(name, arrays_of(name)).failures + 1
        assert failures == measure(name, arrays_of(name)).failures + 1, need
        with pytest.raises(MeasurementError):
            measure(name, {**arrays_of(name), need: np.full_like(holed, np.nan)})


@pytest.mark.parametrize("name", metrics)
def test_infinite_numbers_are_an_error(name: str) -> None:
    for need, values in arrays_of(name).items():
        if not isinstance(values, list):
            holed = np.array(values, dtype=float)
            holed.flat[-1] = np.inf
            with pytest.raises(MeasurementError):
                measure(name, {**arrays_of(name), need: holed})


@pytest.mark.parametrize("name", metrics)
def test_texts_that_are_none_are_an_error(name: str) -> None:
    for need, values in arrays_of(name).items():
        if isinstance(values, list):
            for wrong in ("one text, not a list", [*values[:-1], None], [*values[:-1], float("nan")]):
                with pytest.raises(MeasurementError):
                    measure(name, {**arrays_of(name), need: wrong})


@pytest.mark.parametrize("name", metrics)
def test_lists_of_different_items_are_an_error(name: str) -> None:
    arrays = arrays_of(name)
    for need, values in arrays.items():
        if len(arrays) > 1 and need not in UNPAIRED:
            with pytest.raises(MeasurementError):
                measure(name, {**arrays, need: values[:, :-1] if need in BY_COEFFICIENT else values[:-1]})


@pytest.mark.parametrize("name", metrics)
def test_a_confidence_out_of_range_is_an_error(name: str) -> None:
    for confidence in (0.0, 1.0, 95.0):
        with pytest.raises(MeasurementError, match="confidence"):
            measure(name, arrays_of(name), confidence=confidence)


def test_the_page_of_metrics_is_up_to_date_and_its_example_prints_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository = Path(__file__).resolve().parents[2]
    specification = importlib.util.spec_from_file_location("metric_docs", repository / "tools" / "metric_docs.py")
    assert specification is not None
    assert specification.loader is not None
    metric_docs = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(metric_docs)
    page = metric_docs.render()
    assert metric_docs.DOCUMENT.read_text("utf-8") == page, "run python tools/metric_docs.py"
    _, example, _, printed, *_ = page.split("```")
    exec(example.removeprefix("python\n"), {})
    assert capsys.readouterr().out == printed.removeprefix("\n")
