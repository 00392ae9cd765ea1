"""`pysteer.evaluate`: the numbers of the naive path, every cell once, and a table that says where each comes from."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from grids import LETTERS, PAIRS, STRENGTHS, TEXT, VECTORS, small_grid
from python_runs import add, exact_session, log_softmax, random_vector

import pysteer
from pysteer.errors import DataError, MeasurementError, SiteError, SteeringError, UnknownNameError
from pysteer.evaluation_table import COLUMNS, Row
from pysteer.formats.texts import Texts
from pysteer.measurements import Measurement, make_measurement, measurements
from pysteer.model import Model
from pysteer.prompt_settings import PromptSetting
from pysteer.session import Session
from pysteer.site import Site
from pysteer.store import RunStore
from pysteer.text_perplexity import perplexities

ACROSS = ("anti_steerable_fraction", "steerability")


@pytest.fixture(scope="module")
def model(tiny_llama: Path) -> Model:
    return Model.load(tiny_llama)


@pytest.fixture(scope="module")
def session(model: Model) -> Iterator[Session]:
    with exact_session(model, n_ctx=1024) as session:
        yield session


@pytest.fixture(scope="module")
def table(model: Model) -> pysteer.EvaluationTable:
    return small_grid(model)


# The numbers


def naive_propensity(session: Session, pair: pysteer.ContrastPair, coefficient: float, name: str) -> float:
    """Sum of log-probabilities of the wanted answer's tokens minus that of the other's, two whole passes."""
    values = []
    n_prompt = len(session.model.tokenize(pair.prompt))
    for text in (pair.positive_text, pair.negative_text):
        tokens = session.model.tokenize(text).ids
        with session.steer(add(VECTORS[name], coefficient, f"{n_prompt - 1}:")):
            rows = log_softmax(session.logits(tokens))
        at = np.arange(n_prompt, len(tokens))
        values.append(rows[at - 1, tokens[at]].sum())
    return float(values[0] - values[1])


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("coefficient", STRENGTHS)
def test_propensities_are_those_of_the_naive_path(
    table: pysteer.EvaluationTable, session: Session, name: str, coefficient: float
) -> None:
    row = table.one(vector=name, data="days", metric="propensity", coefficient=coefficient)
    naive = [naive_propensity(session, pair, coefficient, name) for pair in PAIRS]
    np.testing.assert_allclose(row.per_example, naive, rtol=1e-5, atol=1e-5)
    assert row.value == pytest.approx(np.mean(naive), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("name", VECTORS)
def test_steerability_is_that_of_the_vector_alone(table: pysteer.EvaluationTable, session: Session, name: str) -> None:
    for data in (PAIRS, LETTERS):
        alone = pysteer.measure_steerability(
            session.model, VECTORS[name], data, coefficients=STRENGTHS, raw=True, session=session
        )
        slope = table.one(vector=name, data=data.name, metric="steerability")
        share = table.one(vector=name, data=data.name, metric="anti_steerable_fraction")
        np.testing.assert_allclose(slope.per_example, alone.steerability.per_example, rtol=1e-4, atol=1e-5)
        assert share.value == alone.anti_steerable.value


def test_perplexities_are_those_of_the_text_alone(table: pysteer.EvaluationTable, session: Session) -> None:
    base, *steered = perplexities(
        session.model, TEXT, [[add(VECTORS["first"], c)] for c in STRENGTHS], window_size=64, session=session
    )
    assert table.one(data="text", vector="", metric="perplexity").value == pytest.approx(base.perplexity, rel=1e-5)
    for coefficient, alone in zip(STRENGTHS, steered, strict=True):
        at = {"data": "text", "vector": "first", "coefficient": coefficient}
        assert table.one(metric="perplexity", **at).value == pytest.approx(alone.perplexity, rel=1e-5)
        assert table.one(metric="kl_divergence", **at).value == pytest.approx(alone.kl, rel=1e-4, abs=1e-7)
        assert table.one(metric="top1_agreement", **at).value == pytest.approx(alone.top1_agreement)


def test_perplexity_of_pairs_is_that_of_their_answers(table: pysteer.EvaluationTable, session: Session) -> None:
    row = table.one(vector="first", coefficient=0.5, data="days", metric="perplexity")
    nll, n_tokens = [], []
    for pair in PAIRS:
        n_prompt = len(session.model.tokenize(pair.prompt))
        for text in (pair.positive_text, pair.negative_text):
            tokens = session.model.tokenize(text).ids
            with session.steer(add(VECTORS["first"], 0.5, f"{n_prompt - 1}:")):
                rows = log_softmax(session.logits(tokens))
            at = np.arange(n_prompt, len(tokens))
            nll.append(-rows[at - 1, tokens[at]].mean())
            n_tokens.append(len(at))
    assert row.value == pytest.approx(math.exp(np.average(nll, weights=n_tokens)), rel=1e-5)
    assert row.n == 2 * len(PAIRS)


def test_strength_zero_is_the_unsteered_model_exactly(table: pysteer.EvaluationTable) -> None:
    for row in table.select(coefficient=0.0):
        base = table.one(vector="", data=row.data, measurement=row.measurement, metric=row.metric)
        assert (row.value, row.low, row.high, row.cell) == (base.value, base.low, base.high, base.cell)
    assert {row.value for row in table.select(vector="", metric="kl_divergence")} == {0.0}
    assert {row.value for row in table.select(vector="", metric="top1_agreement")} == {1.0}


# The table


def test_there_is_a_row_for_each_combination(table: pysteer.EvaluationTable) -> None:
    found = [(row.vector, row.data, row.measurement, row.metric, row.coefficient) for row in table.rows]
    assert len(set(found)) == len(found)
    for data in ("days", "letters"):
        for name in VECTORS:
            at = [row.coefficient for row in table.select(vector=name, data=data, metric="propensity")]
            assert at == list(STRENGTHS)
            for metric in ACROSS:
                assert table.one(vector=name, data=data, metric=metric).coefficient is None
    assert {row.data for row in table.rows if row.metric == "perplexity"} == {"days", "letters", "text"}


def test_every_number_says_what_is_needed_to_believe_it(table: pysteer.EvaluationTable, model: Model) -> None:
    hashes = {"days": PAIRS.content_hash, "letters": LETTERS.content_hash}
    for row in table.rows:
        assert row.n >= 2
        assert row.low <= row.value <= row.high
        assert math.isfinite(row.low + row.high)
        assert (row.failures, row.reason, row.went_wrong) == (0, "", "")
        assert (row.seed, row.confidence) == (0, 0.95)
        assert row.model_hash == model.hash
        assert row.data_hash == hashes.get(row.data, row.data_hash)
        assert len(row.data_hash) == len(row.cell) == 64
        assert len(row.vector_hash) == (64 if row.vector else 0)
        assert row.unit
        assert row.better in ("higher", "lower", "neither")
        if row.coefficient is not None:
            assert row.cell in table.cells


def test_csv_holds_every_column_in_full_precision(table: pysteer.EvaluationTable, tmp_path: Path) -> None:
    text = table.to_csv(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text("utf-8") == text
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    read = list(csv.DictReader(io.StringIO(text)))
    assert len(read) == len(table.rows)
    for line, row in zip(read, table.rows, strict=True):
        assert list(line) == list(COLUMNS)
        assert float(line["value"]) == row.value
        assert line["coefficient"] == ("" if row.coefficient is None else repr(row.coefficient))


def test_parquet_and_pandas_hold_the_same_table(table: pysteer.EvaluationTable, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    table.to_parquet(tmp_path / "table.parquet")
    frame, read = table.to_pandas(), pandas.read_parquet(tmp_path / "table.parquet")
    assert list(frame.columns) == list(read.columns) == list(COLUMNS)
    np.testing.assert_array_equal(frame["value"], [row.value for row in table.rows])
    np.testing.assert_array_equal(read["value"], frame["value"])
    assert frame["coefficient"].isna().sum() == sum(row.coefficient is None for row in table.rows)


def test_rows_are_json(table: pysteer.EvaluationTable) -> None:
    assert json.loads(json.dumps(table.to_dicts(), allow_nan=False))[0]["metric"] == table.rows[0].metric


def test_asking_for_a_column_or_a_row_that_is_not_there_is_an_error(table: pysteer.EvaluationTable) -> None:
    with pytest.raises(MeasurementError, match="no column 'vectors'"):
        table.select(vectors="first")
    with pytest.raises(MeasurementError, match="expected one"):
        table.one(metric="steerability")


def test_a_vector_measured_on_what_it_was_extracted_from_is_marked(model: Model) -> None:
    vector = pysteer.extract(model, PAIRS, layers=[2], raw=True)
    rows = small_grid(model, vectors=vector, data=[PAIRS, LETTERS], metrics=["steerability"]).select(
        metric="steerability"
    )
    assert [(row.data, row.is_training_data) for row in rows] == [("days", True), ("letters", False)]


# Axes


def test_layers_operations_and_windows_are_axes(model: Model) -> None:
    rows = small_grid(
        model,
        vectors=VECTORS["first"],
        data=LETTERS,
        metrics=["steerability"],
        layers=[None, "each", (2,)],
        operations=["add", "affine:gain=0.5,offset=0"],
        windows=["answer", "all"],
    ).select(metric="steerability")
    places = [(row.layers, row.operation, row.window) for row in rows]
    assert len(places) == 4 * 2 * 2
    assert set(places[:4]) == {
        ("1:3", operation, window) for operation in ("add", "affine:gain=0.5,offset=0") for window in ("answer", "all")
    }
    assert [layers for layers, *_ in places[::4]] == ["1:3", "1", "2", "2"]
    same = [row.value for row in rows if row.layers == "2"]
    assert same[:4] == same[4:]  # one set of layers, asked for in two ways


def test_settings_are_an_axis_where_they_matter(write_tiny, tmp_path: Path) -> None:
    import tiny_gguf

    chat = dataclasses.replace(tiny_gguf.TINY_LLAMA, chat_template=tiny_gguf.CHAT_TEMPLATE)
    model = Model.load(write_tiny(chat, "F32"))
    settings = [None, PromptSetting("terse", "Be terse."), PromptSetting("polite", user_prefix="Please.")]
    table = small_grid(model, raw=False, settings=settings, vectors=VECTORS["second"], data=[LETTERS, TEXT])
    values = [(row.setting, row.value) for row in table.select(metric="steerability")]
    assert [name for name, _ in values] == ["", "terse", "polite"]
    assert len({value for _, value in values}) == 3
    assert {row.setting for row in table.select(data="text")} == {""}


def test_without_vectors_the_unsteered_model_is_measured(model: Model) -> None:
    table = small_grid(model, vectors=None)
    assert {row.vector for row in table.rows} == {""}
    assert {row.metric for row in table.select(data="letters", measurement="steerability")} == {"propensity"}


def test_a_list_of_documents_is_data(model: Model) -> None:
    table = small_grid(model, data=Texts("notes", ("The thing he had.", "In the end, a ring.")), metrics=["perplexity"])
    assert table.one(vector="", metric="perplexity").n == 2


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"metrics": []}, MeasurementError, "at least one measurement"),
        ({"coefficients": []}, MeasurementError, "at least one measurement and one coefficient"),
        ({"coefficients": [math.nan]}, SteeringError, "finite"),
        ({"metrics": ["steerabilty"]}, UnknownNameError, "did you mean 'steerability'"),
        ({"metrics": ["perplexity:size=3"]}, MeasurementError, "no setting 'size'"),
        ({"metrics": ["perplexity:window_size=2"]}, MeasurementError, "at least 4"),
        ({"metrics": ["steerability"]}, DataError, "'text' .* read by none of the measurements"),
        ({"data": [TEXT]}, DataError, "steerability cannot be measured on any of the data sets; it needs Dataset"),
        ({"data": [PAIRS, PAIRS]}, DataError, "two data sets are called 'days'"),
        ({"data": []}, DataError, "no data"),
        ({"data": 7}, DataError, "expected a data set"),
        ({"layers": 3}, SiteError, "no direction at layers"),
        ({"layers": "9"}, SiteError, "layer 9"),
        ({"operations": "affine"}, SteeringError, "needs 'gain'"),
        ({"operations": "add:gain=two"}, SteeringError, "expected an operation such as"),
        ({"windows": "nowhere"}, SteeringError, "expected a window"),
        ({"vectors": ["a.gguf"]}, SteeringError, "expected a SteeringVector"),
        ({"train": PAIRS}, DataError, "share a prompt"),
        ({"data": [LETTERS, "too short"]}, MeasurementError, "fewer than one window"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_computed(
    model: Model, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with RunStore(None) as store:
        with pytest.raises(error, match=message):
            small_grid(model, store, **changes)
        assert len(store) == 0


# Failures


def test_a_strength_that_is_too_strong_is_shown_and_takes_no_other_along(model: Model) -> None:
    direction = random_vector(1)[Site("resid_post", 1)]
    twice = pysteer.SteeringVector(
        {Site("resid_post", layer): direction for layer in (1, 2)}, random_vector(1).provenance
    )
    much = 3e38 / float(np.abs(direction).max())  # a float32 at one layer, infinite after the second
    options: dict[str, Any] = {"vectors": twice, "data": [LETTERS, TEXT]}
    broken = small_grid(model, coefficients=[-1.0, 0.5, much], **options)
    whole = small_grid(model, coefficients=[-1.0, 0.5], **options)
    assert broken.select(coefficient=much)
    for row in broken.select(coefficient=much):
        assert math.isnan(row.value)
        assert row.n == 0
        assert row.failures == {"letters": 6, "text": 1}[row.data]
        assert "far too strong" in row.reason
        assert "far too strong" in row.went_wrong
        assert row.to_dict()["value"] is None
    for metric in ACROSS:  # no slope over fewer strengths than were asked for
        row = broken.one(metric=metric)
        assert math.isnan(row.value)
        assert row.reason
    for row in broken.rows:
        if row.coefficient in (-1.0, 0.5) and row.measurement == "steerability":
            alone = whole.one(metric=row.metric, coefficient=row.coefficient, data=row.data, measurement="steerability")
            assert row.value == pytest.approx(alone.value, rel=1e-4, abs=1e-5)
    assert '"' in broken.to_csv()


def test_one_item_has_no_interval_and_says_so(model: Model) -> None:
    table = small_grid(model, data=LETTERS[:1], metrics=["steerability"], vectors=VECTORS["first"])
    for row in (*table.select(metric="propensity"), table.one(metric="steerability")):
        assert math.isnan(row.value)
        assert "interval needs" in row.reason


# Registry


@pytest.mark.parametrize("name", measurements.names())
def test_measurements_have_settings_that_a_key_can_hold(name: str) -> None:
    kind = measurements.get(name)
    assert issubclass(kind, Measurement)
    assert kind.data_types
    assert measurements.summary(name).endswith((".", "?"))
    required = [f for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING]  # type: ignore[arg-type]
    if not required:
        made = make_measurement(name)
        json.dumps(made.settings(), allow_nan=False)
        assert str(made) == name


def test_a_measurements_text_makes_it_again() -> None:
    made = make_measurement("perplexity", window_size=32)
    assert str(made) == "perplexity:window_size=32"
    assert make_measurement(str(made)) == made
    assert make_measurement(made) is made


def test_a_row_has_all_columns_and_its_examples() -> None:
    assert {field.name for field in dataclasses.fields(Row)} == {*COLUMNS, "per_example"}
