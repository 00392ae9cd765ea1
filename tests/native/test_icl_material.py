"""What the study of function vectors and in-context vectors asks, and the whole of it on a tiny model, twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import tiny_gguf

import pysteer
from pysteer.demo import model_path
from pysteer.errors import DataError
from pysteer.function_vectors.icl_prompts import prompts_for_queries, tokenize_prompt
from pysteer.store import RunStore
from pysteer.studies.icl import InContextLearning, behaviours
from pysteer.studies.icl.behaviours import load_behaviours
from pysteer.studies.icl.plan import layer_sets, make_parts
from pysteer.studies.icl.sentences import PREDICATES, SUBJECTS, sentence_pairs
from pysteer.studies.icl.tasks import MAX_TOKENS, is_embedded, load_folds, random_texts
from pysteer.studies.run import make_context
from pysteer.studies.running import keys_of, run_parts
from pysteer.studies.study import StudyContext

LONG = "w" * 300


@pytest.fixture(scope="session")
def roomy_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `tiny_llama`, with two blocks and room for a few sentences, letter by letter."""
    path = tmp_path_factory.mktemp("roomy") / "roomy.gguf"
    roomy = replace(tiny_gguf.TINY_LLAMA, n_ctx=512, n_layers=2)
    return tiny_gguf.write_tiny_gguf(path, roomy, weight_type="F32", seed=1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of public data: two tasks, one with a word that fits no context, and sentence pairs."""
    folder = tmp_path / "data"
    for kind, name, n in (("abstractive", "antonym", 40), ("abstractive", "capitalize", 80)):
        path = folder / "function_vectors" / kind / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        pairs = [{"input": f"i{k}", "output": f"o{k}"} for k in range(n)]
        path.write_text(json.dumps([*pairs, {"input": LONG, "output": "x"}, {"input": "i0", "output": "o0"}]))
    toxic = folder / "paraphrase" / "paradetox" / "paradetox.tsv"
    toxic.parent.mkdir(parents=True)
    rows = [f"bad{k} text\tgood{k} text\t\t" for k in range(60)]
    toxic.write_text("\n".join(["toxic\tneutral1\tneutral2\tneutral3", *rows]) + "\n")
    return folder


def context_of(model: Path, data: Path | None, preset: str = "smoke", seed: int = 0) -> StudyContext:
    return make_context(InContextLearning(), [model], preset=preset, seed=seed, data=data)


def test_folds_are_disjoint_fit_the_context_and_say_what_was_left_out(tiny_llama: Path, data: Path) -> None:
    context = context_of(tiny_llama, data, "standard")
    (model,) = context.models
    folds = load_folds(context, model)
    assert [fold.name for fold in folds] == [*(f"antonym {k}" for k in range(4)), "capitalize 0"]
    assert {fold.n_left_out for fold in folds} == {1}
    for fold in folds:
        sides = [{pair.input for pair in side} for side in (fold.train, fold.test, fold.valid)]
        assert not (sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2])
        assert 2 <= fold.n_shots <= fold.n_bound < len(fold.train)
        prompts = prompts_for_queries(fold.train, fold.test, n_shots=fold.n_bound, seed=0)
        assert max(len(tokenize_prompt(model.loaded, one).tokens) for one in prompts) + MAX_TOKENS <= 256
    assert len({fold.test.content_hash for fold in folds}) == 5


def test_another_model_needs_the_folder_of_data(tiny_llama: Path) -> None:
    context = context_of(tiny_llama, None)
    with pytest.raises(DataError, match="function_vectors"):
        load_folds(context, context.models[0])


def test_public_behaviours_come_with_own_sentences_and_sides_share_no_text(roomy_llama: Path, data: Path) -> None:
    context = context_of(roomy_llama, data)
    toxic, own = load_behaviours(context, context.models[0])
    assert (toxic.name, toxic.proxy, own.proxy) == ("toxic to neutral", "toxicity", "sentiment")
    for each in (toxic, own):
        texts = [{pair.negative for pair in side} for side in (each.train, each.valid, each.test)]
        assert not (texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2])
        pair = each.test[0]
        assert pair.prompt == f"Q:{pair.negative}\nA:"
        assert each.demonstrations()[0].positive == each.train[0].positive.strip()
    assert "good" in toxic.train[0].positive
    assert "bad" in toxic.train[0].negative


def test_sentences_that_do_not_fit_the_context_are_an_error_that_says_so(tiny_llama: Path, data: Path) -> None:
    context = context_of(tiny_llama, data)
    with pytest.raises(DataError, match="context of 256"):
        load_behaviours(context, context.models[0])


def test_own_sentences_are_tested_on_predicates_that_training_never_saw() -> None:
    train, _, test = sentence_pairs(160, seed=3)
    bad = {end for end, _ in PREDICATES}

    def used(texts: list[str]) -> set[str]:
        return {end for end in bad for text in texts if text.endswith(f" {end}.")}

    seen, asked = ([pair.negative for pair in side] for side in (train, test))
    assert not used(seen) & used(asked)
    assert used(seen) | used(asked) <= bad
    assert len(train) + len(test) > 120
    assert sentence_pairs(160, seed=3)[0].content_hash == train.content_hash
    assert len(set(SUBJECTS)) == len(SUBJECTS)
    assert len({end for pair in PREDICATES for end in pair}) == 2 * len(PREDICATES)


def test_the_embedded_model_brings_its_own_tasks_and_texts() -> None:
    try:
        path = model_path()
    except pysteer.PysteerError:
        pytest.skip("this build carries no embedded model")
    context = context_of(path, None)
    (model,) = context.models
    assert is_embedded(model)
    assert {fold.n_shots for fold in load_folds(context, model)} == {10}
    assert len(load_folds(context_of(path, None, "standard"), model)) >= 18
    rewritten, chat = load_behaviours(context, model)
    assert (rewritten.is_chat, chat.is_chat) == (False, True)
    assert rewritten.demonstrations().content_hash == chat.demonstrations().content_hash
    assert len(rewritten.test) == len(chat.test)
    assert len(random_texts(context, model)) >= 20


def test_layer_sets_stay_inside_small_models() -> None:
    for n_layers in (1, 2, 3, 32):
        sets = layer_sets(n_layers)
        assert all(0 <= layer < n_layers for layers in sets.values() for layer in layers)
    assert sets["middle4"] == [14, 15, 16, 17]


def test_keys_depend_on_seed_and_data_and_parts_come_in_order(roomy_llama: Path, data: Path) -> None:
    parts = make_parts(context_of(roomy_llama, data))
    keys = keys_of(parts)
    writing = [
        part for part in parts if part.name.endswith(("arms", "grid", "templates", "tried", "rewritten", "random"))
    ]
    lengths = {part.settings["max_tokens"] for part in writing}
    assert lengths == {MAX_TOKENS, behaviours.MAX_TOKENS}
    assert keys == keys_of(make_parts(context_of(roomy_llama, data)))
    assert not set(keys.values()) & set(keys_of(make_parts(context_of(roomy_llama, data, seed=1))).values())


def test_a_split_is_measured_with_the_demonstrations_that_it_has(roomy_llama: Path, data: Path) -> None:
    context = context_of(roomy_llama, data, "standard")
    grids = {part.name.split(" / ")[1]: part for part in make_parts(context) if part.name.endswith("in-context grid")}
    choice = next(part for part in make_parts(context) if part.name.endswith("in-context choice"))
    assert grids["antonym 0"].settings["n_demos"] == [5, len(grids["antonym 0"].data["train"])]
    assert grids["capitalize 0"].settings["n_demos"] == [5, 50, len(grids["capitalize 0"].data["train"])]
    assert choice.settings["n_demos"] == grids["capitalize 0"].settings["n_demos"]


def test_every_split_has_random_directions_of_its_own(roomy_llama: Path, data: Path) -> None:
    parts = make_parts(context_of(roomy_llama, data, "standard"))
    seeds = {part.name: part.settings["random_seeds"] for part in parts if part.name.endswith("arms")}
    assert len(seeds) == 5
    assert {len(each) for each in seeds.values()} == {4}
    assert len({seed for each in seeds.values() for seed in each}) == 20


def test_every_word_of_the_embedded_models_tasks_is_asked_once() -> None:
    try:
        path = model_path()
    except pysteer.PysteerError:
        pytest.skip("this build carries no embedded model")
    parts = [part for part in make_parts(context_of(path, None, "standard")) if part.name.endswith("all words")]
    own = json.loads((path.parent / "functions.json").read_text("utf-8"))
    assert len(parts) == len(own) == 18
    for part in parts:
        words = {pair.input for pair in part.data["words"]}  # type: ignore[attr-defined]
        assert words == {pair["input"] for pair in own[part.name.split(" / ")[1]]}
        assert len(words) == len(part.data["words"])


def test_the_whole_study_runs_on_a_tiny_model_and_gives_the_same_tables_twice(
    roomy_llama: Path, data: Path, tmp_path: Path
) -> None:
    def tables(number: int) -> dict[str, str]:
        study, context = InContextLearning(), context_of(roomy_llama, data)
        with RunStore(tmp_path / f"{number}.sqlite") as store:
            analysis = study.analyse(context, run_parts(study.parts(context), store))
        claims = {claim for claim, _ in analysis.findings}
        assert claims == {claim.id for claim in study.claims if claim.experiment != "P00"}
        return {table.name: table.to_csv() for table in analysis.tables}

    assert tables(1) == tables(2)
