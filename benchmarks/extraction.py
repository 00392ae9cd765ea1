"""How fast are the methods that find a direction?

Speed does not depend on the weights, so the models are random GGUFs in the shapes of real ones.

    python benchmarks/extraction.py [--shape smollm2-135m] [--type Q8_0] [--trials 25] [--naive-heads 6] [--only PART]

The A/B pairs are the model-written evaluations in ``$PYSTEER_DATA/mwe`` (else ``../shared/data``). The random model
reads letter by letter, so its prompts are longer than a trained model's; ratios do not depend on that.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from core import Row, show
from random_gguf import SHAPES, random_gguf
from rich.console import Console

import pysteer
from pysteer.contrast_rows import read_contrast
from pysteer.extractors import extractors
from pysteer.formats.word_pairs import WordPair
from pysteer.function_vectors import (
    HeadActivations,
    IclPrompt,
    IclTemplate,
    draw_prompts,
    indirect_effects,
    mean_head_activations,
    scan_session,
    tokenize_prompt,
)
from pysteer.native import core
from pysteer.pair_text import answer_pair
from pysteer.session import Session
from pysteer.site import Site
from pysteer.tree_run import RunCount
from pysteer.window import OPEN_END

N_SHOTS = 10
LETTERS = "bcdfghjkmnprstvw"
# Short words and a short template, since the random model reads letter by letter: 10 shots and a query are 85 tokens.
SHORT = IclTemplate("Q", "\n", "A", "\n")
WORDS = tuple(WordPair(a, b) for a in LETTERS for b in LETTERS if a < b)


def full_prompt_with_replacement(
    session: Session, prompt: IclPrompt, means: HeadActivations, layer: int, head: int
) -> float:
    """The naive side: one head replaced, the whole prompt computed; returns p(answer)."""
    native, question = session.native, tokenize_prompt(session.model, prompt)
    n = len(question.tokens)
    edit = core.Edit.replace(head * means.head_dim, np.ascontiguousarray(means.mean[layer, head]))
    native.trim(0, 0)
    native.set_program(0, [core.Step("head_out", layer, edit, n - 1, OPEN_END)])
    decoded = native.decode(
        question.tokens,
        np.arange(n, dtype=np.int32),
        np.zeros(n, dtype=np.int32),
        outputs=np.arange(n) == n - 1,
        targets=np.array([question.target], dtype=np.int32),
    )
    return float(np.exp(decoded.log_prob[0]))


def scan_rows(model: pysteer.Model, n_trials: int, n_naive: int, n_threads: int) -> list[Row]:
    """Time a full scan of all heads, and a full prompt per head in turns with it."""
    pool, queries = WORDS[:90], WORDS[90:]
    right = draw_prompts(pool, queries, n_prompts=10, n_shots=N_SHOTS, seed=0, template=SHORT)
    wrong = draw_prompts(pool, queries, n_prompts=n_trials, n_shots=N_SHOTS, seed=1, shuffled=True, template=SHORT)
    lengths = [len(tokenize_prompt(model, prompt).tokens) for prompt in wrong]
    n_heads = model.n_layers * model.n_heads
    means = mean_head_activations(model, right)
    generator = np.random.default_rng(0)
    count = RunCount()
    model.hash  # noqa: B018  (hashing the file is not part of the scan)
    scans, naive, differences, sizes = [], [], [], []
    with (
        scan_session(model, max(lengths), n_heads, n_threads=n_threads) as session,
        Session(model, n_ctx=512, n_batch=256, n_sequences=1, n_threads=n_threads, kv_type="f32") as alone,
    ):
        indirect_effects(model, wrong[:1], means, session=session)  # the first run of a shape prepares graphs
        full_prompt_with_replacement(alone, wrong[0], means, 0, 0)
        for prompt in wrong:
            begin = time.perf_counter()
            effects = indirect_effects(model, [prompt], means, session=session, count=count)
            scans.append(time.perf_counter() - begin)
            sizes.append(float(np.median(np.abs(effects.cie)) / effects.clean[0]))
            begin = time.perf_counter()
            for _ in range(n_naive):
                layer, head = int(generator.integers(model.n_layers)), int(generator.integers(model.n_heads))
                p = full_prompt_with_replacement(alone, prompt, means, layer, head)
                differences.append(abs(p - effects.clean[0] - effects.cie[0, layer, head]) / effects.clean[0])
            naive.append((time.perf_counter() - begin) / n_naive)
    ratios = [n_heads * a_prompt / scan for a_prompt, scan in zip(naive, scans, strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    detail = (
        f"median of trials, quartiles {low:.1f}-{high:.1f}; a trial {1e3 * statistics.median(scans):.0f} ms, a full "
        f"prompt {1e3 * statistics.median(naive):.0f} ms ({n_naive} beside each trial); all trials {sum(scans):.0f} s"
    )
    tokens = (
        f"{n_trials} trials, {n_heads} heads, prompts of {min(lengths)} to {max(lengths)} tokens; "
        f"{count.tokens} tokens in {count.batches} batches of rows against {count.naive_tokens}"
    )
    fewer = count.naive_tokens / count.tokens
    worst = max(differences)
    return [
        Row("head scan: times faster than a full prompt per head", ratio, ">= 40", ratio >= 40, detail),
        Row("head scan: times fewer tokens", fewer, ">= 40", fewer >= 40, tokens),
        Row(
            "head scan: largest difference from the full prompt, of p(answer)",
            worst,
            "<= 0.05",
            worst <= 0.05,
            f"a row in a batch and alone; median {statistics.median(differences):.1e}, while the median head changes "
            f"p(answer) by {statistics.median(sizes):.1e} of it",
        ),
    ]


def ab_pairs(data: Path, n: int) -> pysteer.Dataset:
    """Return A/B items of as many questionnaires as are needed."""
    pairs: list[pysteer.ContrastPair] = []
    for file in sorted((data / "mwe" / "persona").glob("*.jsonl")):
        pairs += pysteer.load_pairs(file)
        if len(pairs) >= n:
            break
    return pysteer.Dataset(tuple(dict.fromkeys(pairs))[:n], f"{n} A/B pairs")


def mean_difference_rows(model: pysteer.Model, data: Path, n_threads: int, clock: Callable[[], float]) -> list[Row]:
    """Mean difference at the middle layer over 40 pairs, in turns with two full passes a pair, one text at a time."""
    pairs, layer = ab_pairs(data, 40), model.n_layers // 2
    texts = [side for pair in pairs for side in answer_pair(model, pair, raw=True)]
    count = RunCount()
    ours, theirs, ratios = [], [], []
    with (
        Session(model, n_ctx=4096, n_sequences=64, n_threads=n_threads) as session,
        Session(model, n_ctx=1024, n_sequences=1, n_threads=n_threads) as alone,
    ):
        for turn in range(4):
            begin = clock()
            count = RunCount()
            pysteer.extract(model, pairs, layers=[layer], token="letter", raw=True, session=session, count=count)
            ours.append(clock() - begin)
            begin = clock()
            for text in texts:
                alone.native.trim(0, 0)
                n = len(text.tokens)
                alone.native.decode(
                    text.tokens.ids,
                    np.arange(n, dtype=np.int32),
                    np.zeros(n, dtype=np.int32),
                    outputs=np.arange(n) == n - 1,
                    recorded=np.arange(n) == text.letter_index(),
                    sites=[("resid_post", layer)],
                )
            theirs.append(clock() - begin)
            if turn:  # the first one prepares graphs
                ratios.append(theirs[-1] / ours[-1])
    ratio, fewer = statistics.median(ratios), count.naive_tokens / count.tokens
    detail = (
        f"{statistics.median(ours[1:]):.2f} s against {statistics.median(theirs[1:]):.2f} s, median of 3 turns "
        f"({min(ratios):.1f} to {max(ratios):.1f}); block {layer} of {model.n_layers}"
    )
    tokens = f"{count.tokens} tokens in {count.batches} batches against {count.naive_tokens} in {len(texts)}"
    shorter = count.naive_tokens * model.n_layers / (count.tokens * (layer + 1))
    return [
        Row(
            "mean difference, 40 A/B pairs: times faster than two full passes a pair", ratio, ">= 4", ratio >= 4, detail
        ),
        Row("mean difference, 40 A/B pairs: times fewer tokens", fewer, ">= 2", fewer >= 2, tokens),
        Row(
            "mean difference, 40 A/B pairs: times fewer tokens times blocks",
            shorter,
            ">= 4",
            shorter >= 4,
            f"nothing is computed behind block {layer}",
        ),
    ]


def pca_row(model: pysteer.Model, data: Path, n_threads: int, clock: Callable[[], float]) -> Row:
    """Share of linear algebra in a PCA at all layers."""
    pairs = ab_pairs(data, 500)
    sites = [Site("resid_post", layer) for layer in range(model.n_layers)]
    with Session(model, n_ctx=4096, n_sequences=64, n_threads=n_threads) as session:
        begin = clock()
        contrast = read_contrast(
            model, pairs, rules=["letter"], sites=sites, means_only=False, raw=True, session=session
        )
        reading = clock() - begin
    begin = clock()
    for site in sites:
        extractors.get("pca")(*contrast.rows["letter", site])
    algebra = clock() - begin
    share = algebra / (algebra + reading)
    detail = f"{algebra:.2f} s of {algebra + reading:.1f} s; {model.n_layers} layers, {len(pairs)} pairs"
    return Row("PCA, all layers, 500 pairs: share of linear algebra", share, "< 0.1", share < 0.1, detail)


MEMORY_SCRIPT = """
import sys, pysteer
model, n = pysteer.Model.load(sys.argv[1]), int(sys.argv[2])
pairs = pysteer.Dataset(tuple(pysteer.ContrastPair(f"Is {i}", " so", " no") for i in range(n)), "numbers")
pysteer.extract(model, pairs, layers="0:4", token="last", raw=True)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def memory_rows(path: Path) -> list[Row]:
    """Peak memory of a fresh process whose method needs means only, at 100, 1 000 and 10 000 pairs."""
    peaks = {}
    for n in (100, 1_000, 10_000):
        run = subprocess.run(
            [sys.executable, "-c", MEMORY_SCRIPT, str(path), str(n)], capture_output=True, text=True, check=True
        )
        peaks[n] = float(run.stdout) / 1024
    ratio = peaks[10_000] / peaks[100]
    detail = ", ".join(f"{n} pairs {peak:.0f} MB" for n, peak in peaks.items()) + "; VmHWM, model included"
    return [Row("mean difference: peak memory at 10 000 pairs / at 100", ratio, "<= 1.25", ratio <= 1.25, detail)]


