"""Function vectors and in-context vectors on trained weights and the studies' own tasks.

TinyTalk (3 M parameters) hardly does these tasks, so nothing here demands an effect: what is demanded is that the
numbers are those of an independent forward pass, and that what was measured is complete.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer

from pysteer.formats.word_pairs import load_word_pairs
from pysteer.function_vectors import (
    StudyPlan,
    compare_on_task,
    draw_prompts,
    indirect_effects,
    mean_head_activations,
    scan_session,
    session_for_study,
    study_task,
    tokenize_prompt,
    top_heads,
)
from pysteer.in_context_vectors import in_context_vector, variants
from pysteer.model import Model
from pysteer.pairs import ContrastPair, Dataset

TASKS = (
    "abstractive/antonym",
    "abstractive/capitalize",
    "abstractive/country-capital",
    "abstractive/english-french",
    "abstractive/present-past",
    "abstractive/singular-plural",
    "extractive/animal_v_object_3",
    "extractive/choose_first_of_3",
)


@pytest.fixture(scope="module")
def model(tinytalk_f32: Path) -> Model:
    return Model.load(tinytalk_f32)


@pytest.fixture(scope="module")
def tasks(data_dir: Path) -> Path:
    return data_dir / "function_vectors"


def probability(logits: np.ndarray, target: int) -> float:
    shifted = np.exp(logits - logits.max())
    return float(shifted[target] / shifted.sum())


@pytest.mark.filterwarnings("ignore::pysteer.errors.PysteerWarning")
@pytest.mark.parametrize("task", TASKS)
def test_answers_have_a_first_token_and_bare_blanks_are_known(model: Model, tasks: Path, task: str) -> None:
    pairs = load_word_pairs(tasks / f"{task}.json")
    prompts = draw_prompts(pairs, pairs, n_prompts=50, n_shots=2, seed=0)
    questions = [tokenize_prompt(model, prompt) for prompt in prompts]
    first = [model.detokenize([question.target]) for question in questions]
    assert all(prompt.answer.startswith(text) for prompt, text in zip(prompts, first, strict=True))
    # Its vocabulary of 14019 has no piece for the beginning of some words: their answers begin with a bare blank.
    assert [question.is_blank for question in questions] == [text == " " for text in first]
    assert sum(question.is_blank for question in questions) < 25


def test_scan_of_heads_equals_numpy(model: Model, tinytalk_f32: Path, tasks: Path) -> None:
    train, _, valid = load_word_pairs(tasks / "abstractive" / "country-capital.json").split(seed=42)
    right = draw_prompts(train, valid, n_prompts=4, n_shots=4, seed=0)
    (wrong,) = draw_prompts(train, valid, n_prompts=1, n_shots=4, seed=1, shuffled=True)
    oracle, question = NumpyTransformer(tinytalk_f32), tokenize_prompt(model, wrong)
    with scan_session(model, 256, 128) as session:
        means = mean_head_activations(model, right, session=session)
        effects = indirect_effects(model, [wrong], means, session=session)
        own = indirect_effects(model, [wrong], mean_head_activations(model, [wrong], session=session), session=session)
    rows = [oracle.forward(tokenize_prompt(model, prompt).tokens).head_out[:, -1] for prompt in right]
    expected = np.mean(rows, axis=0).reshape(means.mean.shape)
    np.testing.assert_allclose(means.mean, expected, rtol=0, atol=1e-3 * np.abs(expected).max())
    clean = probability(oracle.forward(question.tokens).logits[-1], question.target)
    assert effects.clean[0] == pytest.approx(clean, rel=2e-3)
    for layer, head in [*top_heads(effects.aie, 2), *top_heads(-effects.aie, 2)]:  # the largest effects of either sign

        def replace(component: str, at: int, array: np.ndarray, layer: int = layer, head: int = head) -> np.ndarray:
            if (component, at) == ("head_out", layer):
                array[-1, head * 8 : (head + 1) * 8] = means.mean[layer, head]
            return array

        patched = probability(oracle.forward(question.tokens, replace).logits[-1], question.target)
        assert effects.cie[0, layer, head] == pytest.approx(patched - clean, abs=0.02 * np.abs(effects.cie).max())
    # The noise floor of this engine on trained weights, against the largest effect of a head.
    assert np.abs(own.cie).max() < 0.02 * np.abs(effects.cie).max()


def test_a_study_measures_everything_on_the_test_side(model: Model, tasks: Path) -> None:
    task = load_word_pairs(tasks / "abstractive" / "country-capital.json")
    plan = StudyPlan(n_shots=4, n_mean_prompts=8, n_trials=3, seed=42)
    with session_for_study(model, task, plan, n_ctx=None, n_threads=None, kv_type="f32") as session:
        study = study_task(model, task, plan, session=session)
        vectors = {"vector": study.vector, "mean": study.baseline}
        compared = compare_on_task(model, task, vectors, n_shots=4, seed=42, session=session)
    assert study.effects.cie.shape == (3, 8, 16)
    assert np.isfinite(study.effects.cie).all()
    assert len(study.heads) == 3
    assert study.vector.layers == study.baseline.layers == (3,)
    assert len(compared) == 7
    assert {len(one.result.rank) for one in compared} == {len(task.split(seed=42)[1])}


def test_variants_of_an_in_context_vector_on_real_texts(model: Model) -> None:
    words = ("dog", "boy", "girl", "cat", "bird", "king", "queen", "fish")
    pairs = Dataset(
        tuple(ContrastPair("", f"The {word} was happy and smiled", f"The {word} was sad and cried") for word in words),
        "happy",
    )
    found = {name: in_context_vector(model, pairs, variant=name) for name in variants}
    stacked = {
        name: np.concatenate([vector[site] for site in vector.sites]).astype(np.float64)
        for name, vector in found.items()
    }
    assert np.linalg.norm(stacked["pc1"]) == pytest.approx(1.0, rel=1e-5)
    # The claim behind the variants: the authors' vector is nearly the mean difference.
    code, mean = stacked["code"], stacked["mean"]
    assert code @ mean / np.linalg.norm(code) / np.linalg.norm(mean) > 0.95
