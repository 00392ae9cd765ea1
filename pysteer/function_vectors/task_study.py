"""From a word-pair task to its function vector, and how well that does against the examples themselves.

Source: Todd et al. 2023, arXiv:2310.15213. The task is split by input into train, test and valid: shots come from
train, queries of the mean activations and of the scan from valid, and accuracy is measured on test.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pysteer.errors import ContextFullError, DataError
from pysteer.formats.word_pairs import WordPairs
from pysteer.function_vectors.first_token import FirstTokenResult, first_token_results, solved_prompts
from pysteer.function_vectors.function_vector import (
    check_architecture,
    default_layer,
    default_n_heads,
    function_vector,
)
from pysteer.function_vectors.head_activations import HeadActivations, mean_head_activations, mean_hidden_state
from pysteer.function_vectors.icl_prompts import IclPrompt, draw_prompts, prompts_for_queries, tokenize_prompt
from pysteer.function_vectors.indirect_effects import Head, IndirectEffects, recall, top_heads
from pysteer.function_vectors.mediation import MOST_ROWS, indirect_effects
from pysteer.function_vectors.screening import direct_effects
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.session import Session
from pysteer.vector import SteeringVector
from pysteer.window import Window

N_SHUFFLED_SHOTS = 3
"""Shots with shuffled labels under which vectors are compared, as in the studies."""


N_RECALL_TRIALS = 2
"""Trials that are scanned over all heads to see what screening misses."""


@dataclass(frozen=True)
class StudyPlan:
    """The choices of one study; the numbers of the source are 10 shots, 100 prompts and 25 trials.

    Parameters
    ----------
    n_shots : int
    n_mean_prompts : int
        Prompts with right labels, for the mean activations.
    n_trials : int
        Prompts with shuffled labels, for the scan.
    seed : int
        Of split and prompts.
    n_heads, layer : int, optional
        Default: `default_n_heads`, `default_layer`.
    solved_only : bool
        Average only over prompts that the model answers rightly.
    n_screened : int, optional
        Scan only so many heads, those with the largest direct effect (`pysteer.function_vectors.screening`). Default:
        all heads.
    """

    n_shots: int
    n_mean_prompts: int
    n_trials: int
    seed: int
    n_heads: int | None = None
    layer: int | None = None
    solved_only: bool = False
    n_screened: int | None = None


@dataclass(frozen=True, eq=False)
class Study:
    """What was found: the vector, the baseline, and all that they rest on.

    ``recall`` is the share of the best heads of `N_RECALL_TRIALS` exact trials that screening kept; None without it.
    """

    vector: SteeringVector
    baseline: SteeringVector
    means: HeadActivations
    effects: IndirectEffects
    heads: tuple[Head, ...]
    n_solved: int | None
    recall: float | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """First tokens of the test answers under one kind of prompt and one steering."""

    prompts: str
    steering: str
    result: FirstTokenResult


def session_for_study(
    model: Model, task: WordPairs, plan: StudyPlan, *, n_ctx: int | None, n_threads: int | None, kv_type: str
) -> Session:
    """Return a session that fits every step of a study.

    Raises
    ------
    ContextFullError
        The few-shot prompts are longer than the model's context.
    """
    _, right, wrong = _drawn(task, plan)
    longest = max(len(tokenize_prompt(model, prompt).tokens) for prompt in [*right, *wrong])
    if longest > model.n_ctx_train:
        raise ContextFullError(
            f"{plan.n_shots} shots of {task.name} make prompts of up to {longest} tokens, but {model.name} was trained "
            f"for {model.n_ctx_train}: use fewer shots"
        )
    n_sequences = min(MOST_ROWS, model.n_layers * model.n_heads + 2)
    # Test prompts may be longer than those drawn here, and are computed once for each of three steerings.
    size = n_ctx or max(2048, 4 * longest, longest + n_sequences)
    return Session(model, n_ctx=size, n_batch=512, n_sequences=n_sequences, n_threads=n_threads, kv_type=kv_type)


def study_task(
    model: Model,
    task: WordPairs,
    plan: StudyPlan,
    *,
    session: Session,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> Study:
    """Return the function vector of a task, and the mean hidden state as its baseline.

    Progress is that of the scan of heads, which takes longest.

    Raises
    ------
    ModelError
        `check_architecture`, before anything is computed.
    DataError
        Fewer train pairs than shots, or with ``solved_only`` no prompt that the model answers rightly.
    """
    check_architecture(model)
    layer = default_layer(model.n_layers) if plan.layer is None else plan.layer
    n_heads = default_n_heads(model.n_layers, model.n_heads) if plan.n_heads is None else plan.n_heads
    names, right, wrong = _drawn(task, plan)
    n_solved = None
    if plan.solved_only:
        n_drawn, right = len(right), solved_prompts(model, right, session=session)
        n_solved = len(right)
        if not right:
            raise DataError(f"{model.name} answers none of {n_drawn} prompts of {task.name}: nothing to average over")
    means = mean_head_activations(model, right, session=session)
    candidates, caught = None, None
    if plan.n_screened is not None:
        if plan.n_screened < n_heads:
            raise DataError(f"{plan.n_screened} screened heads are fewer than the {n_heads} that make the vector")
        guessed = direct_effects(model, wrong, means, session=session)
        candidates = top_heads(guessed, plan.n_screened)
        exact = indirect_effects(model, wrong[:N_RECALL_TRIALS], means, session=session).aie
        caught = recall(exact, guessed, n_heads=n_heads, n_candidates=[plan.n_screened])[plan.n_screened]
    effects = indirect_effects(
        model, wrong, means, heads=candidates, session=session, checkpoint=checkpoint, progress=progress
    )
    heads = top_heads(effects.aie, n_heads)
    extra = {
        "n_shots": plan.n_shots,
        "n_trials": effects.n_trials,
        "n_blank_answers": effects.n_blank,
        "solved_only": plan.solved_only,
        "split_seed": plan.seed,
        "split": names,
        "aie": [float(effects.aie[head]) for head in heads],
        "scan_prompts_hash": effects.prompts_hash,
        "n_screened": plan.n_screened,
        "screening_recall": caught,
    }
    vector = function_vector(
        model, means, heads, layer=layer, data_name=task.name, data_hash=task.content_hash, extra=extra
    )
    baseline = mean_hidden_state(model, right, layer=layer, data_name=task.name, session=session)
    return Study(vector, baseline, means, effects, heads, n_solved, caught)


def compare_on_task(
    model: Model,
    task: WordPairs,
    vectors: Mapping[str, SteeringVector],
    *,
    n_shots: int,
    seed: int,
    window: str = "last",
    session: Session,
    progress: Progress = silent,
) -> list[Comparison]:
    """Return first-token results on the test side: without steering and with each vector, and the bound.

    Vectors are added with coefficient 1 to zero-shot prompts and to prompts of three shots with shuffled labels;
    prompts of ``n_shots`` right examples are the bound of what examples can do.
    """
    train, test, _ = task.split(seed=seed)
    kinds: list[tuple[str, list[IclPrompt], Mapping[str, SteeringVector]]] = [
        ("zero-shot", prompts_for_queries(train, test, n_shots=0, seed=seed), vectors),
        (
            f"{N_SHUFFLED_SHOTS} shuffled shots",
            prompts_for_queries(train, test, n_shots=N_SHUFFLED_SHOTS, seed=seed, shuffled=True),
            vectors,
        ),
        (f"{n_shots} shots", prompts_for_queries(train, test, n_shots=n_shots, seed=seed), {}),
    ]
    comparisons = []
    for number, (kind, prompts, used) in enumerate(kinds):
        progress(number, len(kinds))
        steerings: list[Sequence[Intervention]] = [()]
        steerings += [[Intervention(v, coefficient=1.0, window=Window.parse(window))] for v in used.values()]
        results = first_token_results(model, prompts, steerings, session=session)
        names = ["none", *used]
        comparisons += [Comparison(kind, name, result) for name, result in zip(names, results, strict=True)]
    progress(len(kinds), len(kinds))
    return comparisons


def _drawn(task: WordPairs, plan: StudyPlan) -> tuple[list[str], list[IclPrompt], list[IclPrompt]]:
    """Return the names of the sides in use, prompts with right labels, prompts with shuffled ones."""
    train, _, valid = task.split(seed=plan.seed)
    right = draw_prompts(train, valid, n_prompts=plan.n_mean_prompts, n_shots=plan.n_shots, seed=plan.seed)
    # Another seed, so that the scan does not see the prompts of the means.
    wrong = draw_prompts(train, valid, n_prompts=plan.n_trials, n_shots=plan.n_shots, seed=plan.seed + 1, shuffled=True)
    return [train.name, valid.name], right, wrong
