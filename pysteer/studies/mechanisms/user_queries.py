"""E22: vectors from questionnaires, on held-out items and on what users ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.demo import model_path
from pysteer.demo.material import embedded_material, library_material
from pysteer.measurements.measured import About
from pysteer.metrics.behaviour_transfer import behaviour_transfer
from pysteer.report.estimates import Estimates
from pysteer.statistics import bootstrap_datasets, bootstrap_mean
from pysteer.studies.file_names import file_name
from pysteer.studies.mechanisms.behaviours import MOST_LONGER, Behaviour
from pysteer.studies.mechanisms.corpora import KINDS, prompts, queries
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.pooling import Indices, bootstrap_crossed, bootstrap_nested, pooled_row
from pysteer.studies.mechanisms.query_figure import draw_gains
from pysteer.studies.mechanisms.sizes import MODERATE, REPLY_STRENGTHS
from pysteer.studies.rows import Label, Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

_ID = "held-out items"
_UNLIKE = (
    f"the answers of one side are over {MOST_LONGER:g} times as long as those of the other, and of two texts the "
    "shorter one is more probable, whatever it says"
)
_GAIN = f"gain of the behaviour rate from -{MODERATE:g} to {MODERATE:g}"


def analyse_queries(models: list[Found]) -> Piece:
    """Behaviour rates and gains on held-out items and on both kinds of queries; written replies by their words."""
    rows: list[Row] = []
    replies: list[Row] = []
    findings, figures, notes = [], [], []
    for found in models:
        asked = with_queries(found)
        mine = [row for each in asked for row in _rows(found, each)]
        rows += mine
        replies += [row for each in found.behaviours if each.has_mood for row in reply_rows(found, each)]
        rated = [each for each in asked if each.has_rate]
        findings += [
            ("C3.1a", _mean_gain(found, rated, (_ID,))),
            ("C3.1b", _mean_gain(found, rated, KINDS)),
            ("C3.1c", _ratio(found, rated)),
            ("C3.1d", _difference(found, rated)),
        ]
        if rated:
            figures.append(_figure(found, rated, mine))
        without = [each.name for each in found.behaviours if each not in asked]
        if without:
            notes.append(f"{found.label}: no user queries were written for {', '.join(without)}.")
        unrated = [each.name for each in asked if not each.has_rate]
        if unrated:
            notes.append(f"{found.label}: {', '.join(unrated)}: slopes only, and no part in the claims, as {_UNLIKE}.")
    tables = [
        ResultTable("queries", "E22", "Behaviour rate in and out of distribution", tuple(rows)),
        ResultTable("replies", "E22", "Joyful replies to open prompts, by their words (a proxy)", tuple(replies)),
    ]
    return Piece([table for table in tables if table.rows], findings, figures, {"E22": notes})


def with_queries(found: Found) -> list[Behaviour]:
    """Return the behaviours for which queries were written."""
    return [each for each in found.behaviours if found.has_part(each, KINDS[0])]


def hits(found: Found, each: Behaviour, kind: str, strength: float) -> Float64Array:
    """Return 1 for items whose matching answer is preferred, 0 for others, one half for ties, (n_items,)."""
    return _hits(found.propensities(each, strength, _part(kind)))


def _hits(values: Float64Array) -> Float64Array:
    return np.asarray((np.sign(values) + 1.0) / 2.0, dtype=np.float64)


def _part(kind: str) -> str:
    return "behaviour" if kind == _ID else kind


def gains(found: Found, each: Behaviour, kinds: Sequence[str]) -> Float64Array:
    """Return every item's change of hits from the negative to the positive moderate strength, (n_items,)."""
    return np.concatenate([hits(found, each, kind, MODERATE) - hits(found, each, kind, -MODERATE) for kind in kinds])


def _random_gain(found: Found, each: Behaviour, kind: str) -> Float64Array:
    """Return the same for random directions of the vector's norm, (n_random, n_items)."""
    minus, plus = (_hits(found.random_propensities(each, strength, _part(kind))) for strength in (-MODERATE, MODERATE))
    return np.asarray((plus - minus).T, dtype=np.float64)


