"""The scan of all heads equals one NumPy forward pass per head; own activations change nothing; a planted head wins."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_gguf
from icl_tasks import correct, shuffled
from numpy_forward import NumpyTransformer
from python_runs import CountedDecodes, add, exact_session, log_softmax, numpy_hook, random_vector
from tiny_gguf import TINY_GPT2, TINY_QWEN2, TINY_WIDE_HEAD, TinyModel

from pysteer.errors import DataError, ShapeError
from pysteer.formats.word_pairs import WordPair
from pysteer.function_vectors import (
    HeadActivations,
    IclPrompt,
    IclTemplate,
    direct_effects,
    indirect_effects,
    mean_head_activations,
    tokenize_prompt,
    top_heads,
)
from pysteer.function_vectors.icl_prompts import make_prompt
from pysteer.model import Model
from pysteer.tree_run import RunCount

WriteTiny = Callable[[TinyModel, str], Path]
TINY = {"wide": TINY_WIDE_HEAD, "qwen2": TINY_QWEN2, "gpt2": TINY_GPT2}


def random_means(tiny: TinyModel, *, seed: int = 3) -> HeadActivations:
    assert tiny.head_dim is not None
    rows = np.random.default_rng(seed).normal(size=(tiny.n_layers, tiny.n_heads, tiny.head_dim))
    return HeadActivations(rows.astype(np.float32), 1, "random")


def oracle_probability(oracle: NumpyTransformer, tokens: np.ndarray, target: int, edit: object = None) -> float:
    return float(np.exp(log_softmax(oracle.forward(tokens, edit).logits[-1])[target]))  # type: ignore[arg-type]


def replaced(means: HeadActivations, layer: int, head: int) -> object:
    begin = head * means.head_dim

    def edit(component: str, at: int, rows: np.ndarray) -> np.ndarray:
        if (component, at) == ("head_out", layer):
            rows[-1, begin : begin + means.head_dim] = means.mean[layer, head]
        return rows

    return edit


def oracle_cie(path: Path, prompts: list[IclPrompt], means: HeadActivations) -> np.ndarray:
    """One full pass a head and trial."""
    model, oracle = Model.load(path), NumpyTransformer(path)
    result = np.zeros((len(prompts), means.n_layers, means.n_heads))
    for trial, prompt in enumerate(prompts):
        question = tokenize_prompt(model, prompt)
        clean = oracle_probability(oracle, question.tokens, question.target)
        for layer in range(means.n_layers):
            for head in range(means.n_heads):
                edit = replaced(means, layer, head)
                patched = oracle_probability(oracle, question.tokens, question.target, edit)
                result[trial, layer, head] = patched - clean
    return result


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("n_sequences", [18, 7], ids=["one batch", "several batches"])
def test_indirect_effects_equal_one_numpy_pass_per_head(write_tiny: WriteTiny, name: str, n_sequences: int) -> None:
    path, means = write_tiny(TINY[name], "F32"), random_means(TINY[name])
    prompts = shuffled(2)
    with exact_session(path, n_sequences=n_sequences) as session:
        effects = indirect_effects(session.model, prompts, means, session=session)
    expected = oracle_cie(path, prompts, means)
    assert effects.cie.shape == (2, 4, 4)
    # GELU is a table of float16 steps, so single values may take the other side of one.
    tolerance = 5e-3 if name == "gpt2" else 5e-4
    np.testing.assert_allclose(effects.cie, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    np.testing.assert_allclose(effects.aie, expected.mean(axis=0), rtol=0, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("name", TINY)
def test_a_head_replaced_by_its_own_activation_changes_nothing(write_tiny: WriteTiny, name: str) -> None:
    with exact_session(write_tiny(TINY[name], "F32"), n_sequences=18) as session:
        for prompt in shuffled(3):
            own = mean_head_activations(session.model, [prompt], session=session)
            effects = indirect_effects(session.model, [prompt], own, session=session)
            moved = indirect_effects(session.model, [prompt], random_means(TINY[name]), session=session)
            # The noise floor: the activation was recorded in a batch of another size.
            assert np.abs(effects.cie).max() < 1e-3 * np.abs(moved.cie).max()
            # GELU is a table of float16 steps: noise can take a value over one.
            assert np.abs(effects.cie).max() < (2e-4 if name == "gpt2" else 1e-5) * effects.clean[0]


def planted(model: TinyModel, *, layer: int, head: int, token: int) -> Callable[..., dict[str, np.ndarray]]:
    """Weights in which one head looks at all tokens alike and writes "there was this token" onto that token's logit."""
    original = tiny_gguf.random_weights
    assert model.head_dim is not None
    size, kv_head = model.head_dim, head // (model.n_heads // model.n_heads_kv)

    def weights(given: TinyModel, *, n_vocab: int, seed: int) -> dict[str, np.ndarray]:
        found = original(given, n_vocab=n_vocab, seed=seed)
        block = f"blk.{layer}"
        for part in ("weight", "bias"):
            found[f"{block}.attn_q.{part}"][head * size : (head + 1) * size] = 0.0
        embedding = found["token_embd.weight"][token]
        found[f"{block}.attn_v.weight"][kv_head * size] = 2.0 * embedding / np.linalg.norm(embedding)
        unembedding = found["output.weight"][token]
        found[f"{block}.attn_output.weight"][:, head * size] = 2.0 * unembedding / np.linalg.norm(unembedding)
        return found

    return weights


