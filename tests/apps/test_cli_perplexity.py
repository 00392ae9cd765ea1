"""``pysteer perplexity``."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import pytest

import pysteer
from pysteer.text_perplexity import perplexity

TEXT = "The quick brown fox jumps over the lazy dog, and the dog looks after it for a while. " * 3
SMALL = ("--window-size", 32)


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "some text.txt"
    path.write_text(TEXT, "utf-8")
    return path


def test_json_is_what_the_function_returns(run, chat_model: Path, text_file: Path) -> None:
    outcome = run("perplexity", chat_model, text_file, *SMALL, "--seed", 3, "--json")
    facts = outcome.json
    expected = perplexity(pysteer.Model.load(chat_model), TEXT, window_size=32, seed=3)
    assert outcome.err == ""
    assert facts["perplexity"] == pytest.approx(expected.perplexity, rel=1e-4)
    assert facts["perplexity"] == pytest.approx(math.exp(facts["nll"]), rel=1e-12)
    assert (facts["n_tokens"], facts["n_windows"]) == (expected.n_tokens, expected.n_windows)
    assert facts["low"] <= facts["perplexity"] <= facts["high"]
    assert (facts["seed"], facts["window_size"]) == (3, 32)
    assert facts["text_hash"] == hashlib.sha256(text_file.read_bytes()).hexdigest()
    assert facts["model_hash"] == hashlib.sha256(chat_model.read_bytes()).hexdigest()
    assert "kl" not in facts


def test_steering_adds_its_cost(run, chat_model: Path, text_file: Path, vector_file: Path) -> None:
    steered = run(
        "perplexity", chat_model, text_file, *SMALL, "--vector", vector_file, "--coefficient", 20, "--json"
    ).json
    plain = run("perplexity", chat_model, text_file, *SMALL, "--json").json
    assert steered["kl"] > 0
    assert 0 <= steered["top1_agreement"] < 1
    assert steered["baseline_perplexity"] == pytest.approx(plain["perplexity"], rel=1e-3)
    assert steered["perplexity"] != steered["baseline_perplexity"]


def test_coefficient_zero_costs_exactly_nothing(run, chat_model: Path, text_file: Path, vector_file: Path) -> None:
    facts = run("perplexity", chat_model, text_file, *SMALL, "--vector", vector_file, "--coefficient", 0, "--json").json
    assert (facts["kl"], facts["top1_agreement"]) == (0.0, 1.0)
    assert facts["perplexity"] == facts["baseline_perplexity"]


def test_single_window_has_no_interval_which_is_null(run, chat_model: Path, text_file: Path) -> None:
    facts = run("perplexity", chat_model, text_file, "--window-size", 200, "--json").json
    assert (facts["n_windows"], facts["low"], facts["high"]) == (1, None, None)


def test_documents_are_read_from_json_and_json_lines_alike(run, chat_model: Path, tmp_path: Path) -> None:
    documents = ["A first text. It goes on.", "A second text – shorter."]
    (tmp_path / "texts.json").write_text(json.dumps(documents), "utf-8")
    (tmp_path / "texts.jsonl").write_text("\n".join(json.dumps({"text": text, "id": 1}) for text in documents), "utf-8")
    as_list, as_lines = (
        run("perplexity", chat_model, tmp_path / f"texts.{kind}", "--json").json for kind in ("json", "jsonl")
    )
    expected = perplexity(pysteer.Model.load(chat_model), documents)
    assert as_list["perplexity"] == as_lines["perplexity"] == pytest.approx(expected.perplexity, rel=1e-4)
    assert as_list["n_windows"] == 2


def test_default_window_fits_the_model(run, chat_model: Path, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(TEXT * 4, "utf-8")
    assert run("perplexity", chat_model, tmp_path / "long.txt", "--json").json["window_size"] == 256


def test_window_longer_than_the_model_can_go_is_one_sentence(run, chat_model: Path, text_file: Path) -> None:
    assert "--window-size 256" in run("perplexity", chat_model, text_file, "--window-size", 257).sentence


def test_text_shorter_than_a_window_is_one_sentence(run, chat_model: Path, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("Hi", "utf-8")
    assert "fewer than one window" in run("perplexity", chat_model, tmp_path / "short.txt").sentence


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("bytes.txt", b"\xff\xfe", "UTF-8"),
        ("empty.json", b"[]", "holds no text"),
        ("numbers.json", b"[1]", "list of texts"),
        ("object.json", b"{}", "list of texts"),
        ("broken.json", b"[", "not JSON"),
        ("empty.jsonl", b"\n", "holds no text"),
        ("other.jsonl", b'{"prompt": "x"}', "field 'text'"),
        ("broken.jsonl", b'{"text": "x"}\n{', "line 2"),
    ],
)
def test_bad_text_files_are_one_sentence_that_names_the_file(
    run, chat_model: Path, tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    message = run("perplexity", chat_model, tmp_path / name).sentence
    assert name in message
    assert expected in message


def test_missing_text_is_found_before_the_model_is_loaded(run, tmp_path: Path) -> None:
    assert run("perplexity", tmp_path / "no.gguf", tmp_path / "none.txt").sentence.endswith(
        "none.txt: No such file or directory"
    )


def test_table_names_the_cost(run, chat_model: Path, text_file: Path, vector_file: Path) -> None:
    out = run("perplexity", chat_model, text_file, *SMALL, "--vector", vector_file, "--coefficient", 1).out
    assert [line.split()[0] for line in out.splitlines()] == ["perplexity", "unsteered", "KL", "same", "NLL", "scored"]


def test_vector_for_another_model_is_one_sentence(run, wide_model: Path, text_file: Path, vector_file: Path) -> None:
    outcome = run("perplexity", wide_model, text_file, *SMALL, "--vector", vector_file, "--coefficient", 1)
    assert "good.gguf" in outcome.sentence