def _rows(found: Found, each: Behaviour) -> list[Row]:
    rows = []
    for kind in (_ID, *KINDS):
        about: dict[str, Label] = {"model": found.label, "behaviour": each.name, "asked": kind}
        origin = _origin(found, each, kind)
        slope = bootstrap_mean(_slopes(found, each, kind), seed=found.seed)
        slope_row = row_of(slope, origin, quantity="slope", unit="nats per unit of strength", labels=about)
        if not each.has_rate:
            rows += [no_number(origin, _GAIN, _UNLIKE, unit="share", labels=about), slope_row]
            continue
        for strength in (-MODERATE, 0.0, MODERATE):
            rate = hits(found, each, kind, strength)
            labels = {**about, "strength": strength}
            rows.append(
                row_of(
                    bootstrap_mean(rate, seed=found.seed), origin, quantity="behaviour rate", unit="share",
                    labels=labels,
                )
            )  # fmt: skip
        own = bootstrap_mean(gains(found, each, (kind,)), seed=found.seed)
        rows.append(row_of(own, origin, quantity=_GAIN, unit="share", labels=about))
        rows.append(slope_row)
        rows.append(_random_row(found, _random_gain(found, each, kind), origin, about))
    return [*rows, _ratio_row(found, each)] if each.has_rate else rows


def _random_row(found: Found, random: Float64Array, origin: Origin, about: Mapping[str, Label]) -> Row:
    """Return the mean gain of random directions; directions and items are drawn."""

    def mean(directions: Indices, items: Indices) -> float:
        return float(random[directions][:, items].mean())

    return pooled_row(
        lambda: bootstrap_crossed(mean, *random.shape, seed=found.seed),
        origin,
        f"{_GAIN}, random directions",
        unit="share",
        labels=about,
        note="n directions",
    )


def _slopes(found: Found, each: Behaviour, kind: str) -> Float64Array:
    """Return the change of every item's propensity per unit of strength between both moderate strengths."""
    change = found.propensities(each, MODERATE, _part(kind)) - found.propensities(each, -MODERATE, _part(kind))
    return np.asarray(change / (2.0 * MODERATE), dtype=np.float64)


def _ratio_row(found: Found, each: Behaviour) -> Row:
    """Return the gain on queries over that in distribution, of one behaviour."""
    quantity, about = "gain on user queries over gain in distribution", {"model": found.label, "behaviour": each.name}
    origin = _origin(found, each, _ID, *KINDS)
    inside = [hits(found, each, _ID, strength) for strength in (-MODERATE, MODERATE)]
    outside = [
        np.concatenate([hits(found, each, kind, strength) for kind in KINDS]) for strength in (-MODERATE, MODERATE)
    ]
    transfer = behaviour_transfer(*inside, *outside, seed=found.seed)
    if transfer.ratio is None or transfer.id_gain.low <= 0.0:
        return no_number(origin, quantity, "the gain in distribution may be 0, or is below it", labels=about)
    return row_of(transfer.ratio, origin, quantity=quantity, labels=about)


def _origin(found: Found, each: Behaviour, *kinds: str) -> Origin:
    asked = queries(each, is_embedded=found.material.is_embedded, n=found.sizes.n_queries)
    hashes = [each.test.content_hash if kind == _ID else asked[kind].content_hash for kind in kinds]
    return found.context.origin(found.model, joined_hash(hashes))


def _whole_origin(found: Found, asked: Sequence[Behaviour]) -> Origin:
    hashes = [_origin(found, each, _ID, *KINDS).data_hash for each in asked]
    return found.context.origin(found.model, joined_hash(hashes)) if hashes else found.origin()


def _mean_gain(found: Found, asked: Sequence[Behaviour], kinds: Sequence[str]) -> Row:
    where = "in distribution" if kinds == (_ID,) else "on user queries"
    return pooled_row(
        lambda: bootstrap_datasets([gains(found, each, kinds) for each in asked], seed=found.seed),
        _whole_origin(found, asked),
        f"{_GAIN}, {where}",
        unit="share",
        labels={"model": found.label},
    )


