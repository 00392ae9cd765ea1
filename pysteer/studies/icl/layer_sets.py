"""E16: is a function vector better added after one block, or after several?"""

from __future__ import annotations

from pysteer.studies.file_names import file_name
from pysteer.studies.icl.figures import Line, draw_points
from pysteer.studies.icl.found import Found, each_model, estimates, tasks_behind
from pysteer.studies.icl.heads_and_layers import NAMES, UNITS
from pysteer.studies.icl.plan import layer_sets
from pysteer.studies.rows import ResultTable, Row
from pysteer.studies.study import Piece, StudyFigure


def _analyse(found: Found) -> Piece:
    rows: list[Row] = []
    sets = layer_sets(found.n_layers)
    for place, (quantity, unit) in enumerate(zip(NAMES, UNITS, strict=True)):
        clean = [task[place] for task in found.arrays("places", "clean", 1)]
        rows.append(found.row(clean, quantity, unit, {"set": "no vector", "blocks": "none"}))
        for index, (name, layers) in enumerate(sets.items()):
            values = [task[place][:, index] for task in found.arrays("places", "sets", 1)]
            rows.append(found.row(values, quantity, unit, {"set": name, "blocks": ", ".join(map(str, layers))}))
    series = [Line(quantity, estimates([row for row in rows if row.quantity == quantity])) for quantity in NAMES]
    drawing = draw_points(
        ["no vector", *sets],
        series,
        value_label="first token right",
        n=f"mean over {tasks_behind(rows)}, intervals over tasks",
        group_label="blocks after which the vector is added",
    )
    figure = StudyFigure(f"sets_{file_name(found.label)}", "E16", f"Sets of blocks, {found.label}", drawing)
    table = ResultTable("sets", "E16", "The same vector added after one block or several", tuple(rows))
    return Piece([table], [], [figure])


analyse_sets = each_model(_analyse, functional="E16")
