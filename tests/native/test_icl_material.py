"""What the study of function vectors and in-context vectors asks, and the whole of it on a tiny model, twice."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_gguf

import pysteer
from pysteer.demo import model_path
from pysteer.errors import DataError
from pysteer.formats.word_pairs import WordPairs
from pysteer.function_vectors.icl_prompts import prompts_for_queries, tokenize_prompt
from pysteer.store import RunStore
from pysteer.studies.icl import InContextLearning, behaviours
from pysteer.studies.icl.behaviours import load_behaviours
from pysteer.studies.icl.plan import layer_sets, load_material, make_parts
from pysteer.studies.icl.sentences import PREDICATES, SUBJECTS, sentence_pairs
from pysteer.studies.icl.tasks import MAIN_TASKS, MAX_TOKENS, asks_for_case, is_embedded, load_folds, random_texts
from pysteer.studies.run import make_context
from pysteer.studies.running import keys_of, run_parts
from pysteer.studies.study import StudyContext

LONG = "w" * 300


MERGES = tuple(("\u0120", letter) for letter in "oxgTOHMY")
"""A blank and the first letter of an answer are one token, so that no answer begins with a bare blank."""


@pytest.fixture(scope="session")
def lettered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with 256 tokens of context that reads nearly letter by letter."""
    path = tmp_path_factory.mktemp("lettered") / "lettered.gguf"
    return tiny_gguf.write_tiny_gguf(path, replace(tiny_gguf.TINY_QWEN2, merges=MERGES), weight_type="F32", seed=1)


