"""The studies' results as a Markdown table: one line a study, model and claim, from the CSV files in ``results``.

python benchmarks/effects/table.py
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def read(folder: Path) -> dict[tuple[str, str, str], list[dict[str, str]]]:
    """Return the lines of all files by study, model and claim; a line over data sets stands behind those it sums up."""
    found: dict[tuple[str, str, str], list[dict[str, str]]] = {}
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                claim = row["claim"].split(", over ")[0]
                found.setdefault((row["study"], row["model"], claim), []).append(row)
    return found


def main() -> None:
    print("| study | model | claim | data sets | confirmed, refuted, inconclusive | mean difference, 95 % interval |")
    print("|---|---|---|---:|---|---|")
    for (study, model, claim), rows in read(RESULTS).items():
        sets = [row for row in rows if row["data"] != "all of them"]
        last = rows[-1]
        verdicts = Counter(row["verdict"] for row in sets)
        counts = ", ".join(str(verdicts[name]) for name in ("confirmed", "refuted", "inconclusive"))
        low, value, high = (float(last[name]) for name in ("low", "value", "high"))
        print(
            f"| {study} | {model} | {claim} | {len(sets)} | {counts} | {value:+.3g} ({low:+.3g} to {high:+.3g}) "
            f"{last['unit']}; **{last['verdict']}** |"
        )


if __name__ == "__main__":
    main()