PLANTED = replace(TINY_QWEN2, is_tied=False)


@pytest.mark.parametrize(("layer", "head"), [(1, 3), (2, 0), (3, 2)])
def test_a_planted_head_is_ranked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: int, head: int) -> None:
    bare = IclTemplate("", "", "", "\n")  # one token in four is the answer, so the head sees it well
    words = [WordPair(letter, "a") for letter in "bcdefgjk"]
    others = [WordPair(pair.input, "o") for pair in words]
    right = [make_prompt([p for p in words if p != query], query, bare) for query in words]
    wrong = [make_prompt([p for p in others if p.input != query.input], query, bare) for query in words]
    plain = Model.load(tiny_gguf.write_tiny_gguf(tmp_path / "plain.gguf", PLANTED, weight_type="F32", seed=1))
    token = tokenize_prompt(plain, right[0]).target
    assert plain.detokenize([token]) == " a"
    monkeypatch.setattr(tiny_gguf, "random_weights", planted(PLANTED, layer=layer, head=head, token=token))
    path = tiny_gguf.write_tiny_gguf(tmp_path / "planted.gguf", PLANTED, weight_type="F32", seed=1)
    with exact_session(path, n_sequences=18) as session:
        means = mean_head_activations(session.model, right, session=session)
        effects = indirect_effects(session.model, wrong, means, session=session)
        proxy = direct_effects(session.model, wrong, means, session=session)
    assert top_heads(effects.aie, 1) == ((layer, head),)
    assert top_heads(proxy, 1) == ((layer, head),)
    low, high = effects.intervals(seed=0)
    second = top_heads(effects.aie, 2)[1]
    assert low[layer, head] > high[second]


def test_scanning_some_heads_gives_what_the_full_scan_gives_for_them(tiny_qwen2: Path) -> None:
    means, prompts = random_means(TINY_QWEN2), shuffled(2)
    with exact_session(tiny_qwen2, n_sequences=18) as session:
        full = indirect_effects(session.model, prompts, means, session=session)
        some = indirect_effects(session.model, prompts, means, heads=[(2, 1), (0, 3)], session=session)
    known = ~np.isnan(some.cie)
    assert set(zip(*np.nonzero(known[0]), strict=True)) == {(2, 1), (0, 3)}
    np.testing.assert_allclose(some.cie[known], full.cie[known], rtol=0, atol=1e-4 * np.abs(full.cie).max())


def test_tokens_are_the_prompt_once_and_a_row_a_head(tiny_qwen2: Path) -> None:
    prompts, count = shuffled(3), RunCount()
    with exact_session(tiny_qwen2, n_sequences=18) as session:
        lengths = [len(tokenize_prompt(session.model, prompt).tokens) for prompt in prompts]
        decodes = CountedDecodes(session)
        indirect_effects(session.model, prompts, random_means(TINY_QWEN2), session=session, count=count)
    assert decodes.n_tokens == [size for n in lengths for size in (n - 1, 17)]
    assert count.tokens == sum(decodes.n_tokens)
    assert count.naive_tokens == 16 * sum(lengths)


def test_steering_in_force_reaches_every_row(tiny_qwen2: Path) -> None:
    means, (prompt,) = random_means(TINY_QWEN2), shuffled(1)
    steering = add(random_vector(1))
    oracle = NumpyTransformer(tiny_qwen2)
    with exact_session(tiny_qwen2, n_sequences=18) as session, session.steer(steering):
        question = tokenize_prompt(session.model, prompt)
        effects = indirect_effects(session.model, [prompt], means, heads=[(2, 1)], session=session)
    hook = numpy_hook([steering], len(question.tokens))
    clean = oracle_probability(oracle, question.tokens, question.target, hook)
    swap = replaced(means, 2, 1)

    def both(component: str, layer: int, rows: np.ndarray) -> np.ndarray:
        return swap(component, layer, hook(component, layer, rows))  # type: ignore[operator, no-any-return]

    patched = oracle_probability(oracle, question.tokens, question.target, both)
    assert effects.clean[0] == pytest.approx(clean, rel=1e-4)
    assert effects.cie[0, 2, 1] == pytest.approx(patched - clean, rel=2e-3)


