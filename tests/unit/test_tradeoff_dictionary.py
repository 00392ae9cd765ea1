"""Which rows the dictionary is trained on that the study of trade-offs makes where a model has none."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.errors import DataError
from pysteer.formats.texts import Texts
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.tradeoff.vectors import rows_for_dictionary, texts_for_dictionary

N_EACH = 10
"""Rows of a text."""


def rows_of(texts: list[str]) -> np.ndarray:
    """Ten rows a text: its number, three times."""
    return np.repeat([[float(text)] * 3 for text in texts], N_EACH, axis=0).astype(np.float32)


CONTRAST = [str(number) for number in range(100)]
RUNNING = [str(number) for number in range(1000, 1100)]


def test_every_text_is_taken_once_whatever_styles_share_it() -> None:
    styles = {
        name: Dataset(tuple(ContrastPair(f"q{k}", f"{name} {k}", f"plain {k}") for k in range(9)), name)
        for name in ("a", "b", "c")
    }
    contrast, running = texts_for_dictionary({**styles, "~stories": Texts("stories", ("one", "two"))})
    assert len(contrast) == len(set(contrast)) == 3 * 9 + 9
    assert running == ["one", "two"]


def test_a_quarter_of_the_rows_is_running_text_and_no_style_in_particular_is_cut_off() -> None:
    rows = rows_for_dictionary(CONTRAST, RUNNING, 400, rows_of, seed=0)[:, 0]
    assert len(rows) == 400
    assert (rows >= 1000).sum() == 100
    seen = set(rows[rows < 1000].tolist())
    assert len(seen) == 30
    assert min(seen) < 20
    assert max(seen) > 80
    np.testing.assert_array_equal(rows, rows_for_dictionary(CONTRAST, RUNNING, 400, rows_of, seed=0)[:, 0])
    assert set(rows_for_dictionary(CONTRAST, RUNNING, 400, rows_of, seed=1)[:, 0].tolist()) != set(rows.tolist())


@pytest.mark.parametrize(
    ("contrast", "running", "n_running"), [(5, 100, 350), (100, 2, 20), (100, 0, 0), (0, 100, 400)]
)
def test_where_there_is_too_little_of_one_kind_the_other_fills_up(contrast: int, running: int, n_running: int) -> None:
    rows = rows_for_dictionary(CONTRAST[:contrast], RUNNING[:running], 400, rows_of, seed=0)[:, 0]
    assert len(rows) == 400
    assert (rows >= 1000).sum() == n_running


def test_a_dictionary_of_no_texts_is_an_error() -> None:
    with pytest.raises(DataError, match="no texts"):
        rows_for_dictionary([], [], 10, rows_of, seed=0)
