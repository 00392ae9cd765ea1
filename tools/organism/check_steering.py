"""Acceptance of steering: one mean-difference vector, joyful - sad, through llama.cpp's own control vector.

The vector is mean(residual over the tokens of the joyful replies) - mean(the same of the sad replies), pair by pair, after one
block, not normalised. It is added at every position. Layer and strength are chosen on training prompts; what is
reported comes from held-out prompts.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from . import chat
from .check_skills import MAX_REPLY_TOKENS, held_out_passages, perplexity
from .checks import Check, number, share
from .demo_data import mood_pairs
from .document import END, chat_prompt
from .forward import Array, NumpyModel
from .runner import Runner
from .style_words import read_mood

STRENGTHS = (1.0, 2.0, 3.0, 4.0)
MAX_RATIO = 1.5


@dataclass(frozen=True)
class Trial:
    """What one layer and strength did."""

    layer: int
    strength: float
    joyful_with_plus: float
    joyful_with_minus: float
    ratio: float

    @property
    def effect(self) -> float:
        """The weaker of the two directions' success."""
        return min(self.joyful_with_plus, 1 - self.joyful_with_minus)


def mood_vectors(runner: Runner, model: NumpyModel) -> Array:
    """joyful - sad after every block, (n_layers, d_model)."""
    differences = []
    for pair in mood_pairs():
        prompt = chat_prompt([("user", str(pair["prompt"]))])
        n_prompt = len(runner.tokens(prompt))
        joyful, sad = (
            model.run(runner.tokens(prompt + str(pair[side]) + END))[1][:, n_prompt:].mean(axis=1)
            for side in ("positive", "negative")
        )
        differences.append(joyful - sad)
    return np.mean(differences, axis=0, dtype=np.float64).astype(np.float32)


def sampled_moods(runner: Runner, prompts: list[str], seed: int) -> list[str]:
    """Mood of one sampled reply a prompt."""
    noise = np.random.default_rng(seed)
    return [
        read_mood(runner.generate(chat_prompt([("user", prompt)]), MAX_REPLY_TOKENS, random_source=noise))
        for prompt in prompts
    ]


def joyful_share(runner: Runner, prompts: list[str], seed: int) -> float:
    """Share of joyful replies."""
    moods = sampled_moods(runner, prompts, seed)
    return moods.count("joyful") / len(moods)


def damage(runner: Runner, texts: list[str], layer: int, direction: Array) -> float:
    """Worse of the two perplexity ratios, with the direction added and subtracted."""
    runner.steer(layer, None)
    base = perplexity(runner, texts)[0]
    values = []
    for sign in (1, -1):
        runner.steer(layer, sign * direction)
        values.append(perplexity(runner, texts)[0])
    runner.steer(layer, None)
    return max(values) / base


def search(runner: Runner, vectors: Array, texts: list[str], n: int, seed: int) -> list[Trial]:
    """All layers and strengths whose damage is allowed, tried on prompts that training asks."""
    random_source = random.Random(seed)
    prompts = [chat.draw_question(random_source)[1] for _ in range(n)]
    trials = []
    for layer in range(1, len(vectors)):
        for strength in STRENGTHS:
            direction = strength * vectors[layer]
            ratio = damage(runner, texts, layer, direction)
            if ratio > MAX_RATIO:
                break
            runner.steer(layer, direction)
            plus = joyful_share(runner, prompts, seed)
            runner.steer(layer, -direction)
            minus = joyful_share(runner, prompts, seed)
            runner.steer(layer, None)
            trials.append(Trial(layer, strength, plus, minus, ratio))
    return trials


def check_steering(runner: Runner, n: int, seed: int) -> tuple[list[Check], list[Trial]]:
    """Search, then measure the best trial on held-out prompts."""
    vectors = mood_vectors(runner, NumpyModel(runner.path))
    texts = held_out_passages(20, seed)["descriptions"]
    trials = search(runner, vectors, texts, max(16, n // 4), seed)
    if not trials:
        return [
            number(
                "steering",
                "layers and strengths within the allowed perplexity ratio",
                0,
                0,
                target=">= 1",
                passed=False,
                unit="",
            )
        ], []
    best = max(trials, key=lambda t: (t.effect, -t.ratio))
    random_source = random.Random(seed + 1)
    prompts = [chat.draw_question(random_source, held_out=True)[1] for _ in range(n)]
    direction = best.strength * vectors[best.layer]
    checks = []
    for name, change, limits in (
        ("joyful without steering", None, (0.0, 0.60)),
        ("joyful with + vector", direction, (0.90, 1.0)),
        ("joyful with - vector", -direction, (0.0, 0.10)),
    ):
        runner.steer(best.layer, change)
        moods = sampled_moods(runner, prompts, seed + 2)
        checks.append(share("steering", name, [mood == "joyful" for mood in moods], between=limits))
    runner.steer(best.layer, None)
    checks.append(
        number("steering", f"perplexity ratio on descriptions at resid_post.{best.layer}, strength {best.strength:g}", best.ratio,
               len(texts), target=f"<= {MAX_RATIO}", passed=best.ratio <= MAX_RATIO, unit="(n = texts)")
    )  # fmt: skip
    return checks, trials
