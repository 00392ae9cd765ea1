"""A condition from labelled prompts: which layer of a vector, and which threshold, tell the prompts apart?

As in conditional activation steering (Lee et al. 2024, arXiv:2409.05907), a grid: every layer of the condition vector,
every threshold between two prompts, both sides of it. What comes out is too good on the prompts that it was chosen on;
`condition_score` measures it on others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pysteer.chat_template import Message
from pysteer.condition import Condition, positions_in_prompt
from pysteer.condition_threshold import ThresholdScore, choose_threshold, threshold_score
from pysteer.errors import MeasurementError, SteeringError
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.prompt_conditions import condition_values
from pysteer.recording import record
from pysteer.session import Session, session_for_texts
from pysteer.site import Site, parse_layers
from pysteer.vector import SteeringVector
from pysteer.vector_origin import origin
from pysteer.window import Window

Prompt = str | Sequence[Message]


@dataclass(frozen=True, eq=False)
class FittedCondition:
    """The best condition on the prompts that it was chosen on.

    Parameters
    ----------
    condition : Condition
        Scope "prompt", at one layer.
    score : ThresholdScore
        On those same prompts.
    by_layer : dict of int to ThresholdScore
        The best threshold at each layer.
    """

    condition: Condition
    score: ThresholdScore
    by_layer: dict[int, ThresholdScore]


def condition_vector(
    model: Model,
    met: Sequence[Prompt],
    unmet: Sequence[Prompt],
    *,
    layers: str | int | Iterable[int] = "all",
    component: str = "resid_post",
    window: str | Window = "prompt",
    raw: bool = False,
    data_name: str | None = None,
    data_hash: str | None = None,
    session: Session | None = None,
    progress: Progress = silent,
) -> SteeringVector:
    """Return the mean difference between prompts that should, and should not, meet a condition, at each layer.

    Of every prompt the mean row over the window's tokens is taken, of these the mean over the prompts of each side. Any
    other vector can serve as well; this one is read as `fit_condition` reads it.

    Parameters
    ----------
    window : str or Window
        Which tokens of the prompt; "last" for the last one alone.

    Raises
    ------
    MeasurementError
        No prompt on one side.
    SiteError
        A layer or component that this model does not have.
    """
    chosen = Window.parse(window) if isinstance(window, str) else window
    tokens = _tokens(model, met, unmet, raw)
    sites = [Site(component, layer) for layer in parse_layers(layers, model.n_layers)]
    positions = [positions_in_prompt(chosen, len(text)) for text in tokens]
    rows = record(model, tokens, sites, positions=positions, session=session, progress=progress)
    directions = {}
    for site in sites:
        means = np.stack([found[site].mean(axis=0, dtype=np.float64) for found in rows])
        directions[site] = means[: len(met)].mean(axis=0) - means[len(met) :].mean(axis=0)
    return SteeringVector(
        directions,
        origin(
            model,
            method="condition_mean_difference",
            data_name=data_name,
            data_hash=data_hash,
            token_rule=str(chosen),
            layers=tuple(site.layer for site in sites),
            extra={"n_met": len(met), "n_unmet": len(unmet)},
        ),
    )


def fit_condition(
    model: Model,
    vector: SteeringVector,
    met: Sequence[Prompt],
    unmet: Sequence[Prompt],
    *,
    measure: str = "cosine",
    reduce: str = "mean",
    window: str | Window = "prompt",
    by: str = "youden",
    comparison: str | None = None,
    raw: bool = False,
    session: Session | None = None,
) -> FittedCondition:
    """Return the layer and threshold at which the vector tells the prompts apart best.

    Parameters
    ----------
    vector : SteeringVector
        Condition directions at one component; each layer is tried.
    met, unmet : sequence of str or messages
        Prompts that should, and should not, meet the condition.
    by : str
        "youden" or "f1"; see `pysteer.condition_threshold`.
    raw : bool
        Take prompts as they are instead of putting them through the chat template.
    session : Session, optional
        Used instead of one made for the purpose; its sequences are dropped.

    Raises
    ------
    MeasurementError
        No prompt on one side, or all have the same value.
    SteeringError
        The vector has several components at one layer.
    """
    chosen = Window.parse(window) if isinstance(window, str) else window
    if len(vector.layers) != len(vector.sites):
        raise SteeringError("a condition reads one component: this vector has several at one layer")
    candidates = [
        Condition(vector.select([layer]), threshold=0.0, measure=measure, reduce=reduce, window=chosen)
        for layer in vector.layers
    ]
    values, labels = _labelled_values(model, candidates, met, unmet, raw, session)
    scores = {
        layer: choose_threshold(column, labels, by=by, comparison=comparison)
        for layer, column in zip(vector.layers, values.T, strict=True)
    }
    best = max(scores, key=lambda layer: (round(getattr(scores[layer], by), 12), -layer))
    score = scores[best]
    condition = replace(candidates[vector.layers.index(best)], threshold=score.threshold, comparison=score.comparison)
    return FittedCondition(condition, score, scores)


def condition_score(
    model: Model,
    condition: Condition,
    met: Sequence[Prompt],
    unmet: Sequence[Prompt],
    *,
    raw: bool = False,
    session: Session | None = None,
) -> ThresholdScore:
    """Return how well a condition decides about labelled prompts; use prompts that it was not chosen on."""
    values, labels = _labelled_values(model, [condition], met, unmet, raw, session)
    return threshold_score(values[:, 0], labels, condition.threshold, condition.comparison)


def _labelled_values(
    model: Model,
    conditions: Sequence[Condition],
    met: Sequence[Prompt],
    unmet: Sequence[Prompt],
    raw: bool,
    session: Session | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return values (n_prompts, n_conditions) and labels (n_prompts,)."""
    tokens = _tokens(model, met, unmet, raw)
    own = session or session_for_texts(model, max(map(len, tokens)))
    try:
        values = condition_values(own, tokens, conditions)
    finally:
        if session is None:
            own.close()
    return values, np.arange(len(tokens)) < len(met)


def _tokens(model: Model, met: Sequence[Prompt], unmet: Sequence[Prompt], raw: bool) -> list[list[int]]:
    if not met or not unmet:
        raise MeasurementError(f"expected prompts on both sides, got {len(met)} and {len(unmet)}")
    return [model.tokenize(_text(model, prompt, raw)).ids.tolist() for prompt in (*met, *unmet)]


def _text(model: Model, prompt: Prompt, raw: bool) -> str:
    if not raw:
        return model.chat(prompt)
    if not isinstance(prompt, str):
        raise SteeringError("a raw prompt must be a text, not messages")
    return prompt
