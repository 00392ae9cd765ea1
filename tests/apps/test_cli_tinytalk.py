"""The whole path on a trained model: extract from the behaviour library, steer, measure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pysteer

LIBRARY = Path(__file__).resolve().parents[2] / "vectors" / "joyful-sad"
LAYERS = ("--layers", "3:6")


@pytest.fixture(scope="module")
def joyful(tinytalk: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pysteer.cli import main

    path = tmp_path_factory.mktemp("joyful") / "joyful-sad.gguf"
    with pytest.raises(SystemExit) as left:
        main(["extract", str(tinytalk), str(LIBRARY / "pairs.jsonl"), "-o", str(path)])
    assert left.value.code == 0
    return path


def test_extracted_file_says_where_it_comes_from(tinytalk: Path, joyful: Path) -> None:
    vector = pysteer.load_vector(joyful)
    assert vector.layers == tuple(range(1, 8))
    assert (vector.provenance.n_pairs, vector.provenance.token_rule) == (92, "answer")
    assert vector.provenance.model_hash == pysteer.Model.load(tinytalk).hash


def test_vector_moves_held_out_answers_the_right_way(run, tinytalk: Path, joyful: Path) -> None:
    facts = run("evaluate", tinytalk, joyful, LIBRARY / "test.jsonl", *LAYERS, "--coefficients=-1,0,1", "--json").json
    assert facts["n"] == 33
    assert facts["low"] > 0
    assert facts["anti_steerable"] < 0.1


def test_strengths_give_different_answers_side_by_side(run, tinytalk: Path, joyful: Path) -> None:
    outcome = run(
        *("generate", tinytalk, "How was your day?", "--max-tokens", 30, "--json"),
        *("--vector", joyful, *LAYERS, "--coefficients=-2,0,1"),
    )
    sad, plain, glad = (one["text"] for one in outcome.json["generations"])
    assert len({sad, plain, glad}) == 3
    assert plain == run("generate", tinytalk, "How was your day?", "--max-tokens", 30, "--json").json["text"]


def test_steering_costs_perplexity_on_stories(
    run, tinytalk: Path, joyful: Path, data_dir: Path, tmp_path: Path
) -> None:
    stories = json.loads((data_dir / "text" / "tinystories" / "tinystories_1000.json").read_text("utf-8"))[:5]
    (tmp_path / "five stories.json").write_text(json.dumps(stories), "utf-8")
    steered = ("--vector", joyful, *LAYERS, "--window-size", 128, "--json")
    weak, strong = (
        run("perplexity", tinytalk, tmp_path / "five stories.json", *steered, "--coefficient", c).json for c in (0.5, 2)
    )
    assert weak["baseline_perplexity"] == pytest.approx(strong["baseline_perplexity"], rel=1e-3)
    assert 0 < weak["kl"] < strong["kl"]
    assert weak["baseline_perplexity"] < weak["perplexity"] < strong["perplexity"]


def test_vector_of_one_quantisation_warns_on_another(run, tinytalk_q4_0: Path, joyful: Path) -> None:
    outcome = run("generate", tinytalk_q4_0, "Hi", "--vector", joyful, "--coefficient", 1, "--max-tokens", 2)
    assert outcome.code == 0
    assert outcome.err.count("warning: ") == 1
