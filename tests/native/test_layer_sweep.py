"""The layer sweep: its table against one measurement a layer, its choice, its files, and what it costs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from python_runs import exact_session
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA, TinyModel

from pysteer.errors import DataError, MeasurementError
from pysteer.evaluation import COEFFICIENTS, measure_steerability
from pysteer.extraction import extract
from pysteer.layer_sweep import SweepRow, choose_best, sweep_layers
from pysteer.pairs import ContrastPair, Dataset
from pysteer.sweep_figure import draw_sweep
from pysteer.tree_run import RunCount

LLAMA = replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE)
WriteTiny = Callable[[TinyModel, str], Path]


def pairs(begin: int, end: int) -> Dataset:
    told = (ContrastPair(f"Tell me a long story of {k}.", f"Gladly {k * 7}", f"No {k}") for k in range(begin, end))
    return Dataset(tuple(told), f"told {begin}")


TRAIN, VALIDATION, TEST = pairs(0, 6), pairs(6, 10), pairs(10, 15)


def test_every_row_equals_extracting_and_evaluating_that_layer_alone(write_tiny: WriteTiny, tmp_path: Path) -> None:
    with exact_session(write_tiny(LLAMA, "F32"), n_ctx=2048, n_sequences=32) as session:
        model, count = session.model, RunCount()
        sweep = sweep_layers(
            model, TRAIN, VALIDATION, TEST, tokens=["answer", "last"], seed=3, session=session, count=count
        )
        assert [(row.token, row.layer) for row in sweep.rows] == [(t, n) for t in ("answer", "last") for n in range(4)]
        for row in sweep.rows:
            vector = extract(model, TRAIN, layers=[row.layer], token=row.token, session=session)
            alone = measure_steerability(model, vector, VALIDATION, seed=3, session=session)
            assert row.steerability == pytest.approx(alone.steerability.value, abs=2e-4)
            assert row.low == pytest.approx(alone.steerability.low, abs=2e-4)
            assert row.n == 4
        assert sweep.best.steerability == max(row.steerability for row in sweep.rows)
        alone = measure_steerability(model, sweep.vector, TEST, seed=3, session=session)
        assert sweep.test.steerability.value == pytest.approx(alone.steerability.value, abs=2e-4)
        assert sweep.test.steerability.data_hash == TEST.content_hash
    assert sweep.vector.layers == (sweep.best.layer,)
    assert count.tokens * 3 < count.naive_tokens  # prompts are shared by all layers and coefficients
    table = list(csv.DictReader(io.StringIO(sweep.to_csv())))
    assert [float(line["steerability"]) for line in table] == [row.steerability for row in sweep.rows]
    everything = json.loads(sweep.to_json())
    assert everything["test"]["n"] == 5
    assert everything["train_hash"] == TRAIN.content_hash
    assert everything["coefficients"] == list(COEFFICIENTS)
    svg, png = draw_sweep(sweep, tmp_path / "sweep.png", title="told")
    assert "<svg" in svg.read_text()
    assert png.read_bytes().startswith(b"\x89PNG")
    again = draw_sweep(sweep, tmp_path / "again.png", title="told")
    assert again[0].read_bytes() == svg.read_bytes()


def test_data_sets_that_overlap_are_refused_before_anything_is_computed(write_tiny: WriteTiny) -> None:
    with exact_session(write_tiny(LLAMA, "F32")) as session:
        count = RunCount()
        for sets in ((TRAIN, TRAIN, TEST), (TRAIN, VALIDATION, pairs(9, 12)), (TRAIN, VALIDATION, pairs(5, 8))):
            with pytest.raises(DataError, match="share a prompt or a text"):
                sweep_layers(session.model, *sets, seed=0, session=session, count=count)
        assert count.tokens == 0


def test_the_best_row_of_a_table_is_the_highest_mean_and_the_lowest_layer_among_equals() -> None:
    def row(layer: int, steerability: float) -> SweepRow:
        return SweepRow(layer, "last", 1.0, steerability, steerability - 9, steerability + 1, 0.5, 10)

    table = [row(0, -3.0), row(1, 0.5), row(2, 2.0), row(3, 2.0), row(4, 1.9)]
    for order in (table, table[::-1]):
        assert choose_best(order).layer == 2
    with pytest.raises(MeasurementError, match="no layer"):
        choose_best([])


def test_an_ended_sweep_goes_on_from_its_file(
    write_tiny: WriteTiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pysteer.layer_sweep.N_ITEMS", 1)
    file = tmp_path / "sweep.jsonl"
    with exact_session(write_tiny(LLAMA, "F32")) as session:
        sets, choices = (session.model, TRAIN, VALIDATION, TEST), {"layers": [1, 2], "seed": 0, "session": session}
        whole = sweep_layers(*sets, **choices)

        def stop(done: int, _: int) -> None:
            if done >= 6 + 3:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sweep_layers(*sets, **choices, checkpoint=file, progress=stop)
        n_done = file.read_text("utf-8").count("\n") - 1
        assert 0 < n_done < 4
        file.write_bytes(file.read_bytes() + b'{"values": [[0.1')  # cut off by a crash
        count = RunCount()
        resumed = sweep_layers(*sets, **choices, checkpoint=file, count=count)
        assert resumed.to_csv() == whole.to_csv()
        assert file.read_text("utf-8").count("\n") == 5
        again = RunCount()
        assert sweep_layers(*sets, **choices, checkpoint=file, count=again).to_csv() == whole.to_csv()
        assert again.tokens < count.tokens


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "different seed"),
        ({"coefficients": (-1.0, 1.0)}, "different coefficients, n_steerings"),
        ({"layers": [1]}, "different places, n_steerings"),
        ({"window": "last"}, "different window"),
    ],
)
def test_the_checkpoint_of_another_sweep_is_refused_by_what_differs(
    write_tiny: WriteTiny, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    with exact_session(write_tiny(LLAMA, "F32")) as session:
        sets = (session.model, TRAIN, VALIDATION, TEST)
        given = {"layers": [1, 2], "seed": 0, "session": session, "checkpoint": tmp_path / "sweep.jsonl"}
        sweep_layers(*sets, **given)
        with pytest.raises(DataError, match=message):
            sweep_layers(*sets, **(given | change))
        (tmp_path / "sweep.jsonl").write_text("notes\n", "utf-8")
        with pytest.raises(DataError, match="not the checkpoint of a layer sweep"):
            sweep_layers(*sets, **given)


def test_progress_ends_at_all_pairs(write_tiny: WriteTiny) -> None:
    seen: list[tuple[int, int]] = []
    with exact_session(write_tiny(LLAMA, "F32")) as session:
        sweep_layers(
            session.model,
            TRAIN,
            VALIDATION,
            TEST,
            layers=[2],
            seed=0,
            session=session,
            progress=lambda done, total: seen.append((done, total)),
        )
    assert seen[-1] == (15, 15)
    assert np.all(np.diff([done for done, _ in seen]) >= 0)
