"""``pysteer generate``."""

from __future__ import annotations

from pathlib import Path

import pytest

import pysteer

FEW = ("--max-tokens", 12)


def test_text_is_that_of_the_session(run, chat_model: Path) -> None:
    outcome = run("generate", chat_model, "Hi there", *FEW)
    with pysteer.Model.load(chat_model).session() as session:
        expected = session.generate("Hi there", max_tokens=12).text
    assert outcome.code == 0
    assert outcome.out == expected.lstrip() + "\n"


def test_raw_text_is_continued_as_it_stands(run, plain_model: Path) -> None:
    with pysteer.Model.load(plain_model).session() as session:
        expected = session.generate("Once", raw=True, max_tokens=12).text
    assert run("generate", plain_model, "Once", "--raw", *FEW).out == expected + "\n"


def test_json_has_text_tokens_and_what_they_came_from(run, chat_model: Path, vector_file: Path) -> None:
    outcome = run(
        "generate", chat_model, "Hi", "--vector", vector_file, "--coefficient", 1.5, "--layers", "1:3", *FEW, "--json"
    )
    facts = outcome.json
    assert outcome.err == ""
    assert isinstance(facts["text"], str)
    assert facts["stop_reason"] in ("end", "length")
    assert len(facts["tokens"]) == facts["n_tokens"] <= 12
    assert facts["n_prompt"] > 0
    assert (facts["seed"], facts["temperature"], facts["prompt"]) == (0, 0.0, "Hi")
    assert facts["steering"] == [
        {
            "vector": str(vector_file),
            "coefficient": 1.5,
            "operation": "add",
            "parameters": {},
            "layers": "1:3",
            "window": "all",
        }
    ]


def test_coefficient_zero_leaves_the_text_unchanged(run, chat_model: Path, vector_file: Path) -> None:
    steered = run("generate", chat_model, "Hi", "--vector", vector_file, "--coefficient", 0, *FEW)
    assert steered.out == run("generate", chat_model, "Hi", *FEW).out


def test_vector_and_its_opposite_cancel(run, chat_model: Path, vector_file: Path) -> None:
    both = ("--vector", vector_file, "--coefficient", 2, "--vector", vector_file, "--coefficient", -2)
    tokens = [run("generate", chat_model, "Hi", *options, *FEW, "--json").json["tokens"] for options in ((), both)]
    assert tokens[0] == tokens[1]


def test_several_strengths_give_what_each_alone_gives(run, chat_model: Path, vector_file: Path) -> None:
    steered = ("generate", chat_model, "Hi", "--vector", vector_file, "--kv-type", "f32", *FEW, "--json")
    together = run(*steered, "--coefficients=-30,0,30").json["generations"]
    alone = [run(*steered, "--coefficient", c).json for c in (-30, 0, 30)]
    assert [one["tokens"] for one in together] == [one["tokens"] for one in alone]
    assert [one["steering"][0]["coefficient"] for one in together] == [-30, 0, 30]
    assert len({one["text"] for one in together}) > 1


def test_several_strengths_are_shown_one_below_the_other_in_a_pipe(run, chat_model: Path, vector_file: Path) -> None:
    outcome = run("generate", chat_model, "Hi", "--vector", vector_file, "--coefficients=-2,0,1.5", *FEW)
    lines = outcome.out.splitlines()
    assert [line for line in lines if line in ("-2", "0", "+1.5")] == ["-2", "0", "+1.5"]


def test_operations_take_parameters(run, chat_model: Path, vector_file: Path) -> None:
    steered = ("generate", chat_model, "Hi", "--vector", vector_file, *FEW, "--json", "--coefficient", 1)
    ablated = run(*steered, "--operation", "ablate").json
    same = run(*steered, "--operation", "affine:gain=0,offset=0").json
    assert ablated["tokens"] == same["tokens"]
    assert same["steering"][0]["parameters"] == {"gain": 0, "offset": 0}


def test_each_vector_can_have_its_own_operation_window_and_layers(run, chat_model: Path, vector_file: Path) -> None:
    outcome = run(
        "generate", chat_model, "Hi", *FEW, "--json",
        "--vector", vector_file, "--coefficient", 1, "--operation", "ablate", "--window", "prompt", "--layers", "1",
        "--vector", vector_file, "--coefficient", 2, "--operation", "add", "--window", "answer", "--layers", "2:4",
    )  # fmt: skip
    first, second = outcome.json["steering"]
    assert (first["operation"], first["window"], first["layers"]) == ("ablate", "prompt", "1")
    assert (second["operation"], second["window"], second["layers"]) == ("add", "answer", "2:4")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--coefficient", 1), "each --vector needs a --coefficient, got 0 and 1"),
        (("--layers", "1"), "got no --vector"),
        (("--coefficients=1,2",), "needs one --vector"),
    ],
)
def test_steering_options_without_a_vector_are_usage_errors(run, chat_model: Path, options, expected: str) -> None:
    assert expected in run("generate", chat_model, "Hi", *options).usage_error


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "each --vector needs a --coefficient, got 1 and 0"),
        (("--coefficient", "much"), "--coefficient"),
        (("--coefficients=1,much",), "'1,much'"),
        (("--coefficients=1,2", "--coefficient", 1), "no --coefficient"),
        (("--coefficient", 1, "--operation", "affine:gain"), "affine:gain=0,offset=1"),
        (("--coefficient", 1, "--window", "all", "--window", "last"), "once for each of the 1 vectors"),
    ],
)
def test_steering_options_that_do_not_go_together_are_usage_errors(
    run, chat_model: Path, vector_file: Path, options, expected: str
) -> None:
    assert expected in run("generate", chat_model, "Hi", "--vector", vector_file, *options).usage_error


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--operation", "ad"), "did you mean 'add'?"),
        (("--operation", "affine"), "needs 'gain'"),
        (("--operation", "add:gain=1"), "does not know 'gain'"),
        (("--window", "al"), "expected a window"),
        (("--window", "5:3"), "is empty"),
        (("--layers", "1:9"), "no layer 9"),
        (("--layers", "0"), "no direction at layers [0]"),
        (("--coefficient", "nan"), "finite"),
    ],
)
def test_wrong_steering_is_one_sentence(run, chat_model: Path, vector_file: Path, options, expected: str) -> None:
    strength = () if "--coefficient" in options else ("--coefficient", 1)
    outcome = run("generate", chat_model, "Hi", "--vector", vector_file, *strength, *options)
    assert expected in outcome.sentence


