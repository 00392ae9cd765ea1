"""Mean head activations and mean hidden states equal NumPy's, for every way heads are laid out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from icl_tasks import correct
from numpy_forward import NumpyTransformer
from python_runs import exact_session
from tiny_gguf import TINY_GEMMA2, TINY_GPT2, TINY_LLAMA, TINY_QWEN2, TINY_WIDE_HEAD, TinyModel

from pysteer.errors import DataError
from pysteer.function_vectors import IclPrompt, mean_head_activations, mean_hidden_state, tokenize_prompt
from pysteer.function_vectors.icl_prompts import prompts_hash
from pysteer.model import Model
from pysteer.site import Site

WriteTiny = Callable[[TinyModel, str], Path]
TOLERANCES = {"llama": 1e-4, "wide": 1e-4, "qwen2": 1e-4, "gpt2": 1e-3}  # GELU is a table of float16 steps
TINY = {"llama": TINY_LLAMA, "wide": TINY_WIDE_HEAD, "qwen2": TINY_QWEN2, "gpt2": TINY_GPT2}


def oracle_mean(path: Path, prompts: list[IclPrompt], component: str) -> np.ndarray:
    """Mean over prompts of a site at the last token, (n_layers, width)."""
    model, oracle = Model.load(path), NumpyTransformer(path)
    rows = [getattr(oracle.forward(tokenize_prompt(model, prompt).tokens), component)[:, -1] for prompt in prompts]
    return np.asarray(np.mean(rows, axis=0))


@pytest.mark.parametrize("name", TINY)
def test_mean_head_activations_equal_numpy(write_tiny: WriteTiny, name: str) -> None:
    path = write_tiny(TINY[name], "F32")
    prompts = correct()
    with exact_session(path) as session:
        means = mean_head_activations(session.model, prompts, session=session)
    expected = oracle_mean(path, prompts, "head_out")
    head_dim = TINY[name].head_dim
    assert head_dim is not None
    assert means.mean.shape == (4, 4, head_dim)
    np.testing.assert_allclose(
        means.mean, expected.reshape(4, 4, head_dim), rtol=0, atol=TOLERANCES[name] * np.abs(expected).max()
    )
    assert means.n_prompts == len(prompts)
    assert means.prompts_hash == prompts_hash(prompts)


def test_mean_hidden_state_equals_numpy_and_says_where_it_comes_from(tiny_llama: Path) -> None:
    prompts = correct()
    with exact_session(tiny_llama) as session:
        vector = mean_hidden_state(session.model, prompts, layer=2, data_name="task", session=session)
    expected = oracle_mean(tiny_llama, prompts, "resid_post")[2]
    assert vector.sites == (Site("resid_post", 2),)
    np.testing.assert_allclose(vector[vector.sites[0]], expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    origin = vector.provenance
    assert (origin.method, origin.n_pairs, origin.data_name, origin.layers) == ("mean_hidden_state", 6, "task", (2,))
    assert origin.data_hash == prompts_hash(prompts)


def test_own_session_gives_the_same(tiny_llama: Path) -> None:
    model = Model.load(tiny_llama)
    with exact_session(model) as session:
        expected = mean_head_activations(model, correct(), session=session).mean
    # Keys and values of 16 bits in the session that is made: rounded to 2**-11.
    assert np.abs(mean_head_activations(model, correct()).mean - expected).max() < 2e-3 * np.abs(expected).max()


def test_means_can_be_taken_of_a_model_with_post_norms(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(TINY_GEMMA2, "F32"))
    assert mean_head_activations(model, correct(2)).mean.shape == (4, 4, 16)


def test_means_are_read_only_and_hashed(tiny_llama: Path) -> None:
    model = Model.load(tiny_llama)
    one, other = (mean_head_activations(model, correct(seed=seed)) for seed in (0, 1))
    with pytest.raises(ValueError, match="read-only"):
        one.mean[0, 0, 0] = 1.0
    assert one.content_hash != other.content_hash


def test_no_prompt_is_an_error(tiny_llama: Path) -> None:
    with pytest.raises(DataError):
        mean_head_activations(Model.load(tiny_llama), [])
    with pytest.raises(DataError):
        mean_hidden_state(Model.load(tiny_llama), [], layer=0)
