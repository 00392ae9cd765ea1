"""E20: what steering costs on text that has nothing to do with the behaviour, over strength."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.measurements.measured import About
from pysteer.statistics import bootstrap_mean
from pysteer.studies.file_names import file_name
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.figures import CostCurve, draw_costs
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.pooling import Crossed, Indices, bootstrap_crossed, pooled_row, rank_correlations
from pysteer.studies.mechanisms.sizes import MODERATE, RANDOM_STRENGTHS, STRENGTHS
from pysteer.studies.mechanisms.steered_table import steered_table
from pysteer.studies.parts import PartResult
from pysteer.studies.rows import Label, ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

_ACTIVE = [place for place, strength in enumerate(STRENGTHS) if strength != 0.0]
_ZERO = STRENGTHS.index(0.0)
BOTH = [STRENGTHS.index(-MODERATE), STRENGTHS.index(MODERATE)]
"""Places of the moderate strengths."""
_RANDOM_ACTIVE = [place for place, strength in enumerate(RANDOM_STRENGTHS) if strength != 0.0]
_RANDOM_ZERO = RANDOM_STRENGTHS.index(0.0)
_RANDOM_BOTH = [RANDOM_STRENGTHS.index(-MODERATE), RANDOM_STRENGTHS.index(MODERATE)]


def analyse_price(models: list[Found]) -> Piece:
    """Perplexity ratio, KL divergence and entropy by behaviour and strength; claims over all of them."""
    rows: list[Row] = []
    overall: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        for each in found.behaviours:
            rows += [*price_rows(found, each), *random_rows(found, each)]
        decided = claims_of(found, found.steered, "steered")
        findings += decided
        overall += [row for _, row in (*decided, *claims_of(found, found.behaviours, "all"))]
        figures.append(_figure(found))
        notes += [_corpus_note(found), _items_note(found)]
    norms = tuple(_norm_row(found, each) for found in models for each in found.behaviours)
    lengths = ResultTable("lengths", "E20", "Length of the vectors over that of the activations", norms)
    table = ResultTable(
        "price", "E20", "What steering does to text that has nothing to do with it", tuple(rows), is_folded=True
    )
    pooled = ResultTable("price_overall", "E20", "The price over behaviours", tuple(overall))
    return Piece([pooled, lengths, table, steered_table(models)], findings, figures, {"E20": notes})


def losses(result: PartResult) -> Float64Array:
    """Return the change of the loss under the vector, nats per token, (n_windows, n_strengths): log perplexity ratios.

    Each direction is compared with the unsteered run beside it.
    """
    return _change(result, "nll", _ZERO)


def random_losses(result: PartResult) -> Float64Array:
    """Return the same under random directions, (n_windows, n_random, n_random_strengths)."""
    return _change(result, "random_nll", _RANDOM_ZERO)


def _change(result: PartResult, name: str, zero: int) -> Float64Array:
    table = result.arrays[name]
    return np.asarray(table - table[..., zero : zero + 1], dtype=np.float64)


def weights(result: PartResult) -> Float64Array:
    """Return each window's share of the scored tokens, (n_windows,)."""
    tokens = result.arrays["tokens"]
    return np.asarray(tokens / tokens.sum(), dtype=np.float64)


