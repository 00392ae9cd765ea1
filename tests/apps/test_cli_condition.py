"""``pysteer condition``, and ``--condition`` of generate and chat."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

import pysteer
from pysteer.condition import Condition
from pysteer.prompt_conditions import condition_values

FEW = ("--max-tokens", 6, "--json")


@pytest.fixture(scope="module")
def prompts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("prompts") / "ask.jsonl"
    rows = [{"prompt": "", "positive": f"What is {n}?", "negative": f"Tell {n}!"} for n in range(8)]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


@pytest.fixture(scope="module")
def condition_file(chat_model: Path, prompts_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pysteer.cli import main

    path = tmp_path_factory.mktemp("condition") / "question.gguf"
    with pytest.raises(SystemExit) as left:
        main(["condition", str(chat_model), str(prompts_file), "-o", str(path), "--how", "cosine,last"])
    assert not left.value.code
    return path


def values_of(model: Path, file: Path, *prompts: str) -> np.ndarray:
    """The condition's value for chat prompts, without the command line."""
    loaded, vector = pysteer.Model.load(model), pysteer.load_vector(file)
    kept = vector.provenance.extra["condition"]
    read = Condition(vector, threshold=0.0, reduce=kept["reduce"], measure=kept["measure"])
    with loaded.session() as session:
        return condition_values(session, [loaded.tokenize(loaded.chat(p)).ids for p in prompts], [read])[:, 0]


def test_a_condition_tells_the_prompts_apart_and_keeps_its_settings(
    run, chat_model: Path, prompts_file: Path, tmp_path: Path
) -> None:
    arguments = ("condition", chat_model, prompts_file, "-o", tmp_path / "c.gguf", "--how", "cosine,last")
    facts = run(*arguments, "--json").json
    assert facts["test"]["accuracy"] == facts["train"]["accuracy"] == 1.0  # the last characters differ
    assert (facts["train"]["n_met"], facts["test"]["n_met"]) == (4, 4)
    kept = pysteer.load_vector(tmp_path / "c.gguf").provenance.extra["condition"]
    assert kept == {name: facts[name] for name in ("threshold", "comparison", "measure", "reduce", "scope", "window")}
    assert "met where the last cosine over the prompt" in run(*arguments).out


def test_a_file_with_its_threshold_steers_the_prompts_that_meet_it(
    run, chat_model: Path, vector_file: Path, condition_file: Path
) -> None:
    steered = ("--vector", vector_file, "--coefficient", 30, *FEW)
    for prompt, is_met in (("What is 99?", True), ("Tell 99!", False)):
        conditional = run("generate", chat_model, prompt, *steered, "--condition", condition_file).json
        expected = run("generate", chat_model, prompt, *(steered if is_met else FEW)).json
        assert conditional["tokens"] == expected["tokens"]
    facts = conditional["steering"][0]["condition"]
    assert (facts["vector"], facts["scope"], facts["reduce"]) == (str(condition_file), "prompt", "last")


def test_threshold_and_side_can_be_given(run, chat_model: Path, vector_file: Path, condition_file: Path) -> None:
    (value,) = values_of(chat_model, condition_file, "Hi")
    steered = ("generate", chat_model, "Hi", "--vector", vector_file, "--coefficient", 30, *FEW)
    plain, always = run("generate", chat_model, "Hi", *FEW).json["tokens"], run(*steered).json["tokens"]
    assert plain != always
    for threshold in (value - 0.05, value + 0.05):
        for side in ("above", "below"):
            given = ("--condition", condition_file, "--condition-threshold", threshold, "--condition-how", side)
            is_met = (value > threshold) == (side == "above")
            assert run(*steered, *given).json["tokens"] == (always if is_met else plain)


def test_rows_can_be_gated(run, chat_model: Path, vector_file: Path) -> None:
    steered = ("generate", chat_model, "Hi", "--vector", vector_file, "--coefficient", 30, *FEW)
    plain, always = run("generate", chat_model, "Hi", *FEW).json["tokens"], run(*steered).json["tokens"]
    gated = (*steered, "--condition", vector_file, "--condition-how", "token,below")
    assert run(*gated, "--condition-threshold", -1.5).json["tokens"] == plain
    assert run(*gated, "--condition-threshold", 1.5).json["tokens"] == always
    assert run(*gated, "--condition-threshold", 1.5).json["steering"][0]["condition"]["scope"] == "token"


