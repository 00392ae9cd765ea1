"""AIE, intervals, the order of heads, recall of a proxy, defaults, and the checkpoint file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pysteer.errors import DataError, MeasurementError
from pysteer.function_vectors import IndirectEffects, default_layer, default_n_heads, recall, top_heads
from pysteer.function_vectors.heat_map import save_heat_map
from pysteer.function_vectors.scan_checkpoint import ScanCheckpoint
from pysteer.statistics import bootstrap_mean

HEADER = {"model": "m", "prompts": "p", "means": "a", "heads": "all"}


def effects(cie: np.ndarray) -> IndirectEffects:
    return IndirectEffects(cie, np.zeros(len(cie)), len(cie), 0, "", "", "")


def noisy(n_trials: int = 25, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n_trials, 3, 4))


def test_aie_is_the_mean_over_trials() -> None:
    cie = noisy()
    np.testing.assert_allclose(effects(cie).aie, cie.mean(axis=0))


def test_intervals_are_those_of_the_bootstrap_of_each_head() -> None:
    """Another random generator: the ends agree to what 10 000 draws leave open."""
    cie = noisy()
    low, high = effects(cie).intervals(seed=0)
    for layer, head in ((0, 0), (2, 3)):
        expected = bootstrap_mean(cie[:, layer, head], seed=1)
        assert low[layer, head] == pytest.approx(expected.low, abs=0.02)
        assert high[layer, head] == pytest.approx(expected.high, abs=0.02)


def test_one_trial_has_no_interval() -> None:
    with pytest.raises(MeasurementError):
        effects(noisy(1)).intervals(seed=0)


def test_constant_trials_have_an_interval_without_width() -> None:
    low, high = effects(np.ones((5, 3, 4))).intervals(seed=0)
    np.testing.assert_allclose(low, 1.0)
    np.testing.assert_allclose(high, 1.0)


def test_top_heads_are_signed_and_skip_what_was_not_scanned() -> None:
    aie = np.array([[0.1, -0.9, np.nan], [0.3, 0.0, 0.1]])
    assert top_heads(aie, 3) == ((1, 0), (0, 0), (1, 2))
    assert top_heads(aie, 5)[-1] == (0, 1)
    for n in (0, 6):
        with pytest.raises(DataError, match="1 to 5 heads"):
            top_heads(aie, n)


def test_recall_is_the_share_of_the_exact_top_among_the_candidates() -> None:
    exact = np.array([[4.0, 3.0], [2.0, 1.0]])
    assert recall(exact, exact, n_heads=2, n_candidates=[2]) == {2: 1.0}
    assert recall(exact, -exact, n_heads=2, n_candidates=[2, 3, 4]) == {2: 0.0, 3: 0.5, 4: 1.0}
    with pytest.raises(DataError):
        recall(exact, exact[:1], n_heads=1, n_candidates=[1])


@pytest.mark.parametrize(
    ("n_layers", "n_heads", "expected"), [(32, 32, 20), (30, 9, 6), (8, 16, 3), (1, 1, 1), (24, 64, 30)]
)
def test_default_number_of_heads_is_that_of_the_study(n_layers: int, n_heads: int, expected: int) -> None:
    assert default_n_heads(n_layers, n_heads) == expected


@pytest.mark.parametrize(("n_layers", "expected"), [(32, 11), (30, 10), (8, 3), (2, 1), (1, 0)])
def test_default_layer_is_a_third_of_the_way(n_layers: int, expected: int) -> None:
    assert default_layer(n_layers) == expected


def test_checkpoint_gives_back_the_same_numbers(tmp_path: Path) -> None:
    path, cie = tmp_path / "scan.jsonl", noisy(3)
    cie[1, 2, 3] = np.nan
    checkpoint = ScanCheckpoint(path, HEADER, (3, 4))
    for trial in cie:
        checkpoint.append(0.1, trial)
    again = ScanCheckpoint(path, HEADER, (3, 4))
    np.testing.assert_array_equal([values for _, values in again.trials], cie)
    assert [clean for clean, _ in again.trials] == [0.1] * 3


def test_a_line_cut_off_by_a_crash_is_dropped_and_the_file_goes_on(tmp_path: Path) -> None:
    path, cie = tmp_path / "scan.jsonl", noisy(2)
    checkpoint = ScanCheckpoint(path, HEADER, (3, 4))
    for trial in cie:
        checkpoint.append(0.5, trial)
    path.write_bytes(path.read_bytes()[:-20])
    resumed = ScanCheckpoint(path, HEADER, (3, 4))
    assert len(resumed.trials) == 1
    resumed.append(0.5, cie[1])
    np.testing.assert_array_equal([values for _, values in ScanCheckpoint(path, HEADER, (3, 4)).trials], cie)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "not the checkpoint"),
        ("hello\n", "not the checkpoint"),
        ("[]\n", "not the checkpoint"),
        (json.dumps({"format": "other"}) + "\n", "another scan"),
    ],
)
def test_another_file_is_refused_and_left_alone(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "scan.jsonl"
    path.write_text(content, "utf-8")
    with pytest.raises(DataError, match=expected):
        ScanCheckpoint(path, HEADER, (3, 4))
    assert path.read_text("utf-8") == content


def test_a_damaged_trial_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "scan.jsonl"
    ScanCheckpoint(path, HEADER, (3, 4)).append(0.5, noisy(1)[0])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"clean": 0.5, "cie": [[1.0]]}\n')
    with pytest.raises(DataError, match="line 3"):
        ScanCheckpoint(path, HEADER, (3, 4))


def test_heat_map_is_written_as_both_kinds_of_file(tmp_path: Path) -> None:
    aie = noisy(1)[0]
    aie[0, 0] = np.nan
    vector_graphic, picture = save_heat_map(aie, tmp_path / "aie.svg", title="AIE", heads=[(1, 2)])
    assert vector_graphic.read_text("utf-8").lstrip().startswith("<?xml")
    assert picture.read_bytes().startswith(b"\x89PNG")
    again, _ = save_heat_map(np.zeros((2, 2)), tmp_path / "flat.png", title="flat")
    assert again.name == "flat.svg"
