"""The main job, once through: pairs to vector, vector to steered text, and what it costs.

The strengths are not picked by hand: the largest one is the strongest, of a fixed ladder, at which the perplexity of
neutral text stays within a guard (`Material.guard` times the unsteered one) with both signs.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.demo.material import BEHAVIOUR, Material, is_embedded, material_for
from pysteer.extraction import extract
from pysteer.generation import Generation, Request
from pysteer.intervention import Intervention
from pysteer.metrics.steerability import slopes
from pysteer.model import Model
from pysteer.progress import Progress
from pysteer.propensity import propensities
from pysteer.recording import record
from pysteer.sampling import Sampling
from pysteer.site import Site
from pysteer.statistics import Interval, bootstrap_mean, wilson_interval
from pysteer.text_perplexity import PerplexityResult, perplexities
from pysteer.tree_run import RunCount
from pysteer.vector import SteeringVector
from pysteer.vector_file import save_vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

LADDER = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Candidates for the largest strength: length of what is added, as a share of the residual stream's mean length."""
N_PROMPTS = 3
N_GREEDY = 8
N_TOGETHER = 4
MAX_TOKENS = 40
MAX_SAMPLED_TOKENS = 60
N_PASSAGES_FOR_RANGE = 4
SEED = 0


@dataclass(frozen=True)
class Strength:
    """One of the five strengths, measured; `joyful` is the share of sampled replies, where words decide it."""

    coefficient: float
    behaviour: Interval
    cost: PerplexityResult
    perplexity_ratio: float
    joy_words: int
    sad_words: int
    texts: tuple[str, ...]
    joyful: Interval | None = None


def run_demo(model: Model, folder: Path, console: Console) -> list[Strength]:
    """Extract joyful - sad, show the same prompts at five strengths, measure what that does and costs.

    Writes ``joyful-sad.gguf`` (loadable by llama.cpp) and ``joyful-sad.png`` into ``folder``.
    """
    begin = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    material = material_for(model)
    pairs = material.pairs
    layer = material.layer or min(model.n_layers - 1, max(1, round(0.6 * model.n_layers)))
    console.print(
        f"[bold]{model.name}[/bold]: {model.architecture}, {model.quantisation}, "
        f"{model.n_parameters / 1e6:.1f} M parameters, {model.n_layers} blocks, d_model {model.d_model}"
    )

    count = RunCount()
    with _bar(console, "extracting") as progress:
        vector = extract(model, pairs, layers=[layer], count=count, progress=progress)
    saved = folder / f"{BEHAVIOUR}.gguf"
    save_vector(vector, saved)
    console.print(
        f"Vector: mean difference of {len(pairs)} pairs (joyful - sad) after block {layer}, "
        f"{count.tokens} tokens computed instead of {count.naive_tokens}. Saved as {saved}"
    )

    with _bar(console, "finding the range of strengths") as progress:
        largest, share = _largest_coefficient(model, vector, layer, material, progress)
    coefficients = [-largest, -largest / 2, 0.0, largest / 2, largest]
    console.print(
        f"Strength: at ±{largest:.2f} the vector is {share:.0%} as long as the average residual stream; "
        f"up to there, neutral text stays within {material.guard} times its unsteered perplexity."
    )
    strengths = _measure(model, vector, coefficients, material, console)
    _show_texts(strengths, material, console)
    _show_numbers(strengths, material, console)
    _draw(strengths, model, folder / f"{BEHAVIOUR}.png", console)
    console.print(f"{time.monotonic() - begin:.0f} s in all. Go on with:")
    name = "demo" if is_embedded(model) else shlex.quote(str(model.path))
    console.print(
        f"  pysteer chat {name} --vector {shlex.quote(str(saved))} --coefficient {largest:.2f}",
        highlight=False,
        soft_wrap=True,
    )
    return strengths


def _steering(vector: SteeringVector, coefficient: float) -> list[Intervention]:
    return [Intervention(vector, coefficient=coefficient)]


def _largest_coefficient(
    model: Model, vector: SteeringVector, layer: int, material: Material, progress: Progress
) -> tuple[float, float]:
    """Return the strongest coefficient of the ladder within the guard, and its share of the residual norm."""
    site = Site("resid_post", layer)
    rows = record(model, [pair.prompt for pair in material.pairs[:20]], [site])
    residual = float(np.mean([np.linalg.norm(text[site][1:], axis=1).mean() for text in rows if len(text[site]) > 1]))
    unit = residual / vector.norms()[site]
    candidates = [share * unit for share in LADDER]
    signed = [sign * c for c in candidates for sign in (1.0, -1.0)]
    passages = material.neutral[
        :N_PASSAGES_FOR_RANGE
    ]  # enough to find the range; the cost itself is measured on all of it
    results = perplexities(
        model, passages, [_steering(vector, c) for c in signed], window_size=_window(model), progress=progress
    )
    ratios = [result.perplexity / results[0].perplexity for result in results[1:]]
    too_strong = [place for place in range(len(candidates)) if max(ratios[2 * place : 2 * place + 2]) > material.guard]
    chosen = max(0, min(too_strong, default=len(candidates)) - 1)
    return candidates[chosen], LADDER[chosen]


def _window(model: Model) -> int:
    return min(128, model.n_ctx_train)