@pytest.fixture(scope="session")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with two blocks, and room for a few sentences."""
    path = tmp_path_factory.mktemp("roomy") / "roomy.gguf"
    tiny = replace(tiny_gguf.TINY_QWEN2, merges=MERGES, n_ctx=768, n_layers=2)
    return tiny_gguf.write_tiny_gguf(path, tiny, weight_type="F32", seed=1)


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


def words_of(side: WordPairs) -> set[str]:
    return {pair.input for pair in side}


def write_tasks(folder: Path, tasks: dict[str, list[dict[str, str]]]) -> Path:
    """Write public tasks, in place of those that are there."""
    shutil.rmtree(folder / "function_vectors")
    for name, pairs in tasks.items():
        path = folder / "function_vectors" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(pairs))
    return folder


def test_folds_are_disjoint_fit_the_context_and_say_what_was_left_out(lettered: Path, data: Path) -> None:
    context = context_of(lettered, data, "standard")
    (model,) = context.models
    folds, missing = load_folds(context, model)
    assert [fold.name for fold in folds] == [*(f"antonym {k}" for k in range(4)), "capitalize 0"]
    assert {fold.n_left_out for fold in folds} == {1}
    for fold in folds:
        sides = [words_of(side) for side in (fold.train, fold.test, fold.valid)]
        assert not (sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2])
        assert 2 <= fold.n_shots <= fold.n_bound < len(fold.train)
        prompts = prompts_for_queries(fold.train, fold.test, n_shots=fold.n_bound, seed=0)
        assert max(len(tokenize_prompt(model.loaded, one).tokens) for one in prompts) + MAX_TOKENS <= 256
    assert len({fold.test.content_hash for fold in folds}) == 5
    assert set(missing) == {name for name in MAIN_TASKS if name.rsplit("/", 1)[-1] not in ("antonym", "capitalize")}


def test_no_split_tests_a_word_that_helps_to_choose_for_all(lettered: Path, data: Path) -> None:
    context = context_of(lettered, data, "standard")
    folds = [fold for fold in load_folds(context, context.models[0])[0] if fold.task == "antonym"]
    assert len({fold.valid.content_hash for fold in folds}) == 1
    assert not words_of(folds[0].valid) & {
        word for fold in folds for word in (*words_of(fold.test), *words_of(fold.train))
    }
    assert len({fold.train.content_hash for fold in folds}) == len(folds) == 4
    assert len({len(fold.test) for fold in folds}) == 1


def test_answers_that_begin_with_a_bare_blank_are_left_out(lettered: Path, tiny_llama: Path, data: Path) -> None:
    some = [{"input": f"i{k}", "output": f"{'o' if k < 30 else 'z'}{k}"} for k in range(40)]
    all_blank = [{"input": f"i{k}", "output": f"z{k}"} for k in range(40)]
    write_tasks(data, {MAIN_TASKS[0]: some, MAIN_TASKS[1]: all_blank})
    context = context_of(lettered, data)
    (fold,), missing = load_folds(context, context.models[0])
    assert fold.n_left_out == 10
    assert all(pair.output.startswith("o") for side in (fold.train, fold.test, fold.valid) for pair in side)
    assert "bare blank" in missing[MAIN_TASKS[1].rsplit("/", 1)[-1]]
    nothing = context_of(tiny_llama, data)
    with pytest.raises(DataError, match=r"no functional task and no behaviour fits.*bare blank"):
        load_material(nothing, nothing.models[0])


def test_a_task_that_cannot_be_split_is_named_and_others_go_on(lettered: Path, data: Path) -> None:
    pairs = [{"input": f"i{k}", "output": f"o{k}"} for k in range(40)]
    repeated = [{"input": f"i{k % 3}", "output": f"o{k}"} for k in range(12)]
    few = [{"input": f"i{k}", "output": f"o{'y' * 22}{k}"} for k in range(10)]  # one validation word
    write_tasks(data, {MAIN_TASKS[0]: pairs, MAIN_TASKS[1]: repeated, MAIN_TASKS[2]: few})
    context = context_of(lettered, data, "standard")
    folds, missing = load_folds(context, context.models[0])
    names = [name.rsplit("/", 1)[-1] for name in MAIN_TASKS]
    assert {fold.task for fold in folds} == {names[0]}
    assert missing[names[1]].startswith("3 different words fit")
    assert "validation" in missing[f"{names[2]} 0"]


def test_one_task_alone_has_no_other_tasks_vector(roomy: Path, data: Path, tmp_path: Path) -> None:
    write_tasks(data, {MAIN_TASKS[0]: [{"input": f"i{k}", "output": f"o{k}"} for k in range(80)]})
    study, context = InContextLearning(), context_of(roomy, data)
    (arms,) = (part for part in make_parts(context) if part.name.endswith("arms"))
    assert "other" not in arms.needs
    with RunStore(tmp_path / "one.sqlite") as store:
        analysis = study.analyse(context, run_parts(study.parts(context), store))
    row = next(row for claim, row in analysis.findings if claim == "C2.1f")
    assert "one task only" in row.note
    assert "another task's vector" not in {row.labels.get("arm") for table in analysis.tables for row in table.rows}


def test_another_model_needs_a_folder_of_data(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYSTEER_DATA", raising=False)
    context = context_of(tiny_llama, None)
    with pytest.raises(DataError, match="--data"):
        load_folds(context, context.models[0])


def test_a_folder_without_functional_tasks_leaves_the_behavioural_ones(roomy: Path, data: Path, tmp_path: Path) -> None:
    shutil.rmtree(data / "function_vectors")
    study, context = InContextLearning(), context_of(roomy, data)
    with RunStore(tmp_path / "texts.sqlite") as store:
        analysis = study.analyse(context, run_parts(study.parts(context), store))
    findings = dict(analysis.findings)
    assert set(findings) == {claim.id for claim in study.claims if claim.experiment != "P00"}
    assert "function_vectors/ of the folder" in findings["C2.1a"].note
    assert np.isfinite(findings["C2.2a"].value)


def test_public_behaviours_come_with_own_sentences_and_sides_share_no_text(roomy: Path, data: Path) -> None:
    context = context_of(roomy, data)
    (toxic, own), missing = load_behaviours(context, context.models[0])
    assert not missing
    assert (toxic.name, toxic.proxy, own.proxy) == ("toxic to neutral", "toxicity", "sentiment")
    for each in (toxic, own):
        texts = [{pair.negative for pair in side} for side in (each.train, each.valid, each.test)]
        assert not (texts[0] & texts[1] | texts[0] & texts[2] | texts[1] & texts[2])
        pair = each.test[0]
        assert pair.prompt == f"Q:{pair.negative}\nA:"
        assert each.demonstrations()[0].positive == each.train[0].positive.strip()
    assert "good" in toxic.train[0].positive
    assert "bad" in toxic.train[0].negative
    assert toxic.units == tuple(range(len(toxic.test)))
    assert [f" {end}.\nA:" for end in own.units] == [
        pair.prompt[-len(f" {end}.\nA:") :] for end, pair in zip(own.units, own.test, strict=True)
    ]


def test_behaviours_that_do_not_fit_are_named_and_the_study_goes_on(lettered: Path, data: Path) -> None:
    context = context_of(lettered, data)
    material = load_material(context, context.models[0])
    assert material.folds
    assert "context of 256" in material.missing_behaviours["negative to positive"]
    (data / "paraphrase" / "paradetox" / "paradetox.tsv").unlink()
    assert "paradetox.tsv" in load_behaviours(context, context.models[0])[1]["toxic to neutral"]
    assert not material.behaviours or material.behaviours[0].name == "toxic to neutral"


def test_a_behaviour_needs_enough_texts_to_choose_and_to_test(roomy: Path, data: Path) -> None:
    rows = [f"bad{k} text\tgood{k} text\t\t" for k in range(30)]
    toxic = data / "paraphrase" / "paradetox" / "paradetox.tsv"
    toxic.write_text("\n".join(["toxic\tneutral1\tneutral2\tneutral3", *rows[:20]]) + "\n")
    for preset, is_left_out in (("smoke", False), ("quick", True)):  # 20 rows: 4 to choose and 5 to test, at most
        context = context_of(roomy, data, preset)
        assert ("toxic to neutral" in load_behaviours(context, context.models[0])[1]) == is_left_out


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
    assert {fold.n_shots for fold in load_folds(context, model)[0]} == {10}
    folds, missing = load_folds(context_of(path, None, "standard"), model)
    assert (len(folds), len({fold.task for fold in folds}), missing) == (72, 18, {})
    (rewritten, chat), _ = load_behaviours(context, model)
    assert (rewritten.is_chat, chat.is_chat) == (False, True)
    assert rewritten.demonstrations().content_hash == chat.demonstrations().content_hash
    assert len(rewritten.test) == len(chat.test)
    assert len(random_texts(context, model)) >= 20


def test_layer_sets_stay_inside_small_models() -> None:
    for n_layers in (1, 2, 3, 32):
        sets = layer_sets(n_layers)
        assert all(0 <= layer < n_layers for layers in sets.values() for layer in layers)
    assert sets["middle4"] == [14, 15, 16, 17]


def test_keys_depend_on_seed_and_data_and_parts_come_in_order(roomy: Path, data: Path, tmp_path: Path) -> None:
    parts = make_parts(context_of(roomy, data))
    keys = keys_of(parts)
    writing = [
        part for part in parts if part.name.endswith(("arms", "grid", "templates", "tried", "rewritten", "random"))
    ]
    lengths = {part.settings["max_tokens"] for part in writing}
    assert lengths == {MAX_TOKENS, behaviours.MAX_TOKENS}
    assert keys == keys_of(make_parts(context_of(roomy, data)))
    assert not set(keys.values()) & set(keys_of(make_parts(context_of(roomy, data, seed=1))).values())
    other = shutil.copytree(data, tmp_path / "other")
    others = [{"input": f"j{k}", "output": f"o{k}"} for k in range(80)]
    write_tasks(other, dict.fromkeys(("abstractive/antonym", "abstractive/capitalize"), others))
    others_keys = keys_of(make_parts(context_of(roomy, other)))
    texts = {name for name in keys if "toxic" in name or "negative" in name}
    assert set(others_keys) == set(keys)
    assert {name for name in keys if keys[name] == others_keys[name]} == texts
    assert texts


def test_keys_depend_on_all_code_that_decides_a_number(roomy: Path, data: Path) -> None:
    modules = {part.name.split(" / ", 1)[1]: set(part.modules) for part in make_parts(context_of(roomy, data))}
    reading = {"pysteer.moments", "pysteer.prompt_conditions"}
    assert all(reading <= some for name, some in modules.items() if not name.endswith("strengths"))
    assert modules["toxic to neutral / strengths"] == {"pysteer.studies.icl.means"}
    texts = {"pysteer.answer_jobs", "pysteer.pair_text", "pysteer.chat_template", "pysteer.sampling"}
    assert all(texts <= modules[f"toxic to neutral / {name}"] for name in ("tried", "rewritten", "random"))
    assert "pysteer.sampling" in modules["antonym 0 / arms"]


def test_every_behaviour_has_random_directions_of_its_own(roomy: Path, data: Path) -> None:
    parts = make_parts(context_of(roomy, data, "standard"))
    seeds = [part.settings["random_seeds"] for part in parts if part.name.endswith("/ random")]
    assert [len(some) for some in seeds] == [4, 4]
    assert len({seed for some in seeds for seed in some}) == 8


def test_all_heads_that_can_be_had_are_tried(data: Path, tmp_path: Path) -> None:
    wide = replace(tiny_gguf.TINY_QWEN2, merges=MERGES, n_ctx=512, n_layers=12)
    model = tiny_gguf.write_tiny_gguf(tmp_path / "wide.gguf", wide, weight_type="F32", seed=1)
    counts = next(part for part in make_parts(context_of(model, data)) if part.name.endswith("heads")).settings[
        "n_heads"
    ]
    assert counts[-2:] == [40, 48]


def test_letters_count_in_tasks_about_letters_alone() -> None:
    assert asks_for_case("abstractive/capitalize_first_letter")
    assert asks_for_case("abstractive/next_capital_letter")
    assert asks_for_case("abstractive/lowercase_last_letter")
    assert not asks_for_case("abstractive/country-capital")


def test_a_split_is_measured_with_the_demonstrations_that_it_has(roomy: Path, data: Path) -> None:
    context = context_of(roomy, data, "standard")
    grids = {part.name.split(" / ")[1]: part for part in make_parts(context) if part.name.endswith("in-context grid")}
    choice = next(part for part in make_parts(context) if part.name.endswith("in-context choice"))
    assert grids["antonym 0"].settings["n_demos"] == [5, len(grids["antonym 0"].data["train"])]
    assert grids["capitalize 0"].settings["n_demos"] == [5, 50, len(grids["capitalize 0"].data["train"])]
    assert choice.settings["n_demos"] == grids["capitalize 0"].settings["n_demos"]


def test_every_split_has_random_directions_of_its_own(roomy: Path, data: Path) -> None:
    parts = make_parts(context_of(roomy, data, "standard"))
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
    roomy: Path, data: Path, tmp_path: Path
) -> None:
    def tables(number: int) -> dict[str, str]:
        study, context = InContextLearning(), context_of(roomy, data)
        with RunStore(tmp_path / f"{number}.sqlite") as store:
            analysis = study.analyse(context, run_parts(study.parts(context), store))
        claims = {claim for claim, _ in analysis.findings}
        assert claims == {claim.id for claim in study.claims if claim.experiment != "P00"}
        return {table.name: table.to_csv() for table in analysis.tables}

    assert tables(1) == tables(2)
