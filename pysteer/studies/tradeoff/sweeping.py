"""E18: what a style's directions write at growing strength.

Where the arms have written a strength already (none, and the one that they are steered with), their texts are taken.
"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.tradeoff.arms import BY_NAME
from pysteer.studies.tradeoff.writing import MODULES as WRITING
from pysteer.studies.tradeoff.writing import (
    QUANTITIES,
    Items,
    Read,
    Steering,
    direction_of,
    ids_of,
    said_of,
    steering_of,
    write,
)

MODULES = (*WRITING, "pysteer.studies.tradeoff.writing")
ARM_OF = {"vector": "vector", "features": "features", "random": "random direction"}
"""The arm that each kind of direction writes."""
Cell = tuple[str, float]
"""A kind of direction and a strength; no steering is ("", 0.0)."""


def sweep_strengths(task: Task) -> PartResult:
    """Write the first items under every strength of one style's vector, of its features, and of a random direction.

    Arrays: ``vector``, ``features``, ``random`` (n_items, n_strengths, n_quantities), the first strength being 0;
    ``features`` is NaN without features.
    """
    items, said = Items(task), str(task.settings["instruction"])
    prompts = items.prompts(BY_NAME["control"], "")
    strengths: list[float] = task.settings["strengths"]
    kinds = [kind for kind in ARM_OF if direction_of(task, kind) is not None]
    tables, tokens_of_arms = _written_by_arms(task, kinds, strengths)
    new: dict[Cell, Steering] = {("", 0.0): ()}
    new |= {(kind, strength): steering_of(task, kind, strength) for kind in kinds for strength in strengths}
    new = {cell: steering for cell, steering in new.items() if cell not in tables}
    if new:
        rows = write(task, prompts, list(new.values()), task.progress)
        names = {cell: f"{cell[0]} {cell[1]}" for cell in new}
        texts = {names[cell]: [said_of(row[place]) for row in rows] for place, cell in enumerate(new)}
        tokens = {names[cell]: [ids_of(row[place]) for row in rows] for place, cell in enumerate(new)}
        styled = items.prompts(BY_NAME["control"], said)
        known, scores = _known(prompts, styled, tables, tokens_of_arms)
        scored = items.score(texts, tokens, said, task.settings["proxy"], known)
        for cell, name in names.items():
            own = [scores.get((item, tuple(ids))) for item, ids in enumerate(tokens[name])]
            tables[cell] = np.stack([new_row if row is None else row
                                     for row, new_row in zip(own, scored[name], strict=True)])  # fmt: skip
    nothing = np.full((len(prompts), 1 + len(strengths), len(QUANTITIES)), np.nan)
    arrays = {
        kind: np.stack([tables["", 0.0], *(tables[kind, strength] for strength in strengths)], axis=1)
        if kind in kinds
        else nothing
        for kind in ARM_OF
    }
    surprise = QUANTITIES.index("surprise")
    n_empty = sum(int(np.isnan(table[:, surprise]).sum()) for table in tables.values())
    return PartResult({"strengths": [0.0, *strengths]}, arrays, failures=n_empty)


Tokens = list[list[int]]


def _written_by_arms(
    task: Task, kinds: list[str], strengths: list[float]
) -> tuple[dict[Cell, Float64Array], dict[Cell, Tokens]]:
    """Return the quantities and the tokens of what the arms have written; nothing without arms."""
    if "arms" not in task.inputs:
        return {}, {}
    n_questions, n_requests = task.settings["n_items"]
    n_asked, arms = int(task.settings["n_asked"]), task.inputs["arms"]
    of_sweep = [*range(n_questions), *range(n_asked, n_asked + n_requests)]
    strength = float(task.settings["strength"])
    cells: dict[Cell, str] = {("", 0.0): "control"}
    if strength in strengths:
        cells |= {(kind, strength): ARM_OF[kind] for kind in kinds}
    tokens = arms.content["tokens"]
    return (
        {cell: arms.arrays[arm][of_sweep] for cell, arm in cells.items()},
        {cell: [tokens[arm][item] for item in of_sweep] for cell, arm in cells.items()},
    )


def _known(
    plain: list[str], styled: list[str], tables: dict[Cell, Float64Array], tokens: dict[Cell, Tokens]
) -> tuple[dict[Read, float], dict[tuple[int, tuple[int, ...]], Float64Array]]:
    """Return what the arms have read already, by prompt and tokens, and all their quantities, by item and tokens.

    A text that a strength has in common with an arm has the same numbers to the last digit, so that ties are ties.
    """
    surprise, ratio = QUANTITIES.index("surprise"), QUANTITIES.index("ratio")
    read: dict[Read, float] = {}
    scores: dict[tuple[int, tuple[int, ...]], Float64Array] = {}
    for cell, table in tables.items():
        for item, (row, ids) in enumerate(zip(table, tokens[cell], strict=True)):
            read[plain[item], tuple(ids)] = float(row[surprise])
            read[styled[item], tuple(ids)] = float(row[surprise] - row[ratio])
            scores[item, tuple(ids)] = row
    return read, scores
