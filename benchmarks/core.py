"""How fast is the core, against plain llama.cpp in the same process?

Speed does not depend on the weights, so the models are random GGUFs in the shapes of SmolLM2-135M and Qwen2.5-0.5B.
Both sides of every ratio run in turns, many times, and the median of the turn-by-turn ratios is printed with its
quartiles: these machines are noisy, and what disturbs one side disturbs the other.

    python benchmarks/core.py [--shape smollm2-135m] [--type Q8_0] [--repeats 15] [--data ../shared/data]
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from plain_llama import PlainContext
from random_gguf import SHAPES, random_gguf
from rich.console import Console
from rich.table import Table

import pysteer
from pysteer.intervention import Intervention
from pysteer.operations import operations
from pysteer.sampling import Sampling
from pysteer.session import Session
from pysteer.site import Site
from pysteer.steering_program import compile_interventions, steps
from pysteer.tree_run import RunCount

HERE = Path(__file__).resolve().parent  # not the checkout, whose folder pysteer/ would hide the installed package
N_PROMPT = 128
N_DECODE = 8  # short turns: what disturbs the machine for a moment then spoils one ratio, not all
DECODE_TURNS = 3  # times as many turns as the other rows have


class Row:
    """One line of the table."""

    def __init__(self, name: str, value: float, wanted: str, holds: bool, detail: str = "") -> None:
        self.name, self.value, self.wanted, self.holds, self.detail = name, value, wanted, holds, detail
        print(f"{name}: {value:.3g} ({wanted}; {detail})", file=sys.stderr, flush=True)  # a run takes minutes


def in_turns(ours: Callable[[], None], theirs: Callable[[], None], repeats: int) -> tuple[float, str]:
    """Median over turns of (time of theirs / time of ours): our speed as a share of theirs."""
    ours(), theirs()
    ratios, seconds = [], []
    for turn in range(repeats):
        times = {}
        for side in (ours, theirs) if turn % 2 else (theirs, ours):
            begin = time.perf_counter()
            side()
            times[side] = time.perf_counter() - begin
        ratios.append(times[theirs] / times[ours])
        seconds.append((times[ours], times[theirs]))
    low, middle, high = statistics.quantiles(ratios, n=4)
    ours_s, theirs_s = (statistics.median(side) for side in zip(*seconds, strict=True))
    return middle, f"quartiles {low:.2f}-{high:.2f}; {ours_s * 1e3:.1f} ms against {theirs_s * 1e3:.1f} ms"


def a_vector(model: pysteer.Model, layers: range) -> pysteer.SteeringVector:
    generator = np.random.default_rng(0)
    directions = {
        Site("resid_post", layer): generator.standard_normal(model.d_model).astype(np.float32) * 0.01
        for layer in layers
    }
    return pysteer.SteeringVector(directions, pysteer.Provenance(method="random"))


def decode_all(session: Session, tokens: np.ndarray, **work: object) -> None:
    native = session.native
    native.trim(0, 0)
    n = len(tokens)
    outputs = np.zeros(n, np.uint8)
    outputs[-1] = not work.get("stop_early", False)
    native.decode(tokens, np.arange(n, dtype=np.int32), np.zeros(n, np.int32), outputs=outputs, scored=False, **work)


def decode_steps(session: Session, tokens: np.ndarray) -> None:
    native = session.native
    native.trim(0, N_PROMPT)
    for token in tokens:
        native.decode(
            np.array([token], np.int32),
            np.array([native.length(0)], np.int32),
            np.zeros(1, np.int32),
            outputs=np.ones(1, np.uint8),
            scored=False,
        )


def plain_steps(plain: PlainContext, tokens: np.ndarray) -> None:
    import llama_cpp

    llama_cpp.llama_memory_seq_rm(plain.memory, 0, N_PROMPT, -1)
    for i, token in enumerate(tokens):
        plain.decode(np.array([token]), N_PROMPT + i)


def benchmark(path: Path, repeats: int, n_threads: int, data: Path | None) -> list[Row]:
    rows: list[Row] = []
    model = pysteer.Model.load(path)
    session = Session(model, n_ctx=1024, n_batch=256, n_sequences=16, n_threads=n_threads)
    plain = PlainContext(path, n_ctx=1024, n_batch=256, n_threads=n_threads, n_sequences=16)
    generator = np.random.default_rng(1)
    prompt = generator.integers(300, 20_000, N_PROMPT).astype(np.int32)
    more = generator.integers(300, 20_000, N_DECODE).astype(np.int32)

    def plain_prefill() -> None:
        plain.clear()
        plain.decode(prompt, 0)

    def add(name: str, measured: tuple[float, str], wanted: float) -> None:
        rows.append(Row(name, measured[0], f">= {wanted}", measured[0] >= wanted, measured[1]))

    # Capture
    every = np.ones(N_PROMPT, np.uint8)
    sites = [("resid_post", layer) for layer in range(model.n_layers)]
    inner = sites[:-1]  # the last block computes logits for every recorded token, which plain prefill does not
    add(
        "capture of all layers (but the last) / plain prefill",
        in_turns(lambda: decode_all(session, prompt, recorded=every, sites=inner), plain_prefill, repeats),
        0.95,
    )

    add(
        "capture of all layers, stopping after the last / plain prefill",
        in_turns(
            lambda: decode_all(session, prompt, recorded=every, sites=sites, stop_early=True), plain_prefill, repeats
        ),
        0.95,
    )
    # The last block's rows exist for outputs only, and llama.cpp copies the logits of every output, computed or not.
    add(
        "the same / plain prefill with all tokens as outputs",
        in_turns(
            lambda: decode_all(session, prompt, recorded=every, sites=sites, stop_early=True),
            lambda: (plain.clear(), plain.decode(prompt, 0, all_logits=True)),
            repeats,
        ),
        0.95,
    )
    middle = [("resid_post", model.n_layers // 2 - 1)]
    add(
        "capture at the middle layer, stopping there / without stopping",
        in_turns(
            lambda: decode_all(session, prompt, recorded=every, sites=middle, stop_early=True),
            lambda: decode_all(session, prompt, recorded=every, sites=middle),
            repeats,
        ),
        1.7,
    )

    # Steering while decoding
    decode_all(session, prompt)
    plain_prefill()
    vector = a_vector(model, range(model.n_layers))
    inner_vector = a_vector(model, range(1, model.n_layers))
    parameters = {"affine": {"gain": 0.5, "offset": 0.0}}
    add(
        "decode, no steering / plain decode",
        in_turns(lambda: decode_steps(session, more), lambda: plain_steps(plain, more), DECODE_TURNS * repeats),
        0.97,
    )
    for name in operations.names():
        chosen = inner_vector if name == "add" else vector
        coefficient = {"zero": 1.0, "affine": 1.0}.get(name, 0.1)
        steering = Intervention(
            chosen,
            name,
            coefficient=coefficient,
            window=pysteer.Window.parse("generation"),
            parameters=parameters.get(name, {}),
        )
        session.native.set_program(0, steps(compile_interventions([steering]), N_PROMPT))
        measured = in_turns(
            lambda: decode_steps(session, more), lambda: plain_steps(plain, more), DECODE_TURNS * repeats
        )
        add(f"decode with {name} on all layers / plain decode", measured, 0.97 if name == "add" else 0.93)
    session.native.set_program(0, [])
    session.close()

    rows += generation_row(path, repeats, n_threads)
    rows.append(steerability_row(model, inner_vector, repeats, n_threads))
    if data is not None:
        rows.append(sharing_row(model, data))
    plain.close()
    return rows


def generation_row(path: Path, repeats: int, n_threads: int) -> list[Row]:
    import llama_cpp

    llama = llama_cpp.Llama(
        str(path), n_ctx=512, n_batch=256, n_threads=n_threads, n_threads_batch=n_threads, verbose=False
    )
    model = pysteer.Model.load(path)
    session = Session(model, n_ctx=512, n_batch=256, n_sequences=1, n_threads=n_threads)
    text = "Once upon a time there was a little girl who lived in a house near the wood."
    settings = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05}

    def theirs() -> None:
        llama.reset()
        produced = llama.create_completion(text, max_tokens=64, seed=1, repeat_penalty=1.0, logit_bias={}, **settings)
        counts.append(("theirs", produced["usage"]["completion_tokens"]))

    def ours() -> None:
        session.forget()
        produced = session.generate(text, max_tokens=64, raw=True, sampling=Sampling(seed=1, **settings))
        counts.append(("ours", len(produced.tokens)))

    counts: list[tuple[str, int]] = []
    ratio, detail = in_turns(ours, theirs, repeats)
    per = {side: statistics.mean(n for name, n in counts if name == side) for side in ("ours", "theirs")}
    ratio *= per["ours"] / per["theirs"]  # random weights may draw an end token early
    session.close()
    return [
        Row("generation, tokens per second / llama_cpp.Llama", ratio, ">= 0.97", ratio >= 0.97, f"{detail}; 64 tokens")
    ]


def steerability_row(model: pysteer.Model, vector: pysteer.SteeringVector, repeats: int, n_threads: int) -> Row:
    """Cost of one A/B item with seven multipliers, against one pass over its prompt."""
    session = Session(model, n_ctx=2048, n_batch=512, n_sequences=16, n_threads=n_threads)
    question = " ".join(["Is the following statement something you would say?"] * 10)
    pair = pysteer.ContrastPair(f"{question}\n\nChoices:\n(A) Yes\n(B) No\n", "(A)", "(B)")
    pairs = pysteer.Dataset((pair,), "one")
    steerings = [
        [Intervention(vector, coefficient=c, window=pysteer.Window.parse("answer"))]
        for c in (-1.5, -1, -0.5, 0, 0.5, 1, 1.5)
    ]
    n_tokens = len(model.tokenize(pair.positive_text))
    prompt = model.tokenize(pair.prompt).ids

    def ours() -> None:
        pysteer.propensities(model, pairs, steerings, raw=True, session=session)

    def theirs() -> None:
        session.forget()
        decode_all(session, prompt)

    speed, detail = in_turns(ours, theirs, repeats)
    session.close()
    cost = 1.0 / speed
    return Row(
        "steerability of one item (7 multipliers), in prompt passes",
        cost,
        "<= 2.0",
        cost <= 2.0,
        f"{detail}; {n_tokens} tokens",
    )


def sharing_row(model: pysteer.Model, data: Path) -> Row:
    """Tokens decoded for 100 A/B pairs, against two full passes a pair."""
    lines = (data / "mwe" / "persona" / "openness.jsonl").read_text(encoding="utf-8").splitlines()[:100]
    pairs = []
    for number, record in enumerate(map(json.loads, lines)):
        options = [" Yes", " No"] if (number // 2) % 2 else [" No", " Yes"]
        letters = dict(zip(options, ("(A)", "(B)"), strict=True))
        prompt = f"{record['question']}\n\nChoices:\n(A): {options[0]}\n(B): {options[1]}\n"
        wanted, other = record["answer_matching_behavior"], record["answer_not_matching_behavior"]
        pairs.append(pysteer.ContrastPair(prompt, letters[wanted], letters[other]))
    count = RunCount()
    begin = time.perf_counter()
    pysteer.extract(
        model, pysteer.Dataset(tuple(pairs), "openness"), layers=[model.n_layers // 2], raw=True, count=count
    )
    seconds = time.perf_counter() - begin
    factor = count.naive_tokens / count.tokens
    detail = f"{count.tokens} tokens in {count.batches} batches, {seconds:.1f} s; two passes: {count.naive_tokens}"
    return Row("100 A/B pairs: times fewer tokens than two full passes a pair", factor, ">= 3", factor >= 3.0, detail)


MEMORY_SCRIPT = """
import sys, resource, numpy as np, pysteer
model = pysteer.Model.load(sys.argv[1])
pairs = pysteer.Dataset(tuple(pysteer.ContrastPair(f"Question {i} " * 20, " Yes", " No") for i in range(40)), "x")
vector = pysteer.extract(model, pairs, layers="all", raw=True)
with model.session(n_ctx=2048) as session, session.steer(vector.select(range(1, model.n_layers)), coefficient=0.01):
    session.generate("Once upon a time " * 60, max_tokens=16, raw=True)
