"""E08: would testing on training items have changed the result?"""

from __future__ import annotations

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.metrics.steerability import slopes
from pysteer.statistics import bootstrap_group_difference, bootstrap_ratio
from pysteer.studies.questionnaires import Questionnaire
from pysteer.studies.reliability.found import AT, UNIT, Found
from pysteer.studies.rows import Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import Piece

LEAKED_SHARE = 350 / 950
"""Of items 50 to 999 of 1000, those among the first 400: what the split "50:100%" of the published code tests on."""


def analyse_leak(models: list[Found]) -> Piece:
    """Steerability on the items that the vector was made of, against that on others."""
    rows: list[Row] = []
    findings = []
    for found in models:
        rows += [_row(found, each) for each in found.questionnaires]
        findings.append(("C1.7", _change(found)))
    table = ResultTable("leak", "E08", "Steerability on seen items minus that on unseen ones", tuple(rows))
    return Piece([table], findings)


def _origin(found: Found, each: Questionnaire) -> Origin:
    return found.context.origin(found.model, joined_hash([each.train.content_hash, each.test.content_hash]))


def _row(found: Found, each: Questionnaire) -> Row:
    about = {"model": found.label, "questionnaire": each.name}
    seen, clean = slopes(AT, found.seen(each)), slopes(AT, found.propensities(each))
    interval = bootstrap_group_difference(seen, clean, seed=found.seed)
    return row_of(interval, _origin(found, each), quantity="seen minus unseen", unit=UNIT, labels=about)


def _change(found: Found) -> Row:
    """Return how much a test set with the published leak would score more, relative to a clean one."""
    about, quantity = {"model": found.label}, "relative change with leaked items"
    clean = found.steerability()
    seen = np.array([slopes(AT, found.seen(each)).mean() for each in found.questionnaires])
    origin = found.context.origin(
        found.model,
        joined_hash([part.content_hash for each in found.questionnaires for part in (each.train, each.test)]),
    )
    try:
        interval = bootstrap_ratio(LEAKED_SHARE * (seen - clean), clean, is_paired=True, seed=found.seed)
        return row_of(interval, origin, quantity=quantity, unit="ratio", labels=about)
    except MeasurementError as error:
        return no_number(origin, quantity, str(error), n=len(clean), labels=about)
