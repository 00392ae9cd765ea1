"""``pysteer extract``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import pysteer
from pysteer.prompt_settings import persona_settings


def test_file_holds_what_the_function_returns(run, chat_model: Path, pairs_file: Path, tmp_path: Path) -> None:
    output = tmp_path / "my vector.gguf"
    outcome = run("extract", chat_model, pairs_file, "--layers", "1:3", "-o", output)
    assert outcome.code == 0
    expected = pysteer.extract(pysteer.Model.load(chat_model), pysteer.load_pairs(pairs_file), layers="1:3")
    assert pysteer.load_vector(output) == expected
    assert str(output) in outcome.out


def test_default_layers_are_all_but_the_first_so_that_llama_cpp_can_load_it(
    run, chat_model: Path, pairs_file: Path, tmp_path: Path
) -> None:
    outcome = run("extract", chat_model, pairs_file, "-o", tmp_path / "v.gguf")
    assert pysteer.load_vector(tmp_path / "v.gguf").layers == (1, 2, 3)
    assert "llama.cpp loads it" in outcome.out


def test_json_has_norms_hashes_and_provenance(run, chat_model: Path, pairs_file: Path, tmp_path: Path) -> None:
    outcome = run("extract", chat_model, pairs_file, "--layers", "2,3", "-o", tmp_path / "v.gguf", "--json")
    facts = outcome.json
    vector = pysteer.load_vector(tmp_path / "v.gguf")
    assert outcome.err == ""
    assert [site["norm"] for site in facts["sites"]] == list(vector.norms().values())
    assert [site["layer"] for site in facts["sites"]] == [2, 3]
    assert all(site["relative_norm"] == site["norm"] / site["row_norm"] for site in facts["sites"])
    assert (facts["method"], facts["token_rule"], facts["n_pairs"]) == ("mean_difference", "answer", 6)
    assert facts["data_hash"] == pysteer.load_pairs(pairs_file).content_hash
    assert facts["is_for_llama_cpp"] is True


def test_row_norm_is_the_mean_norm_where_the_vector_was_read(
    run, chat_model: Path, letters_file: Path, tmp_path: Path
) -> None:
    """Oracle: the tokens that the rule reads, recorded one text at a time."""
    outcome = run(
        "extract", chat_model, letters_file, "--layers", "2", "--token", "last", "-o", tmp_path / "v.gguf", "--json"
    )
    model, site = pysteer.Model.load(chat_model), pysteer.Site("resid_post", 2)
    texts = [
        model.chat(pair.prompt) + answer.lstrip()  # the template ends with a control token
        for pair in pysteer.load_pairs(letters_file)
        for answer in (pair.positive, pair.negative)
    ]
    rows = [pysteer.record(model, [text], [site], positions=[[-1]])[0][site] for text in texts]
    expected = np.mean([np.linalg.norm(row) for row in rows])
    assert outcome.json["sites"][0]["row_norm"] == pytest.approx(expected, rel=1e-3)  # keys and values are f16


def test_letters_are_read_at_the_letter(run, chat_model: Path, letters_file: Path, tmp_path: Path) -> None:
    facts = run("extract", chat_model, letters_file, "-o", tmp_path / "v.gguf", "--json").json
    assert facts["token_rule"] == "letter"


@pytest.mark.parametrize(
    ("options", "sites"),
    [
        (("--layers", "0:2"), ["resid_post.0", "resid_post.1"]),
        (("--component", "mlp_out", "--layers", "1"), ["mlp_out.1"]),
        (("--component", "final_norm"), ["final_norm"]),
    ],
)
def test_sites_beyond_llama_cpp_are_saved_and_said(
    run, chat_model: Path, pairs_file: Path, tmp_path: Path, options: tuple[str, ...], sites: list[str]
) -> None:
    outcome = run("extract", chat_model, pairs_file, *options, "-o", tmp_path / "v.gguf")
    assert [str(site) for site in pysteer.load_vector(tmp_path / "v.gguf").sites] == sites
    assert "only pysteer" in outcome.out


def test_final_norm_takes_no_layers(run, chat_model: Path, pairs_file: Path, tmp_path: Path) -> None:
    outcome = run(
        "extract", chat_model, pairs_file, "--component", "final_norm", "--layers", "1", "-o", tmp_path / "v.gguf"
    )
    assert "--layers" in outcome.usage_error


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--layers", "1:9"), "no layer 9"),
        (("--layers", "three"), "expected layers"),
        (("--method", "mean_diference"), "did you mean 'mean_difference'?"),
        (("--component", "resid_pots"), "did you mean 'resid_post'?"),
        (("--token", "lastt"), "did you mean 'last'?"),
    ],
)
def test_wrong_names_and_layers_are_one_sentence(
    run, chat_model: Path, pairs_file: Path, tmp_path: Path, options: tuple[str, ...], expected: str
) -> None:
    assert expected in run("extract", chat_model, pairs_file, *options, "-o", tmp_path / "v.gguf").sentence
    assert not (tmp_path / "v.gguf").exists()


@pytest.mark.parametrize(
    "text", ["", "\n\n", "{", '{"positive": "a"}', '{"positive": "a", "negative": "b", "promt": ""}']
)
def test_bad_pairs_are_one_sentence_that_names_the_file(run, chat_model: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.jsonl").write_text(text, "utf-8")
    assert "bad.jsonl" in run("extract", chat_model, tmp_path / "bad.jsonl", "-o", tmp_path / "v.gguf").sentence


def test_missing_pairs_are_one_sentence(run, chat_model: Path, tmp_path: Path) -> None:
    assert "none.jsonl" in run("extract", chat_model, tmp_path / "none.jsonl", "-o", tmp_path / "v.gguf").sentence


def test_output_is_required(run, chat_model: Path, pairs_file: Path) -> None:
    assert "--output" in run("extract", chat_model, pairs_file).usage_error


def test_output_folder_is_checked_before_the_model_is_loaded(run, pairs_file: Path, tmp_path: Path) -> None:
    message = run("extract", tmp_path / "no model.gguf", pairs_file, "-o", tmp_path / "nowhere" / "v.gguf").sentence
    assert "there is no folder" in message
    assert "a folder" in run("extract", tmp_path / "no model.gguf", pairs_file, "-o", tmp_path).sentence


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_write_protected_folder_is_found_before_the_model_is_loaded(run, pairs_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "protected"
    folder.mkdir(mode=0o500)
    assert "write-protected" in run("extract", tmp_path / "no.gguf", pairs_file, "-o", folder / "v.gguf").sentence


def test_an_input_is_never_replaced(run, chat_model: Path, pairs_file: Path) -> None:
    before = pairs_file.read_bytes()
    assert "input" in run("extract", chat_model, pairs_file, "-o", pairs_file).sentence
    assert "input" in run("extract", chat_model, pairs_file, "-o", chat_model).sentence
    assert pairs_file.read_bytes() == before


def test_model_without_a_template_needs_raw(run, plain_model: Path, pairs_file: Path, tmp_path: Path) -> None:
    assert "--raw" in run("extract", plain_model, pairs_file, "-o", tmp_path / "v.gguf").sentence
    assert run("extract", plain_model, pairs_file, "-o", tmp_path / "v.gguf", "--raw").code == 0


def test_a_setting_puts_the_persona_around_the_prompts(run, chat_model: Path, pairs_file: Path, tmp_path: Path) -> None:
    personas = (
        "--positive-persona",
        "You are kind.",
        "--negative-persona",
        "You are cruel.",
        "--default-system",
        "Hm.",
    )
    settings = persona_settings("You are kind.", "You are cruel.", default_system="Hm.")
    model, pairs = pysteer.Model.load(chat_model), pysteer.load_pairs(pairs_file)
    found = {}
    for name, given in (("BASE", "base"), ("SYS_POS", "sys+"), ("SYS_NEG", "SYS_NEG"), ("USER_NEG", "user-")):
        output = tmp_path / f"{name}.gguf"
        facts = run(
            "extract", chat_model, pairs_file, "--layers", "2", "-o", output, *personas, "--setting", given, "--json"
        ).json
        found[name] = pysteer.load_vector(output)
        assert found[name] == pysteer.extract(model, pairs, layers="2", setting=settings[name])
        assert facts["setting"]["name"] == name
    assert found["SYS_POS"] != found["BASE"] != found["USER_NEG"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--setting", "system"), "Available: base, sys+, sys-, user+, user-"),
        (("--setting", "sys+"), "give --positive-persona"),
        (("--setting", "user-", "--positive-persona", "Kind."), "give --negative-persona"),
        (("--setting", "base", "--raw"), "cannot be applied"),
    ],
)
def test_settings_without_meaning_are_one_sentence(
    run, chat_model: Path, pairs_file: Path, tmp_path: Path, options: tuple[str, ...], expected: str
) -> None:
    assert expected in run("extract", chat_model, pairs_file, "-o", tmp_path / "v.gguf", *options).sentence


def test_persona_file_works(run, chat_model: Path, tmp_path: Path) -> None:
    personas = {
        "template": "A {persona} person says",
        "positive": ["glad"],
        "negative": ["sad"],
        "suffixes": ["I", "We"],
    }
    (tmp_path / "personas.json").write_text(json.dumps(personas), "utf-8")
    facts = run("extract", chat_model, tmp_path / "personas.json", "-o", tmp_path / "v.gguf", "--json").json
    assert (facts["n_pairs"], facts["token_rule"]) == (2, "last")