def claims_of(found: Found, behaviours: Sequence[Behaviour], which: str) -> list[tuple[str, Row]]:
    """Return the numbers of C3.4a to C3.4e over some behaviours; ``which`` names them in the table."""
    if not behaviours:
        reason = "no behaviour is steered, so there is no steering with a price"
        about = {"model": found.label, "behaviours": which}
        return [
            (f"C3.4{letter}", no_number(found.text_origin, "price of steering", reason, labels=about))
            for letter in "abcde"
        ]
    results = [found.part(each, "perplexity") for each in behaviours]
    own = np.stack([losses(result) for result in results])  # (n_behaviours, n_windows, n_strengths)
    both = own[..., BOTH].mean(axis=2)
    # (n_behaviours, n_windows, n_random): the same directions for all behaviours
    control = np.stack([random_losses(result)[..., _RANDOM_BOTH].mean(axis=2) for result in results])
    tokens = weights(results[0])
    minus, plus = BOTH

    def mean(values: Float64Array) -> Crossed:
        return lambda chosen, windows: float(
            (values[chosen][:, windows] @ tokens[windows]).mean() / tokens[windows].sum()
        )

    def ratios(chosen: Indices, windows: Indices) -> Float64Array:
        mass = tokens[windows] / tokens[windows].sum()
        return np.asarray(np.einsum("w,bws->bs", mass, own[chosen][:, windows]), dtype=np.float64)

    def share(chosen: Indices, windows: Indices) -> float:
        return float((ratios(chosen, windows)[:, _ACTIVE] > 0.0).mean())

    def growth(chosen: Indices, windows: Indices) -> float:
        return float(growths(ratios(chosen, windows)).mean())

    def excess(chosen: Indices, windows: Indices, directions: Indices) -> float:
        mass = tokens[windows] / tokens[windows].sum()
        random = control[chosen][:, windows][:, :, directions].mean(axis=2)
        return float(((both[chosen][:, windows] - random) @ mass).mean())

    wanted: list[tuple[str, str, str, Crossed]] = [
        ("C3.4a", "share of cases with a ratio above 1", "share", share),
        ("C3.4b", f"mean log ratio at {MODERATE:g}", "nats per token", mean(own[..., plus])),
        ("C3.4c", f"mean log ratio at -{MODERATE:g}", "nats per token", mean(own[..., minus])),
        ("C3.4d", "rank correlation of ratio and absolute strength", "", growth),
        (
            "C3.4e",
            f"log ratio at -{MODERATE:g} and {MODERATE:g}, vector minus random",
            "nats per token",
            excess,
        ),
    ]
    return [
        (claim, _pooled(found, name, unit, statistic, control.shape if statistic is excess else own.shape[:2], which))
        for claim, name, unit, statistic in wanted
    ]


def _pooled(found: Found, name: str, unit: str, statistic: Crossed, shape: tuple[int, ...], which: str) -> Row:
    return pooled_row(
        lambda: bootstrap_crossed(statistic, *shape, seed=found.seed),
        found.text_origin,
        name,
        unit=unit,
        labels={"model": found.label, "behaviours": which},
    )


def growths(curves: Float64Array) -> Float64Array:
    """Return the mean over both signs of a curve's rank correlation with the absolute strength, (n_curves,).

    Parameters
    ----------
    curves : float64, shape (n_curves, n_strengths)
        Strength 0 counts on both sides.
    """
    at = np.array(STRENGTHS)
    sides = [rank_correlations(np.abs(at[side]), curves[:, side]) for side in (at <= 0.0, at >= 0.0)]
    return np.asarray(np.mean(sides, axis=0), dtype=np.float64)


@lru_cache(maxsize=256)
def price_rows(found: Found, each: Behaviour) -> tuple[Row, ...]:
    """Return what each strength of the vector does to the text."""
    result, rows = found.part(each, "perplexity"), []
    about, arrays = About(seed=found.seed), result.arrays
    tokens = arrays["tokens"]
    for place in _ACTIVE:
        scores = [
            about.metric(
                "perplexity_ratio", window_nll=arrays["nll"][:, place], base_window_nll=arrays["nll"][:, _ZERO],
                window_tokens=tokens,
            ),
            about.metric("kl_divergence", window_kl=arrays["kl"][:, place], window_tokens=tokens),
            about.metric(
                "entropy_change", window_entropy=arrays["entropy"][:, place],
                base_window_entropy=arrays["entropy"][:, _ZERO], window_tokens=tokens,
            ),
        ]  # fmt: skip
        labels = _labels(found, each, "vector", STRENGTHS[place])
        rows += [row_of(score, found.text_origin, labels=labels) for score in scores]
    return tuple(rows)


