"""The function vector is the sum over heads of W_O times the mean activation, and is added where and when it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
from icl_tasks import correct, shuffled
from numpy_forward import NumpyTransformer
from python_runs import add, exact_session, log_softmax, numpy_hook
from tiny_gguf import TINY_GEMMA2, TINY_GPT2, TINY_LLAMA, TINY_LLAMA_BIASES, TINY_QWEN2, TINY_WIDE_HEAD, TinyModel

from pysteer.errors import DataError, ModelError, SiteError
from pysteer.function_vectors import (
    check_architecture,
    direct_effects,
    first_token_results,
    function_vector,
    head_contribution,
    mean_head_activations,
    solved_prompts,
    tokenize_prompt,
)
from pysteer.model import Model
from pysteer.site import Site
from pysteer.steering_program import steps
from pysteer.vector import SteeringVector
from pysteer.vector_file import load_vector, save_vector

WriteTiny = Callable[[TinyModel, str], Path]
HEADS = [(2, 3), (0, 1), (2, 0), (3, 2)]
TINY = {
    "grouped-query": TINY_LLAMA,
    "biases": TINY_LLAMA_BIASES,
    "head_dim is not d / H": TINY_WIDE_HEAD,
    "gpt2": TINY_GPT2,
    "qwen2": TINY_QWEN2,
}


def output_matrices(path: Path) -> list[np.ndarray]:
    """W_O of each block as the file holds it, float64."""
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    found = [tensors[f"blk.{layer}.attn_output.weight"] for layer in range(4)]
    return [gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float64) for tensor in found]


def make_vector(path: Path, *, layer: int = 1) -> SteeringVector:
    model = Model.load(path)
    return function_vector(model, mean_head_activations(model, correct()), HEADS, layer=layer)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("weight_type", ["F32", "Q8_0", "Q4_0"])
def test_vector_is_the_sum_of_the_heads_from_the_dequantised_weights(
    write_tiny: WriteTiny, name: str, weight_type: str
) -> None:
    path = write_tiny(TINY[name], weight_type)
    model = Model.load(path)
    means = mean_head_activations(model, correct())
    vector = function_vector(model, means, HEADS, layer=1)
    matrices, size = output_matrices(path), means.head_dim
    expected = sum(matrices[layer][:, h * size : (h + 1) * size] @ means.mean[layer, h] for layer, h in HEADS)
    np.testing.assert_allclose(vector[Site("resid_post", 1)], expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", TINY)
def test_all_heads_of_a_block_and_the_bias_are_what_attention_adds(write_tiny: WriteTiny, name: str) -> None:
    """Law: the contributions of all heads, plus the bias once, are attn_out of a prompt whose activations they are."""
    path = write_tiny(TINY[name], "F32")
    model, oracle = Model.load(path), NumpyTransformer(path)
    (prompt,) = correct(1)
    with exact_session(model) as session:
        means = mean_head_activations(model, [prompt], session=session)
    for layer in range(4):
        total = sum(head_contribution(model, means, (layer, head)) for head in range(4))
        bias = oracle._weights.get(f"blk.{layer}.attn_output.bias", 0.0)
        expected = oracle.forward(tokenize_prompt(model, prompt).tokens).attn_out[layer, -1]
        np.testing.assert_allclose(total + bias, expected, rtol=0, atol=2e-4 * np.abs(expected).max())


def test_vector_is_linear_in_its_heads(tiny_llama: Path) -> None:
    model = Model.load(tiny_llama)
    means = mean_head_activations(model, correct())
    parts = [function_vector(model, means, [head], layer=2) for head in HEADS]
    total = parts[0] + parts[1] + parts[2] + parts[3]
    whole = function_vector(model, means, HEADS, layer=2)
    assert total.cosine(whole)[Site("resid_post", 2)] == pytest.approx(1.0, abs=1e-6)
    assert function_vector(model, means, HEADS[::-1], layer=2).cosine(whole)[Site("resid_post", 2)] > 1 - 1e-6


def test_models_with_a_norm_behind_attention_are_refused_with_the_reason(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(TINY_GEMMA2, "F32"))
    with pytest.raises(
        ModelError, match=r"norm after the attention output matrix \(blk.0.post_attention_norm.weight\)"
    ):
        check_architecture(model)
    means = mean_head_activations(model, correct(2))
    with pytest.raises(ModelError, match="post_attention_norm"):
        function_vector(model, means, HEADS, layer=1)
    with pytest.raises(ModelError, match="post_attention_norm"):
        direct_effects(model, correct(2), means)


@pytest.mark.parametrize("name", TINY)
def test_other_architectures_are_not_refused(write_tiny: WriteTiny, name: str) -> None:
    check_architecture(Model.load(write_tiny(TINY[name], "F32")))


def test_wrong_heads_and_layers_are_refused(tiny_llama: Path) -> None:
    model = Model.load(tiny_llama)
    means = mean_head_activations(model, correct(2))
    for heads in ([], [(0, 0), (0, 0)], [(4, 0)], [(0, 4)]):
        with pytest.raises(DataError):
            function_vector(model, means, heads, layer=1)
    with pytest.raises(SiteError):
        function_vector(model, means, HEADS, layer=4)


def test_file_keeps_vector_and_provenance(tiny_llama: Path, tmp_path: Path) -> None:
    vector = make_vector(tiny_llama)
    save_vector(vector, tmp_path / "fv.gguf")
    loaded = load_vector(tmp_path / "fv.gguf")
    assert loaded == vector
    assert loaded.provenance == vector.provenance
    assert vector.provenance.method == "function_vector"
    assert vector.provenance.extra["heads"] == [list(head) for head in HEADS]
    assert vector.provenance.model_hash == Model.load(tiny_llama).hash


@pytest.mark.parametrize("window", ["last", "answer"])
def test_added_at_the_last_prompt_token_alone_or_at_every_token_from_there(tiny_llama: Path, window: str) -> None:
    """Rank and probability of the first token, and logits after two more tokens, equal NumPy's."""
    vector = make_vector(tiny_llama) * 3.0
    prompts, oracle = shuffled(5), NumpyTransformer(tiny_llama)
    with exact_session(tiny_llama, n_sequences=4, n_ctx=400) as session:
        clean, steered = first_token_results(session.model, prompts, [(), [add(vector, 1.0, window)]], session=session)
        for index, prompt in enumerate(prompts):
            question = tokenize_prompt(session.model, prompt)
            for result, hook in (
                (clean, None),
                (steered, numpy_hook([add(vector, 1.0, window)], len(question.tokens))),
            ):
                log_probs = log_softmax(oracle.forward(question.tokens, hook).logits)[-1]
                assert result.probability[index] == pytest.approx(np.exp(log_probs[question.target]), rel=1e-3)
                assert result.rank[index] == np.count_nonzero(log_probs > log_probs[question.target])
        tokens = [*question.tokens, question.target, 70, 71]
        hook = numpy_hook([add(vector, 1.0, window)], len(question.tokens))
        expected = oracle.forward(tokens, hook).logits[-1]
        with session.steer(add(vector, 1.0, window)):
            session.forget()
            session.native.set_program(0, steps(session.steering, len(question.tokens)))
            decoded = session.native.decode(
                np.array(tokens, dtype=np.int32),
                np.arange(len(tokens), dtype=np.int32),
                np.zeros(len(tokens), dtype=np.int32),
                outputs=np.arange(len(tokens)) == len(tokens) - 1,
                logits=True,
            )
    np.testing.assert_allclose(decoded.logits[0], expected, rtol=0, atol=1e-3)


