"""E17: every arm on the same cells, and the tests between them."""

from __future__ import annotations

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.metrics.coherence_correlations import coherence_correlations
from pysteer.report.heat_map import draw_heat_map
from pysteer.statistics import ArmComparison, compare_arms
from pysteer.studies.file_names import file_name
from pysteer.studies.rows import ResultTable, Row, row_of
from pysteer.studies.study import Piece, StudyFigure
from pysteer.studies.tradeoff.arms import BY_NAME
from pysteer.studies.tradeoff.capability import CHANCE
from pysteer.studies.tradeoff.cells import item_means, known_mean
from pysteer.studies.tradeoff.figures import draw_arm_violins, turn_names
from pysteer.studies.tradeoff.found import PAIRS_UNIT, RATIO_UNIT, Found
from pysteer.studies.tradeoff.instruments import capability_rows, judge_check, judged_rows, ratio_checks

TESTED = ("control", "prompting", "vector", "features", "vector + prompting", "features + prompting")
"""Arms of the published study; there the steering arm is features, here there are both."""


def analyse_arms(models: list[Found]) -> Piece:
    """Means of every arm, differences, tests as published and paired, heat maps and violins."""
    arms: list[Row] = []
    tests: list[Row] = []
    queries: list[Row] = []
    checks: list[Row] = []
    judged: list[Row] = []
    findings: list[tuple[str, Row]] = []
    figures: list[StudyFigure] = []
    notes: list[str] = []
    for found in models:
        arms += [row for arm in found.arms for row in _arm(found, arm)]
        tests += _tests(found)
        queries += [row for arm in found.arms for row in _by_style(found, arm)]
        judge = judge_check(found)
        checks += [found.ratio_check, *ratio_checks(found), judge, *capability_rows(found)]
        judged += [row for arm in found.arms for row in judged_rows(found, arm)]
        findings += [("I1", found.ratio_check), ("I2", judge), *_claims(found)]
        figures += [*_heat_maps(found), _violins(found)]
        notes += _notes(found, judge)
    caption = "Ratings from 1 to 5 by the model itself: shown, but they decide nothing"
    return Piece(
        [
            ResultTable("arms", "E17", "Every arm, means over styles and items", tuple(arms)),
            ResultTable("arm_tests", "E17", "Pairs of arms: difference, tests as published, paired tests", tuple(tests),
                        is_folded=True),
            ResultTable("queries", "E17", "Every style under every arm", tuple(queries), is_folded=True),
            ResultTable("instrument_checks", "E17", "Do the scores see what they should?", tuple(checks)),
            ResultTable("judged", "E17", caption, tuple(judged), is_folded=True),
        ],
        findings,
        figures,
        {"E17": notes},
    )  # fmt: skip


def _claims(found: Found) -> list[tuple[str, Row]]:
    both = "features + prompting"
    gain, accuracy, surprise = found.behaviour_gain, found.accuracy_change, found.surprise_change
    return [
        ("C0.1a", gain("features")),
        ("C0.1b", gain("vector")),
        ("C0.1c", gain("vector", "random direction")),
        ("C0.1d", gain("features", where="questions")),
        ("C0.1e", found.words_gain("features", "prompting")),
        ("C0.1f", found.words_gain("vector", "prompting")),
        ("C0.1g", accuracy("features")),
        ("C0.1h", accuracy("vector")),
        ("C0.1i", surprise("features")),
        ("C0.1j", surprise("vector")),
        ("C0.2a", accuracy("prompting")),
        ("C0.2b", surprise("prompting", "features")),
        ("C0.3a", found.words_gain(both, "prompting")),
        ("C0.3b", found.words_gain(both, "features")),
        ("C0.3c", accuracy(both, "features")),
        ("C0.6", correlation(found)),
    ]


