"""What the model makes of texts of a behavioural task under both kinds of vectors, at several strengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import pysteer
from pysteer.arrays import Float64Array
from pysteer.batch_generation import WritingPlan
from pysteer.measurements.written_texts import written
from pysteer.metrics.sentiment_proxy import sentiment_proxy
from pysteer.metrics.text_checks import words
from pysteer.metrics.toxicity_proxy import toxicity_proxy
from pysteer.propensity import propensities
from pysteer.studies.icl.answers import finished, fluency, unfinished
from pysteer.studies.icl.making import Steering, added, in_context_steering, make_in_context, study_session, vector_at
from pysteer.studies.icl.means import mean_known
from pysteer.studies.parts import PartResult, Task
from pysteer.text_surprise import text_surprise
from pysteer.vector import SteeringVector

MEASURES = ("shift", "proxy", "surprise", "n-gram entropy", "distinct-1", "distinct-2", "empty")
"""``shift``: log p(text after) - log p(text before), nats. ``proxy``: 0 to 1, 1 is wanted. ``surprise``: of the written
text to the unsteered model, nats per token. ``empty``: 1 where nothing was written."""
N_SHOWN = 3
"""Items whose texts are kept for reading."""
METHODS = ("function vector", "in-context vector")
MOST_SURPRISE = 0.5
"""A strength is fluent while the written texts surprise the unsteered model by at most so many nats per token more than
its own do (a perplexity 1.65 times as high), ..."""
LEAST_ENTROPY = 0.8
"""... their n-gram entropy is at least this share of its own texts', ..."""
MOST_EMPTY = 0.2
"""... and the share of empty texts is at most this much larger."""


def rewrite(task: Task) -> PartResult:
    """Write and score texts without steering and with each vector at each strength.

    Arrays: ``found`` (n_measures, n_items, 1 + n_strengths + n_alphas).
    """
    settings = task.settings
    function, in_context = _vectors(task)
    steerings: list[Steering] = [()]
    steerings += [added(function, coefficient=float(c)) for c in settings["strengths"]]
    steerings += [in_context_steering(in_context, float(alpha)) for alpha in settings["alphas"]]
    found, texts, left_out = _scored(task, steerings)
    shown = [[text or "" for text in row] for row in texts[:N_SHOWN]]
    content = {"strengths": settings["strengths"], "alphas": settings["alphas"], "texts": shown, "left_out": left_out}
    return PartResult(content, {"found": found}, failures=sum(left_out.values()))


def choose_strengths(task: Task) -> PartResult:
    """Choose for each method, on validation items, the fluent setting with the largest shift; None: none helps.

    Arrays: ``shift``, ``surprise``, ``entropy``, ``empty`` (1 + n_strengths + n_alphas,), means.
    """
    found = task.inputs["tried"]
    means = {name: mean_known(found.arrays["found"][MEASURES.index(name)], axis=0) for name in MEASURES}
    shift, surprise, entropy, empty = (means[name] for name in ("shift", "surprise", "n-gram entropy", "empty"))
    fluent = is_fluent(surprise, entropy, empty)
    chosen: dict[str, float | None] = {}
    begin = 1
    for method, name in zip(METHODS, ("strengths", "alphas"), strict=True):
        strengths = found.content[name]
        allowed = [place for place in range(begin, begin + len(strengths)) if fluent[place]]
        best = max(allowed, key=lambda place: shift[place], default=0)
        chosen[method] = strengths[best - begin] if best and shift[best] > shift[0] else None
        begin += len(strengths)
    return PartResult({"chosen": chosen}, {"shift": shift, "surprise": surprise, "entropy": entropy, "empty": empty})


def is_fluent(surprise: Float64Array, entropy: Float64Array, empty: Float64Array) -> list[bool]:
    """Return for each steering whether its mean numbers stay within the bounds; the first is the unsteered model.

    Where the unsteered model's own texts are too short for an entropy (NaN), there is nothing to keep of it.
    """
    return [
        bool(
            surprise[place] <= surprise[0] + MOST_SURPRISE
            and (np.isnan(entropy[0]) or entropy[place] >= LEAST_ENTROPY * entropy[0])
            and empty[place] <= empty[0] + MOST_EMPTY
        )
        for place in range(len(surprise))
    ]


