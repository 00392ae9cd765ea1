"""What the parts of the study of function vectors and in-context vectors compute, against their definitions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_gguf

import pysteer
from pysteer.errors import MeasurementError
from pysteer.formats.texts import Texts
from pysteer.formats.word_pairs import WordPair, WordPairs
from pysteer.function_vectors import first_token_results, function_vector, head_contribution, prompts_for_queries
from pysteer.function_vectors.head_activations import mean_head_activations
from pysteer.function_vectors.icl_prompts import draw_prompts
from pysteer.generation import Generation
from pysteer.in_context_vectors import functional_pairs, in_context_intervention, in_context_vector
from pysteer.intervention import Intervention
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import silent
from pysteer.propensity import propensities
from pysteer.session import Session
from pysteer.studies.icl import answering, making, measuring, rewriting
from pysteer.studies.icl.answers import MEASURES, fluency, measure_answers
from pysteer.studies.icl.making import make_vectors
from pysteer.studies.icl.measuring import (
    answer_all_words,
    answer_in_arms,
    arms_of,
    other_templates,
    sweep_places,
    try_heads,
    try_in_context,
)
from pysteer.studies.icl.plan import SENTENCES, TEMPLATES, layer_sets
from pysteer.studies.icl.rewriting import MEASURES as TEXT_MEASURES
from pysteer.studies.icl.rewriting import METHODS, proxy_of, rewrite, rewrite_at_random
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel
from pysteer.window import Window

SEED = 5
TRAIN = WordPairs("train", tuple(WordPair(f"a{i}", f"b{i}") for i in range(8)))
TEST = WordPairs("test", tuple(WordPair(f"c{i}", f"d{i}") for i in range(4)))
VALID = WordPairs("valid", tuple(WordPair(f"e{i}", f"f{i}") for i in range(3)))
RANDOM = Texts("random", ("It rained", "My cat", "On a day", "We had"))
SETTINGS: dict[str, Any] = {
    "seed": SEED,
    "keep_case": False,
    "n_shots": 3,
    "n_bound": 4,
    "n_mean_prompts": 4,
    "n_trials": 3,
    "max_tokens": 16,
    "random_seeds": [SEED, SEED + 1],
}
CHOICE = PartResult({"alpha": 2.0, "n_demos": 4})
HEADS = PartResult({"n_heads": 3})
TOLERANCE = 5e-3  # relative: float32 rows of other batches, and answers of little probability


@pytest.fixture(scope="session")
def lettered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model to which a blank and the first letter of an answer are one token: no answer begins with a bare blank."""
    merges = tuple(("\u0120", letter) for letter in "bdf")
    tiny = replace(tiny_gguf.TINY_QWEN2, merges=merges, is_tied=False)
    return tiny_gguf.write_tiny_gguf(tmp_path_factory.mktemp("lettered") / "tiny.gguf", tiny, weight_type="F32", seed=1)


@pytest.fixture
def model(lettered: Path) -> StudyModel:
    return StudyModel(lettered, "tiny")


def made(model: StudyModel, seed: int = SEED) -> PartResult:
    return make_vectors(Task({**SETTINGS, "seed": seed}, {"train": TRAIN, "valid": VALID}, {}, silent, model))


def measured(model: StudyModel, compute: Any, settings: dict[str, Any], **inputs: PartResult) -> PartResult:
    data = {"train": TRAIN, "test": TEST, "valid": VALID, "random": RANDOM}
    result: PartResult = compute(Task({**SETTINGS, **settings}, data, inputs, silent, model))
    return result