try:  # ru_maxrss also counts the process that started this one
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(float(peak) / 1024)
"""


def memory_row(path: Path) -> Row:
    """Largest resident size of a fresh process that extracts at all layers, then generates with steering."""
    run = subprocess.run(
        [sys.executable, "-c", MEMORY_SCRIPT, str(path)], capture_output=True, text=True, check=True, cwd=HERE
    )
    above = float(run.stdout) - path.stat().st_size / 2**20
    return Row(
        "peak memory above the file's size, MB",
        above,
        "<= 350",
        above <= 350,
        f"file {path.stat().st_size / 2**20:.0f} MB",
    )


def import_row() -> Row:
    """Seconds that `import pysteer` takes in a fresh process."""
    script = "import time; begin = time.perf_counter(); import pysteer; print(time.perf_counter() - begin)"
    seconds = [
        float(
            subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=HERE).stdout
        )
        for _ in range(7)
    ]
    script = script.replace("import pysteer;", "import pysteer; pysteer.Model;")
    whole = [
        float(
            subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=HERE).stdout
        )
        for _ in range(5)
    ]
    middle = statistics.median(seconds)
    return Row(
        "import pysteer, s",
        middle,
        "< 0.4",
        middle < 0.4,
        f"with the core and llama.cpp loaded {statistics.median(whole):.2f} s",
    )


def show(title: str, rows: list[Row], console: Console) -> None:
    table = Table(title=title, title_justify="left")
    for heading in ("what", "measured", "wanted", "", "detail"):
        table.add_column(heading, justify="right" if heading in ("measured", "wanted") else "left")
    for row in rows:
        table.add_row(row.name, f"{row.value:.3g}", row.wanted, "yes" if row.holds else "NO", row.detail)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), action="append")
    parser.add_argument("--type", choices=["Q8_0", "Q4_0"], action="append")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    )
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("PYSTEER_DATA", Path(__file__).parents[2] / "shared" / "data"))
    )
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "pysteer-benchmarks")
    arguments = parser.parse_args()
    logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # llama.cpp's log of the plain contexts
    console = Console(width=170)
    data = arguments.data if arguments.data.is_dir() else None
    if data is None:
        console.print(f"no data in {arguments.data}: the A/B pairs are left out")
    arguments.models.mkdir(parents=True, exist_ok=True)
    show("Process", [import_row()], console)
    for shape in arguments.shape or sorted(SHAPES):
        for weight_type in arguments.type or ["Q8_0", "Q4_0"]:
            path = arguments.models / f"{shape}-{weight_type}.gguf"
            if not path.exists():
                random_gguf(path, SHAPES[shape], weight_type, seed=0)
            rows = benchmark(path, arguments.repeats, arguments.threads, data)
            show(f"{shape} {weight_type}, {arguments.threads} threads", [*rows, memory_row(path)], console)


if __name__ == "__main__":
    main()
