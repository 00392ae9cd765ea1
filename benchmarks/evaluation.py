"""How fast is measuring: all strengths of an item in one batch, shared prompts, KL without a second pass?

Speed does not depend on the weights, so the models are random GGUFs in the shapes of real ones. Both sides of every
ratio run in turns; the median of the turn-by-turn ratios is printed with its quartiles.

    python benchmarks/evaluation.py [--shape smollm2-135m] [--type Q8_0] [--repeats 5]

On a machine that is busy with other things, ``--threads 1 --cpu-time`` compares processor time instead of time.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import count as counter
from pathlib import Path

import llama_cpp
import numpy as np
from core import Row, a_vector, show
from plain_llama import PlainContext
from random_gguf import SHAPES, random_gguf
from rich.console import Console

import pysteer
from pysteer.intervention import Intervention
from pysteer.propensity import propensity_jobs, run_propensities
from pysteer.session import Session
from pysteer.steering_program import compile_interventions, steps
from pysteer.store import Cell, CellHead, RunStore, key_of
from pysteer.text_windows import measure_windows, text_windows
from pysteer.tree_run import Job, RunCount

MULTIPLIERS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)
N_NAIVE = 1  # items of the naive side in a turn; another one in each
WINDOW = 512
STRENGTHS = 8


class Clock:
    """Compares two sides in turns, by time or by processor time."""

    def __init__(self, repeats: int, *, is_cpu_time: bool) -> None:
        self.repeats = repeats
        self.now = time.process_time if is_cpu_time else time.perf_counter

    def in_turns(self, ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, str]:
        """Median over turns of (time of theirs / time of ours): our speed as a share of theirs."""
        ours(), theirs()
        ratios, seconds = [], []
        for turn in range(self.repeats):
            times = {}
            for side in (ours, theirs) if turn % 2 else (theirs, ours):
                begin = self.now()
                side()
                times[side] = self.now() - begin
            ratios.append(times[theirs] / times[ours])
            seconds.append((times[ours], times[theirs]))
        low, middle, high = statistics.quantiles(ratios, n=4)
        ours_s, theirs_s = (statistics.median(side) for side in zip(*seconds, strict=True))
        return middle, f"quartiles {low:.3g}-{high:.3g}; {ours_s * 1e3:.0f} ms against {theirs_s * 1e3:.0f} ms"


def ab_items(n: int) -> pysteer.Dataset:
    """A/B questions of about 80 tokens; the random models read letter by letter."""
    generator = np.random.default_rng(0)
    words = ["rain", "tea", "books", "walks", "music", "maps", "trains", "bread"]
    pairs = []
    for number in range(n):
        first, second = generator.choice(words, 2, replace=False)
        prompt = (
            f"Person {number:02d} is asked what is best.\n\nChoices:\n(A): {first} and talk\n(B): {second} and talk\n"
        )
        letters = ("(A)", "(B)") if number % 2 else ("(B)", "(A)")
        pairs.append(pysteer.ContrastPair(prompt.ljust(80), *letters))
    return pysteer.Dataset(tuple(pairs), "items")


def full_pass(session: Session, job: Job, tokens: np.ndarray) -> float:
    """One answer of one item at one multiplier, from the first token on: what the naive way does 14 times an item."""
    native, n = session.native, len(tokens)
    native.trim(0, 0)
    native.set_program(0, steps(job.steering, job.prompt_length))
    outputs = np.zeros(n, np.uint8)
    outputs[-3] = 1  # predicts the letter of "(A)"
    targets = tokens[-2:-1].astype(np.int32)
    decoded = native.decode(
        tokens, np.arange(n, dtype=np.int32), np.zeros(n, np.int32), outputs=outputs, targets=targets
    )
    return float(decoded.log_prob[0])


def steerability_row(
    model: pysteer.Model, window: str, wanted: float, n_items: int, clock: Clock, n_threads: int
) -> Row:
    vector = a_vector(model, range(model.n_layers // 2, model.n_layers // 2 + 4))
    pairs = ab_items(n_items)
    compiled = [
        compile_interventions([Intervention(vector, coefficient=c, window=pysteer.Window.parse(window))])
        for c in MULTIPLIERS
    ]
    plan = propensity_jobs(model, pairs, compiled, raw=True)
    answers = [[model.tokenize(text).ids for text in (pair.positive_text, pair.negative_text)] for pair in pairs]
    count, turn, n_turns = RunCount(), counter(), clock.repeats + 1
    with (
        Session(model, n_ctx=4096, n_batch=512, n_sequences=64, n_threads=n_threads) as session,
        Session(model, n_ctx=512, n_batch=256, n_sequences=1, n_threads=n_threads) as alone,
    ):

        def ours() -> None:
            fresh = propensity_jobs(model, pairs, compiled, raw=True)  # tokenizing is part of the work
            run_propensities(session, fresh, count=count)

        def naive() -> None:
            begin = next(turn) * N_NAIVE
            for item in (index % n_items for index in range(begin, begin + N_NAIVE)):
                for k in range(len(MULTIPLIERS)):
                    for tokens in answers[item]:
                        full_pass(alone, plan.jobs[item * len(MULTIPLIERS) + k], tokens)

        speed, detail = clock.in_turns(ours, naive)
    factor = speed * n_items / N_NAIVE
    n_naive = sum(len(tokens) for item in answers for tokens in item) * len(MULTIPLIERS)
    return Row(
        f"steerability, {n_items} A/B items x 7 multipliers, window {window}: times faster than 14 passes",
        factor,
        f">= {wanted:g}",
        factor >= wanted,
        f"{detail} for {N_NAIVE} item; {count.tokens // n_turns} tokens against {n_naive}",
    )


def plain_windows(plain: PlainContext, windows: list[np.ndarray], n_scored: int) -> None:
    """Prefill of each window with logits for its last ``n_scored`` tokens."""
    for tokens in windows:
        plain.clear()
        n = len(tokens)
        batch = llama_cpp.llama_batch_init(n, 0, 1)
        batch.n_tokens = n
        for i in range(n):
            batch.token[i], batch.pos[i], batch.n_seq_id[i] = int(tokens[i]), i, 1
            batch.seq_id[i][0] = 0
            batch.logits[i] = i >= n - n_scored
        status = llama_cpp.llama_decode(plain.context, batch)
        llama_cpp.llama_synchronize(plain.context)
        llama_cpp.llama_batch_free(batch)
        assert status == 0


def perplexity_rows(model: pysteer.Model, clock: Clock, n_threads: int) -> list[Row]:
    text = "".join(chr(97 + (i * i) % 26) for i in range(WINDOW))
    windows = text_windows(model, text, WINDOW)
    rows = []
    plain = PlainContext(model.path, n_ctx=WINDOW, n_batch=WINDOW, n_threads=n_threads)
    with Session(model, n_ctx=WINDOW, n_batch=WINDOW, n_sequences=1, n_threads=n_threads) as session:
        cut = [window.tokens for window in windows]
        for name, n_scored, wanted in (
            ("perplexity / plain prefill with the same logits", WINDOW // 2, 0.95),
            ("perplexity / plain prefill with the last token's logits only", 1, None),
        ):
            ratio, detail = clock.in_turns(
                lambda: list(measure_windows(session, windows, [])),
                lambda n_scored=n_scored: plain_windows(plain, cut, n_scored),
            )
            holds = wanted is None or ratio >= wanted
            rows.append(Row(name, ratio, "" if wanted is None else f">= {wanted}", holds, f"{detail}; window {WINDOW}"))
    plain.close()
    return rows


class Unscored:
    """Stands in for a session's native part: computes the same batches with the same logits, but looks at none."""

    def __init__(self, session: Session) -> None:
        self.real = session.native

    def decode(self, tokens: np.ndarray, *arguments: object, **options: object) -> object:
        for name in ("targets", "references"):
            options.pop(name)
        self.real.decode(tokens, *arguments, **options, scored=False)
        n = int(np.count_nonzero(options["outputs"]))

        class Nothing:
            log_prob = entropy = kl = np.zeros(n, np.float32)
            top_id = np.zeros(n, np.int32)

        return Nothing

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