def test_steering_is_checked_before_the_model_is_loaded(run, vector_file: Path, tmp_path: Path) -> None:
    outcome = run(
        "generate", tmp_path / "no.gguf", "Hi", "--vector", vector_file, "--coefficient", 1, "--operation", "ad"
    )
    assert "did you mean 'add'?" in outcome.sentence


def test_missing_vector_is_one_sentence(run, chat_model: Path, tmp_path: Path) -> None:
    outcome = run("generate", chat_model, "Hi", "--vector", tmp_path / "none.gguf", "--coefficient", 1)
    assert "none.gguf" in outcome.sentence


def test_cut_off_vector_is_one_sentence(run, chat_model: Path, vector_file: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.gguf").write_bytes(vector_file.read_bytes()[:-100])
    outcome = run("generate", chat_model, "Hi", "--vector", tmp_path / "cut.gguf", "--coefficient", 1)
    assert "cut.gguf" in outcome.sentence


def test_layer_shift_moves_the_directions(run, chat_model: Path, vector_file: Path) -> None:
    steered = ("generate", chat_model, "Hi", "--vector", vector_file, "--coefficient", 1)
    assert "no direction at layers [3]" in run(*steered, "--layers", "3", "--layer-shift", -1).sentence
    assert run(*steered, "--layers", "0", "--layer-shift", -1, *FEW).code == 0


def test_model_without_a_template_needs_raw(run, plain_model: Path) -> None:
    assert "--raw" in run("generate", plain_model, "Hi").sentence


def test_system_message_needs_the_template(run, chat_model: Path) -> None:
    assert "--system" in run("generate", chat_model, "Hi", "--raw", "--system", "Be kind.").usage_error
    plain, with_system = (
        run("generate", chat_model, "Hi", *options, *FEW, "--json").json["n_prompt"]
        for options in ((), ("--system", "Be kind."))
    )
    assert with_system > plain


def test_same_seed_gives_the_same_text_and_another_seed_another(run, chat_model: Path) -> None:
    drawn = (
        "generate",
        chat_model,
        "Hi",
        "--temperature",
        1.5,
        "--top-k",
        0,
        "--top-p",
        1,
        "--min-p",
        0,
        *FEW,
        "--json",
    )
    first, again, other = (run(*drawn, "--seed", seed).json["tokens"] for seed in (1, 1, 2))
    assert first == again != other


def test_stop_text_ends_the_answer(run, chat_model: Path) -> None:
    text = run("generate", chat_model, "Hi", *FEW, "--json").json["text"]
    stopped = run("generate", chat_model, "Hi", *FEW, "--stop", text[4:6], "--json").json
    assert stopped["stop_reason"] == "stop"
    assert stopped["text"] == text[: text.index(text[4:6])]


def test_prompt_longer_than_the_context_is_one_sentence(run, chat_model: Path) -> None:
    assert "context" in run("generate", chat_model, "long " * 200).sentence


def test_max_tokens_below_one_is_a_usage_error(run, chat_model: Path) -> None:
    assert "--max-tokens" in run("generate", chat_model, "Hi", "--max-tokens", 0).usage_error


def test_full_context_is_said_on_stderr(run, tiny_gpt2: Path) -> None:
    outcome = run("generate", tiny_gpt2, "Hi " * 80, "--raw", "--max-tokens", 1000, "--json")
    assert (outcome.code, outcome.json["stop_reason"]) == (0, "context")
    assert outcome.err == "ended because the context is full (--n-ctx)\n"


def test_ctrl_c_keeps_what_is_there_and_leaves_with_130(run, chat_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def interrupt(self: object, piece: str) -> None:
        written.append(piece)
        if len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("pysteer.cli.streaming.Stream.take", interrupt)
    outcome = run("generate", chat_model, "Hi", "--max-tokens", 50)
    assert (outcome.code, outcome.err) == (130, "interrupted\n")


def test_unknown_kv_type_is_a_usage_error(run, chat_model: Path) -> None:
    assert "--kv-type" in run("generate", chat_model, "Hi", "--kv-type", "q4").usage_error
