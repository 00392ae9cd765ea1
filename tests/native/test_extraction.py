"""Extraction: the NumPy oracle's mean difference at every site, planted directions, signs, what the vector says."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import CountedDecodes, add, exact_session, numpy_hook, random_vector
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA, TINY_QWEN2, TINY_WIDE_HEAD, TinyModel, random_weights

import pysteer
from pysteer.errors import ContextFullError, DataError, SiteError, SteeringError, UnknownNameError
from pysteer.extraction import auto_token_rule, extract
from pysteer.model import Model
from pysteer.pair_text import Answered, answer_pair
from pysteer.pairs import ContrastPair, Dataset
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.token_rules import parse_token_rule
from pysteer.tree_run import RunCount
from pysteer.vector import SteeringVector

LLAMA = replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE + "Bot:")
QWEN = replace(TINY_QWEN2, chat_template=CHAT_TEMPLATE, merges=(("(", "A"), ("(", "B")))
COMPONENTS = ("resid_post", "resid_mid", "attn_out", "mlp_out", "head_out")
LETTERS = Dataset(
    tuple(ContrastPair(f"Is {k} good? Say (A) or (B).", *("(A)", "(B)")[:: 1 - 2 * (k % 2)]) for k in range(6)), "ab"
)
SENTENCES = Dataset(
    tuple(ContrastPair(f"Tell me {k}.", f"Gladly {k * 7}.", f" No {k}, never in the least.") for k in range(6)), "said"
)
WHOLE = Dataset(tuple(ContrastPair("", f"It is good {k}", f"bad {k} it is") for k in range(6)), "whole")
WriteTiny = Callable[[TinyModel, str], Path]


def oracle_differences(
    path: Path, pairs: Dataset, component: str, rule: str, *, raw: bool = False, hook: object = None
) -> np.ndarray:
    """Mean over pairs of (mean over the rule's tokens of the positive text - the same of the negative one).

    Shape (n_layers, width), for final_norm (1, d_model).
    """
    model, oracle, pick = Model.load(path), NumpyTransformer(path), parse_token_rule(rule)

    def rows(answered: Answered) -> np.ndarray:
        array = getattr(oracle.forward(answered.tokens.ids, hook), component)  # type: ignore[arg-type]
        return (array[None] if component == "final_norm" else array)[:, list(pick(answered))].mean(axis=1)

    sides = [answer_pair(model, pair, raw=raw) for pair in pairs]
    return np.mean([rows(positive) - rows(negative) for positive, negative in sides], axis=0)


def assert_is(vector: SteeringVector, site: Site, expected: np.ndarray) -> None:
    assert np.abs(vector[site] - expected).max() <= 1e-4 * np.abs(expected).max(), site


def swapped(pairs: Dataset) -> Dataset:
    return Dataset(tuple(ContrastPair(pair.prompt, pair.negative, pair.positive) for pair in pairs), pairs.name)


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("tiny", [LLAMA, replace(TINY_WIDE_HEAD, chat_template=CHAT_TEMPLATE)], ids=["llama", "wide"])
def test_every_component_and_layer_equals_numpy(write_tiny: WriteTiny, tiny: TinyModel, component: str) -> None:
    path = write_tiny(tiny, "F32")
    with exact_session(path) as session:
        vector = extract(session.model, LETTERS, layers="all", component=component, session=session)
    assert vector.sites == tuple(Site(component, layer) for layer in range(4))
    for site, expected in zip(vector.sites, oracle_differences(path, LETTERS, component, "letter"), strict=True):
        assert_is(vector, site, expected)


def test_the_final_norm_equals_numpy(write_tiny: WriteTiny) -> None:
    path = write_tiny(LLAMA, "F32")
    with exact_session(path) as session:
        vector = extract(session.model, LETTERS, layers=3, component="final_norm", session=session)
    assert_is(vector, Site("final_norm", 3), oracle_differences(path, LETTERS, "final_norm", "letter")[0])


@pytest.mark.parametrize("tiny", [LLAMA, QWEN], ids=["llama", "qwen2"])
@pytest.mark.parametrize(
    ("pairs", "rule", "raw"),
    [
        (LETTERS, "letter", False),
        (LETTERS, "letter", True),
        (LETTERS, "last", False),
        (SENTENCES, "last:3", False),
        (SENTENCES, "answer", False),
        (SENTENCES, "answer", True),
        (SENTENCES, "last:99", False),
        (SENTENCES, r"match:ell me \d", False),
        (WHOLE, "answer", False),
        (WHOLE, "last", False),
        (WHOLE, "match:it|It", True),
    ],
)
def test_every_token_rule_equals_numpy(
    write_tiny: WriteTiny, tiny: TinyModel, pairs: Dataset, rule: str, raw: bool
) -> None:
    path = write_tiny(tiny, "F32")
    with exact_session(path) as session:
        vector = extract(session.model, pairs, layers=[1, 3], token=rule, raw=raw, session=session)
    expected = oracle_differences(path, pairs, "resid_post", rule, raw=raw)
    for layer in (1, 3):
        assert_is(vector, Site("resid_post", layer), expected[layer])


def test_the_prompts_last_token_does_not_know_the_answer(write_tiny: WriteTiny) -> None:
    with exact_session(write_tiny(LLAMA, "F32")) as session:
        vector = extract(session.model, SENTENCES, layers="all", token="prompt", session=session)
    # The prompt is computed once for both answers, so the difference is exactly zero.
    assert set(vector.norms().values()) == {0.0}


def test_steering_in_force_is_in_the_activations(write_tiny: WriteTiny) -> None:
    path = write_tiny(LLAMA, "F32")
    given = add(random_vector(1), 1.0, "all", "norm_preserving_add")
    with exact_session(path) as session, session.steer(given):
        vector = extract(session.model, LETTERS, layers=2, session=session)
    expected = oracle_differences(path, LETTERS, "resid_post", "letter", hook=numpy_hook([given], 99))
    assert_is(vector, Site("resid_post", 2), expected[2])


def test_a_direction_planted_in_the_embeddings_is_found(tmp_path: Path) -> None:
    """The letters' embeddings differ by a known step, and all blocks write nothing: the vector is that step."""
    import gguf
    from tiny_gguf import write_tiny_gguf

    path = write_tiny_gguf(tmp_path / "planted.gguf", LLAMA, weight_type="F32", seed=3)
    weights = random_weights(LLAMA, n_vocab=3 + 256 + 95, seed=3)
    step = np.random.default_rng(8).normal(size=64).astype(np.float32)
    model = Model.load(path)
    [a], [b] = (model.tokenize(letter, add_special=False).ids for letter in "AB")
    del model
    reader = gguf.GGUFReader(path, "r+")
    for tensor in reader.tensors:
        if tensor.name.endswith(("attn_output.weight", "ffn_down.weight")):
            tensor.data[:] = 0.0
        if tensor.name == "token_embd.weight":
            tensor.data[a] = weights["token_embd.weight"][b] + step
    reader.data.flush()
    del reader
    pairs = Dataset(tuple(ContrastPair(f"Choose {k}.", "(A)", "(B)") for k in range(5)), "planted")
    vector = extract(Model.load(path), pairs, layers="all")
    for site in vector.sites:
        np.testing.assert_allclose(vector[site], step, rtol=0, atol=1e-5)


@pytest.mark.parametrize("pairs", [LETTERS, SENTENCES, WHOLE], ids=lambda pairs: pairs.name)
def test_swapped_pairs_give_exactly_the_opposite(write_tiny: WriteTiny, pairs: Dataset) -> None:
    model = Model.load(write_tiny(LLAMA, "F32"))
    assert extract(model, swapped(pairs), layers="all") == -extract(model, pairs, layers="all")


def test_the_order_of_the_pairs_hardly_matters(write_tiny: WriteTiny) -> None:
    path = write_tiny(LLAMA, "F32")
    backwards = Dataset(tuple(reversed(SENTENCES.pairs)), "said")
    with exact_session(path) as session:
        there, back = (extract(session.model, pairs, layers=2, session=session) for pairs in (SENTENCES, backwards))
    site = Site("resid_post", 2)
    np.testing.assert_allclose(there[site], back[site], rtol=0, atol=1e-5 * np.abs(there[site]).max())


def test_rows_and_means_give_the_same_direction(write_tiny: WriteTiny, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model.load(write_tiny(LLAMA, "F32"))
    from_means = extract(model, SENTENCES, layers="all")
    monkeypatch.setattr(type(pysteer.extraction.extractors), "facts", lambda self, name: {})
    from_rows = extract(model, SENTENCES, layers="all")
    for site in from_means.sites:
        np.testing.assert_allclose(from_rows[site], from_means[site], rtol=0, atol=2e-6)


def test_only_as_many_tokens_and_blocks_as_needed_are_computed(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(LLAMA, "F32"))
    sides = [answered for pair in LETTERS for answered in answer_pair(model, pair)]
    read = [answered.tokens.ids[: answered.letter_index() + 1] for answered in sides]
    distinct = {tuple(ids[: n + 1]) for ids in read for n in range(len(ids))}
    with exact_session(model, n_sequences=32) as session:
        decodes, count = CountedDecodes(session), RunCount()
        extract(model, LETTERS, layers=1, session=session, count=count)
    assert count.tokens == sum(decodes.n_tokens) == len(distinct)
    assert count.naive_tokens == sum(len(answered.tokens) for answered in sides)


def test_memory_does_not_grow_with_the_data(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(replace(LLAMA, d_model=256, d_ff=32), "F32"))

    def peak(n_pairs: int) -> int:
        pairs = Dataset(tuple(ContrastPair(f"Is {k} so?", "(A)", "(B)") for k in range(n_pairs)), "many")
        seen: list[int] = []

        def watch(done: int, total: int) -> None:
            if done == 0:  # texts and jobs are there, nothing is computed
                tracemalloc.start()
            seen.append(tracemalloc.get_traced_memory()[1])

        with exact_session(model, n_sequences=16) as session:
            try:
                extract(model, pairs, layers="all", session=session, progress=watch)
            finally:
                tracemalloc.stop()
        return max(seen)

    small, large = peak(20), peak(220)
    # A text needs about 1 kB to be sorted into the tree; its rows, 4 layers of 256 float32, would be 4 kB more.
    assert (large - small) / (2 * 200) < 2000


def test_progress_counts_pairs(write_tiny: WriteTiny) -> None:
    seen: list[tuple[int, int]] = []
    extract(
        Model.load(write_tiny(LLAMA, "F32")), LETTERS, layers=1, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[0] == (0, 6)
    assert seen[-1] == (6, 6)
    assert sorted(seen) == seen


def test_the_provenance_says_how_the_vector_was_made(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(LLAMA, "F32"))
    origin = extract(model, LETTERS, layers="1,-1").provenance
    assert datetime.fromisoformat(str(origin.created)).utcoffset() is not None
    assert replace(origin, created=None) == Provenance(
        method="mean_difference",
        model_name="tiny llama",
        model_hash=model.hash,
        architecture="llama",
        quantisation=model.quantisation,
        data_name="ab",
        data_hash=LETTERS.content_hash,
        n_pairs=6,
        token_rule="letter",
        layers=(1, 3),
        pysteer_version=pysteer.__version__,
        llama_cpp_version="0.3.36",
        extra={"architecture_layers": 4, "letter_is_second_last": 1.0},
    )


@pytest.mark.parametrize(
    ("answers", "expected"),
    [(("(A)", "(B)"), 1.0), (("A", "B"), 0.0), (("(A) Yes", "(B) No"), 0.0), (("(A)", "B"), 0.5)],
)
def test_it_is_reported_whether_counting_from_the_end_would_find_the_letter(
    write_tiny: WriteTiny, answers: Sequence[str], expected: float
) -> None:
    model = Model.load(write_tiny(QWEN, "F32"))
    pairs = Dataset(tuple(ContrastPair(f"{k}?\n", *answers) for k in range(4)), "ab")
    origin = extract(model, pairs, layers=1, token="letter", raw=True).provenance
    assert origin.extra["letter_is_second_last"] == expected


@pytest.mark.parametrize(("pairs", "rule"), [(LETTERS, "letter"), (SENTENCES, "answer"), (WHOLE, "last")])
def test_the_token_rule_follows_from_the_data(pairs: Dataset, rule: str) -> None:
    assert auto_token_rule(pairs) == rule


def test_what_does_not_fit_is_refused_and_named(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(LLAMA, "F32"))
    with pytest.raises(SiteError, match="no layer 4: this model has 4 blocks"):
        extract(model, LETTERS, layers=4)
    with pytest.raises(SiteError, match="resid_pots"):
        extract(model, LETTERS, layers=1, component="resid_pots")
    with pytest.raises(SiteError, match="final_norm"):
        extract(model, LETTERS, layers=1, component="final_norm")
    with pytest.raises(UnknownNameError, match="mean_difference"):
        extract(model, LETTERS, layers=1, method="mean_diff")
    with pytest.raises(SteeringError, match="unknown token rule"):
        extract(model, LETTERS, layers=1, token="letters")
    mixed = Dataset((*LETTERS.pairs, ContrastPair("x", "Yes", "No")), "mixed")
    with pytest.raises(DataError, match="data set 'mixed', pair 6: expected a letter"):
        extract(model, mixed, layers=1, token="letter")


def test_a_text_longer_than_the_session_is_refused(write_tiny: WriteTiny) -> None:
    with exact_session(write_tiny(LLAMA, "F32"), n_ctx=256) as session:
        long = Dataset((ContrastPair("x" * 300, "(A)", "(B)"),), "long")
        with pytest.raises(ContextFullError, match="text 0 has"):
            extract(session.model, long, layers=1, session=session)
        extract(session.model, LETTERS, layers=1, session=session)  # and the session is as good as before


def test_a_session_that_is_given_stays_open(write_tiny: WriteTiny) -> None:
    with exact_session(write_tiny(LLAMA, "F32")) as session:
        extract(session.model, LETTERS, layers=1, session=session)
        assert session.generate("x", raw=True, max_tokens=1).tokens
