"""E13: which heads carry a task, after which block does its vector work, and how many heads does it take?"""

from __future__ import annotations

import math

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.report.heat_map import draw_heat_map
from pysteer.statistics import drawn_interval
from pysteer.studies.file_names import file_name
from pysteer.studies.icl.figures import Line, draw_lines
from pysteer.studies.icl.found import Found, each_model, estimates, tasks_behind
from pysteer.studies.icl.means import mean_known
from pysteer.studies.rows import ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece, StudyFigure

NAMES = ("top-1 accuracy", "probability")
UNITS = ("share", "0 to 1")
N_SHOWN_HEADS = 10
CEILING = 0.9
"""Probability of the answer under shuffled labels above which no head can show what it restores."""
_N_RESAMPLES = 2000


def _analyse(found: Found) -> Piece:
    content = found.part(found.material.folds[0].name, "places").content
    chosen = int(found.part("heads choice").content["n_heads"])
    default = int(found.part(found.material.folds[0].name, "vectors").content["n_heads"])
    layers = _rows(found, "layers", "layer", content["layers"], f"{chosen} head{'' if chosen == 1 else 's'}, chosen")
    published = _rows(
        found, "published", "layer", content["layers"], f"{default} head{'' if default == 1 else 's'}, published share"
    )
    heads = _rows(found, "heads", "heads", content["n_heads"], "after one third")
    aie = mean_aie(found)
    peak, late = _peak(found), _late(found)
    tables = [
        ResultTable("layers", "E13", "The function vector added after each block, no example in the prompt",
                    (*layers, *published, peak, late)),
        ResultTable("n_heads", "E13", "The function vector as the sum over so many heads", tuple(heads)),
        ResultTable("heads", "E13", "Heads with the largest average indirect effect", tuple(_head_rows(found, aie))),
    ]  # fmt: skip
    return Piece(
        tables,
        [("C2.4a", peak), ("C2.4b", late)],
        _figures(found, aie, [*layers, *published], heads),
        {"E13": [_note(found, aie)]},
    )


analyse_places = each_model(_analyse, functional="E13")


def mean_aie(found: Found) -> Float64Array:
    """Return AIE by task, (n_tasks, n_layers, n_heads): mean over its trials."""
    return np.stack([mean_known(task, axis=0) for task in found.arrays("vectors", "cie", 0)])


def _rows(found: Found, array: str, name: str, at: list[int], vector: str) -> list[Row]:
    rows = []
    for place, (quantity, unit) in enumerate(zip(NAMES, UNITS, strict=True)):
        clean = [task[place] for task in found.arrays("places", "clean", 1)]
        rows.append(found.row(clean, quantity, unit, {"vector": vector, name: "no vector"}))
        steered = [task[place] for task in found.arrays("places", array, 1)]
        rows += [
            found.row([task[:, k] for task in steered], quantity, unit, {"vector": vector, name: n})
            for k, n in enumerate(at)
        ]
    return rows


def _peak(found: Found) -> Row:
    """Return the depth of the best layer, first 0, last nearly 1, with its interval from drawing tasks."""
    quantity, about = "depth of the best layer", {"model": found.label}
    if not found.layer_effect():
        reason = "the vector raises accuracy at no layer, corrected for their number: there is no peak to find"
        return no_number(found.functional, quantity, reason, labels=about)
    by_task = [found.task_means(found.gains_by_layer(place)) for place in (0, 1)]
    generator = np.random.default_rng(found.seed)
    n = len(by_task[0])
    draws = [best_depth(by_task, generator.integers(0, n, size=n)) for _ in range(_N_RESAMPLES)]
    interval = drawn_interval(best_depth(by_task, np.arange(n)), draws, n)
    return row_of(interval, found.functional, quantity=quantity, unit="share of depth", labels=about)


def best_depth(by_task: list[Float64Array], drawn: np.ndarray) -> float:
    """Return the depth of the layer with the highest mean accuracy; among equals the highest probability.

    Parameters
    ----------
    by_task : [accuracy, probability], each (n_tasks, n_layers)
    drawn : int, (n,)
        Tasks.
    """
    accuracy, probability = (mean_known(table[drawn], axis=0) for table in by_task)
    best = max(range(accuracy.size), key=lambda layer: (round(float(accuracy[layer]), 9), float(probability[layer])))
    return float(best / accuracy.size)


def _late(found: Found) -> Row:
    """Return the gain in accuracy over the last quarter of the blocks."""
    quantity = "top-1 accuracy in the last quarter of the blocks, minus that without"
    gains = found.gains_by_layer()
    if not found.layer_effect():
        reason = "the vector raises accuracy at no layer, so it cannot lose its effect"
        return no_number(found.functional, quantity, reason, unit="share", labels={"model": found.label})
    n_layers = gains[0].shape[1]
    first = min(n_layers - 1, math.ceil(0.75 * n_layers))
    return found.row([mean_known(task[:, first:], axis=1) for task in gains], quantity, "share", {})


