"""E20: does a larger model, or one with finer weights, lose less?"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.pooling import Indices, bootstrap_crossed, pooled_row
from pysteer.studies.mechanisms.price import BOTH, losses, weights
from pysteer.studies.mechanisms.sizes import MODERATE
from pysteer.studies.rows import Origin, ResultTable, Row, joined_hash, no_number
from pysteer.studies.study import Piece

_QUANTITY = f"mean log ratio at -{MODERATE:g} and {MODERATE:g}"


def analyse_larger(models: list[Found]) -> Piece:
    """The loss of the smallest model minus that of the largest, and of coarser weights minus that of the file given."""
    findings = [("C3.5", _smallest_minus_largest(models))]
    rows: list[Row] = []
    for found in models:
        mine = [_coarser(found, kind) for kind in weight_types(found)]
        rows += mine
        four_bit = next((row for row in mine if row.labels["weights"] == "Q4_0"), None)
        reason = "the file's weights are no finer than these, or they were not asked for"
        quantity = f"{_QUANTITY}, coarser weights minus the file given"
        about = {"model": found.label}
        findings.append(("C3.5b", four_bit or no_number(found.text_origin, quantity, reason, labels=about)))
    tables = [ResultTable("weights", "E20", "The price with coarser weights", tuple(rows))] if rows else []
    return Piece(tables, findings)


def weight_types(found: Found) -> list[str]:
    """Return the weight types that the model was quantised to."""
    first = found.behaviours[0]
    return [kind for kind in found.sizes.quantisations if found.has_part(first, kind)]


def loss_of(found: Found, each: Behaviour, part: str = "perplexity") -> Float64Array:
    """Return the change of the loss at both moderate strengths, mean, nats per token, (n_windows,)."""
    change: Float64Array = losses(found.part(each, part))[:, BOTH].mean(axis=1)
    return change


def _smallest_minus_largest(models: list[Found]) -> Row:
    quantity = f"{_QUANTITY}, smallest model minus largest"
    ordered = sorted(models, key=lambda found: found.model.loaded.n_parameters)
    small, large = ordered[0], ordered[-1]
    if len(models) < 2:
        about = {"model": small.label}
        return no_number(small.text_origin, quantity, "it takes several models, and one was given", labels=about)

    about = {"model": f"{small.label} minus {large.label}"}
    origin = _joined(small, large.model.hash)
    if small.model.loaded.n_parameters == large.model.loaded.n_parameters:
        reason = "the models given have as many parameters as each other: none of them is larger"
        return no_number(origin, quantity, reason, labels=about)
    steered = [each for each in small.behaviours if each in small.steered and each in large.steered]
    if len(steered) < 2:
        reason = f"{len(steered)} behaviours are steered in both models; it takes two"
        return no_number(origin, quantity, reason, n=len(steered), labels=about)

    tables = [np.stack([loss_of(found, each) for each in steered]) for found in (small, large)]
    tokens = [weights(found.part(steered[0], "perplexity")) for found in (small, large)]

    def difference(behaviours: Indices, windows: Indices) -> float:
        first, second = (
            float((table[behaviours][:, windows] @ mass[windows]).mean() / mass[windows].sum())
            for table, mass in zip(tables, tokens, strict=True)
        )
        return first - second

    return pooled_row(
        lambda: bootstrap_crossed(difference, *tables[0].shape, seed=small.seed),
        origin,
        quantity,
        unit="nats per token",
        labels=about,
        note=f"both read the beginnings of the same {tables[0].shape[1]} texts; of "
        + ", ".join(each.name for each in steered),
    )


def _joined(found: Found, other: str) -> Origin:
    """Return seed and hashes for a difference on running text between a model and another file."""
    own = found.text_origin
    return Origin(own.seed, joined_hash([own.model_hash, other]), own.data_hash)


def _coarser(found: Found, kind: str) -> Row:
    """Return by how much more the coarser weights lose, on the windows that both have read."""
    chosen = [each for each in found.behaviours if found.has_part(each, kind)]
    coarse = np.stack([loss_of(found, each, kind) for each in chosen])
    n_windows = coarse.shape[1]
    change = coarse - np.stack([loss_of(found, each)[:n_windows] for each in chosen])
    tokens = weights(found.part(chosen[0], kind))

    def mean(behaviours: Indices, windows: Indices) -> float:
        return float((change[behaviours][:, windows] @ tokens[windows]).mean() / tokens[windows].sum())

    return pooled_row(
        lambda: bootstrap_crossed(mean, len(chosen), n_windows, seed=found.seed),
        _joined(found, str(found.part(chosen[0], kind).content["file_hash"])),
        f"{_QUANTITY}, coarser weights minus the file given",
        unit="nats per token",
        labels={"model": found.label, "weights": kind},
    )
