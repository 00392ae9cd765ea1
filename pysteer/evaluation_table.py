"""The table of a grid: one row for each number, with everything that is needed to believe it."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.measurements import Measured
from pysteer.whole_file import write_whole

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Row:
    """One number.

    Parameters
    ----------
    vector, layers, operation, window : str
        The arm; empty in the rows of the unsteered model.
    data, setting : str
        Names of data set and prompt setting; the setting is empty where there is none, or where it does not matter.
    measurement, metric : str
        What was asked of the model, with its settings, and which number was made of it.
    coefficient : float or None
        Strength; None for a number over all strengths, such as a slope.
    value, low, high : float
        The number and its interval; NaN where it is undefined, and then ``reason`` says why.
    n, failures : int
        Items in the number, and items that could not be measured and are not.
    seed : int
        Of the bootstrap, and of sampling where there is any.
    confidence : float
        Of the interval.
    is_training_data : bool
        The vector was extracted from this very data set: the number is too good.
    model_hash, data_hash, vector_hash : str
        SHA-256 of the model's file, the data's content, the vector's directions.
    cell : str
        Key of the cell in the store; for a number over all strengths, of the cells' keys one after the other.
    went_wrong : str
        What went wrong in the cells, and how often: JSON, empty where nothing did.
    per_example : float64, shape (n,)
        What the value summarises; not in files.
    """

    vector: str
    layers: str
    operation: str
    window: str
    data: str
    setting: str
    measurement: str
    metric: str
    coefficient: float | None
    value: float
    low: float
    high: float
    n: int
    failures: int
    unit: str
    better: str
    seed: int
    confidence: float
    is_training_data: bool
    model: str
    model_hash: str
    data_hash: str
    vector_hash: str
    cell: str
    reason: str = ""
    went_wrong: str = ""
    per_example: Float64Array = field(default_factory=lambda: np.empty(0), compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the columns; NaN and what is not there as None."""
        values = {name: getattr(self, name) for name in COLUMNS}
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}


COLUMNS = tuple(item.name for item in fields(Row) if item.name != "per_example")


@dataclass(frozen=True, eq=False)
class EvaluationTable:
    """What `pysteer.evaluate` returns.

    Parameters
    ----------
    rows : tuple of Row
        By measurement, data and setting; the unsteered model first, then arm by arm: strengths, then numbers over all.
    cells : mapping of str to Measured
        What the model did, item by item, by ``Row.cell``.
    """

    rows: tuple[Row, ...]
    cells: Mapping[str, Measured]

    def __len__(self) -> int:
        return len(self.rows)

    def select(self, **columns: object) -> tuple[Row, ...]:
        """Return the rows whose columns have these values: ``table.select(metric="steerability", data="test")``."""
        unknown = [name for name in columns if name not in COLUMNS]
        if unknown:
            raise MeasurementError(f"the table has no column {unknown[0]!r}; its columns: {', '.join(COLUMNS)}")
        return tuple(row for row in self.rows if all(getattr(row, name) == value for name, value in columns.items()))

    def one(self, **columns: object) -> Row:
        """Return the only row with these values; MeasurementError where there is none, or another one."""
        found = self.select(**columns)
        if len(found) != 1:
            raise MeasurementError(f"{len(found)} rows have {columns}; expected one")
        return found[0]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as JSON can hold them."""
        return [row.to_dict() for row in self.rows]

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the table as CSV, and write it to a file if one is given; numbers in full precision."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {k: "" if v is None else repr(v) if isinstance(v, float) else v for k, v in row.items()}
            for row in self.to_dicts()
        )
        if path is not None:
            write_whole(path, text.getvalue().encode("utf-8"))
        return text.getvalue()

    def to_pandas(self) -> pandas.DataFrame:
        """Return the table as a data frame; needs pandas (the extra ``tables``)."""
        try:
            import pandas
        except ImportError as error:
            raise MeasurementError("a data frame needs pandas: pip install 'pysteer-gguf[tables]'") from error
        return pandas.DataFrame({name: [getattr(row, name) for row in self.rows] for name in COLUMNS}).astype(
            {"coefficient": "float64"}
        )

    def to_parquet(self, path: str | Path) -> None:
        """Write the table as Parquet; needs pyarrow (the extra ``tables``)."""
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise MeasurementError("Parquet needs pyarrow: pip install 'pysteer-gguf[tables]'") from error
        kinds: Mapping[str, Any] = {
            **dict.fromkeys(("coefficient", "value", "low", "high", "confidence"), pyarrow.float64()),
            **dict.fromkeys(("n", "failures", "seed"), pyarrow.int64()),
            "is_training_data": pyarrow.bool_(),
        }
        schema = pyarrow.schema([(name, kinds.get(name, pyarrow.string())) for name in COLUMNS])
        buffer = io.BytesIO()
        parquet.write_table(pyarrow.Table.from_pylist(self.to_dicts(), schema=schema), buffer)
        write_whole(path, buffer.getvalue())


def listed_failures(cells: Sequence[Measured]) -> str:
    """Return what went wrong in some cells, summed, as JSON; empty where nothing did."""
    counts: dict[str, int] = {}
    for cell in cells:
        for reason, n in cell.failures.items():
            counts[reason] = counts.get(reason, 0) + n
    return json.dumps(counts, sort_keys=True, ensure_ascii=False) if counts else ""