def _arm(found: Found, arm: str) -> list[Row]:
    hits = found.cells(arm, "hit", "questions")
    letters = found.letter_hits(arm)
    rows = [
        found.mean_row(np.nan_to_num(hits), "accuracy, written", unit="share", arm=arm),
        found.mean_row(np.isnan(hits).astype(np.float64), "no readable answer", unit="share", arm=arm),
        found.mean_row(hits, "accuracy where readable", unit="share", arm=arm),
        found.mean_row(letters, "accuracy, letters", unit="share", arm=arm),
    ]
    answers = found.mean_row(found.cells(arm, "ratio", "questions"), "ratio, answers", unit=RATIO_UNIT, arm=arm)
    rows.append(answers)
    for quantity, shown, unit in (
        ("ratio", "ratio, requests", RATIO_UNIT),
        ("shows", "style shows, requests (words)", "share"),
    ):
        values = found.cells(arm, quantity, "requests")
        if not np.isnan(values).all():
            rows.append(found.mean_row(values, shown, unit=unit, arm=arm))
    for quantity, unit in (("surprise", RATIO_UNIT), ("repetition", PAIRS_UNIT), ("n_tokens", "tokens")):
        values = found.cells(arm, quantity, _where(arm))
        rows.append(found.mean_row(values, quantity.replace("n_", ""), unit=unit, arm=arm))
    return rows


def _by_style(found: Found, arm: str) -> list[Row]:
    rows = []
    for index, name in enumerate(found.names):
        one = slice(index, index + 1)
        rows.append(
            found.mean_row(found.written_hits(arm)[one], "accuracy, written", unit="share", style=name, arm=arm)
        )
        where = "requests" if _where(arm) == "all" else "questions"
        values = found.cells(arm, "ratio", where)[one]
        rows.append(found.mean_row(values, f"ratio, {where}", unit=RATIO_UNIT, style=name, arm=arm))
        values = found.cells(arm, "surprise", _where(arm))[one]
        rows.append(found.mean_row(values, "surprise", unit=RATIO_UNIT, style=name, arm=arm))
    return rows


def _where(arm: str) -> str:
    """Return the items that an arm answers: arms with examples or a passage answer no requests."""
    return "all" if BY_NAME[arm].answers_requests else "questions"


def _tests(found: Found) -> list[Row]:
    arms = [arm for arm in TESTED if arm in found.arms]
    tables = {
        "accuracy": {arm: found.written_hits(arm) for arm in arms},
        "behaviour": {arm: found.cells(arm, "ratio", "requests") for arm in arms},
        "coherence": {arm: -found.cells(arm, "surprise") for arm in arms},
    }
    rows = []
    for table, values in tables.items():
        items = [index for _ in found.names for index in range(next(iter(values.values())).shape[1])]
        flat = {arm: cells.ravel() for arm, cells in values.items()}
        try:
            compared = compare_arms({table: flat}, items, seed=found.seed)
        except MeasurementError as error:
            rows.append(found.none("difference", str(error), table=table))
            continue
        rows += [row for one in compared for row in _test(found, one, len(tables))]
    return rows


def _test(found: Found, one: ArmComparison, n_tables: int) -> list[Row]:
    """Corrections are over all comparisons of all tables, as published."""
    labels = {"table": one.table, "first": one.first, "second": one.second}
    about = {"model": found.label, **labels}
    rows = [row_of(one.difference, found.origin, quantity="difference", failures=one.failures, labels=about)]
    exact = {"p, paired": min(1.0, n_tables * one.paired_p)}
    if one.published is not None:
        exact = {
            "Student's t": one.published.t,
            "Cohen's d": one.published.cohens_d,
            "p, Student, Bonferroni": min(1.0, n_tables * one.published_p),
            **exact,
        }
    n = one.paired.n
    rows += [Row(about, name, value, value, value, n, "", found.origin) for name, value in exact.items()]
    return rows


def correlation(found: Found) -> Row:
    """Return Pearson's correlation of right answers with coherence, over all arms' answers, by question."""
    quantity = "Pearson's correlation of right answers with coherence"
    if found.nothing_to_lose or found.capability_kind != "written":
        reason = found.nothing_to_lose or "written answers are not above chance without steering"
        return found.none(quantity, reason)
    hits, sense, arms, questions = [], [], [], []
    for arm in found.arms:
        cells = found.written_hits(arm)
        hits += cells.ravel().tolist()
        sense += (-found.cells(arm, "surprise", "questions")).ravel().tolist()
        arms += [arm] * cells.size
        questions += [index for _ in found.names for index in range(cells.shape[1])]
    try:
        whole = coherence_correlations(sense, hits, arms=arms, questions=questions, seed=found.seed)
    except MeasurementError as error:
        return found.none(quantity, str(error))
    return row_of(
        whole.by_question, found.origin, quantity=quantity, failures=whole.failures, labels={"model": found.label}
    )


