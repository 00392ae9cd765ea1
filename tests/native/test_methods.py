"""Every extraction method inside a model: rows of the NumPy oracle through the method's independent reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from extractor_oracles import ORACLES
from numpy_forward import NumpyTransformer
from python_runs import exact_session
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA, TINY_QWEN2, TinyModel

from pysteer.errors import ShapeError, SteeringError
from pysteer.extraction import extract, extract_each
from pysteer.extractors import extractors
from pysteer.model import Model
from pysteer.pair_text import answer_pair
from pysteer.pairs import ContrastPair, Dataset
from pysteer.site import Site
from pysteer.token_rules import parse_token_rule
from pysteer.tree_run import RunCount

LLAMA = replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE + "Bot:")
QWEN = replace(TINY_QWEN2, chat_template=CHAT_TEMPLATE)
PAIRS = Dataset(
    tuple(ContrastPair(f"Tell me {k}.", f"Gladly {k * 7}.", f" No {k}, never in the least.") for k in range(8)), "said"
)
WriteTiny = Callable[[TinyModel, str], Path]


def oracle_rows(path: Path, pairs: Dataset, rule: str, layer: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sides' rows at resid_post of a layer, float64 (n_pairs, d_model), from the NumPy forward pass."""
    model, oracle, pick = Model.load(path), NumpyTransformer(path), parse_token_rule(rule)
    rows = [
        [oracle.forward(side.tokens.ids).resid_post[layer][list(pick(side))].mean(axis=0) for side in sides]
        for sides in (answer_pair(model, pair) for pair in pairs)
    ]
    both = np.array(rows, dtype=np.float64)
    return both[:, 0], both[:, 1]


@pytest.mark.parametrize("tiny", [LLAMA, QWEN], ids=["llama", "qwen2"])
@pytest.mark.parametrize("method", ORACLES)
def test_each_method_equals_numpy_from_tokens_to_direction(write_tiny: WriteTiny, tiny: TinyModel, method: str) -> None:
    path = write_tiny(tiny, "F32")
    with exact_session(path) as session:
        vector = extract(session.model, PAIRS, method=method, layers="0,2", token="answer", session=session)
    for layer in (0, 2):
        expected = ORACLES[method](*oracle_rows(path, PAIRS, "answer", layer))
        difference = np.abs(vector[Site("resid_post", layer)] - expected).max()
        assert difference <= 1e-4 * np.abs(expected).max(), (layer, difference)
    assert vector.provenance.method == method
    assert vector.provenance.seed is None


@pytest.mark.parametrize("method", extractors)
def test_a_single_pair_gives_a_vector_or_says_why_not(write_tiny: WriteTiny, method: str) -> None:
    model = Model.load(write_tiny(LLAMA, "F32"))
    single = Dataset((ContrastPair("", "I love this", "I hate this"),), "love")
    if method in ("pca_diff", "shuffled_labels"):
        with pytest.raises(ShapeError, match="use"):
            extract(model, single, method=method, layers=[1], seed=0)
    else:
        vector = extract(model, single, method=method, layers=[1], seed=0)
        assert vector.provenance.token_rule == "last"
        if method != "random":
            difference = extract(model, single, layers=[1])
            assert vector.cosine(difference)[Site("resid_post", 1)] > 1 - 1e-5


@pytest.mark.parametrize("method", ["random", "shuffled_labels"])
def test_controls_match_the_norm_at_every_layer_and_need_a_seed(write_tiny: WriteTiny, method: str) -> None:
    model = Model.load(write_tiny(LLAMA, "F32"))
    true = extract(model, PAIRS, layers="all")
    control = extract(model, PAIRS, method=method, layers="all", seed=7)
    for site, norm in true.norms().items():
        assert control.norms()[site] == pytest.approx(norm, rel=1e-4)
    assert control == extract(model, PAIRS, method=method, layers="all", seed=7)
    assert control != extract(model, PAIRS, method=method, layers="all", seed=8)
    assert control.provenance.seed == 7
    with pytest.raises(SteeringError, match="give a seed"):
        extract(model, PAIRS, method=method, layers="all")


def test_random_directions_of_two_layers_are_two_draws(write_tiny: WriteTiny) -> None:
    control = extract(Model.load(write_tiny(LLAMA, "F32")), PAIRS, method="random", layers="1,2", seed=7)
    first, second = control.normalised().directions.values()
    assert abs(float(first @ second)) < 0.6  # deviation 1 / 8 at width 64


def test_several_token_rules_from_one_pass_equal_one_pass_each(write_tiny: WriteTiny) -> None:
    with exact_session(write_tiny(LLAMA, "F32")) as session:
        both, single = RunCount(), RunCount()
        rules = ("answer", "last", "last:3", "last:2")
        each = extract_each(session.model, PAIRS, method="pca", layers="all", tokens=rules, session=session, count=both)
        for rule in rules[:-1]:
            alone = extract(session.model, PAIRS, method="pca", layers="all", token=rule, session=session, count=single)
            for site in alone.sites:
                np.testing.assert_allclose(each[rule][site], alone[site], atol=1e-5)
            assert each[rule].provenance.token_rule == rule
        assert tuple(each) == rules
        assert both.tokens * 3 == single.tokens