def _head_rows(found: Found, aie: Float64Array) -> list[Row]:
    mean = mean_known(aie, axis=0)
    order = np.argsort(-mean.ravel(), kind="stable")[:N_SHOWN_HEADS]
    # Heads are found with training and validation words: no test word was asked.
    hashes = [side.content_hash for fold in found.material.folds for side in (fold.train, fold.valid)]
    origin = found.context.origin(found.model, joined_hash(hashes))
    rows = []
    for rank, place in enumerate(order):
        layer, head = divmod(int(place), mean.shape[1])
        groups = [task[:, layer, head] for task in found.arrays("vectors", "cie", 0)]
        about = {"rank": rank + 1, "layer": layer, "head": head}
        rows.append(found.row(groups, "AIE", "change of probability", about, origin=origin, is_by_word=False))
    return rows


def _figures(found: Found, aie: Float64Array, layers: list[Row], heads: list[Row]) -> list[StudyFigure]:
    mean, name = mean_known(aie, axis=0), file_name(found.label)
    content = found.part(found.material.folds[0].name, "vectors").content
    best = np.argsort(-mean.ravel(), kind="stable")[: int(content["n_heads"])]
    trials = sum(int(np.isfinite(clean).sum()) for clean in found.arrays("vectors", "clean", 0))
    heat = draw_heat_map(
        mean,
        rows=[str(layer) for layer in range(mean.shape[0])],
        columns=[str(head) for head in range(mean.shape[1])],
        row_label="block",
        column_label="head",
        value_label="AIE (change of the answer's probability)",
        n=f"mean over {len(aie)} tasks, {trials} trials together",
        center=0.0,
        chosen=[divmod(int(place), mean.shape[1]) for place in best],
    )
    figures = [StudyFigure(f"heads_{name}", "E13", f"Average indirect effect of every head, {found.label}", heat)]
    for title, rows, key, label, is_log in (
        ("layers", layers, "layer", f"block after which the vector is added (0 to {found.n_layers - 1})", False),
        ("n_heads", heads, "heads", "heads in the vector", True),
    ):
        lines = []
        for vector in dict.fromkeys(str(row.labels["vector"]) for row in rows):
            for quantity in NAMES:
                mine = [
                    row
                    for row in rows
                    if row.quantity == quantity and row.labels["vector"] == vector and row.labels[key] != "no vector"
                ]
                lines.append(Line(quantity if key == "heads" else f"{quantity}, {vector}", estimates(mine)))
                at = [float(row.labels[key]) for row in mine]
        clean = next(row for row in rows if row.labels[key] == "no vector" and row.quantity == NAMES[0])
        default = float(content["layer"] if key == "layer" else content["n_heads"])
        figures.append(
            StudyFigure(
                f"{title}_{name}",
                "E13",
                f"{'Where the vector is added' if key == 'layer' else 'How many heads it takes'}, {found.label}",
                draw_lines(
                    at,
                    lines,
                    x_label=label,
                    y_label="first token right",
                    caption=f"Mean over {tasks_behind(rows)} on test questions without an example; bands: 95 % "
                    "intervals over tasks.",
                    is_log=is_log,
                    reference=("top-1 without a vector", clean.value),
                    chosen=("published share" if key == "heads" else "one third", default),
                ),
            )
        )
    return figures


def _note(found: Found, aie: Float64Array) -> str:
    mean = mean_known(aie, axis=0)
    layer, head = divmod(int(mean.argmax()), mean.shape[1])
    positive = np.clip(mean, 0.0, None)
    share = float(positive.max() / max(positive.sum(), 1e-12))
    n_blank = sum(found.part(fold.name, "vectors").content["n_blank"] for fold in found.material.folds)
    clean = float(mean_known(np.concatenate(found.arrays("vectors", "clean", 0)), axis=0))
    ceiling = (
        f" But with shuffled labels the right answer already has a probability of {clean:.3f}: there is nothing "
        "to restore, and the order of heads is not to be trusted."
        if clean > CEILING
        else f" With shuffled labels the right answer has a probability of {clean:.3g}."
    )
    return (
        f"{found.label}: the largest average indirect effect is {float(mean.max()):.3g}, of head {head} in block "
        f"{layer}; it makes {share:.0%} of all positive effects.{ceiling}"
        + (f" {n_blank} trials had an answer that begins with a bare blank, and are left out." if n_blank else "")
    )
