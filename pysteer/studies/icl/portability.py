"""E15: does a function vector work under other templates, and in running text?"""

from __future__ import annotations

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.studies.file_names import file_name
from pysteer.studies.icl.figures import Line, draw_points
from pysteer.studies.icl.found import Found, each_model, estimates, minus, tasks_behind
from pysteer.studies.icl.means import mean_known
from pysteer.studies.icl.plan import SENTENCES, TEMPLATES, TRAINED
from pysteer.studies.rows import ResultTable, Row, no_number
from pysteer.studies.study import Piece, StudyFigure

ARMS = ("no vector", "function vector", "random direction")
OTHERS = tuple(name for name in TEMPLATES if name != TRAINED)


def _analyse(found: Found) -> Piece:
    shares = [_share(found, name, arm) for name in TEMPLATES for arm in range(len(ARMS))]
    gains = [_gain(found, (name,), name) for name in TEMPLATES]
    sentences = [
        found.row(_present(found, index, arm), "answer present", "share", {"sentence": shown(name), "arm": told})
        for index, name in enumerate(SENTENCES)
        for arm, told in enumerate(ARMS)
    ]
    others, drop, text = _gain(found, OTHERS, "all others"), dropped(found), in_text(found)
    tables = [
        ResultTable("templates", "E15", "First token right under each template, no example", (*shares, *gains)),
        ResultTable("templates_compared", "E15", "Under other templates, and in running text", (others, drop, text)),
        ResultTable("sentences", "E15", "The answer stands in the text written after a sentence", tuple(sentences)),
    ]
    findings = [("C2.5a", others), ("C2.5b", drop), ("C2.5c", text)]
    return Piece(tables, findings, [_figure(found, shares)], {"E15": [_note(found)]})


analyse_portability = each_model(_analyse, functional="E15")


def right(found: Found, template: str, arm: int) -> list[Float64Array]:
    """Return whether the first token is right, by task, (n_items,) each."""
    place = list(TEMPLATES).index(template)
    return [task[0, :, place, arm] for task in found.arrays("templates", "templates", 1)]


def gains(found: Found, templates: tuple[str, ...]) -> list[Float64Array]:
    """Return accuracy with the vector minus that without, mean over templates, by task, (n_items,) each."""
    each = [minus(right(found, name, 1), right(found, name, 0)) for name in templates]
    return [mean_known(np.stack(task), axis=0) for task in zip(*each, strict=True)]


def dropped(found: Found) -> Row:
    """Return the gain under the template of training minus that under others, item by item."""
    quantity = "gain as trained minus gain under other templates"
    own = found.row(gains(found, (TRAINED,)), "gain", "share", {})
    if not own.low > 0.0:
        reason = "the vector has no clear effect under its own template, so none can be lost under others"
        return no_number(found.functional, quantity, reason, unit="share", labels={"model": found.label})
    return found.row(minus(gains(found, (TRAINED,)), gains(found, OTHERS)), quantity, "share", {})


def in_text(found: Found) -> Row:
    """Return how much more often the answer stands in running text with the vector than without."""
    each = [minus(_present(found, index, 1), _present(found, index, 0)) for index in range(len(SENTENCES))]
    groups = [mean_known(np.stack(task), axis=0) for task in zip(*each, strict=True)]
    return found.row(groups, "answer present in running text, gain", "share", {})


def shown(sentence: str) -> str:
    """Return a sentence with X for the word."""
    before, after, _, _ = SENTENCES[sentence]
    return f"{before} X{after}"


def _share(found: Found, template: str, arm: int) -> Row:
    labels = {"template": template, "arm": ARMS[arm]}
    return found.row(right(found, template, arm), "top-1 accuracy", "share", labels)


def _gain(found: Found, templates: tuple[str, ...], told: str) -> Row:
    labels = {"template": told, "arm": "function vector minus no vector"}
    return found.row(gains(found, templates), "top-1 accuracy", "share", labels)


def _present(found: Found, sentence: int, arm: int) -> list[Float64Array]:
    return [task[:, sentence, arm] for task in found.arrays("templates", "sentences", 0)]


def _figure(found: Found, shares: list[Row]) -> StudyFigure:
    series = [Line(arm, estimates([row for row in shares if row.labels["arm"] == arm])) for arm in ARMS]
    drawing = draw_points(
        list(TEMPLATES),
        series,
        value_label="first token right",
        n=f"mean over {tasks_behind(shares)}, intervals over tasks",
        group_label="template of the question",
    )
    return StudyFigure(f"templates_{file_name(found.label)}", "E15", f"Other templates, {found.label}", drawing)


def _note(found: Found) -> str:
    told = "; ".join(
        f"{name}: {before + ' ' if before else ''}X{between}{after}".replace("\n", " (line break) ")
        for name, (before, between, after, _) in TEMPLATES.items()
    )
    left_out = found.left_out([(fold.name, "templates") for fold in found.material.folds])
    return (
        f"Templates, X is the word: {told}. Sentences: {'; '.join(map(shown, SENTENCES))}.{_no_token(found)}{left_out}"
    )


def _no_token(found: Found) -> str:
    """Return a sentence about questions whose answer has no first token of its own; empty where all have one."""
    counts = {name: sum(int(np.isnan(task).sum()) for task in right(found, name, 0)) for name in TEMPLATES}
    told = ", ".join(f"{name}: {n}" for name, n in counts.items() if n)
    return f" Answers without a first token of their own but a bare blank, left out: {told}." if told else ""