def _ratio(found: Found, asked: Sequence[Behaviour]) -> Row:
    """Return the summed gain on queries over that in distribution, of the behaviours that are steered."""
    chosen = [each for each in asked if each in found.steered]
    quantity, about = "gain on user queries over gain in distribution", {"model": found.label}
    if not chosen:
        reason = "no behaviour is steered in distribution, so there is no effect to lose"
        return no_number(_whole_origin(found, asked), quantity, reason, labels=about)
    inside, outside = _both(found, chosen)

    def ratio(drawn: Sequence[int], items: Sequence[Sequence[Indices]]) -> float:
        tops = [outside[index][other].mean() for index, (_, other) in zip(drawn, items, strict=True)]
        bottoms = [inside[index][own].mean() for index, (own, _) in zip(drawn, items, strict=True)]
        return float(np.sum(tops) / np.sum(bottoms)) if np.sum(bottoms) > 0.0 else float("nan")

    row = pooled_row(
        lambda: bootstrap_nested(ratio, _sizes(inside, outside), seed=found.seed),
        _whole_origin(found, chosen),
        quantity,
        unit="",
        labels=about,
        note="of " + ", ".join(each.name for each in chosen),
    )
    return row


def _difference(found: Found, asked: Sequence[Behaviour]) -> Row:
    inside, outside = _both(found, asked)

    def difference(drawn: Sequence[int], items: Sequence[Sequence[Indices]]) -> float:
        return float(
            np.mean([
                inside[index][own].mean() - outside[index][other].mean()
                for index, (own, other) in zip(drawn, items, strict=True)
            ])
        )  # fmt: skip

    return pooled_row(
        lambda: bootstrap_nested(difference, _sizes(inside, outside), seed=found.seed),
        _whole_origin(found, asked),
        "gain in distribution minus gain on user queries",
        unit="share",
        labels={"model": found.label},
    )


def _both(found: Found, chosen: Sequence[Behaviour]) -> tuple[list[Float64Array], list[Float64Array]]:
    return [gains(found, each, (_ID,)) for each in chosen], [gains(found, each, KINDS) for each in chosen]


def _sizes(inside: Sequence[Float64Array], outside: Sequence[Float64Array]) -> list[tuple[int, int]]:
    return [(len(own), len(other)) for own, other in zip(inside, outside, strict=True)]


def reply_rows(found: Found, each: Behaviour) -> list[Row]:
    """Return the share of joyful replies at each strength: more joyful than sad words; empty ones are failures."""
    embedded = found.material.is_embedded
    words = embedded_material(model_path().parent) if embedded else library_material()
    asked = prompts(is_embedded=embedded, n=found.sizes.n_queries)
    origin = found.context.origin(found.model, asked.content_hash)
    part = found.part(each, "replies")
    texts, is_empty = part.content["texts"], part.arrays["n_tokens"] == 0.0
    rows = []
    for place, strength in enumerate(REPLY_STRENGTHS):
        # Somebody who says nothing is not sad: that is no reply.
        displays = np.where(is_empty[:, place], np.nan, [float(words.is_joyful(row[place])) for row in texts])
        score = About(seed=found.seed).metric("open_behaviour_rate", displays=displays)
        labels: dict[str, Label] = {"model": found.label, "behaviour": each.name, "strength": strength}
        rows.append(row_of(score, origin, quantity="joyful replies", unit="share", labels=labels))
    return rows


def _figure(found: Found, asked: Sequence[Behaviour], rows: Sequence[Row]) -> StudyFigure:
    kinds = (_ID, *KINDS)
    cells = {(row.labels["behaviour"], row.labels.get("asked")): row for row in rows if row.quantity == _GAIN}
    table = [[cells[each.name, kind] for kind in kinds] for each in asked]
    values = Estimates(*([[getattr(row, end) for row in line] for line in table] for end in ("value", "low", "high")))
    drawing = draw_gains(
        [each.name for each in asked],
        [_ID, "queries with two options", "open queries"],
        values,
        caption=(
            f"Share of items on which the matching answer is preferred at strength {MODERATE:g}, minus that at "
            f"-{MODERATE:g}, with 95 % intervals over items: held-out items of the kind that the vector was made of, "
            "and messages as users send them. Grey line: no effect."
        ),
    )
    return StudyFigure(f"queries_{file_name(found.label)}", "E22", f"Inside and outside, {found.label}", drawing)
