"""The folder that a study writes: report, tables, verdicts, figures."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pysteer.errors import MeasurementError
from pysteer.studies.claims import Verdict
from pysteer.studies.rows import ResultTable
from pysteer.studies.study import Analysis, Study, StudyContext
from pysteer.studies.study_page import RunFacts, study_page
from pysteer.whole_file import write_whole

REPORT = "report.html"
_OWN = {"tables": (".csv", ".parquet"), "figures": (".svg", ".png")}


def write_study(
    folder: str | Path, study: Study, context: StudyContext, analysis: Analysis, *, command: str, n_parts: int
) -> tuple[Path, ...]:
    """Write everything and return the paths, the report first.

    ``report.html``; ``verdicts.csv``; ``tables/NAME.csv`` (and ``.parquet`` where pyarrow is installed);
    ``figures/NAME.svg`` and ``.png``. Files are replaced in one step each; in the two folders, tables and figures of an
    earlier run that this one does not make are removed, as they would be taken for its own.

    Raises
    ------
    MeasurementError
        A file cannot be written; two tables or figures of one name.
    """
    folder = Path(folder)
    verdicts = study.verdicts(analysis)
    for kind, names in (
        ("tables", [table.name for table in analysis.tables]),
        ("figures", [figure.name for figure in analysis.figures]),
    ):
        if len(set(names)) != len(names):
            raise MeasurementError(f"two {kind} have the same name: {sorted(names)}")
    try:
        for name in ("tables", "figures"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        written = [write_whole(folder / "verdicts.csv", verdicts_csv(study, verdicts).encode())]
        for table in analysis.tables:
            if table.rows:
                written.append(write_whole(folder / "tables" / f"{table.name}.csv", table.to_csv().encode()))
                written += _parquet(folder / "tables" / f"{table.name}.parquet", table)
        for figure in analysis.figures:
            written += figure.drawing.save(folder / "figures" / figure.name)
        _remove_stale(folder, set(written))
    except OSError as error:
        raise MeasurementError(f"{folder}: cannot be written: {error.strerror or error}") from error
    names = [path.relative_to(folder).as_posix() for path in written]
    page = study_page(study, context, analysis, verdicts, RunFacts(command, n_parts, names))
    page.write(folder / REPORT)
    return (folder / REPORT, *written)


def _remove_stale(folder: Path, written: set[Path]) -> None:
    for name, suffixes in _OWN.items():
        for path in (folder / name).iterdir():
            if path.suffix in suffixes and path not in written:
                path.unlink()


def verdicts_csv(study: Study, verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as a table: claim, published, measured, rule, verdict, reason."""
    claims = {claim.id: claim for claim in study.claims}
    text = io.StringIO()
    records = []
    for verdict in verdicts:
        claim = claims[verdict.claim]
        record = verdict.row.record()
        labels = {name: record.pop(name) for name in verdict.row.labels}
        records.append(
            {
                "claim": claim.id,
                "sentence": claim.sentence,
                "model": labels.get("model", ""),
                "verdict": verdict.outcome,
                "reason": verdict.reason,
                "rule": claim.rule.words,
                "published": claim.published_text,
                **record,
            }
        )
    writer = csv.DictWriter(text, list(records[0]) if records else ["claim"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def _parquet(path: Path, table: ResultTable) -> list[Path]:
    try:
        pyarrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
    except ImportError:
        return []
    records = table.to_records()
    columns = {name: [record[name] for record in records] for name in table.columns}
    # A label may be a text in one row and a number in another; a column has one type.
    for name in table.label_names:
        if len({type(value) for value in columns[name] if value is not None}) > 1:
            columns[name] = [None if value is None else str(value) for value in columns[name]]
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    return [write_whole(path, buffer.getvalue())]
