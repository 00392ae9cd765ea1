"""How fast are the methods that find a direction?

Speed does not depend on the weights, so the models are random GGUFs in the shapes of real ones.

    python benchmarks/extraction.py [--shape smollm2-135m] [--type Q8_0] [--trials 25] [--naive-heads 6]
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from core import Row, show
from random_gguf import SHAPES, random_gguf
from rich.console import Console

import pysteer
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
from pysteer.session import Session
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
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "pysteer-benchmarks")
    arguments = parser.parse_args()
    arguments.models.mkdir(parents=True, exist_ok=True)
    path = arguments.models / f"{arguments.shape}-{arguments.type}.gguf"
    if not path.exists():
        random_gguf(path, SHAPES[arguments.shape], arguments.type, seed=0)
    model = pysteer.Model.load(path)
    rows = scan_rows(model, arguments.trials, arguments.naive_heads, arguments.threads)
    show(f"{arguments.shape}, {arguments.type}, {arguments.threads} threads", rows, Console(width=170))


if __name__ == "__main__":
    main()