def _heat_maps(found: Found) -> list[StudyFigure]:
    arms, names = found.arms, found.names
    figures = []
    control = found.cells("control", "ratio")
    tables = {
        "behaviour": (
            np.array(
                [[known_mean(found.cells(arm, "ratio")[k] - control[k]) for arm in arms] for k in range(len(names))]
            ),
            "ratio minus control\n(nats per token)",
        ),
        "accuracy": (
            np.array([[known_mean(found.capability(arm)[k]) for arm in arms] for k in range(len(names))]),
            "accuracy",
        ),
    }
    for name, (table, shown) in tables.items():
        n = len(found.material.tasks.asked) + len(found.material.requests)
        if name == "accuracy":
            n = found.capability("control").shape[1]
        drawing = draw_heat_map(
            np.round(table[::-1], 3) + 0.0,  # what is written in a cell
            rows=names[::-1],
            columns=arms,
            row_label="style",
            column_label="arm",
            value_label=shown,
            n=f"at most n = {n} texts a cell",
            center=0.0 if name == "behaviour" else None,
        )
        turn_names(drawing, arms)
        title = f"Style by arm, {name}, {found.label}"
        figures.append(StudyFigure(f"style_by_arm_{name}_{file_name(found.label)}", "E17", title, drawing))
    return figures


def _violins(found: Found) -> StudyFigure:
    arms = found.arms
    control = found.cells("control", "ratio")
    base = found.cells("control", "surprise")
    panels = [
        (f"accuracy, {found.capability_name}", {arm: item_means(found.capability(arm)) for arm in arms}),
        ("ratio minus control", {arm: item_means(found.cells(arm, "ratio") - control) for arm in arms}),
        ("surprise minus control", {arm: item_means(found.cells(arm, "surprise") - base) for arm in arms}),
    ]
    caption = (
        "Spread over questions (and requests), each the mean over styles; diamonds: means. Ratio and surprise in nats "
        "per token, minus the control's for the same item. Higher surprise is less coherence."
    )
    drawing = draw_arm_violins(arms, panels, caption=caption)
    return StudyFigure(f"arms_{file_name(found.label)}", "E17", f"Arms, {found.label}", drawing)


def _notes(found: Found, judge: Row) -> list[str]:
    tasks = found.material.tasks
    told = [
        f"{found.label}: {len(found.names)} styles, {len(tasks.asked)} questions and {len(found.material.requests)} "
        f"requests answered in writing under every arm, {len(tasks.scored)} questions read off the letters; "
        f"{tasks.n_left_out} questions were passed over because they do not fit the model's context with examples or "
        f"passage. The vector is added behind block {found.material.layer}."
    ]
    own, n_own = found.part("capability").arrays, len(tasks.capability)
    judged = (
        f"on {n_own} questions that nothing else is measured on, the control is right in "
        f"{own['written'].mean():.0%} of its written answers and by letters in {known_mean(own['letters']):.0%}"
    )
    if found.nothing_to_lose:
        told.append(
            f"{found.label}: {judged}: not above chance. What steering costs in capability cannot be asked of this "
            f"model, and differences of accuracy around {CHANCE:.0%} are those of guessing."
        )
    else:
        n = found.capability("control").shape[1]
        told.append(
            f"{found.label}: {judged}. So {found.capability_name} decide; the loss is measured on {n} other questions."
        )
    if found.ratio_is_blind:
        told.append(f"{found.label}: {found.ratio_is_blind}; claims about behaviour are left open.")
    verdict = "can" if judge.low > 0.0 else "cannot be shown to"
    told.append(
        f"{found.label} as a judge {verdict} tell coherent text from shuffled words; its ratings decide nothing."
    )
    return told
