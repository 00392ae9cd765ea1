"""In-context vectors equal NumPy's from the texts' last tokens, and turn MLP outputs inside the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy_edits import apply_numpy
from numpy_forward import NumpyTransformer
from python_runs import exact_session, numpy_hook

from pysteer.errors import DataError, PysteerWarning, UnknownNameError
from pysteer.in_context_vectors import in_context_intervention, in_context_tasks, in_context_vector, variants
from pysteer.model import Model
from pysteer.operations import EditSpec, edits
from pysteer.pairs import ContrastPair, Dataset
from pysteer.recording import record
from pysteer.site import Site
from pysteer.steering_program import steps
from pysteer.vector_file import load_vector, save_vector

PAIRS = Dataset(
    tuple(ContrastPair("", f"It is kind {k} and warm.", f"it was rude and cold {k * k} ..") for k in range(6)), "kind"
)


def oracle_vector(path: Path, pairs: Dataset, variant: str, n_tokens: int) -> np.ndarray:
    """(n_layers, d_model)"""
    model, oracle = Model.load(path), NumpyTransformer(path)

    def rows(text: str) -> np.ndarray:
        ids = model.tokenize(text.strip(" .")).ids
        return oracle.forward(ids).resid_post[:, -n_tokens:].mean(axis=1).reshape(-1)

    differences = np.stack([rows(pair.positive) - rows(pair.negative) for pair in pairs])
    average = differences.mean(axis=0)
    left, _, right = np.linalg.svd(differences - average, full_matrices=False)
    component = right[0] * np.sign(left[np.argmax(np.abs(left[:, 0])), 0])
    found = {
        "code": component + average,
        "pc1": component * np.sign(component @ average),
        "mean": average,
    }[variant]
    return np.asarray(found.reshape(oracle.n_layers, -1))


@pytest.mark.parametrize("variant", ["code", "pc1", "mean"])
@pytest.mark.parametrize(("token", "n_tokens"), [("last", 1), ("last:4", 4)])
def test_vector_equals_numpy(tiny_llama: Path, variant: str, token: str, n_tokens: int) -> None:
    with exact_session(tiny_llama) as session:
        vector = in_context_vector(session.model, PAIRS, variant=variant, token=token, session=session)
    expected = oracle_vector(tiny_llama, PAIRS, variant, n_tokens)
    assert vector.sites == tuple(Site("mlp_out", layer) for layer in range(4))
    found = np.stack([vector[site] for site in vector.sites])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-4 * np.abs(expected).max())


def test_default_is_the_authors_code_at_the_last_token(tiny_llama: Path) -> None:
    vector = in_context_vector(Model.load(tiny_llama), PAIRS)
    assert vector.provenance.extra["variant"] == "code"
    assert vector.provenance.token_rule == "last"
    assert 0 < vector.provenance.extra["cosine_to_mean"] <= 1


def test_sign_is_towards_the_positive_text(tiny_llama: Path) -> None:
    swapped = Dataset(tuple(ContrastPair("", pair.negative, pair.positive) for pair in PAIRS), "unkind")
    with exact_session(tiny_llama) as session:
        for variant in variants:
            one, other = (
                in_context_vector(session.model, pairs, variant=variant, session=session) for pairs in (PAIRS, swapped)
            )
            assert all(cosine < -0.9999 for cosine in one.cosine(other).values())


def test_one_pair_falls_back_to_the_mean_and_says_so(tiny_llama: Path) -> None:
    model, one = Model.load(tiny_llama), Dataset(PAIRS.pairs[:1], "one")
    with pytest.warns(PysteerWarning, match="no principal component"):
        fallen_back = in_context_vector(model, one, variant="code")
    assert fallen_back == in_context_vector(model, one, variant="mean")
    assert fallen_back.provenance.extra["variant"] == "mean"


def test_text_shorter_than_four_tokens_is_averaged_over_all_of_them(tiny_llama: Path) -> None:
    short = Dataset((ContrastPair("", "a", "b"), ContrastPair("", "cd", "e")), "short")
    vector = in_context_vector(Model.load(tiny_llama), short, variant="mean", token="last:4")
    expected = oracle_vector(tiny_llama, short, "mean", 4)
    assert np.abs(vector[Site("mlp_out", 3)] - expected[3]).max() < 5e-3 * np.abs(expected).max()


def test_what_cannot_be_extracted_is_refused(tiny_llama: Path) -> None:
    model = Model.load(tiny_llama)
    with pytest.raises(UnknownNameError, match="did you mean 'code'"):
        in_context_vector(model, PAIRS, variant="cod")
    with pytest.raises(DataError, match="last:4"):
        in_context_vector(model, PAIRS, token="last:5")
    with pytest.raises(DataError, match="pair 0"):
        in_context_vector(model, Dataset((ContrastPair("", "good", " .. "),), "dots"), variant="mean")


@pytest.mark.parametrize("strength", [0.1, -0.15, 0.8])
def test_inside_the_model_every_mlp_output_is_turned(tiny_llama: Path, strength: float) -> None:
    vector = in_context_vector(Model.load(tiny_llama), PAIRS)
    steering = in_context_intervention(vector, strength)
    tokens = Model.load(tiny_llama).tokenize("Tell me about the rain").ids
    expected = NumpyTransformer(tiny_llama).forward(tokens, numpy_hook([steering], len(tokens)))
    with exact_session(tiny_llama) as session, session.steer(steering):
        logits = session.logits(tokens)
        rows = record(session.model, [list(map(int, tokens))], vector.sites, session=session)[0]
    np.testing.assert_allclose(logits, expected.logits, rtol=0, atol=2e-4 * np.abs(expected.logits).max())
    for layer, site in enumerate(vector.sites):
        np.testing.assert_allclose(rows[site], expected.mlp_out[layer], atol=2e-4 * np.abs(expected.mlp_out).max())


def test_strength_zero_changes_nothing(tiny_llama: Path) -> None:
    vector = in_context_vector(Model.load(tiny_llama), PAIRS)
    with exact_session(tiny_llama) as session:
        tokens = session.model.tokenize("Tell me about the rain").ids
        plain = session.logits(tokens)
        with session.steer(in_context_intervention(vector, 0.0)):
            np.testing.assert_array_equal(session.logits(tokens), plain)


def test_several_tasks_are_averaged_before_the_row_is_turned(tiny_llama: Path) -> None:
    model = Model.load(tiny_llama)
    other = Dataset(tuple(ContrastPair("", f"NO {k} WAY", f"yes of course {k * 3}") for k in range(5)), "loud")
    vectors = [in_context_vector(model, PAIRS), in_context_vector(model, other, variant="mean")]
    tokens = model.tokenize("Tell me about the rain").ids

    def together(component: str, layer: int, rows: np.ndarray) -> np.ndarray:
        if component != "mlp_out":
            return rows
        directions = np.stack([vector[Site("mlp_out", layer)] for vector in vectors])
        return apply_numpy(EditSpec.in_context(directions, np.array([0.3, 0.6])), rows)

    expected = NumpyTransformer(tiny_llama).forward(tokens, together).logits[-1]
    compiled = in_context_tasks(vectors, [0.3, 0.6])
    n = len(tokens)
    with exact_session(tiny_llama) as session:
        session.native.set_program(0, steps(compiled, n))
        decoded = session.native.decode(
            tokens,
            np.arange(n, dtype=np.int32),
            np.zeros(n, dtype=np.int32),
            outputs=np.arange(n) == n - 1,
            logits=True,
        )
    np.testing.assert_allclose(decoded.logits[0], expected, rtol=0, atol=2e-4 * np.abs(expected).max())
    one_after_the_other = numpy_hook(
        [in_context_intervention(v, s) for v, s in zip(vectors, (0.3, 0.6), strict=True)], n
    )
    assert np.abs(NumpyTransformer(tiny_llama).forward(tokens, one_after_the_other).logits[-1] - expected).max() > 0.05


def test_one_task_combined_with_nothing_is_the_plain_intervention(tiny_llama: Path) -> None:
    vector = in_context_vector(Model.load(tiny_llama), PAIRS)
    (site, spec, _), *_ = edits(in_context_intervention(vector, 0.2))
    x = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    combined = EditSpec.in_context(vector[site][None], np.array([0.2]))
    np.testing.assert_allclose(apply_numpy(spec, x), apply_numpy(combined, x), rtol=1e-5, atol=1e-6)


def test_file_keeps_vector_and_provenance(tiny_llama: Path, tmp_path: Path) -> None:
    vector = in_context_vector(Model.load(tiny_llama), PAIRS, token="last:4")
    save_vector(vector, tmp_path / "icv.gguf", for_llama_cpp=False)
    loaded = load_vector(tmp_path / "icv.gguf")
    assert loaded == vector
    assert loaded.provenance == vector.provenance
    assert (vector.provenance.method, vector.provenance.n_pairs) == ("in_context_vector", 6)