def first_tokens(model: StudyModel, steerings: list[Any], **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rank and probability of the test answers, (n_items, n_steerings), computed directly."""
    prompts = prompts_for_queries(TRAIN, TEST, **{"n_shots": 0, "seed": SEED, **options})
    with Session(model.loaded, n_ctx=4096, n_sequences=64, kv_type="f32") as session:
        found = first_token_results(model.loaded, prompts, steerings, session=session)
    return np.stack([one.rank for one in found], axis=1), np.stack([one.probability for one in found], axis=1)


def test_vectors_are_those_of_the_function_vector_modules(model: StudyModel) -> None:
    found = made(model)
    prompts = draw_prompts(TRAIN, VALID, n_prompts=4, n_shots=3, seed=SEED)
    means = mean_head_activations(model.loaded, prompts)
    heads = [tuple(head) for head in found.content["heads"]]
    n_heads = found.content["n_heads"]
    expected = function_vector(model.loaded, means, heads[:n_heads], layer=found.content["layer"])
    (direction,) = expected.directions.values()
    np.testing.assert_allclose(found.arrays["function"], direction, atol=1e-3)
    for row, head in zip(found.arrays["contributions"], heads, strict=True):
        np.testing.assert_allclose(row, head_contribution(model.loaded, means, head), atol=1e-3)
    assert found.arrays["cie"].shape == (3, model.loaded.n_layers, model.loaded.n_heads)
    aie = found.arrays["cie"].mean(axis=0)
    assert aie[heads[0]] == aie.max()


def test_arms_have_the_right_vectors_and_controls_their_norms(model: StudyModel) -> None:
    own, other = made(model), made(model, seed=9)
    inputs = {"vectors": own, "other": other, "choice": CHOICE, "heads": HEADS}
    task = Task(SETTINGS, {"train": TRAIN, "test": TEST, "random": RANDOM}, inputs, silent, model)
    arms = arms_of(task)
    assert next(iter(arms)) == "clean"
    assert not arms["clean"]
    norm = float(np.linalg.norm(own.arrays["function"]))
    norms = {
        name: float(np.linalg.norm(next(iter(arm[0].vector.directions.values())))) for name, arm in arms.items() if arm
    }
    for name in ("function vector", "function vector, prompt only", "another task's vector", "random direction 1"):
        assert norms[name] == pytest.approx(norm, rel=1e-5)
    assert norms["random, norm of more heads 0"] == pytest.approx(norms["function vector, more heads"], rel=1e-5)
    tuned = next(iter(arms["function vector, more heads"][0].vector.directions.values()))
    np.testing.assert_allclose(tuned, own.arrays["contributions"][:3].sum(axis=0), rtol=1e-4, atol=1e-6)
    assert arms["in-context vector"][0].operation == "in_context"
    assert arms["in-context vector"][0].coefficient == pytest.approx(0.2)
    assert {arm[0].coefficient for name, arm in arms.items() if arm and name != "in-context vector"} == {1.0}


def test_arms_are_answered_as_first_token_results_answers_them(model: StudyModel) -> None:
    own, other = made(model), made(model, seed=9)
    found = measured(model, answer_in_arms, {}, vectors=own, other=other, choice=CHOICE, heads=HEADS)
    arms = found.content["arms"]
    vector = pysteer.SteeringVector(
        {pysteer.Site("resid_post", own.content["layer"]): own.arrays["function"].astype(np.float32)},
        pysteer.Provenance("test"),
    )
    steerings = [(), [Intervention(vector, coefficient=1.0, window=Window.parse("last"))]]
    for kind, options in (("zero", {}), ("shuffled", {"n_shots": 3, "shuffled": True})):
        rank, probability = first_tokens(model, steerings, **options)
        places = [arms.index("clean"), arms.index("function vector")]
        values = found.arrays[kind]
        assert values.shape == (len(MEASURES), len(TEST), len(arms))
        np.testing.assert_allclose(values[MEASURES.index("probability")][:, places], probability, rtol=TOLERANCE)
        np.testing.assert_allclose(values[MEASURES.index("first-token rank")][:, places], rank, atol=1)
    _, bound = first_tokens(model, [()], n_shots=4)
    np.testing.assert_allclose(found.arrays["many"][MEASURES.index("probability")], bound, rtol=TOLERANCE)


def test_the_grid_holds_the_unsteered_model_and_each_in_context_vector(model: StudyModel) -> None:
    found = measured(model, try_in_context, {"alphas": [1.0, 3.0], "n_demos": [3, 6]})
    order = np.random.default_rng([SEED, 4]).permutation(len(TRAIN))
    pairs = functional_pairs([TRAIN[index] for index in order[:6]], list(RANDOM), name="d", seed=SEED)
    vector = in_context_vector(model.loaded, pairs, token="last:4")
    _, probability = first_tokens(model, [(), [in_context_intervention(vector, 0.3)]])
    table = found.arrays["test"][MEASURES.index("probability")]
    assert table.shape == (len(TEST), 5)
    np.testing.assert_allclose(table[:, [0, 4]], probability, rtol=0.02)  # the vector was read in batches of its own
    assert found.arrays["valid"].shape == (len(MEASURES), len(VALID), 5)


def test_demonstrations_are_drawn_from_all_training_words_and_more_begin_with_the_fewer(model: StudyModel) -> None:
    def drawn(n: int, seed: int = SEED) -> list[str]:
        data = {"train": TRAIN, "random": RANDOM}
        pairs = making.functional_demonstrations(Task({**SETTINGS, "seed": seed}, data, {}, silent, model), n)
        return [pair.positive for pair in pairs]

    assert drawn(6)[:3] == drawn(3)
    firsts = {drawn(1, seed)[0] for seed in range(30)}
    assert firsts == {f"Q: {pair.input}\nA: {pair.output}" for pair in TRAIN}  # not the first of the file alone
    assert len(drawn(8)) == len(set(drawn(8))) == 8


BLANK = WordPairs("blank", tuple(WordPair(f"c{i}", f"{'z' if i in (1, 3) else 'd'}{i}") for i in range(5)))


def test_an_answer_that_begins_with_a_bare_blank_has_no_first_token(model: StudyModel) -> None:
    data = {"train": TRAIN, "test": BLANK, "valid": BLANK, "random": RANDOM}
    own = made(model)
    found = try_heads(Task({**SETTINGS, "n_heads": [1, 3]}, data, {"vectors": own}, silent, model)).arrays["heads"]
    assert np.isnan(found[:, [1, 3]]).all()
    assert set(np.unique(found[0, [0, 2, 4]])) <= {0.0, 1.0}
    assert np.isfinite(found[1, [0, 2, 4]]).all()
    settings = {**SETTINGS, "alphas": [1.0], "n_demos": [3]}
    answered = try_in_context(Task(settings, data, {}, silent, model)).arrays["test"]
    rank, text = (answered[MEASURES.index(name)] for name in ("first-token rank", "first word"))
    assert np.isnan(rank[[1, 3]]).all()
    assert np.isfinite(rank[[0, 2, 4]]).all()
    assert np.isfinite(text).all()  # what was written is judged by its words


def test_trials_that_begin_with_a_bare_blank_choose_no_head(model: StudyModel) -> None:
    prompts = draw_prompts(TRAIN, BLANK, n_prompts=12, n_shots=3, seed=SEED + 1, shuffled=True)
    is_blank = np.array([prompt.answer.startswith(" z") for prompt in prompts])
    assert is_blank.any()
    data = {"train": TRAIN, "valid": BLANK}
    found = make_vectors(Task({**SETTINGS, "n_trials": 12}, data, {}, silent, model))
    np.testing.assert_array_equal(np.isnan(found.arrays["clean"]), is_blank)
    np.testing.assert_array_equal(np.isnan(found.arrays["cie"]).all(axis=(1, 2)), is_blank)
    assert found.failures == found.content["n_blank"] == is_blank.sum()
    aie = found.arrays["cie"][~is_blank].mean(axis=0)
    assert aie[tuple(found.content["heads"][0])] == aie.max()
    nothing = WordPairs("nothing", (BLANK[1], BLANK[3]))
    with pytest.raises(MeasurementError, match="bare blank"):
        make_vectors(Task(SETTINGS, {"train": TRAIN, "valid": nothing}, {}, silent, model))


def test_right_examples_are_asked_once_where_no_more_fit(model: StudyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, asked = measuring.answers, []

    def counted(task: Task, prompts: Any, *args: Any) -> np.ndarray:
        asked.append(len(prompts[0].shots))
        return whole(task, prompts, *args)

    monkeypatch.setattr(measuring, "answers", counted)
    own = made(model)
    for n_bound, kinds in ((4, [0, 3, 3, 4]), (3, [0, 3, 3])):
        asked.clear()
        found = measured(model, answer_in_arms, {"n_bound": n_bound}, vectors=own, choice=CHOICE, heads=HEADS)
        assert asked == kinds
        assert np.array_equal(found.arrays["few"], found.arrays["many"], equal_nan=True) == (n_bound == 3)
    assert "another task's vector" not in found.content["arms"]


def test_places_agree_with_each_other_and_with_the_arm(model: StudyModel) -> None:
    own = made(model)
    n_layers, n_heads = model.loaded.n_layers, own.content["n_heads"]
    settings = {"layers": list(range(n_layers)), "n_heads": [n_heads, 3], "sets": layer_sets(n_layers)}
    found = measured(model, sweep_places, settings, vectors=own, heads=HEADS).arrays
    default = own.content["layer"]
    np.testing.assert_allclose(found["layers"][1, :, default], found["heads"][1, :, 1], rtol=TOLERANCE)
    np.testing.assert_allclose(found["published"][1, :, default], found["heads"][1, :, 0], rtol=TOLERANCE)
    tried = measured(model, try_heads, {"n_heads": [n_heads, 3]}, vectors=own).arrays["heads"]
    assert tried.shape == (2, len(VALID), 2)
    np.testing.assert_allclose(found["layers"][1, :, default], found["sets"][1, :, 0], rtol=TOLERANCE)
    np.testing.assert_allclose(found["layers"][1, :, 0], found["sets"][1, :, 1], rtol=TOLERANCE)
    assert np.abs(found["sets"][1, :, -1] / found["layers"][1, :, default] - 1.0).min() > 0.1
    rank, probability = first_tokens(model, [()])
    np.testing.assert_allclose(found["clean"][1], probability[:, 0], rtol=TOLERANCE)
    np.testing.assert_array_equal(found["clean"][0], rank[:, 0] == 0)


def test_the_template_of_training_is_the_plain_question_and_others_are_not(
    model: StudyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = made(model)
    settings = {"templates": TEMPLATES, "sentences": SENTENCES}
    found = measured(model, other_templates, settings, vectors=own, heads=HEADS).arrays
    _, probability = first_tokens(model, [()])
    assert found["templates"].shape == (2, len(TEST), len(TEMPLATES), 3)
    np.testing.assert_allclose(found["templates"][1, :, 0, 0], probability[:, 0], rtol=TOLERANCE)
    assert np.abs(found["templates"][1, :, 2, 0] / probability[:, 0] - 1.0).max() > 0.1
    assert set(np.unique(found["sentences"])) <= {0.0, 1.0}
    monkeypatch.setattr(measuring, "has_first_token", lambda model, prompt: "c2" not in prompt.text)
    part = measured(model, other_templates, settings, vectors=own, heads=HEADS).arrays["templates"]
    assert np.isnan(part[:, 2]).all()
    np.testing.assert_allclose(part[:, [0, 1, 3]], found["templates"][:, [0, 1, 3]], rtol=TOLERANCE)


def test_what_stands_in_several_curves_is_measured_once(model: StudyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(task: Task, prompts: Any, steerings: Any) -> np.ndarray:
        asked.append(len(steerings))
        return np.broadcast_to(np.arange(len(steerings), dtype=np.float64), (2, len(prompts), len(steerings)))

    monkeypatch.setattr(measuring, "right_and_probable", counted)
    own, n_layers = made(model), model.loaded.n_layers
    n_heads, third = own.content["n_heads"], own.content["layer"]
    sets = layer_sets(n_layers)
    settings = {"layers": list(range(n_layers)), "n_heads": [n_heads, 3, 5], "sets": sets}
    found = measured(model, sweep_places, settings, vectors=own, heads=HEADS).arrays
    wide = {tuple(blocks) for blocks in sets.values() if len(blocks) > 1}
    assert n_heads != 3
    assert asked == [1 + 2 * n_layers + 1 + len(wide)]  # no vector, two curves over blocks, five heads, several blocks
    assert found["layers"][0, 0, third] == found["heads"][0, 0, 1] == found["sets"][0, 0, list(sets).index("one third")]
    same = PartResult({"n_heads": n_heads})
    found = measured(model, sweep_places, settings, vectors=own, heads=same).arrays
    assert asked[1] == 1 + n_layers + 2 + len(wide)
    np.testing.assert_array_equal(found["layers"], found["published"])


def test_all_words_are_asked_once_and_examples_come_from_the_others(model: StudyModel) -> None:
    task = Task(SETTINGS, {"words": TRAIN}, {}, silent, model)
    found = answer_all_words(task)
    assert found.arrays["zero"].shape == found.arrays["few"].shape == (len(MEASURES), len(TRAIN), 1)
    for kind, n_shots in (("zero", 0), ("few", 3)):
        prompts = prompts_for_queries(TRAIN, TRAIN, n_shots=n_shots, seed=SEED)
        assert all(prompt.query not in prompt.shots for prompt in prompts)
        with Session(model.loaded, n_ctx=4096, n_sequences=64, kv_type="f32") as session:
            (expected,) = first_token_results(model.loaded, prompts, [()], session=session)
        probability = found.arrays[kind][MEASURES.index("probability"), :, 0]
        np.testing.assert_allclose(probability, expected.probability, rtol=TOLERANCE)


def unfinished_texts(*args: Any) -> list[list[Generation]]:
    """Two steerings; the first question has no room, the second one's text is cut off by the context."""
    prompts, steerings = args[1], args[2]
    reasons = ["too long", "context", *["length"] * len(prompts)]
    return [[Generation(" d0", (1,), reason, 3) for _ in steerings] for reason in reasons[: len(prompts)]]


def test_a_text_that_could_not_be_finished_has_no_numbers_and_is_counted(
    model: StudyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "written", unfinished_texts)
    found = measured(model, try_in_context, {"alphas": [1.0], "n_demos": [3]})
    reasons = {"stopped at the model's context": 4, "prompt longer than the model's context": 4}  # both sides
    assert found.content["left_out"] == reasons
    assert found.failures == 8
    first_word = found.arrays["test"][0]
    assert np.isnan(found.arrays["test"][:, :2]).all()
    assert np.isfinite(first_word[2:]).all()  # a text of max_tokens is a text
    told = measured(model, other_templates, {"templates": TEMPLATES, "sentences": SENTENCES}, vectors=made(model),
                    heads=HEADS)  # fmt: skip
    assert np.isnan(told.arrays["sentences"][:2]).all()
    assert np.isfinite(told.arrays["sentences"][2:]).all()
    assert told.failures == 2 * 3 * len(SENTENCES)


def test_half_a_scan_is_no_result(model: StudyModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = making.indirect_effects

    def stopped(*args: Any, **options: Any) -> Any:
        return replace(whole(*args, **options), n_wanted=99)  # as after Ctrl-C

    monkeypatch.setattr(making, "indirect_effects", stopped)
    with pytest.raises(KeyboardInterrupt):
        made(model)


def test_a_single_long_text_has_its_variety() -> None:
    entropy, one, two = fluency(["", "a b c d", "x"])
    assert np.isnan(entropy[[0, 2]]).all()
    assert entropy[1] == fluency(["a b c d", "a b c d"])[0][0]
    assert np.isnan(two[2])
    assert one[2] == 1.0


def test_answers_are_scored_item_by_item() -> None:
    texts = [[" Paris is big", "rome", ""], [" no", "no no no no", "Bern\nQ: Bern"]]
    found = measure_answers(texts, ["Paris", "Rome", "Bern"], np.zeros((2, 3, 2)), keep_case=False)
    np.testing.assert_array_equal(found[MEASURES.index("first word")], [[1, 0], [1, 0], [0, 1]])
    np.testing.assert_array_equal(found[MEASURES.index("answer present")], [[1, 0], [1, 0], [0, 1]])
    assert found[MEASURES.index("F1"), 0, 0] == pytest.approx(0.5)
    assert np.isnan(found[MEASURES.index("distinct-1"), 2, 0])
    assert found[MEASURES.index("distinct-1"), 1, 1] == 0.25
    cased = measure_answers(texts, ["Paris", "Rome", "Bern"], np.zeros((2, 3, 2)), keep_case=True)
    assert cased[MEASURES.index("first word"), 1, 0] == 0.0
    texts = [[None, "rome", ""], [" no", "no no no no", None]]
    missing = measure_answers(texts, ["Paris", "Rome", "Bern"], np.zeros((2, 3, 2)), keep_case=False)
    assert np.isnan(missing[:, 0, 0]).all()
    assert np.isnan(missing[:, 2, 1]).all()
    np.testing.assert_array_equal(missing[0, 1:, 0], [1.0, 0.0])


# Behaviours

PAIRS = Dataset(tuple(ContrastPair(f"Q: bad{i}\nA:", f" good{i}", f" bad{i}") for i in range(4)), "pairs")
DEMONSTRATIONS = Dataset(tuple(ContrastPair("", f"nice {i}", f"nasty {i}") for i in range(5)), "demonstrations")
TEXT: dict[str, Any] = {
    "max_tokens": 8,
    "seed": SEED,
    "is_chat": False,
    "proxy": "mood",
    "moods": [["good"], ["bad"]],
    "random_seeds": [SEED, SEED + 1],
}


def test_shifts_are_propensities_and_the_first_column_is_unsteered(model: StudyModel) -> None:
    own = made(model)
    settings = {**TEXT, "strengths": [0.0, 2.0], "alphas": [1.0]}
    data = {"items": PAIRS, "demonstrations": DEMONSTRATIONS}
    found = rewrite(Task(settings, data, {"vectors": own}, silent, model)).arrays["found"]
    assert found.shape == (len(TEXT_MEASURES), len(PAIRS), 4)
    vector = in_context_vector(model.loaded, DEMONSTRATIONS, token="last:4")
    steerings = [[], [in_context_intervention(vector, 0.1)]]
    expected = propensities(model.loaded, PAIRS, steerings, variant="full_response", raw=True)
    np.testing.assert_allclose(found[0][:, [0, 3]], expected, atol=0.05)  # sums over several tokens, f16 on one side
    np.testing.assert_allclose(found[:, :, 0], found[:, :, 1], atol=1e-5)  # a multiple of 0 changes nothing
    assert np.abs(found[0, :, 2] - found[0, :, 0]).max() > 0.01


def test_a_rewritten_text_that_could_not_be_finished_keeps_its_shift_alone(
    model: StudyModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting, "written", unfinished_texts)
    settings = {**TEXT, "strengths": [1.0], "alphas": [1.0]}
    data = {"items": PAIRS, "demonstrations": DEMONSTRATIONS}
    found = rewrite(Task(settings, data, {"vectors": made(model)}, silent, model))
    assert found.failures == 6
    assert sum(found.content["left_out"].values()) == 6
    assert np.isfinite(found.arrays["found"][0]).all()
    assert np.isnan(found.arrays["found"][1:, :2]).all()
    assert np.isfinite(found.arrays["found"][1, 2:]).all()
    assert found.content["texts"][0] == ["", "", ""]


def test_random_directions_are_drawn_at_the_chosen_strengths_only(model: StudyModel) -> None:
    inputs = {"vectors": made(model), "choice": PartResult({"chosen": {METHODS[0]: None, METHODS[1]: 1.0}})}
    data = {"items": PAIRS, "demonstrations": DEMONSTRATIONS}
    found = rewrite_at_random(Task(TEXT, data, inputs, silent, model)).arrays["found"]
    assert found.shape == (len(TEXT_MEASURES), len(PAIRS), 2, 2)
    assert np.isnan(found[:, :, 0]).all()
    assert np.isfinite(found[0, :, 1]).all()
    assert np.abs(found[0, :, 1, 0] - found[0, :, 1, 1]).max() > 0.0


def test_proxies_tell_wanted_from_unwanted_texts() -> None:
    texts = ["What a lovely day", "You idiot", "A table"]
    np.testing.assert_array_equal(proxy_of(texts, {"proxy": "toxicity"}), [1.0, 0.0, 1.0])
    np.testing.assert_array_equal(proxy_of(texts, {"proxy": "sentiment"})[[0, 2]], [1.0, 0.5])
    moods = {"proxy": "mood", "moods": [["day"], ["table", "idiot"]]}
    np.testing.assert_array_equal(proxy_of(texts, moods), [1.0, 0.0, 0.0])
