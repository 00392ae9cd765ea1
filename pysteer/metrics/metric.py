"""The registry of metrics, and what they take.

Every metric is called the same way, so that a runner can feed any of them:

    metrics.get(name)(**{need: arrays[need] for need in metrics.facts(name)["needs"]},
                      seed=0, confidence=0.95, model_hash=..., data_hash=...)

``needs`` are parameter names, all of which `INPUTS` explains; whatever else a metric takes has a default. The four
keywords mean the same everywhere: seed of the bootstrap (where the interval is a formula it is not used, and the
score's seed is None), confidence of the interval, and the hashes that the score carries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy.typing as npt

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.registry import Registry
from pysteer.score import Score
from pysteer.statistics import finite_values

Metric = Callable[..., Score]

metrics: Registry[Metric] = Registry("metric")
"""Facts of each: ``needs``, names in `INPUTS`; ``better`` and ``unit`` as in `Score`; ``theme``, one of `THEMES`;
``version``, an integer that grows when the same input would give another number, so that stored numbers never mix."""

THEMES = ("behaviour", "reliability", "capability", "text quality", "judge", "trade-off")

INPUTS: Mapping[str, str] = MappingProxyType(
    {
        "coefficients": "float (n_coefficients,): strengths of steering, at least two different ones",
        "propensities": "float (n_items, n_coefficients): preference for the wanted answer, nats",
        "is_a": "bool (n_items,): the wanted answer is option A",
        "is_yes": "bool (n_items,): the wanted answer says Yes",
        "log_probs": "float (n_items, n_choices): log-probability of each choice, summed over its tokens; -inf: none",
        "lengths": "int (n_items, n_choices): length of each choice's text in bytes",
        "answers": "int (n_items,): index of the right (or wanted) choice",
        "displays": "float (n_items,): 1 the response shows the behaviour, 0 not, NaN could not be judged",
        "id_steerability": "float (n_datasets,): steerability of each data set where vector and test share the prompt",
        "ood_steerability": "float (n_datasets,): the same under another prompt",
        "steerability_a": "float (n_datasets,): steerability of each data set in one model",
        "steerability_b": "float (n_datasets,): the same in another model",
        "transfer_steerability": "float (n, n): row, setting of the vector; column, of the test items",
        "deltas": "float (n_pairs, d_model): positive minus negative activation of each pair",
        "texts": "sequence of str: what the model wrote",
        "base_texts": "sequence of str: what the model without steering wrote to the same prompts",
        "targets": "sequence of str, or of sequences of str any of which is right",
        "gold_letters": "sequence of str: letter of the right choice",
        "window_nll": "float (n_windows,): mean negative log-likelihood of each window's scored tokens, nats",
        "base_window_nll": "float (n_windows,): the same without steering",
        "window_tokens": "int (n_windows,): scored tokens of each window",
        "window_kl": "float (n_windows,): mean KL(unsteered || steered) of each window's scored positions, nats",
        "window_agreement": "float (n_windows,): share of each window's positions with the same most probable token",
        "window_entropy": "float (n_windows,): mean entropy of each window's predictions, nats",
        "base_window_entropy": "float (n_windows,): the same without steering",
        "ranks": "int (n_items,): how many tokens are more probable than the answer's first one; 0 is best",
        "word_ranks": "int (n_items,): the worst rank among the tokens of the last word; 0: greedy decoding says it",
        "ratings": "float (n_items,): a judge's rating of each text; NaN: none could be read",
        "repeated_ratings": "float (n_items,): the same judge, the same texts, once more",
        "key_ratings": "float (n_items,): ratings or labels that are known to be right",
        "preferences": "float (n_pairs,): probability that the judge prefers the text shown first; NaN: unreadable",
        "swapped_preferences": "float (n_pairs,): the same with the two texts swapped: of the text now shown first",
        "capabilities": "float (n_items, n_coefficients): capability of each item at each strength, higher is better",
        "behaviour_gain": "float (n_items,): behaviour with steering minus without, item by item",
        "capability_loss": "float (m_items,): capability without steering minus with, item by item",
        "control": "float (n_items,): capability of each item without steering",
        "steered": "float (n_items,): with steering",
        "mitigated": "float (n_items,): with steering and a mitigation",
        "coherence": "float (n,): coherence of each response",
        "accuracy": "float (n,): 1 where the same response is right, else 0",
    }
)
"""Every array that a metric takes: shape, meaning, unit."""


def check_propensities(coefficients: npt.ArrayLike, propensities: npt.ArrayLike) -> tuple[Float64Array, Float64Array]:
    """Return both as float64: coefficients (n_coefficients,), propensities (n_items, n_coefficients).

    Raises
    ------
    MeasurementError
        No item, another shape, a value that is not finite, or fewer than two different coefficients.
    """
    at = finite_values(coefficients, n_dims=1, what="coefficients")
    values = finite_values(propensities, n_dims=2, what="propensities")
    if values.shape[1] != at.size:
        raise MeasurementError(
            f"propensities: expected (n_items, {at.size}), a column per coefficient, got {values.shape}"
        )
    if len(set(at.tolist())) < 2:
        raise MeasurementError(
            f"steerability is a slope: it needs at least two different coefficients, got {at.tolist()}"
        )
    return at, values