def test_steered_later_tokens_make_a_difference(tiny_llama: Path) -> None:
    """So that the two modes above are told apart: their logits behind the answer are not the same."""
    vector, (prompt,) = make_vector(tiny_llama) * 3.0, shuffled(1)
    oracle = NumpyTransformer(tiny_llama)
    question = tokenize_prompt(Model.load(tiny_llama), prompt)
    tokens = [*question.tokens, question.target, 70]
    last, answer = (
        oracle.forward(tokens, numpy_hook([add(vector, 1.0, window)], len(question.tokens))).logits[-1]
        for window in ("last", "answer")
    )
    assert np.abs(last - answer).max() > 0.05


def test_solved_prompts_are_those_with_a_small_rank(tiny_llama: Path) -> None:
    prompts = correct(12)
    model = Model.load(tiny_llama)
    (result,) = first_token_results(model, prompts, [()])
    limit = int(np.median(result.rank)) + 1
    solved = solved_prompts(model, prompts, k=limit)
    assert solved == [prompt for prompt, rank in zip(prompts, result.rank, strict=True) if rank < limit]
    assert 0 < len(solved) <= 12
    assert result.accuracy(limit).mean == pytest.approx(len(solved) / 12)
    assert result.accuracy(model.n_vocab).mean == 1.0
