"""E20: what steering costs on text that has nothing to do with the behaviour, over strength."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.measurements.measured import About
from pysteer.statistics import bootstrap_mean
from pysteer.studies.mechanisms.behaviours import Behaviour
from pysteer.studies.mechanisms.figures import CostCurve, draw_costs, file_name
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.pooling import Crossed, Indices, bootstrap_crossed, pooled_row, rank_correlations
from pysteer.studies.mechanisms.sizes import MODERATE, STRENGTHS
from pysteer.studies.parts import PartResult
from pysteer.studies.rows import Label, ResultTable, Row, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

_ACTIVE = [place for place, strength in enumerate(STRENGTHS) if strength != 0.0]
_ZERO = STRENGTHS.index(0.0)
_BOTH = [STRENGTHS.index(-MODERATE), STRENGTHS.index(MODERATE)]


def analyse_price(models: list[Found]) -> Piece:
    """Perplexity ratio, KL divergence and entropy by behaviour and strength; claims over all of them."""
    rows: list[Row] = []
    overall: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        for each in found.behaviours:
            rows += price_rows(found, each)
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
    return Piece([pooled, lengths, table], findings, figures, {"E20": notes})


def losses(result: PartResult) -> Float64Array:
    """Return the change of the loss, nats per token, (n_windows, n_directions, n_strengths): log of perplexity ratios.

    Each direction is compared with the unsteered run beside it.
    """
    nll = result.arrays["nll"]
    return np.asarray(nll - nll[:, :, _ZERO : _ZERO + 1], dtype=np.float64)


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
    change = np.stack([losses(result) for result in results])  # (n_behaviours, n_windows, n_directions, n_strengths)
    own, drawn = change[:, :, 0], change[:, :, 1:]
    tokens = weights(results[0])
    minus, plus = _BOTH
    control = drawn[..., _BOTH].mean(axis=(2, 3)) if drawn.shape[2] else None

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

    wanted: list[tuple[str, str, str, Crossed | None]] = [
        ("C3.4a", "share of cases with a ratio above 1", "share", share),
        ("C3.4b", f"mean log ratio at {MODERATE:g}", "nats per token", mean(own[..., plus])),
        ("C3.4c", f"mean log ratio at -{MODERATE:g}", "nats per token", mean(own[..., minus])),
        ("C3.4d", "rank correlation of ratio and absolute strength", "", growth),
        (
            "C3.4e",
            f"log ratio at -{MODERATE:g} and {MODERATE:g}, vector minus random",
            "nats per token",
            None if control is None else mean(own[..., _BOTH].mean(axis=2) - control),
        ),
    ]
    shape = (len(behaviours), own.shape[1])
    return [(claim, _pooled(found, name, unit, statistic, shape, which)) for claim, name, unit, statistic in wanted]


def _pooled(found: Found, name: str, unit: str, statistic: Crossed | None, shape: tuple[int, int], which: str) -> Row:
    about = {"model": found.label, "behaviours": which}
    if statistic is None:
        return no_number(found.text_origin, name, "no random directions were measured", unit=unit, labels=about)
    return pooled_row(
        lambda: bootstrap_crossed(statistic, *shape, seed=found.seed),
        found.text_origin,
        name,
        unit=unit,
        labels=about,
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
    """Return what each strength does to the text, with the vector and, as one, with random directions."""
    result, rows = found.part(each, "perplexity"), []
    about = About(seed=found.seed)
    arrays = {name: result.arrays[name] for name in ("nll", "kl", "entropy")}
    tokens = result.arrays["tokens"]
    for kind, pick in (("vector", slice(0, 1)), ("random", slice(1, None))):
        if arrays["nll"][:, pick].shape[1] == 0:
            continue
        mean = {name: values[:, pick].mean(axis=1) for name, values in arrays.items()}
        for place in _ACTIVE:
            scores = [
                about.metric(
                    "perplexity_ratio", window_nll=mean["nll"][:, place], base_window_nll=mean["nll"][:, _ZERO],
                    window_tokens=tokens,
                ),
                about.metric("kl_divergence", window_kl=mean["kl"][:, place], window_tokens=tokens),
                about.metric(
                    "entropy_change", window_entropy=mean["entropy"][:, place],
                    base_window_entropy=mean["entropy"][:, _ZERO], window_tokens=tokens,
                ),
            ]  # fmt: skip
            labels: dict[str, Label] = {
                "model": found.label,
                "behaviour": each.name,
                "direction": kind,
                "strength": STRENGTHS[place],
            }
            rows += [row_of(score, found.text_origin, labels=labels) for score in scores]
    return tuple(rows)


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
        change, mass = losses(result), weights(result)
        rows = _ratio_rows(found, each)
        random = np.exp(np.einsum("w,wds->ds", mass, change[:, 1:]))
        curves.append(CostCurve(each.name, rows, random))
    drawing = draw_costs(STRENGTHS, curves)
    return StudyFigure(f"price_{file_name(found.label)}", "E20", f"Perplexity over strength, {found.label}", drawing)


def _ratio_rows(found: Found, each: Behaviour) -> Float64Array:
    """Return ratio and interval at every strength, (3, n_strengths); 1 at strength 0."""
    rows = [
        row
        for row in price_rows(found, each)
        if row.quantity == "perplexity_ratio" and row.labels["direction"] == "vector"
    ]
    ends = [[row.value, row.low, row.high] for row in rows]
    ends.insert(_ZERO, [1.0, 1.0, 1.0])
    return np.asarray(np.array(ends).T, dtype=np.float64)


def _corpus_note(found: Found) -> str:
    corpus = found.part(None, "corpus").content
    read = ", ".join(f"{name} {loss:.2f}" for name, loss in corpus["nll"].items())
    window = found.text_windows()
    return (
        f"{found.label}: perplexity is that of the beginnings of {window} texts of {corpus['chosen']} (loss per token, "
        f"unsteered: {read} nats); vectors were added after block {found.layer} of {found.model.loaded.n_layers}."
    )


def _items_note(found: Found) -> str:
    """Return how many pairs and items each behaviour has, and how many were left out as too long."""
    told = [
        f"{each.name} {len(each.train)} / {len(each.validation)} / {len(each.test)}"
        + (f" ({each.n_left_out} too long for the context, left out)" if each.n_left_out else "")
        for each in found.behaviours
    ]
    return f"{found.label}: pairs for the vector / items for choosing the layer / held-out items: {', '.join(told)}."
