"""Runs killed, repeated, enlarged or changed: nothing is lost, computed twice, or reused where it must not be."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from grids import LETTERS, PAIRS, STRENGTHS, TEXT, VECTORS, small_grid
from tiny_gguf import TINY_LLAMA

import pysteer
from pysteer import evaluation_keys
from pysteer.errors import StoreError
from pysteer.evaluation_estimate import Estimate, Speed
from pysteer.evaluation_keys import cell_identity, group_identity
from pysteer.measurements import About, Measured, Measurement, Result, Steering, Subject, make_measurement, measurements
from pysteer.measurements.perplexity import Perplexity
from pysteer.model import Model
from pysteer.progress import Progress
from pysteer.prompt_settings import PromptSetting
from pysteer.store import RunStore, key_of

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
HERE = Path(__file__).parent

RUN = """
import os, signal, sys
sys.path[:0] = [sys.argv[1], os.path.dirname(sys.argv[1])]
from grids import small_grid
from pathlib import Path
calls, last = 0, int(sys.argv[5])

def progress(done, total):
    global calls
    calls += 1
    if calls == last:
        os.kill(os.getpid(), signal.SIGKILL)

small_grid(Path(sys.argv[2]), sys.argv[3], progress=progress).to_csv(sys.argv[4])
"""


def process(model: Path, store: Path, table: Path, *, kill_at: int = 0) -> subprocess.Popen[bytes]:
    arguments = [str(value) for value in (HERE, model, store, table, kill_at)]
    return subprocess.Popen([sys.executable, "-c", RUN, *arguments])


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Model:
    return Model.load(tiny_llama)


# Killed and repeated


@posix
def test_a_run_killed_again_and_again_ends_with_the_same_bytes(tiny_llama: Path, tmp_path: Path) -> None:
    store, table = tmp_path / "runs.sqlite", tmp_path / "killed.csv"
    stored = []
    for kill_at in (2, 10, 14, 0):
        code = process(tiny_llama, store, table, kill_at=kill_at).wait(timeout=120)
        assert code == (-signal.SIGKILL if kill_at else 0)
        assert table.exists() == (kill_at == 0)
        with RunStore(store) as opened:
            stored.append(len(opened))
    assert stored == sorted(stored)
    assert len(set(stored)) >= 3  # it was killed with nothing done, with some of it done, and went on
    small_grid(tiny_llama, tmp_path / "whole.sqlite").to_csv(tmp_path / "whole.csv")
    assert table.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_two_processes_on_one_store_share_the_work(tiny_llama: Path, tmp_path: Path) -> None:
    tables = [tmp_path / "a.csv", tmp_path / "b.csv"]
    both = [process(tiny_llama, tmp_path / "runs.sqlite", table) for table in tables]
    assert [each.wait(timeout=120) for each in both] == [0, 0]
    assert tables[0].read_bytes() == tables[1].read_bytes()
    small_grid(tiny_llama).to_csv(tmp_path / "alone.csv")
    assert tables[0].read_bytes() == (tmp_path / "alone.csv").read_bytes()


def test_an_exception_loses_nothing_that_was_finished(tiny_llama: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    store = tmp_path / "runs.sqlite"
    with pytest.raises(KeyboardInterrupt):
        small_grid(tiny_llama, store, progress=interrupt)
    with RunStore(store) as opened:
        assert len(opened) > 0
        with opened.transaction() as connection:
            assert connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)
    assert small_grid(tiny_llama, store).to_csv() == small_grid(tiny_llama).to_csv()


def test_a_full_disk_stops_the_run_and_keeps_what_was_finished(model: Model, tmp_path: Path) -> None:
    with RunStore(tmp_path / "runs.sqlite") as store:
        small_grid(model, store, data=LETTERS, metrics=["steerability"])
        n = len(store)
        ((pages,),) = store._open.execute("PRAGMA page_count").fetchall()
        store._open.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StoreError, match="disk is full"):
            small_grid(model, store)
        assert len(store) >= n
        store._open.execute("PRAGMA max_page_count=100000")
        assert small_grid(model, store).to_csv() == small_grid(model).to_csv()


# Counted with a measurement that asks the model nothing


@dataclasses.dataclass(frozen=True)
class Counted(Measurement):
    """Counts what it is asked for."""

    data_types = (pysteer.Dataset,)
    most_steerings = 4
    factor: float = 1.0

    def measure(self, subject: Subject, data: Any, steerings: Sequence[Steering], progress: Progress) -> list[Measured]:
        ASKED.append([steering[0].coefficient if steering else None for steering in steerings])
        return [
            Measured({"value": np.arange(len(data)) + (s[0].coefficient if s else 0.0)}, failures={"odd": 1})
            for s in steerings
        ]

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        return [about.mean("counted", self.factor * measured.values["value"], unit="things", better="neither")]


ASKED: list[list[float | None]] = []


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[list[float | None]]:
    monkeypatch.setattr(measurements, "_entries", {**measurements._entries, "counted": Counted})
    monkeypatch.setattr(measurements, "_facts", {**measurements._facts, "counted": {}})
    ASKED.clear()
    return ASKED


COUNT = {"metrics": ["counted"], "data": LETTERS}


def test_units_hold_as_many_steerings_as_a_measurement_takes(model: Model, counted: list[list[float | None]]) -> None:
    table = small_grid(model, coefficients=[-1, 0, 1, 2], **COUNT)
    assert counted == [[None, -1.0, 1.0, 2.0], [-1.0, 1.0, 2.0]]
    assert [row.coefficient for row in table.select(vector="second")] == [-1.0, 0.0, 1.0, 2.0]
    assert table.one(vector="second", coefficient=2.0).value == 2.5 + 2.0
    assert {row.went_wrong for row in table.rows} == {'{"odd": 1}'}


def test_long_texts_are_written_for_few_steerings_at_a_time(
    model: Model, counted: list[list[float | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counted, "generates", True)
    monkeypatch.setattr("pysteer.measurements.measurement._TEXTS_AT_ONCE", 2 * len(LETTERS))
    small_grid(model, coefficients=[-1, 0, 1], vectors=VECTORS["first"], **COUNT)
    assert counted == [[None, -1.0], [1.0]]


def test_a_larger_grid_computes_only_what_is_new(model: Model, counted: list[list[float | None]]) -> None:
    with RunStore(None) as store:
        small_grid(model, store, coefficients=[-1, 0, 1], vectors=VECTORS["first"], **COUNT)
        assert counted == [[None, -1.0, 1.0]]
        counted.clear()
        small_grid(model, store, coefficients=[-1, 0, 1, 2], vectors=VECTORS["first"], **COUNT)
        assert counted == [[2.0]]
        counted.clear()
        small_grid(model, store, coefficients=[-1, 0, 1], **COUNT)  # another vector; the unsteered model is known
        assert counted == [[-1.0, 1.0]]
        counted.clear()
        small_grid(model, store, coefficients=[-1, 0, 1], confidence=0.9, seed=5, **COUNT)
        assert counted == []  # seed and confidence of intervals ask the model nothing


def test_measurements_that_ask_the_same_share_their_cells(model: Model) -> None:
    with RunStore(None) as store:
        small_grid(model, store, data=LETTERS, metrics=["steerability"])
        n = len(store)
        table = small_grid(model, store, data=LETTERS, metrics=["pair_choice", "steerability"])
        assert len(store) == n
    assert {row.measurement for row in table.rows} == {"pair_choice", "steerability"}
    assert key(model, measurement=make_measurement("pair_choice")) == key(
        model, measurement=make_measurement("steerability")
    )
    assert key(model, measurement=make_measurement("pair_choice:variant=letter"), data=LETTERS) != key(
        model, measurement=make_measurement("steerability"), data=LETTERS
    )


def test_names_decide_nothing(model: Model, counted: list[list[float | None]]) -> None:
    with RunStore(None) as store:
        small_grid(model, store, vectors={"a": VECTORS["first"]}, **COUNT)
        counted.clear()
        renamed = pysteer.Dataset(LETTERS.pairs, "renamed")
        table = small_grid(
            model, store, vectors={"b": VECTORS["first"], "c": VECTORS["first"]}, metrics=["counted"], data=renamed
        )
        assert counted == []
    assert {row.vector for row in table.rows} == {"", "b", "c"}
    assert {row.data for row in table.rows} == {"renamed"}


# Keys


def key(model: Model, **changes: Any) -> str:
    """Key of one steered cell."""
    vector = changes.pop("vector", VECTORS["first"])
    steering = changes.pop("steering", {})
    subject = Subject(model, **{"raw": True, **changes.pop("subject", {})})
    arguments = {"measurement": make_measurement("perplexity"), "data": PAIRS, "setting": None} | changes
    steerings = [] if steering is None else [pysteer.Intervention(vector, **{"coefficient": 1.0, **steering})]
    return key_of(cell_identity(group_identity(subject, **arguments), steerings))


def slightly_changed(vector: pysteer.SteeringVector) -> pysteer.SteeringVector:
    """The vector with its very first number moved to the next float32."""
    directions = {site: np.array(direction) for site, direction in vector.directions.items()}
    first = directions[vector.sites[0]]
    first[0] = np.nextafter(first[0], np.float32(np.inf))
    return pysteer.SteeringVector(directions, vector.provenance)


CHANGES: dict[str, dict[str, Any]] = {
    "a number of the vector": {"vector": slightly_changed(VECTORS["first"])},
    "its layer": {"steering": {"layers": (2,)}},
    "the coefficient": {"steering": {"coefficient": 1.0000001}},
    "the operation": {"steering": {"operation": "norm_preserving_add"}},
    "the window": {"steering": {"window": pysteer.Window.parse("answer")}},
    "no steering": {"steering": None},
    "the data": {"data": pysteer.Dataset(PAIRS.pairs[::-1], "days")},
    "the measurement": {"measurement": make_measurement("steerability")},
    "its settings": {"measurement": make_measurement("perplexity:window_size=64")},
    "the prompt setting": {"setting": PromptSetting("terse", "Be terse.")},
    "raw prompts": {"subject": {"raw": False}},
    "keys and values": {"subject": {"kv_type": "f32"}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_decides_a_number_is_in_its_key(model: Model, change: str) -> None:
    assert key(model, **CHANGES[change]) != key(model)
    assert key(model, **CHANGES[change]) == key(model, **CHANGES[change])


def test_parameters_of_an_operation_are_in_the_key(model: Model) -> None:
    one, other = (
        key(model, steering={"operation": "affine", "parameters": {"gain": 0.5, "offset": offset}})
        for offset in (0.0, 1.0)
    )
    assert one != other


def test_another_model_file_is_another_key(model: Model, write_tiny) -> None:
    assert key(Model.load(write_tiny(TINY_LLAMA, "Q8_0"))) != key(model)


def test_changed_code_is_another_key(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(model)
    real = evaluation_keys._one_source_hash
    for module in (
        "pysteer.measurements.perplexity",
        "pysteer.text_windows",
        "pysteer.tree_run",
        "pysteer.operations.add",
    ):
        monkeypatch.setattr(
            evaluation_keys, "_one_source_hash", lambda name, module=module: real(name) + "x" * (name == module)
        )
        assert key(model) != before, module
    monkeypatch.setattr(evaluation_keys, "_one_source_hash", lambda name: real(name) + "x" * (name == "pysteer.cli"))
    assert key(model) == before


def test_code_that_was_changed_while_it_ran_shares_nothing(
    model: Model, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(evaluation_keys._one_source_hash.cache_clear)
    before = key(model)
    evaluation_keys._one_source_hash.cache_clear()
    monkeypatch.setattr(evaluation_keys, "LOADED_AT", 0.0)
    assert key(model) != before


@pytest.mark.parametrize("version", ["pysteer", "llama"])
def test_another_version_is_another_key(model: Model, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    before = key(model)
    if version == "pysteer":
        monkeypatch.setattr(pysteer, "__version__", "9.9.9")
    else:
        monkeypatch.setattr(evaluation_keys, "version", lambda _: "9.9.9")
    assert key(model) != before


def test_the_seed_is_in_the_key_where_the_model_samples(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    assert key(model, subject={"seed": 1}) == key(model, subject={"seed": 2})
    monkeypatch.setattr(Perplexity, "uses_seed", True)
    assert key(model, subject={"seed": 1}) != key(model, subject={"seed": 2})


def test_a_setting_is_not_in_the_key_where_it_does_not_matter(model: Model) -> None:
    from pysteer.measurements.running_text import RunningText

    text = RunningText("text", TEXT)
    assert key(model, data=text) == key(model, data=text, setting=PromptSetting("terse", "Be terse."))


# Estimates


def test_the_estimate_counts_the_tokens_that_are_computed(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    real = Subject.session

    def session(self: Subject, **room: int) -> Any:
        made = real(self, **room)
        if not hasattr(made._native, "n_tokens"):
            from python_runs import CountedDecodes

            CountedDecodes(made).n_tokens = computed
        return made

    monkeypatch.setattr(Subject, "session", session)
    estimates: list[Estimate] = []
    from pysteer import evaluation_estimate

    monkeypatch.setattr(evaluation_estimate, "probe_speed", lambda subject: Speed(1.0, 0.0, 0.0))
    small_grid(model, on_estimate=estimates.append, n_ctx=4096)
    (estimate,) = estimates
    # Groups of the tree compute a little of what they share again, or a trunk that the count leaves out.
    assert sum(computed) == pytest.approx(estimate.n_tokens, rel=0.02)
    assert estimate.seconds == estimate.n_tokens
    assert (estimate.n_stored, estimate.n_unknown) == (0, 0)
    assert estimate.n_cells == 5 * (1 + 2 * 2)  # measurement and data, unsteered and two vectors at two strengths
    assert estimate.n_rows == 5 * (1 + 2 * len(STRENGTHS))


def test_the_estimate_leaves_out_what_is_stored(model: Model) -> None:
    estimates: list[Estimate] = []
    with RunStore(None) as store:
        for _ in range(2):
            small_grid(model, store, on_estimate=estimates.append, vectors=VECTORS["first"])
    first, second = estimates
    assert first.n_stored == 0
    assert first.seconds > 0
    assert first.kv_bytes > 0
    assert (second.n_stored, second.n_tokens, second.seconds) == (second.n_cells, 0, 0.0)
    assert "0 of" in str(second)


def test_an_exception_at_the_estimate_computes_nothing(model: Model) -> None:
    def stop(estimate: Estimate) -> None:
        raise KeyboardInterrupt

    with RunStore(None) as store:
        with pytest.raises(KeyboardInterrupt):
            small_grid(model, store, on_estimate=stop)
        assert len(store) == 0


def test_progress_runs_from_nothing_to_everything(model: Model) -> None:
    calls: list[tuple[int, int]] = []
    small_grid(model, progress=lambda done, total: calls.append((done, total)), vectors=VECTORS["first"])
    dones = [done for done, _ in calls]
    assert dones == sorted(dones)
    assert calls[0][0] == 0
    assert calls[-1] == (calls[0][1], calls[0][1])
    assert len({total for _, total in calls}) == 1