def side_by_side_row(model: pysteer.Model, clock: Clock, n_threads: int) -> Row:
    vector = a_vector(model, range(1, model.n_layers))
    steerings = [compile_interventions([Intervention(vector, coefficient=0.1 * (k + 1))]) for k in range(STRENGTHS)]
    window = 128
    windows = text_windows(model, "".join(chr(97 + (i * i) % 26) for i in range(window)), window)
    n_side = STRENGTHS + 1
    with Session(model, n_ctx=window * n_side, n_batch=512, n_sequences=n_side, n_threads=n_threads) as session:
        real, unscored = session.native, Unscored(session)

        def ours() -> None:
            session._native = real
            list(measure_windows(session, windows, steerings))

        def passes() -> None:
            session._native = unscored  # type: ignore[assignment]
            list(measure_windows(session, windows, steerings))
            session._native = real

        speed, detail = clock.in_turns(ours, passes)
    cost = 1.0 / speed
    return Row(
        f"NLL and KL at {STRENGTHS} strengths and none / the passes alone",
        cost,
        "<= 1.05",
        cost <= 1.05,
        f"{detail}; window {window}",
    )


def store_row(repeats: int) -> Row:
    """Seconds that writing a unit of 8 cells of 500 items takes, flushed to disk."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder, RunStore(Path(folder) / "runs.sqlite") as store:
        for number in range(10 * repeats):
            cells = []
            for k in range(8):
                identity = {"number": number, "k": k}
                head = CellHead(key_of(identity), identity, {}, 0.0, 0)
                cells.append(Cell(head, {"values": np.arange(500.0)}, {"details": {}, "failures": {}}))
            begin = time.perf_counter()
            store.put(cells)
            seconds.append(time.perf_counter() - begin)
    middle = 1e3 * float(np.median(seconds))
    return Row("store: writing 8 cells of 500 items, ms", middle, "<= 50", middle <= 50, f"{10 * repeats} times")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="smollm2-135m")
    parser.add_argument("--type", choices=["F32", "Q8_0", "Q4_0"], default="Q8_0")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--items", type=int, default=50, help="A/B items")
    parser.add_argument("--only", action="append", choices=["perplexity", "side-by-side", "answer", "all", "store"])
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    )
    parser.add_argument("--cpu-time", action="store_true", help="compare processor time, best with --threads 1")
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "pysteer-benchmarks")
    arguments = parser.parse_args()
    logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # llama.cpp's log of the plain contexts
    arguments.models.mkdir(parents=True, exist_ok=True)
    path = arguments.models / f"{arguments.shape}-{arguments.type}.gguf"
    if not path.exists():
        random_gguf(path, SHAPES[arguments.shape], arguments.type, seed=0)
    model = pysteer.Model.load(path)
    clock = Clock(arguments.repeats, is_cpu_time=arguments.cpu_time)
    items, threads = arguments.items, arguments.threads
    parts: dict[str, Callable[[], list[Row]]] = {
        "perplexity": lambda: perplexity_rows(model, clock, threads),
        "side-by-side": lambda: [side_by_side_row(model, clock, threads)],
        "answer": lambda: [steerability_row(model, "answer", 10.0, items, clock, threads)],
        "all": lambda: [steerability_row(model, "all", 1.8, items, clock, threads)],
        "store": lambda: [store_row(arguments.repeats)],
    }
    rows = [row for name in arguments.only or parts for row in parts[name]()]
    show(f"{arguments.shape}, {arguments.type}, {arguments.threads} threads", rows, Console(width=170))


if __name__ == "__main__":
    main()
