"""A vector card made of plain numbers, for tests that need no model."""

from __future__ import annotations

from typing import Any

import numpy as np

from pysteer.card.guard import Guard, recommend
from pysteer.card.vector_card import (
    Behaviour,
    CostAt,
    DataFacts,
    Factors,
    ModelFacts,
    Quantity,
    VectorCard,
    VectorFacts,
)
from pysteer.card.verdicts import findings_of

STRENGTHS = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
COEFFICIENTS = [-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5]
N = 24


def quantity(value: float, half: float = 0.05, n: int = N, unit: str = "") -> Quantity:
    return Quantity(value=value, low=value - half, high=value + half, n=n, unit=unit, seed=0, data_hash="ab" * 32)


def behaviour(name: str, mean: float, *, share: float = 0.05, seed: int | None = None, keep: bool = False) -> Behaviour:
    slopes = mean + np.linspace(-1.0, 1.0, N)
    table = [[slope * c for c in COEFFICIENTS] for slope in slopes.tolist()]
    return Behaviour(
        name=name,
        steerability=quantity(mean, 0.2),
        anti_steerable=Quantity(value=share, low=max(0.0, share - 0.04), high=min(1.0, share + 0.04), n=N),
        slopes=slopes.tolist(),
        propensities=table if keep else [],
        seed=seed,
        system="You are bold." if seed is None and not keep else None,
        correlation=quantity(0.8, 0.1) if seed is None and not keep else Quantity(),
    )


def cost_at(strength: float, *, ratio: float | None = None, slope: float = 1.0, change: float = 0.0) -> CostAt:
    value = 1.0 + 0.04 * strength**2 if ratio is None else ratio
    half = 0.0 if strength == 0.0 else 0.02
    return CostAt(
        strength=strength,
        propensity=quantity(slope * strength, 0.1),
        gain=quantity(slope * strength, 0.0 if strength == 0.0 else 0.1),
        perplexity=quantity(7.0 * value, 0.1, 8),
        perplexity_ratio=quantity(value, half, 8),
        kl=quantity(0.01 * strength**2, 0.001, 8),
        top1_agreement=quantity(0.9, 0.02, 8),
        accuracy=quantity(0.6 + change, 0.1, 30),
        accuracy_change=quantity(change, 0.02, 30),
    )


def card(
    mean: float = 1.0,
    *,
    random_means: tuple[float, ...] = (0.1, -0.3, 0.2),
    shifted: tuple[float, ...] = (0.9, 0.7),
    explained: float = 0.2,
    share: float = 0.05,
    name: str = "joyful.gguf",
    **changes: Any,
) -> VectorCard:
    """Return a card whose findings follow from the numbers given."""
    costs = [cost_at(strength, slope=mean) for strength in STRENGTHS]
    guard = Guard(1.2)
    given: dict[str, Any] = {
        "created": "2026-01-02T03:04:05+00:00",
        "pysteer_version": "0.1.0",
        "llama_cpp_version": "0.3.36",
        "command": f"pysteer card {name} model.gguf -o card.html",
        "preset": "quick",
        "seed": 0,
        "confidence": 0.95,
        "seconds": 12.5,
        "vector": VectorFacts(
            name=name,
            directions_hash="cd" * 32,
            method="mean_difference",
            sites=["resid_post.2"],
            norms=[3.5],
            layers=[2],
            operation="add",
            window="answer",
            trained_on="joyful-sad",
            trained_on_hash="ef" * 32,
        ),
        "model": ModelFacts(
            name="tiny", hash="12" * 32, architecture="llama", quantisation="Q8_0", n_layers=4, d_model=8
        ),
        "data": DataFacts(name=name, hash="ab" * 32, n=N, n_in_file=30),
        "training": "checked: no item shares a prompt or a text with the training data 'joyful-sad'",
        "variant": "letter",
        "coefficients": COEFFICIENTS,
        "few_coefficients": [-1.5, 0.0, 1.5],
        "behaviour": behaviour("this vector", mean, share=share, keep=True),
        "controls": [behaviour(f"random {i}", m, share=0.5, seed=i) for i, m in enumerate(random_means)],
        "settings": [behaviour(f"setting {i} {name}", m) for i, m in enumerate(shifted)],
        "factors": [
            Factors(
                setting="plain",
                explained=quantity(explained, 0.1),
                letter_share=explained / 2,
                yes_no_share=explained / 2,
                letter_bias=quantity(0.1, 0.2),
            )
        ],
        "text": DataFacts(name="neutral passages", hash="34" * 32, n=8, n_in_file=8),
        "questions": DataFacts(name="everyday questions", hash="56" * 32, n=30, n_in_file=40),
        "question_chance": 0.25,
        "costs": costs,
        "guard": str(guard),
        "max_perplexity_ratio": guard.max_perplexity_ratio,
        "recommended": [recommend(costs, guard, "towards"), recommend(costs, guard, "away")],
        "findings": [],
        "failures": {},
        **changes,
    }
    made = VectorCard(**given)
    return made.model_copy(update={"findings": findings_of(made)})