def random_rows(found: Found, each: Behaviour) -> list[Row]:
    """Return the same for random directions of the vector's norm, their mean; directions and windows are drawn."""
    result = found.part(each, "perplexity")
    tables = {
        "perplexity_ratio": random_losses(result),
        "kl_divergence": result.arrays["random_kl"],
        "entropy_change": _change(result, "random_entropy", _RANDOM_ZERO),
    }
    return [
        _random_row(found, each, quantity, table[:, :, place], RANDOM_STRENGTHS[place])
        for place in _RANDOM_ACTIVE
        for quantity, table in tables.items()
    ]


def _random_row(found: Found, each: Behaviour, quantity: str, table: Float64Array, strength: float) -> Row:
    """Return the mean over directions of one quantity at one strength, from (n_windows, n_random)."""
    tokens, is_ratio = weights(found.part(each, "perplexity")), quantity == "perplexity_ratio"

    def mean(directions: Indices, windows: Indices) -> float:
        value = float((tokens[windows] @ table[windows][:, directions]).mean() / tokens[windows].sum())
        return float(np.exp(value)) if is_ratio else value

    return pooled_row(
        lambda: bootstrap_crossed(mean, *table.shape[::-1], seed=found.seed),
        found.text_origin,
        quantity,
        unit="ratio of perplexities" if is_ratio else "nats per token",
        labels=_labels(found, each, "random", strength),
        note="n directions",
    )


def _labels(found: Found, each: Behaviour, direction: str, strength: float) -> dict[str, Label]:
    return {"model": found.label, "behaviour": each.name, "direction": direction, "strength": strength}


def _norm_row(found: Found, each: Behaviour) -> Row:
    """Return the vector's length over that of what it was read from; pairs are drawn, each with both of its sides."""
    arrays = found.part(each, "vectors").arrays
    lengths = (np.linalg.norm(arrays["mean"]) / arrays["norms"]).reshape(2, -1).mean(axis=0)
    return row_of(
        bootstrap_mean(lengths, seed=found.seed, n_resamples=1000),
        found.train_origin(each),
        quantity="length of the vector over that of an activation",
        unit="ratio",
        labels={"model": found.label, "behaviour": each.name},
        note=f"layer {found.layer}",
    )


def _figure(found: Found) -> StudyFigure:
    curves = []
    for each in found.behaviours:
        result = found.part(each, "perplexity")
        random = np.exp(np.einsum("w,wds->ds", weights(result), random_losses(result)))
        curves.append(CostCurve(each.name, _ratio_rows(found, each), random))
    drawing = draw_costs(STRENGTHS, RANDOM_STRENGTHS, curves)
    return StudyFigure(f"price_{file_name(found.label)}", "E20", f"Perplexity over strength, {found.label}", drawing)


def _ratio_rows(found: Found, each: Behaviour) -> Float64Array:
    """Return ratio and interval at every strength, (3, n_strengths); 1 at strength 0."""
    rows = [row for row in price_rows(found, each) if row.quantity == "perplexity_ratio"]
    ends = [[row.value, row.low, row.high] for row in rows]
    ends.insert(_ZERO, [1.0, 1.0, 1.0])
    return np.asarray(np.array(ends).T, dtype=np.float64)


def _corpus_note(found: Found) -> str:
    corpus = found.part(None, "corpus").content
    read = ", ".join(f"{name} {loss:.2f}" for name, loss in corpus["nll"].items())
    window = found.text_windows()
    return (
        f"{found.label}: perplexity is that of the beginnings of {window} texts of {corpus['chosen']} (loss per token, "
        f"unsteered: {read} nats; of several, all models of a run are measured on the one that they read best on "
        f"average); vectors were added after block {found.layer} of {found.model.loaded.n_layers}."
    )


def _items_note(found: Found) -> str:
    """Return how many pairs and items each behaviour has, and how many were left out as too long."""
    told = [
        f"{each.name} {len(each.train)} / {len(each.validation)} / {len(each.test)}"
        + (f" ({each.n_left_out} too long for the context, left out)" if each.n_left_out else "")
        for each in found.behaviours
    ]
    lost = "".join(f" {reason}." for reason in found.material.left_out)
    return (
        f"{found.label}: pairs for the vector / items for choosing the layer / held-out items: {', '.join(told)}.{lost}"
    )