def test_an_interrupted_scan_keeps_what_is_done_and_goes_on_from_its_file(tiny_qwen2: Path, tmp_path: Path) -> None:
    means, prompts, file = random_means(TINY_QWEN2), shuffled(4), tmp_path / "scan.jsonl"
    seen: list[tuple[int, int]] = []

    def interrupt(done: int, total: int) -> None:
        if done == 2:
            signal.raise_signal(signal.SIGINT)

    with exact_session(tiny_qwen2, n_sequences=18) as session:
        model = session.model
        whole = indirect_effects(model, prompts, means, session=session)
        part = indirect_effects(model, prompts, means, session=session, checkpoint=file, progress=interrupt)
        decodes = CountedDecodes(session)
        rest = indirect_effects(
            model, prompts, means, session=session, checkpoint=file, progress=lambda *step: seen.append(step)
        )
    assert (part.n_trials, part.n_wanted) == (2, 4)
    np.testing.assert_array_equal(part.cie, whole.cie[:2])
    np.testing.assert_array_equal(rest.cie, whole.cie)
    np.testing.assert_array_equal(rest.clean, whole.clean)
    assert len(decodes.n_tokens) == 4  # two trials, a prompt and a batch of rows each
    assert seen == [(2, 4), (3, 4), (4, 4)]


def test_a_finished_scan_is_read_from_its_file_and_a_longer_one_goes_on(tiny_qwen2: Path, tmp_path: Path) -> None:
    means, file = random_means(TINY_QWEN2), tmp_path / "scan.jsonl"
    with exact_session(tiny_qwen2, n_sequences=18) as session:
        first = indirect_effects(session.model, shuffled(2), means, session=session, checkpoint=file)
        decodes = CountedDecodes(session)
        again = indirect_effects(session.model, shuffled(2), means, session=session, checkpoint=file)
    assert decodes.n_tokens == []
    np.testing.assert_array_equal(first.cie, again.cie)


def test_an_interrupt_before_the_first_trial_is_passed_on(tiny_qwen2: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with exact_session(tiny_qwen2, n_sequences=18) as session, pytest.raises(KeyboardInterrupt):
        indirect_effects(session.model, shuffled(2), random_means(TINY_QWEN2), session=session, progress=interrupt)


def test_the_checkpoint_of_another_scan_is_refused_by_what_differs(tiny_qwen2: Path, tmp_path: Path) -> None:
    file, model = tmp_path / "scan.jsonl", Model.load(tiny_qwen2)
    indirect_effects(model, shuffled(1), random_means(TINY_QWEN2), checkpoint=file)
    with pytest.raises(DataError, match=r"different means\)"):
        indirect_effects(model, shuffled(1), random_means(TINY_QWEN2, seed=9), checkpoint=file)
    with pytest.raises(DataError, match=r"different prompts\)"):
        indirect_effects(model, shuffled(1, seed=9), random_means(TINY_QWEN2), checkpoint=file)


def test_what_cannot_be_scanned_is_refused(tiny_qwen2: Path) -> None:
    model, means = Model.load(tiny_qwen2), random_means(TINY_QWEN2)
    with pytest.raises(DataError, match="at least one prompt"):
        indirect_effects(model, [], means)
    with pytest.raises(DataError, match=r"no head \(4, 0\)"):
        indirect_effects(model, shuffled(1), means, heads=[(4, 0)])
    with pytest.raises(DataError, match="twice"):
        indirect_effects(model, shuffled(1), means, heads=[(0, 0), (0, 0)])
    with pytest.raises(ShapeError, match="for a model of"):
        indirect_effects(model, shuffled(1), HeadActivations(means.mean[:3], 1, "x"))


def test_answers_that_begin_with_a_bare_blank_are_counted(tiny_llama: Path, tiny_qwen2: Path) -> None:
    for path, expected in ((tiny_llama, 2), (tiny_qwen2, 0)):
        model = Model.load(path)
        effects = indirect_effects(model, shuffled(2), mean_head_activations(model, correct(2)), heads=[(0, 0)])
        assert effects.n_blank == expected
