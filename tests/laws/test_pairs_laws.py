"""Laws of data sets: a split loses nothing, leaks nothing, and a file gives back what was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pysteer.errors import DataError
from pysteer.pair_files import load_pairs
from pysteer.pairs import ContrastPair, Dataset

# Few different texts, so that pairs share prompts and answers often.
SHORT = st.text("ab", min_size=1, max_size=2)
PAIRS = (
    st.tuples(st.text("ab", max_size=2), SHORT, SHORT)
    .filter(lambda texts: texts[1] != texts[2])
    .map(lambda texts: ContrastPair(*texts))
)
DATASETS = st.lists(PAIRS, min_size=1, max_size=12, unique=True).map(lambda pairs: Dataset(tuple(pairs), "demo"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: bool(text.strip())
)


@given(DATASETS, st.floats(0.05, 0.95), st.integers(0, 1000))
def test_a_split_is_a_partition_that_shares_no_prompt_and_no_whole_text(
    data: Dataset, fraction: float, seed: int
) -> None:
    try:
        train, test = data.split(fraction, seed=seed)
    except DataError:
        return
    assert sorted(map(repr, [*train, *test])) == sorted(map(repr, data))

    def texts(side: Dataset) -> set[str]:
        return {text for pair in side for text in (pair.positive_text, pair.negative_text)}

    assert not texts(train) & texts(test)
    assert not {pair.prompt for pair in train if pair.prompt} & {pair.prompt for pair in test}


@given(st.lists(st.tuples(st.just("") | TEXT, TEXT, TEXT), min_size=1, max_size=5, unique=True))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@pytest.mark.parametrize("escape", [True, False])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n\n"])
def test_any_pairs_written_as_json_lines_load_as_they_were(
    tmp_path: Path, escape: bool, newline: str, rows: list[tuple[str, str, str]]
) -> None:
    rows = [row for row in rows if row[1] != row[2]]
    if not rows:
        return
    lines = [
        json.dumps({"prompt": prompt, "positive": positive, "negative": negative}, ensure_ascii=escape)
        for prompt, positive, negative in rows
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(("\ufeff" + newline.join(lines) + newline).encode())
    assert [(pair.prompt, pair.positive, pair.negative) for pair in load_pairs(path)] == rows


@given(st.binary(max_size=80) | TEXT.map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_arbitrary_bytes_are_a_data_error_and_nothing_else(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"pairs{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError, match="pairs"):
        load_pairs(path)
