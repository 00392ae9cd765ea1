"""``pysteer function-vector`` and ``pysteer icv``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_gguf

import pysteer
from pysteer.formats.word_pairs import load_word_pairs
from pysteer.function_vectors import StudyPlan, session_for_study, study_task
from pysteer.in_context_vectors import in_context_vector

PLAN = ("--shots", "2", "--mean-prompts", "4", "--trials", "3", "--seed", "1")


@pytest.fixture(scope="module")
def task_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty words whose answers begin with " a" or " the", which tiny byte-level vocabularies have as tokens."""
    path = tmp_path_factory.mktemp("task") / "begins.json"
    rows = [{"input": f"w{n}", "output": f"the{n}" if n % 2 else f"a{n}"} for n in range(20)]
    path.write_text(json.dumps(rows), "utf-8")
    return path


def test_function_vector_file_holds_what_the_function_returns(run, gpt2_model: Path, task_file: Path, tmp_path) -> None:
    output, baseline, figure = (tmp_path / name for name in ("fv.gguf", "mean.gguf", "aie.svg"))
    outcome = run(
        "function-vector", gpt2_model, task_file, "-o", output, "--baseline", baseline, "--figure", figure, *PLAN
    )
    assert outcome.code == 0, outcome.err
    assert str(output) in outcome.out
    model, task, plan = pysteer.Model.load(gpt2_model), load_word_pairs(task_file), StudyPlan(2, 4, 3, 1)
    with session_for_study(model, task, plan, n_ctx=None, n_threads=None, kv_type="f32") as session:
        study = study_task(model, task, plan, session=session)
    (site,) = study.vector.sites
    assert site == pysteer.Site("resid_post", 2)
    np.testing.assert_allclose(pysteer.load_vector(output)[site], study.vector[site], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(pysteer.load_vector(baseline)[site], study.baseline[site], rtol=1e-4, atol=1e-4)
    assert figure.exists()
    assert (tmp_path / "aie.png").exists()


def test_function_vector_json_has_heads_hashes_and_accuracies(run, gpt2_model: Path, task_file: Path, tmp_path) -> None:
    facts = run(
        "function-vector", gpt2_model, task_file, "-o", tmp_path / "v.gguf", *PLAN, "--heads", "3", "--json"
    ).json
    names = ("none", "function vector", "mean hidden state")
    assert len(facts["heads"]) == 3
    assert [head["aie"] for head in facts["heads"]] == sorted((head["aie"] for head in facts["heads"]), reverse=True)
    assert all(head["low"] <= head["aie"] <= head["high"] for head in facts["heads"])
    assert (facts["n_trials"], facts["n_mean_prompts"], facts["n_blank_answers"]) == (3, 4, 0)
    assert [(one["prompts"], one["steering"]) for one in facts["first_token"]] == [
        *((kind, name) for kind in ("zero-shot", "3 shuffled shots") for name in names),
        ("2 shots", "none"),
    ]
    assert facts["first_token"][0]["n"] == 4  # 21 % of 20
    assert facts["data_hash"] == load_word_pairs(task_file).content_hash


def test_an_ended_scan_goes_on_from_its_checkpoint(run, gpt2_model: Path, task_file: Path, tmp_path) -> None:
    arguments = ("function-vector", gpt2_model, task_file, *PLAN, "--json", "--checkpoint", tmp_path / "scan.jsonl")
    first = run(*arguments, "-o", tmp_path / "one.gguf").json
    assert (tmp_path / "scan.jsonl").read_text("utf-8").count("\n") == 4
    again = run(*arguments, "-o", tmp_path / "two.gguf").json
    assert first["heads"] == again["heads"]


def test_screening_scans_some_heads_and_says_what_it_caught(run, gpt2_model: Path, task_file: Path, tmp_path) -> None:
    arguments = ("function-vector", gpt2_model, task_file, *PLAN, "--heads", "2")
    exact = run(*arguments, "-o", tmp_path / "exact.gguf", "--json").json
    everything = run(*arguments, "-o", tmp_path / "all.gguf", "--screen", "16", "--json").json
    assert (exact["n_screened"], exact["screening_recall"]) == (None, None)
    assert (everything["n_screened"], everything["screening_recall"]) == (16, 1.0)
    assert [(h["layer"], h["head"]) for h in everything["heads"]] == [(h["layer"], h["head"]) for h in exact["heads"]]
    outcome = run(*arguments, "-o", tmp_path / "some.gguf", "--screen", "5", "--figure", tmp_path / "some.svg")
    assert outcome.code == 0, outcome.err
    assert "only 5 heads were scanned: they hold" in outcome.out
    assert pysteer.load_vector(tmp_path / "some.gguf").provenance.extra["n_screened"] == 5


def test_fewer_screened_heads_than_the_vector_needs_are_refused(
    run, gpt2_model: Path, task_file: Path, tmp_path
) -> None:
    arguments = ("function-vector", gpt2_model, task_file, *PLAN, "--heads", "4", "--screen", "3")
    assert "fewer than the 4" in run(*arguments, "-o", tmp_path / "v.gguf").sentence


def test_blank_answers_are_said(run, chat_model: Path, task_file: Path, tmp_path) -> None:
    outcome = run("function-vector", chat_model, task_file, "-o", tmp_path / "v.gguf", *PLAN)
    assert "bare blank" in outcome.err


def test_a_model_with_post_norms_is_refused_with_the_reason(run, write_tiny, task_file: Path, tmp_path) -> None:
    gemma = write_tiny(tiny_gguf.TINY_GEMMA2, "F32")
    sentence = run("function-vector", gemma, task_file, "-o", tmp_path / "v.gguf", *PLAN).sentence
    assert "norm after the attention output matrix" in sentence
    assert not (tmp_path / "v.gguf").exists()


def test_prompts_longer_than_the_model_can_read_are_refused(run, task_file: Path, tmp_path: Path) -> None:
    """Read letter by letter, nine shots are more than a context of 64 tokens."""
    short = tiny_gguf.write_tiny_gguf(
        tmp_path / "short.gguf", replace(tiny_gguf.TINY_GPT2, n_ctx=64), weight_type="F32", seed=1
    )
    sentence = run("function-vector", short, task_file, "-o", tmp_path / "v.gguf", *PLAN, "--shots", "9").sentence
    assert "use fewer shots" in sentence


def test_icv_file_holds_what_the_function_returns(run, chat_model: Path, pairs_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "icv.gguf"
    outcome = run("icv", chat_model, pairs_file, "-o", output, "--variant", "pc1", "--token", "last:4", "--json")
    model, pairs = pysteer.Model.load(chat_model), pysteer.load_pairs(pairs_file)
    expected = in_context_vector(model, pairs, variant="pc1", token="last:4")
    found = pysteer.load_vector(output)
    assert found.sites == expected.sites
    for site in expected.sites:
        np.testing.assert_allclose(found[site], expected[site], rtol=0, atol=1e-3)
    assert (outcome.json["variant"], outcome.json["token_rule"], outcome.json["n_pairs"]) == ("pc1", "last:4", 6)


def test_icv_is_applied_as_its_help_says(run, chat_model: Path, pairs_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "icv.gguf"
    outcome = run("icv", chat_model, pairs_file, "-o", output)
    assert "cosine to the mean" in outcome.out
    steered = run(
        "generate", chat_model, "Hello", "--vector", output, "--operation", "in_context", "--coefficient", "0.1",
        "--max-tokens", "4",
    )  # fmt: skip
    assert steered.code == 0, steered.err


def test_icv_of_one_pair_warns(run, chat_model: Path, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_text(json.dumps({"prompt": "", "positive": "yes", "negative": "no"}), "utf-8")
    outcome = run("icv", chat_model, tmp_path / "one.jsonl", "-o", tmp_path / "v.gguf", "--json")
    assert outcome.json["variant"] == "mean"
    assert "no principal component" in outcome.err


@pytest.mark.parametrize(
    ("options", "expected"), [(("--variant", "cod"), "did you mean 'code'?"), (("--token", "letter"), "last:4")]
)
def test_icv_wrong_names_are_one_sentence(
    run, chat_model: Path, pairs_file: Path, tmp_path: Path, options: tuple[str, ...], expected: str
) -> None:
    assert expected in run("icv", chat_model, pairs_file, "-o", tmp_path / "v.gguf", *options).sentence