def rewrite_at_random(task: Task) -> PartResult:
    """Write and score texts with random directions of the same norms at the chosen strengths.

    Arrays: ``found`` (n_measures, n_items, n_methods, n_random); NaN where no strength was chosen.
    """
    settings, chosen = task.settings, task.inputs["choice"].content["chosen"]
    seeds = [int(seed) for seed in settings["random_seeds"]]
    vectors = dict(zip(METHODS, _vectors(task), strict=True))
    steerings: list[Steering] = []
    for seed in seeds:
        if chosen[METHODS[0]] is not None:
            random = pysteer.random_like(vectors[METHODS[0]], seed=seed)
            steerings.append(added(random, coefficient=float(chosen[METHODS[0]])))
        if chosen[METHODS[1]] is not None:
            random = pysteer.random_like(vectors[METHODS[1]], seed=seed)
            steerings.append(in_context_steering(random, float(chosen[METHODS[1]])))
    whole = np.full((len(MEASURES), len(task.data["items"]), len(METHODS), len(seeds)), np.nan)
    used = [place for place, method in enumerate(METHODS) if chosen[method] is not None]
    left_out: dict[str, int] = {}
    if used:
        found, _, left_out = _scored(task, steerings)
        whole[:, :, used] = found.reshape(*found.shape[:2], len(seeds), len(used)).swapaxes(2, 3)
    return PartResult({"chosen": chosen, "left_out": left_out}, {"found": whole}, failures=sum(left_out.values()))


def _vectors(task: Task) -> tuple[SteeringVector, SteeringVector]:
    own = task.inputs["vectors"]
    return (
        vector_at(own.arrays["function"], int(own.content["layer"])),
        make_in_context(task, task.data["demonstrations"]),
    )


def _scored(task: Task, steerings: Sequence[Steering]) -> tuple[Float64Array, list[list[str | None]], dict[str, int]]:
    """Return the measures, (n_measures, n_items, n_steerings), the texts, ``[item][steering]``, and what is missing.

    Texts that could not be finished are None and have a shift only, which is about given texts.
    """
    settings, items = task.settings, task.data["items"]
    is_raw = not settings["is_chat"]
    subject = task.model.subject(raw=is_raw)
    plan = WritingPlan(int(settings["max_tokens"]), raw=is_raw)
    prompts = [pair.prompt for pair in items]
    rows = written(subject, prompts, steerings, plan, task.progress)
    rendered = [plan.prompt_text(subject.model, prompt) for prompt in prompts]
    with study_session(task, n_ctx=4096, n_sequences=64) as session:
        shift = propensities(
            subject.model, items, steerings, variant="full_response", raw=is_raw, session=session
        )  # (n_items, n_steerings)
        tokens = [text.tokens for row in rows for text in row]
        asked = [prompt for prompt in rendered for _ in steerings]
        surprise = text_surprise(subject.model, asked, tokens, session=session).reshape(shift.shape)
    texts = [[finished(text) for text in row] for row in rows]
    columns = []
    for place in range(len(steerings)):
        answers = [row[place] or "" for row in texts]
        empty = np.array([not words(text) for text in answers], dtype=np.float64)
        column = np.stack([shift[:, place], proxy_of(answers, settings), surprise[:, place], *fluency(answers), empty])
        column[1:, [row[place] is None for row in texts]] = np.nan
        columns.append(column)
    return np.stack(columns, axis=2), texts, unfinished([text for row in rows for text in row])


def proxy_of(texts: Sequence[str], settings: Mapping[str, Any]) -> Float64Array:
    """Return how much each text is as wanted, 0 to 1, by a list of words: a proxy, not a classifier.

    "toxicity": 1 without an offensive word. "sentiment": balance of friendly and unfriendly words, 0.5 where there are
    none. "mood": the same with the words that the embedded model was trained on.
    """
    if settings["proxy"] == "toxicity":
        return np.asarray(1.0 - toxicity_proxy(texts).per_example, dtype=np.float64)
    if settings["proxy"] == "sentiment":
        return np.asarray((sentiment_proxy(texts, seed=0).per_example + 1.0) / 2.0, dtype=np.float64)
    wanted, unwanted = (set(side) for side in settings["moods"])
    shares = []
    for text in texts:
        tokens = words(text.lower())
        good, bad = sum(t in wanted for t in tokens), sum(t in unwanted for t in tokens)
        shares.append(good / (good + bad) if good + bad else 0.5)
    return np.array(shares)