def test_each_vector_has_its_own_condition(run, chat_model: Path, vector_file: Path, condition_file: Path) -> None:
    both = ("--vector", vector_file, "--coefficient", 30, "--vector", vector_file, "--coefficient", -30)
    rules = ("--condition", condition_file, "--condition", condition_file)
    never = ("--condition-threshold", 2, "--condition-threshold", -2, "--condition-how", "above")
    only_second = run("generate", chat_model, "Hi", *both, *rules, *never, *FEW).json["tokens"]
    expected = run("generate", chat_model, "Hi", "--vector", vector_file, "--coefficient=-30", *FEW).json["tokens"]
    assert only_second == expected


def test_several_strengths_share_the_condition(run, chat_model: Path, vector_file: Path, condition_file: Path) -> None:
    side_by_side = ("--vector", vector_file, "--coefficients=0,30", "--condition", condition_file, *FEW)
    texts = [one["text"] for one in run("generate", chat_model, "Tell 99!", *side_by_side).json["generations"]]
    assert texts[0] == texts[1]
    texts = [one["text"] for one in run("generate", chat_model, "What is 99?", *side_by_side).json["generations"]]
    assert texts[0] != texts[1]


def test_chat_decides_for_each_turn(
    run, chat_model: Path, vector_file: Path, condition_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Tell 99!\n/help\n"))
    chat = ("chat", chat_model, "--max-tokens", 6)
    outcome = run(*chat, "--vector", vector_file, "--coefficient", 30, "--condition", condition_file)
    assert outcome.code == 0, outcome.err
    assert "where question.gguf: last cosine of the prompt" in " ".join(outcome.err.split())
    monkeypatch.setattr("sys.stdin", io.StringIO("Tell 99!\n"))
    assert outcome.out.splitlines()[0] == run(*chat).out.splitlines()[0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--condition-how", "abve"), "did you mean 'above'?"),
        (("--condition-how", "above,below"), "exclude each other"),
        (("--condition-layer", "9", "--condition-threshold", "0"), "no direction at layers [9]"),
        ((), "give --condition-threshold"),
        (("--condition-threshold", "0.1"), "choose a layer"),
    ],
)
def test_conditions_without_meaning_are_one_sentence(
    run, chat_model: Path, vector_file: Path, options: tuple[str, ...], expected: str
) -> None:
    given = ("--vector", vector_file, "--coefficient", 1, "--condition", vector_file, *options)
    assert expected in run("generate", chat_model, "Hi", *given).sentence


def test_a_condition_needs_a_vector_and_its_companions_a_condition(
    run, chat_model: Path, condition_file: Path, vector_file: Path
) -> None:
    assert "--vector" in run("generate", chat_model, "Hi", "--condition", condition_file).usage_error
    steered = ("--vector", vector_file, "--coefficient", 1)
    assert "--condition" in run("generate", chat_model, "Hi", *steered, "--condition-threshold", 1).usage_error


def test_pairs_with_prompts_are_no_prompts(run, chat_model: Path, pairs_file: Path, tmp_path: Path) -> None:
    assert "pairs of prompts" in run("condition", chat_model, pairs_file, "-o", tmp_path / "c.gguf").sentence


def test_a_condition_of_another_width_is_refused(
    run, wide_model: Path, chat_model: Path, condition_file: Path, prompts_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "wide.gguf"
    assert run("condition", wide_model, prompts_file, "-o", other).code == 0
    given = ("--vector", condition_file, "--coefficient", 1, "--condition", other)
    assert "wide.gguf" in run("generate", chat_model, "Hi", *given).sentence


def test_what_a_file_says_about_its_condition_is_checked(
    run, chat_model: Path, condition_file: Path, vector_file: Path, tmp_path: Path
) -> None:
    vector = pysteer.load_vector(condition_file)
    broken = pysteer.Provenance("condition", extra={"condition": {"threshold": "high"}})
    pysteer.save_vector(pysteer.SteeringVector(vector.directions, broken), tmp_path / "b.gguf", for_llama_cpp=False)
    given = ("--vector", vector_file, "--coefficient", 1, "--condition", tmp_path / "b.gguf")
    sentence = run("generate", chat_model, "Hi", *given).sentence
    assert "b.gguf" in sentence
    assert "expected a threshold" in sentence
