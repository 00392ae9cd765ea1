"""``pysteer dictionary``: train, inspect, label, select, contrast, vector, generate and convert."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import pysteer
from pysteer.cli.dictionary_command import DICTIONARY_EXAMPLES
from pysteer.dictionaries.feature_edits import FeatureEdit
from pysteer.dictionaries.feature_labels import load_labels
from pysteer.dictionary_file import load_dictionary, save_dictionary
from pysteer.feature_steering import edit_features
from pysteer.site_rows import record_rows

SITE = "resid_post.2"
WORDS = ("one", "two", "three", "four", "hill", "cat")
TEXTS = [
    f"The {a} and the {b} went {c} times over the hill" for a in WORDS for b in WORDS for c in ("two", "six")
]  # 72
PLAN = ("--site", SITE, "--features", 24, "--k", 4, "--batch-size", 128, "--epochs", 2, "--seed", 5, "--threads", 1)


@pytest.fixture(scope="module")
def texts_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.json"
    path.write_text(json.dumps(TEXTS), "utf-8")
    return path


@pytest.fixture(scope="module")
def trained(chat_model: Path, texts_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pysteer.cli import main

    path = tmp_path_factory.mktemp("dictionary") / "features.npz"
    for command in (
        ["train", chat_model, texts_file, "-o", path, *PLAN],
        ["label", chat_model, path, texts_file, "--examples", 3, "--threads", 1],
    ):
        with pytest.raises(SystemExit) as left:
            main(["dictionary", *map(str, command)])
        assert not left.value.code
    return path


@pytest.mark.parametrize("command", DICTIONARY_EXAMPLES)
def test_every_command_has_help_with_an_example(run, command: str) -> None:
    outcome = run("dictionary", command, "--help")
    assert outcome.code == 0
    assert f"pysteer dictionary {command}" in outcome.out
    assert DICTIONARY_EXAMPLES[command].split()[-1] in " ".join(outcome.out.split())


def test_training_writes_a_dictionary_and_measures_it_on_texts_kept_apart(
    run, chat_model: Path, texts_file: Path, tmp_path: Path
) -> None:
    output = tmp_path / "features.npz"
    facts = run("dictionary", "train", chat_model, texts_file, "-o", output, *PLAN, "--tokens", 1500, "--json").json
    found, model = load_dictionary(output), pysteer.Model.load(chat_model)
    assert (found.n_features, found.k, str(found.site)) == (24, 4, SITE)
    assert found.provenance.model_hash == facts["model_hash"] == model.hash
    assert (facts["n_tokens"], facts["l0_held_out"]) == (1500, 4.0)
    apart = record_rows(model, TEXTS[-7:], pysteer.Site.parse(SITE))
    assert facts["n_held_out"] == len(apart)
    assert facts["fvu_held_out"] == pytest.approx(found.fvu(apart), rel=1e-3)
    assert facts["fvu"] < 1.0


def test_half_precision_and_a_checkpoint(run, chat_model: Path, texts_file: Path, tmp_path: Path) -> None:
    whole, half, checkpoint = (tmp_path / name for name in ("whole.npz", "half.npz", "training.npz"))
    for output, options in ((whole, ("--checkpoint", checkpoint)), (half, ("--checkpoint", checkpoint, "--half"))):
        outcome = run("dictionary", "train", chat_model, texts_file, "-o", output, *PLAN, *options)
        assert outcome.code == 0, outcome.err
        assert "FVU" in outcome.out
    expected = load_dictionary(whole).w_dec.astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(load_dictionary(half).w_dec, expected)


def test_inspect_shows_what_it_is_and_where_features_are_largest(run, trained: Path) -> None:
    facts = run("dictionary", "inspect", trained, "--json").json
    assert (facts["n_features"], facts["width"], facts["k"], facts["site"]) == (24, 64, 4, SITE)
    labels = load_labels(trained.with_name("features.labels.json"))
    feature = next(label.feature for label in labels.features if label.examples)
    shown = run("dictionary", "inspect", trained, "--feature", feature)
    assert shown.code == 0
    assert f"feature {feature}: on " in shown.out
    assert shown.out.count("\n") >= 3 + len(labels[feature].examples)
    word = labels[feature].examples[0].token
    found = run("dictionary", "inspect", trained, "--search", word, "--json").json["features"]
    assert feature in [one["feature"] for one in found]


def test_inspect_measures_a_dictionary_on_texts(run, trained: Path, chat_model: Path, texts_file: Path) -> None:
    facts = run("dictionary", "inspect", trained, "--model", chat_model, "--texts", texts_file, "--json").json
    rows = record_rows(pysteer.Model.load(chat_model), TEXTS, pysteer.Site.parse(SITE))
    assert facts["n_tokens"] == len(rows)
    assert facts["fvu"] == pytest.approx(load_dictionary(trained).fvu(rows), rel=1e-3)
    assert "--texts" in run("dictionary", "inspect", trained, "--model", chat_model).usage_error


def test_labels_are_needed_and_have_to_belong(run, trained: Path, tmp_path: Path) -> None:
    found = load_dictionary(trained)
    save_dictionary(found, tmp_path / "bare.npz")
    assert "dictionary label" in run("dictionary", "inspect", tmp_path / "bare.npz", "--feature", 1).usage_error
    save_dictionary(found, tmp_path / "other.npz", half=True)
    labels = trained.with_name("features.labels.json")
    assert "another dictionary" in run("dictionary", "inspect", tmp_path / "other.npz", "--labels", labels).sentence


def test_contrast_and_select_write_vectors_that_other_commands_take(
    run, trained: Path, chat_model: Path, tmp_path: Path
) -> None:
    first, second, prompts = tmp_path / "cats.json", tmp_path / "hills.json", tmp_path / "prompts.txt"
    first.write_text(json.dumps([text for text in TEXTS[:20] if "cat" in text or "one" in text]))
    second.write_text(json.dumps(TEXTS[-20:]))
    prompts.write_text("How is it?\nWhere are you?\nWho is there?\n")
    model_and_dictionary = (chat_model, trained)
    output = tmp_path / "cats.gguf"
    shown = run("dictionary", "contrast", *model_and_dictionary, first, second, "-o", output, "--features", 3)
    assert shown.code == 0, shown.err
    assert "Cohen's d" in shown.out
    found = run(
        "dictionary", "select", *model_and_dictionary, "be loud", prompts,
        *("--features", 4, "--strength", 0.3, "--max-tokens", 6, "-o", tmp_path / "loud.gguf", "--json"),
    ).json  # fmt: skip
    assert len(found["features"]) == 4
    assert found["norm"] == pytest.approx(0.3 * found["mean_norm"], rel=1e-4)
    assert (found["n_with"], found["n_without"]) == (3, 3)
    for vector in (output, tmp_path / "loud.gguf"):
        assert pysteer.load_vector(vector).sites == (pysteer.Site.parse(SITE),)
        steered = run("generate", chat_model, "Hello", "--vector", vector, "--coefficient", 1, "--max-tokens", 3)
        assert steered.code == 0, steered.err


def test_a_vector_of_features_is_their_weighted_sum(run, trained: Path, tmp_path: Path) -> None:
    output, found = tmp_path / "v.gguf", load_dictionary(trained)
    assert run("dictionary", "vector", trained, "3=2", "7=-0.5", "-o", output).code == 0
    vector = pysteer.load_vector(output)[pysteer.Site.parse(SITE)]
    np.testing.assert_allclose(vector, 2 * found.w_dec[3] - 0.5 * found.w_dec[7], rtol=1e-5, atol=1e-6)
    for wrong, message in (("3", "such as 12=4.5"), ("x=2", "such as 12=4.5"), ("3=1 3=2", "named twice")):
        assert message in run("dictionary", "vector", trained, *wrong.split(), "-o", output).usage_error
    assert "no feature 24" in run("dictionary", "vector", trained, "24=1", "-o", output).sentence


def test_generation_with_edited_features_is_that_of_the_session(run, trained: Path, chat_model: Path) -> None:
    facts = run(
        "dictionary", "generate", chat_model, trained, "Hello", "--clamp", "3=9", "--scale", "5=1", "--ablate", 7,
        *("--max-tokens", 5, "--json"),
    ).json  # fmt: skip
    edits = [FeatureEdit(3, "clamp", 9.0), FeatureEdit(5, "scale", 1.0), FeatureEdit(7, "ablate")]
    with pysteer.Model.load(chat_model).session() as session, edit_features(session, load_dictionary(trained), edits):
        assert tuple(facts["tokens"]) == session.generate("Hello", max_tokens=5).tokens
    assert [edit["action"] for edit in facts["edits"]] == ["clamp", "scale", "ablate"]
    assert "--clamp" in run("dictionary", "generate", chat_model, trained, "Hello").usage_error


def test_convert_and_the_list_of_formats(run, trained: Path, tmp_path: Path) -> None:
    plain = {name: array for name, array in np.load(trained).items() if name != "provenance"}
    np.savez(tmp_path / "plain.npz", **plain)
    output = tmp_path / "converted.npz"
    assert run("dictionary", "convert", tmp_path / "plain.npz", "--site", "mlp_out.1", "-o", output).code == 0
    assert load_dictionary(output).site == pysteer.Site("mlp_out", 1)
    assert "expected a dictionary as" in run("dictionary", "convert", tmp_path, "-o", output).sentence
    names = [entry["name"] for entry in run("list", "dictionary-formats", "--json").json]
    assert names == ["npz", "saelens", "sparsify"]
