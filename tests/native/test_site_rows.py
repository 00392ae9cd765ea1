"""Rows over many texts, and labels made of them: the same as all rows at once give, cut into windows or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from python_runs import exact_session

from pysteer.dictionaries import SparseDictionary
from pysteer.errors import DataError, ShapeError, SiteError, SteeringError
from pysteer.feature_labelling import label_features
from pysteer.model import Model
from pysteer.provenance import Provenance
from pysteer.recording import record
from pysteer.session import Session
from pysteer.site import Site
from pysteer.site_rows import record_rows, row_windows

SITE = Site("resid_post", 1)
TEXTS = ["Hello there", "Hello you and me", "the thing", "H", "a cat sat there"]


@pytest.fixture(scope="module")
def session(tiny_llama: Path) -> Session:
    return exact_session(tiny_llama)


def all_rows(session: Session, skip_first: int = 1) -> list[np.ndarray]:
    return [item[SITE][skip_first:] for item in record(session.model, TEXTS, [SITE], session=session)]


def dictionary(site: Site | None = SITE, width: int = 64) -> SparseDictionary:
    w_dec = np.random.default_rng(0).normal(size=(30, width)).astype(np.float32)
    return SparseDictionary(
        w_dec.T, np.zeros(30), w_dec, np.zeros(width), "topk", Provenance("example"), site=site, k=4
    )


@pytest.mark.parametrize("skip_first", [0, 1, 3])
def test_rows_are_those_of_each_text_in_order_without_its_first_tokens(session: Session, skip_first: int) -> None:
    expected = np.concatenate(all_rows(session, skip_first))
    rows = record_rows(session.model, TEXTS, SITE, skip_first=skip_first, session=session)
    np.testing.assert_allclose(rows, expected, atol=1e-4)
    windows = [window for window, _ in row_windows(session.model, TEXTS, SITE, skip_first=skip_first, session=session)]
    assert all(len(window.positions) == len(window.tokens) - skip_first > 0 for window in windows)


def test_as_many_rows_as_wanted_and_no_text_more_is_read(session: Session) -> None:
    def endless() -> Iterator[str]:
        while True:
            yield from TEXTS

    seen: list[tuple[int, int]] = []
    rows = record_rows(
        session.model, endless(), SITE, n_rows=25, session=session, progress=lambda *at: seen.append(at)
    )  # fmt: skip
    np.testing.assert_allclose(rows, np.concatenate(all_rows(session))[:25], atol=1e-4)
    assert seen[-1] == (25, 25)


def test_texts_longer_than_the_context_are_cut(tiny_llama: Path) -> None:
    text = "Hello there you and me " * 30
    with exact_session(tiny_llama, n_ctx=256) as session:
        tokens, size = session.model.tokenize(text).ids, min(session.native.n_ctx, session.model.n_ctx_train)
        assert len(tokens) > 2 * size
        windows = list(row_windows(session.model, [text, "Hi"], SITE, session=session))
        assert [window.n_done for window, _ in windows] == [*[0] * (len(windows) - 2), 1, 2]
        pieces = [tokens[at : at + size] for at in range(0, len(tokens), size)]
        expected = [item[SITE][1:] for item in record(session.model, pieces, [SITE], session=session)]
    for (window, rows), piece, known in zip(windows, pieces, expected, strict=False):
        np.testing.assert_array_equal(window.tokens, piece)
        np.testing.assert_allclose(rows, known, atol=1e-4)


def test_what_cannot_be_recorded_is_refused(session: Session) -> None:
    model = session.model
    with pytest.raises(DataError, match=r"expected texts of 1000 tokens .* got"):
        record_rows(model, TEXTS, SITE, n_rows=1000, session=session)
    with pytest.raises(DataError, match="positive number of rows"):
        record_rows(model, TEXTS, SITE, n_rows=0, session=session)
    with pytest.raises(DataError, match="leave out, got -1"):
        record_rows(model, TEXTS, SITE, skip_first=-1, session=session)
    with pytest.raises(DataError, match="text 1: expected text, got int"):
        record_rows(model, ["Hello", 3], SITE, session=session)  # type: ignore[list-item]
    with pytest.raises(DataError, match="got 0"):
        record_rows(model, [], SITE, session=session)
    with pytest.raises(SiteError, match="layers run from 0 to 3"):
        record_rows(model, TEXTS, Site("resid_post", 4), session=session)


def test_labels_equal_a_search_through_all_rows(session: Session) -> None:
    d, model = dictionary(), session.model
    labels = label_features(model, d, TEXTS, n_examples=3, context=(4, 2), session=session)
    features = [d.encode(rows) if len(rows) else np.zeros((0, 30)) for rows in all_rows(session)]
    stacked = np.concatenate(features)
    assert (labels.n_tokens, labels.dictionary_hash, labels.model_hash) == (len(stacked), d.content_hash, model.hash)
    for label in labels.features:
        j = label.feature
        column = stacked[:, j]
        assert label.frequency == pytest.approx((column > 0).mean())
        columns = [(text, part[:, j]) for text, part in enumerate(features) if len(part)]
        largest = [(float(values.max()), text, 1 + int(values.argmax())) for text, values in columns]
        best = sorted((item for item in largest if item[0] > 0), key=lambda item: -item[0])[:3]
        np.testing.assert_allclose([example.value for example in label.examples], [item[0] for item in best], rtol=1e-4)
        assert [(example.text, example.position) for example in label.examples] == [item[1:] for item in best]
        for example in label.examples:
            tokens = [int(token) for token in model.tokenize(TEXTS[example.text]).ids]
            at = example.position
            assert example.token == model.detokenize([tokens[at]])
            assert example.before == model.detokenize(tokens[max(0, at - 4) : at])
            assert example.after == model.detokenize(tokens[at + 1 : at + 3])
        if (column > 0).any():
            assert label.mean == pytest.approx(float(column[column > 0].mean()), rel=1e-4)
    assert any(label.examples for label in labels.features)


def test_memory_for_labels_does_not_grow_with_the_texts(tiny_llama: Path) -> None:
    import tracemalloc

    model, peaks = Model.load(tiny_llama), []
    with exact_session(model) as session:
        for n in (70, 700):
            tracemalloc.start()
            label_features(model, dictionary(), (TEXTS[i % 5] for i in range(n)), session=session)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_what_cannot_be_labelled_is_refused(session: Session) -> None:
    with pytest.raises(SteeringError, match="does not say where"):
        label_features(session.model, dictionary(None), TEXTS, session=session)
    with pytest.raises(DataError, match="at least one example"):
        label_features(session.model, dictionary(), TEXTS, n_examples=0, session=session)
    with pytest.raises(DataError, match="at least two tokens"):
        label_features(session.model, dictionary(), [], session=session)
    with pytest.raises(ShapeError, match="rows"):
        label_features(session.model, dictionary(width=8), TEXTS, session=session)