def _measure(
    model: Model, vector: SteeringVector, coefficients: Sequence[float], material: Material, console: Console
) -> list[Strength]:
    steerings = [_steering(vector, c) for c in coefficients]
    with _bar(console, "behaviour on held-out pairs") as progress:
        behaviour = propensities(model, material.held_out, steerings, progress=progress)
    with _bar(console, "perplexity and KL of neutral text") as progress:
        costs = perplexities(
            model, material.neutral, steerings, window_size=_window(model), seed=SEED, progress=progress
        )
    with _bar(console, "generating") as progress:
        texts = _generate(model, steerings, material.prompts[:N_GREEDY], MAX_TOKENS, progress)
    joyful: list[Interval | None] = [None] * len(steerings)
    if material.words_decide:
        with _bar(console, "sampling replies") as progress:
            sampled = _generate(model, steerings, material.prompts, MAX_SAMPLED_TOKENS, progress, temperature=1.0)
        joyful = [wilson_interval(sum(map(material.is_joyful, replies)), len(replies)) for replies in sampled]
    found = []
    for i, c in enumerate(coefficients):
        counts = np.array([material.count_moods(text) for text in texts[i]]).sum(axis=0)
        ratio = costs[1 + i].perplexity / costs[0].perplexity
        mean = bootstrap_mean(behaviour[:, i], seed=SEED)
        found.append(Strength(c, mean, costs[1 + i], ratio, int(counts[0]), int(counts[1]), texts[i], joyful[i]))
    return found


def _generate(
    model: Model,
    steerings: Sequence[list[Intervention]],
    prompts: Sequence[str],
    max_tokens: int,
    progress: Progress,
    *,
    temperature: float = 0.0,
) -> list[tuple[str, ...]]:
    """Return, for each steering, the answers to all prompts; all strengths of a few prompts go in one batch."""
    answers: list[list[Generation]] = []
    n = len(steerings)
    with model.session(n_ctx=4096, n_sequences=n * N_TOGETHER) as session:
        for begin in range(0, len(prompts), N_TOGETHER):
            progress(begin, len(prompts))
            requests = [
                Request(
                    prompt,
                    steering,
                    Sampling(temperature, top_k=0, top_p=1.0, min_p=0.0, seed=SEED + begin + place),
                    max_tokens=max_tokens,
                )
                for place, prompt in enumerate(prompts[begin : begin + N_TOGETHER])
                for steering in steerings
            ]
            generated = session.generate_many(requests)
            answers += [generated[at : at + n] for at in range(0, len(generated), n)]
        progress(len(prompts), len(prompts))
    return [tuple(answer[i].text.strip() for answer in answers) for i in range(len(steerings))]


def _show_texts(strengths: Sequence[Strength], material: Material, console: Console) -> None:
    from rich.table import Table

    table = Table(title="The same prompt at five strengths (greedy)", show_lines=True, expand=True)
    table.add_column("prompt", style="bold", ratio=2)
    for strength in strengths:
        side = "sad" if strength.coefficient < 0 else "joyful" if strength.coefficient > 0 else "unsteered"
        table.add_column(f"{strength.coefficient:+.2f}\n{side}" if strength.coefficient else f"0\n{side}", ratio=3)
    for i, prompt in enumerate(material.prompts[:N_PROMPTS]):
        table.add_row(prompt, *(strength.texts[i] for strength in strengths))
    console.print(table)


def _show_numbers(strengths: Sequence[Strength], material: Material, console: Console) -> None:
    from rich.table import Table

    table = Table(title="What it does, and what it costs")
    for heading in (
        "strength",
        "joyful replies\n(95 %)" if material.words_decide else "joyful / sad words\n(proxy)",
        "prefers joyful answer by\n(nats, 95 %)",
        "perplexity of\nneutral text",
        "ratio",
        "KL\n(nats a token)",
        "same next\ntoken",
    ):
        table.add_column(heading, justify="right")
    for s in strengths:
        mood = f"{s.joy_words} / {s.sad_words}"
        if s.joyful is not None:
            mood = f"{s.joyful.mean:.0%} [{s.joyful.low:.0%}, {s.joyful.high:.0%}]"
        table.add_row(
            f"{s.coefficient:+.2f}" if s.coefficient else "0",
            mood,
            f"{s.behaviour.mean:+.2f} [{s.behaviour.low:+.2f}, {s.behaviour.high:+.2f}]",
            f"{s.cost.perplexity:.2f}",
            f"{s.perplexity_ratio:.2f}",
            f"{s.cost.kl or 0.0:.3f}",
            f"{1.0 if s.cost.top1_agreement is None else s.cost.top1_agreement:.0%}",
        )
    console.print(table)
    at = np.array([s.coefficient for s in strengths])
    per_unit: Float64Array = slopes(at, np.array([[s.behaviour.mean for s in strengths]]))
    if material.words_decide:
        moods = (
            f"Moods were read in {len(material.prompts)} replies a strength, sampled at temperature 1, to prompts that "
            "this model never saw in training."
        )
    else:
        moods = f"Words were counted in {len(strengths[0].texts)} answers of at most {MAX_TOKENS} tokens."
    console.print(
        f"Steerability {per_unit[0]:.3f} nats per unit of strength: mean over {len(material.held_out)} held-out pairs "
        f"that share no text with the extraction. Cost on {strengths[0].cost.n_tokens} tokens of neutral text. "
        f"{moods} Seed {SEED}."
    )


def _draw(strengths: Sequence[Strength], model: Model, path: Path, console: Console) -> None:
    try:
        from pysteer.demo.figure import draw
    except ImportError:
        console.print("No figure: matplotlib is missing ('pip install pysteer-gguf[plot]').")
        return
    draw(strengths, f"{model.name}, {model.quantisation}", path)
    console.print(f"Figure: {path}")


@contextmanager
def _bar(console: Console, what: str) -> Iterator[Callable[[int, int], object]]:
    """Show a progress bar with time left; nothing when the output is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