PARTS = ("scan", "mean", "pca", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=sorted(SHAPES), default="smollm2-135m")
    parser.add_argument("--type", choices=["F32", "Q8_0", "Q4_0"], default="Q8_0")
    parser.add_argument("--trials", type=int, default=25)
    parser.add_argument("--naive-heads", type=int, default=6, help="full prompts timed beside each trial")
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    )
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--cpu-time", action="store_true", help="seconds of CPU, for machines that others use, too")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("PYSTEER_DATA", Path(__file__).parents[2] / "shared" / "data"))
    )
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "pysteer-benchmarks")
    arguments = parser.parse_args()
    arguments.models.mkdir(parents=True, exist_ok=True)
    path = arguments.models / f"{arguments.shape}-{arguments.type}.gguf"
    if not path.exists():
        random_gguf(path, SHAPES[arguments.shape], arguments.type, seed=0)
    model = pysteer.Model.load(path)
    parts = arguments.only or PARTS
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    rows: list[Row] = []
    if "scan" in parts:
        rows += scan_rows(model, arguments.trials, arguments.naive_heads, arguments.threads)
    if "mean" in parts:
        rows += mean_difference_rows(model, arguments.data, arguments.threads, clock)
    if "pca" in parts:
        rows.append(pca_row(model, arguments.data, arguments.threads, clock))
    if "memory" in parts:
        rows += memory_rows(path)
    show(f"{arguments.shape}, {arguments.type}, {arguments.threads} threads", rows, Console(width=170))


if __name__ == "__main__":
    main()
