"""The numbers of a card from what the model did: metrics of `pysteer.metrics`, picked by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.card.vector_card import Behaviour, CostAt, Factors, LayerMap, Quantity
from pysteer.errors import MeasurementError
from pysteer.measurements import About, Measured, Measurement, Result, make_measurement
from pysteer.metrics.answer_factors import answer_is_a, answer_is_yes
from pysteer.metrics.steerability import slopes
from pysteer.metrics.variance_shares import decompose_variance
from pysteer.pairs import Dataset
from pysteer.statistics import wilson_interval

_NOTHING = Quantity(reason="not measured")


def behaviour_of(
    name: str,
    coefficients: Sequence[float],
    measured: Sequence[Measured],
    about: About,
    *,
    keep: bool = False,
    direction_seed: int | None = None,
) -> Behaviour:
    """Return what one direction does to the items.

    Parameters
    ----------
    measured : sequence of Measured
        Of the steerability measurement, one for each coefficient.
    keep : bool
        Keep the propensities of all items, for a figure.
    direction_seed : int, optional
        That a random direction was drawn with.
    """
    table = _table(measured)
    if table is None:
        reason = "; ".join(sorted({text for each in measured for text in each.failures})) or "not measured"
        undefined = Quantity(reason=reason)
        n_items = max((len(next(iter(each.values.values()))) for each in measured if each.values), default=0)
        return Behaviour(
            name=name, steerability=undefined, anti_steerable=undefined, slopes=[None] * n_items, seed=direction_seed
        )
    results = by_name(make_measurement("steerability").curves(coefficients, measured, about))
    whole = np.isfinite(table).all(axis=1)
    per_item = np.full(len(table), np.nan)
    if whole.any():
        per_item[whole] = slopes(coefficients, table[whole])
    return Behaviour(
        name=name,
        steerability=_unit(results["steerability"], "nats per unit of coefficient"),
        anti_steerable=_share_of_wrong(results["anti_steerable_fraction"], per_item[whole], about.confidence),
        slopes=plain(per_item),
        propensities=[plain(row) for row in table] if keep else [],
        fit_r_squared=results.get("fit_r_squared", _NOTHING),
        monotonicity=results.get("monotonicity", _NOTHING),
        seed=direction_seed,
    )


def factors_of(
    setting: str, items: Dataset, coefficients: Sequence[float], measured: Sequence[Measured], about: About
) -> Factors | str:
    """Return what letter and Yes/No explain of the slopes, or why that cannot be asked."""
    wanted = [pair.positive for pair in items]
    table = _table(measured)
    if table is None:
        return "the behaviour was not measured"
    try:
        is_a, is_yes = answer_is_a(wanted), answer_is_yes([pair.prompt for pair in items], wanted)
    except MeasurementError:
        return "the answers are not letters such as (A) and (B)"
    whole = np.isfinite(table).all(axis=1)
    given = {"coefficients": np.asarray(coefficients), "propensities": table[whole], "is_a": is_a[whole]}
    n_failed = int((~whole).sum())
    explained = Quantity.of(about.metric("spurious_variance", **given, is_yes=is_yes[whole], failures=n_failed))
    bias = Quantity.of(about.metric("letter_bias", **given, failures=n_failed))
    try:
        shares = decompose_variance(slopes(coefficients, table[whole]), is_a[whole], is_yes[whole]).shares()
    except MeasurementError:
        shares = {}
    return Factors(
        setting=setting,
        explained=explained,
        letter_share=shares.get("letter"),
        yes_no_share=shares.get("yes_no"),
        letter_bias=_unit(bias, "nats per unit of coefficient"),
    )


def costs_of(
    strengths: Sequence[float],
    items: Sequence[Measured],
    texts: Sequence[Measured],
    questions: Sequence[Measured] | None,
    bases: Mapping[str, Measured],
    abouts: tuple[About, About, About],
    no_questions: str,
) -> list[CostAt]:
    """Return behaviour and costs at each strength.

    Parameters
    ----------
    items, texts, questions : sequences of Measured
        Of steerability, perplexity and multiple choice, one for each strength.
    bases : mapping of str to Measured
        The unsteered model's, under "strengths", "text" and "questions".
    abouts : three of About
        For items, texts and questions.
    no_questions : str
        Why there are none.
    """
    on_items, on_text, on_questions = abouts
    perplexity, choices = make_measurement("perplexity"), make_measurement("multiple_choice")
    rows = []
    for place, strength in enumerate(strengths):
        cost = _scores(perplexity, texts[place], bases["text"], on_text)
        behaviour = items[place].values.get("propensity")
        before = bases["strengths"].values["propensity"]
        accuracy: Mapping[str, Quantity] = {}
        if questions is not None:
            accuracy = _scores(choices, questions[place], bases["questions"], on_questions)
        missing = Quantity(reason=no_questions if questions is None else "not measured")
        failed = Quantity(reason="; ".join(items[place].failures) or "not measured")
        rows.append(
            CostAt(
                strength=strength,
                propensity=failed if behaviour is None else _mean(on_items, "propensity", behaviour),
                gain=failed if behaviour is None else _mean(on_items, "gain", behaviour - before),
                perplexity=cost.get("perplexity", _failed(texts[place])),
                perplexity_ratio=cost.get("perplexity_ratio", _failed(texts[place])),
                kl=cost.get("kl_divergence", _failed(texts[place])),
                top1_agreement=cost.get("top1_agreement", _failed(texts[place])),
                accuracy=accuracy.get("choice_accuracy", missing),
                accuracy_change=accuracy.get("choice_accuracy_change", missing),
            )
        )
    return rows


def onset_of(strengths: Sequence[float], texts: Sequence[Measured], about: About, *, sign: float) -> Quantity:
    """Return the strength of one sign from which on text is predicted worse; the sign is that of the strengths."""
    used = [
        (strength, each.values["window_nll"])
        for strength, each in zip(strengths, texts, strict=True)
        if strength * sign >= 0.0 and "window_nll" in each.values
    ]
    if not used:
        return _NOTHING
    at = np.array([strength for strength, _ in used])
    table = -np.stack([nll for _, nll in used], axis=1)
    whole = np.isfinite(table).all(axis=1)
    found = Quantity.of(about.metric("over_steering_onset", coefficients=at, capabilities=table[whole]))
    if found.value is None or sign > 0.0:
        return found
    ends = sorted(-end for end in found.ends)
    return found.model_copy(update={"value": ends[1], "low": ends[0], "high": ends[2]})


def layer_map_of(
    layers: Sequence[int], strengths: Sequence[float], curves: Sequence[Sequence[Measured]], base: Measured
) -> LayerMap:
    """Return the mean change of propensity of each layer alone, over the items that have a number."""
    before = base.values["propensity"]
    changes: list[list[float | None]] = []
    for measured in curves:
        row = []
        for each in measured:
            after = each.values.get("propensity")
            change = np.full(1, np.nan) if after is None else after - before
            row.append(float(np.nanmean(change)) if np.isfinite(change).any() else None)
        changes.append(row)
    return LayerMap(layers=list(layers), strengths=list(strengths), changes=changes, n=len(before))


def by_name(results: Sequence[Result]) -> dict[str, Quantity]:
    """Return results by name."""
    return {result.name: Quantity.of(result) for result in results}


def plain(values: Float64Array) -> list[float | None]:
    """Return numbers as JSON can hold them: None for NaN."""
    return [None if math.isnan(value) else value for value in values.tolist()]


def _table(measured: Sequence[Measured]) -> Float64Array | None:
    """Return propensities, (n_items, n_strengths); None where a strength could not be measured at all."""
    columns = [each.values.get("propensity") for each in measured]
    known = [column for column in columns if column is not None]
    return np.stack(known, axis=1) if len(known) == len(columns) else None


def _scores(measurement: Measurement, measured: Measured, base: Measured, about: About) -> dict[str, Quantity]:
    return by_name(measurement.scores(measured, base, about)) if measured.values else {}


def _mean(about: About, name: str, values: Float64Array) -> Quantity:
    return Quantity.of(about.mean(name, values, unit="nats", better="higher"))


def _failed(measured: Measured) -> Quantity:
    return Quantity(reason="; ".join(measured.failures) or "not measured")


def _share_of_wrong(measured: Quantity, slopes_of_items: Float64Array, confidence: float) -> Quantity:
    """Return the share with Wilson's interval: where no item moves the wrong way, resampling items has no width."""
    if measured.value is None:
        return measured
    interval = wilson_interval(int((slopes_of_items <= 0.0).sum()), len(slopes_of_items), confidence=confidence)
    return measured.model_copy(update={"low": interval.low, "high": interval.high, "seed": None})


def _unit(quantity: Quantity, unit: str) -> Quantity:
    return quantity.model_copy(update={"unit": unit})
