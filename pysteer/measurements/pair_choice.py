"""How often, and how surely, does the model choose the wanted answer of a contrast pair?

Source: Tan et al. 2024, arXiv:2407.12404 (accuracy, normalised positive probability); Rimsky et al. 2023,
arXiv:2312.06681 (``P(match) / (P(A) + P(B))``). Also the A/B versions of TruthfulQA and MMLU, whose wanted answer is
the right one, and the choice-type behaviour rate of arXiv:2505.03189.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pysteer.measurements.measured import About, Measured, Result
from pysteer.measurements.measurement import measurements
from pysteer.measurements.metric_scores import measured_rows, scored
from pysteer.measurements.steerability import Steerability


@measurements.register("pair_choice")
@dataclass(frozen=True)
class PairChoice(Steerability):
    """Share of pairs whose wanted answer is the more probable one, and its probability normalised over both."""

    depends_on = (*Steerability.depends_on, "pysteer.measurements.steerability")  # type: ignore[assignment]

    asks_as = Steerability

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        preference = measured.values["propensity"]
        # Both metrics depend on the difference of the log-probabilities alone.
        table = np.stack([preference, np.zeros_like(preference)], axis=1)
        known = measured_rows(table)
        n, failures = int(known.sum()), int((~known).sum())
        given: dict[str, Any] = {"log_probs": table[known], "answers": np.zeros(n, dtype=np.int64)}
        return [
            scored(metric, about, n_items=n, failures=failures, **given)
            for metric in ("choice_behaviour_rate", "choice_probability")
        ]

    def curves(self, coefficients: Sequence[float], measured: Sequence[Measured], about: About) -> list[Result]:
        """None: slopes are those of `steerability`."""
        return []
