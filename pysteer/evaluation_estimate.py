"""How long will a run take, and how much memory? From the tokens it will compute, and a short probe of the model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.evaluation_plan import Unit
from pysteer.measurements import Subject, Work
from pysteer.model import Model

_PROBE_TOKENS = 128
_PROBE_OUTPUTS = 64
_PROBE_SEQUENCES = 8


@dataclass(frozen=True)
class Speed:
    """What a model computes here.

    Parameters
    ----------
    read_s : float
        Seconds for a token of a long batch.
    output_s : float
        Additional seconds for a token after which the next one is scored.
    generate_s : float
        Seconds for a token that is generated, several texts side by side.
    """

    read_s: float
    output_s: float
    generate_s: float

    def seconds(self, work: Work) -> float:
        """Return how long some work takes."""
        return self.read_s * work.n_tokens + self.output_s * work.n_outputs + self.generate_s * work.n_generated


@dataclass(frozen=True)
class Estimate:
    """What a run will cost.

    Parameters
    ----------
    n_cells, n_stored : int
        Cells of the grid, and those of them that the store has already.
    n_rows : int
        Strengths in the table, not counting numbers over all strengths.
    n_tokens, n_generated : int
        Tokens to read, and to generate at most.
    seconds : float
        At the speed of the probe. A generation that ends early makes it shorter.
    kv_bytes, logits_bytes, model_bytes : int
        Memory: keys and values of the largest session, its buffers for scored rows, and the model's file.
    n_unknown : int
        Cells of measurements that do not say what they compute; they are not in the numbers above.
    """

    n_cells: int
    n_stored: int
    n_rows: int
    n_tokens: int
    n_generated: int
    seconds: float
    kv_bytes: int
    logits_bytes: int
    model_bytes: int
    n_unknown: int

    def __str__(self) -> str:
        size = (self.kv_bytes + self.logits_bytes + self.model_bytes) / 2**20
        parts = [
            f"{self.n_cells - self.n_stored} of {self.n_cells} cells to compute",
            f"{self.n_tokens} tokens to read" + (f", up to {self.n_generated} to generate" if self.n_generated else ""),
            f"about {duration(self.seconds)}",
            f"about {size:.0f} MiB of memory (keys and values {self.kv_bytes / 2**20:.0f} MiB)",
        ]
        if self.n_unknown:
            parts.append(f"{self.n_unknown} cells of unknown cost not counted")
        return "; ".join(parts)


def duration(seconds: float) -> str:
    """Return a time for people: "40 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def estimate_units(
    subject: Subject, units: Sequence[Unit], *, n_cells: int, n_rows: int, speed: Speed | None = None
) -> Estimate:
    """Return what the units will cost.

    Parameters
    ----------
    n_cells, n_rows : int
        Of the whole grid.
    speed : Speed, optional
        Default: that of a probe, which takes about as long as reading 500 tokens.
    """
    works: list[Work] = []
    n_unknown = 0
    for unit in units:
        subject.setting = unit.group.setting
        measurement = unit.group.measurement
        steerings = [cell.steering for cell in unit.cells]
        if measurement.beside_base:
            steerings = [(), *(steering for steering in steerings if steering)]
        work = measurement.work(subject, unit.group.data, steerings)
        if work is None:
            n_unknown += len(unit.cells)
        else:
            works.append(work)
    measured = speed or (probe_speed(subject) if works else Speed(0.0, 0.0, 0.0))
    model = subject.model
    per_token = kv_bytes_per_token(model, subject.kv_type)
    return Estimate(
        n_cells=n_cells,
        n_stored=n_cells - sum(len(unit.cells) for unit in units),
        n_rows=n_rows,
        n_tokens=sum(work.n_tokens for work in works),
        n_generated=sum(work.n_generated for work in works),
        seconds=sum(measured.seconds(work) for work in works),
        kv_bytes=max((per_token * _padded(work.n_ctx) for work in works), default=0),
        logits_bytes=min(64 << 20, 4 * model.n_vocab * max((work.n_outputs for work in works), default=0)),
        model_bytes=model.native.n_bytes,
        n_unknown=n_unknown,
    )


def probe_speed(subject: Subject) -> Speed:
    """Return the speed of the model on this machine, from a few short batches."""
    model = subject.model
    n = min(_PROBE_TOKENS, max(8, model.n_ctx_train // 2))
    n_outputs = min(_PROBE_OUTPUTS, n // 2)
    session = subject.session(n_ctx=(n + 8) * _PROBE_SEQUENCES, n_sequences=_PROBE_SEQUENCES, n_outputs=n_outputs)
    tokens = (np.arange(n, dtype=np.int32) * 7 + 3) % model.n_vocab
    native = session.native

    def read(n_scored: int) -> float:
        native.clear()
        outputs = np.zeros(n, dtype=np.uint8)
        outputs[n - n_scored :] = 1
        begin = time.perf_counter()
        native.decode(tokens, np.arange(n, dtype=np.int32), np.zeros(n, dtype=np.int32), outputs=outputs)
        return time.perf_counter() - begin

    def step(position: int) -> float:
        rows = np.arange(_PROBE_SEQUENCES, dtype=np.int32)
        begin = time.perf_counter()
        native.decode(
            tokens[rows % n],
            np.full_like(rows, position),
            rows,
            outputs=np.ones(_PROBE_SEQUENCES, dtype=np.uint8),
            scored=False,
        )
        return time.perf_counter() - begin

    session.forget()
    read(1)  # the first run of a shape prepares graphs
    one, many = min(read(1), read(1)), min(read(n_outputs), read(n_outputs))
    session.forget()
    steps = [step(position) for position in range(4)]
    session.forget()
    output = max(0.0, many - one) / max(1, n_outputs - 1)
    return Speed(one / n, output, min(steps) / _PROBE_SEQUENCES)


def kv_bytes_per_token(model: Model, kv_type: str) -> int:
    """Return the bytes that keys and values of one token take in all blocks."""
    widths = {
        name: shape[0] for name, _, shape, _ in model.weights() if name.endswith(("attn_k.weight", "attn_v.weight"))
    }
    both = sum(widths.values())
    if not both:  # one matrix for queries, keys and values
        both = 2 * model.n_layers * model.d_model * model.n_heads_kv // model.n_heads
    return both * (4 if kv_type == "f32" else 2)


def _padded(n_ctx: int) -> int:
    """Return the cells that llama.cpp makes of a context of this length."""
    return -(-n_ctx // 256) * 256
