"""Vectors of a task: its heads scanned, its function vector, the mean hidden state, and in-context vectors.

Definitions: Todd et al. 2023, arXiv:2310.15213 (`pysteer.function_vectors`), and Liu et al. 2023, arXiv:2311.06668, in
the variant of arXiv:2411.07213 (`pysteer.in_context_vectors`): mean of the last four tokens, principal component plus
mean difference. As in the latter's code, prompts are not filtered for those that the model answers rightly.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.function_vectors.function_vector import (
    default_layer,
    default_n_heads,
    function_vector,
)
from pysteer.function_vectors.head_activations import HeadActivations, mean_head_activations, mean_hidden_state
from pysteer.function_vectors.icl_prompts import draw_prompts, tokenize_prompt
from pysteer.function_vectors.indirect_effects import Head, top_heads
from pysteer.function_vectors.mediation import MOST_ROWS, indirect_effects
from pysteer.in_context_vectors import functional_pairs, in_context_intervention, in_context_vector, strength_of_alpha
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.pairs import Dataset
from pysteer.provenance import Provenance
from pysteer.session import Session
from pysteer.site import Site
from pysteer.studies.icl.means import mean_known
from pysteer.studies.parts import PartResult, Task
from pysteer.vector import SteeringVector
from pysteer.window import Window

N_KEPT_HEADS = 64
"""Heads whose contributions are kept for the curve over their number."""
MODULES = (
    "pysteer.function_vectors",
    "pysteer.in_context_vectors",
    "pysteer.moments",
    "pysteer.prompt_conditions",
    "pysteer.recording",
    "pysteer.studies.icl.means",
)
"""Whose code decides the vectors."""
Steering = Sequence[Intervention]
_DEMONSTRATIONS = 4
"""Sets this draw apart from others with the same seed."""


def make_vectors(task: Task) -> PartResult:
    """Scan the heads of a task, and make its function vector and the mean hidden state.

    Arrays: ``cie`` (n_trials, n_layers, n_heads) and ``clean`` (n_trials,), NaN in trials whose answer begins with a
    bare blank; ``function`` and ``hidden`` (d_model,); ``contributions`` (n_kept, d_model), what the best heads add,
    best first.
    """
    settings, model = task.settings, task.model.loaded
    train, valid, seed = task.data["train"], task.data["valid"], int(settings["seed"])
    layer, n_heads = default_layer(model.n_layers), default_n_heads(model.n_layers, model.n_heads)
    shots = int(settings["n_shots"])
    right = draw_prompts(train, valid, n_prompts=int(settings["n_mean_prompts"]), n_shots=shots, seed=seed)
    # Another seed, so that the scan does not see the prompts of the means.
    wrong = draw_prompts(train, valid, n_prompts=int(settings["n_trials"]), n_shots=shots, seed=seed + 1, shuffled=True)
    longest = max(len(tokenize_prompt(model, prompt).tokens) for prompt in [*right, *wrong])
    with scan_session(task, longest) as session:
        means = mean_head_activations(model, right, session=session)
        effects = indirect_effects(model, wrong, means, session=session, progress=task.progress)
        if effects.n_trials < effects.n_wanted:  # after Ctrl-C: half a scan is no result
            raise KeyboardInterrupt
        hidden = mean_hidden_state(model, right, layer=layer, session=session)
    is_blank = np.array([tokenize_prompt(model, prompt).is_blank for prompt in wrong])
    if is_blank.all():
        raise MeasurementError(
            f"{train.name}: every answer begins with a bare blank, so no head can be told from another"
        )
    cie = np.where(is_blank[:, None, None], np.nan, effects.cie)
    aie = mean_known(cie, axis=0)
    ranked = top_heads(aie, min(max(N_KEPT_HEADS, n_heads), aie.size))
    vector = function_vector(model, means, ranked[:n_heads], layer=layer)
    site = Site("resid_post", layer)
    arrays: dict[str, Float64Array] = {
        "cie": cie,
        "clean": np.where(is_blank, np.nan, effects.clean),
        "function": vector[site].astype(np.float64),
        "hidden": hidden[site].astype(np.float64),
        "contributions": _contributions(model, means, ranked),
    }
    content = {
        "layer": layer,
        "n_heads": n_heads,
        "heads": [list(head) for head in ranked],
        "n_blank": effects.n_blank,
    }
    return PartResult(content, arrays, failures=effects.n_blank)


def _contributions(model: Model, means: HeadActivations, heads: Sequence[Head]) -> Float64Array:
    """Return what each head adds to the residual stream, (n_heads, d_model), as `head_contribution` does.

    Each block's matrix is dequantised once, not once for each of its heads.
    """
    matrices = {layer: model.weight(f"blk.{layer}.attn_output.weight") for layer in {layer for layer, _ in heads}}
    rows = []
    for layer, head in heads:
        begin = head * means.head_dim
        part = matrices[layer][:, begin : begin + means.head_dim].astype(np.float64)
        rows.append(part @ means.mean[layer, head])
    return np.stack(rows)


def scan_session(task: Task, longest: int) -> Session:
    """Return a session for few-shot prompts, and for a batch with a row for each head."""
    model = task.model.loaded
    n_sequences = min(MOST_ROWS, model.n_layers * model.n_heads + 2)
    return study_session(task, n_ctx=max(2048, 4 * longest, longest + n_sequences), n_sequences=n_sequences)


def study_session(task: Task, *, n_ctx: int, n_sequences: int) -> Session:
    """Return a session with float32 keys and values: small effects are compared between rows of different batches."""
    subject = task.model.subject(raw=True)
    return Session(
        subject.model,
        n_ctx=n_ctx,
        n_batch=max(512, n_sequences),
        n_sequences=n_sequences,
        n_threads=subject.n_threads,
        kv_type="f32",
    )


def functional_demonstrations(task: Task, n_demos: int) -> Dataset:
    """Return demonstrations: a question with its answer, against the same with a random text for answer.

    They are drawn from the training words, which stand in alphabetical order in some files; more of them begin with the
    fewer.
    """
    train, seed = task.data["train"].pairs, int(task.settings["seed"])
    order = np.random.default_rng([seed, _DEMONSTRATIONS]).permutation(len(train))
    texts = list(task.data["random"])
    return functional_pairs([train[index] for index in order[:n_demos]], texts, name="demonstrations", seed=seed)


def make_in_context(task: Task, pairs: Dataset) -> SteeringVector:
    """Return the in-context vector of demonstrations, towards their ``positive`` text."""
    with study_session(task, n_ctx=4096, n_sequences=64) as session:
        return in_context_vector(task.model.loaded, pairs, token="last:4", session=session)


def in_context_steering(vector: SteeringVector, alpha: float) -> list[Intervention]:
    """Return the steering at the paper's strength alpha: every block's MLP output, every token."""
    return [in_context_intervention(vector, strength_of_alpha(alpha))]


def vector_at(direction: Float64Array, layer: int) -> SteeringVector:
    """Return a direction (d_model,) as a vector that is added after block ``layer``."""
    return SteeringVector({Site("resid_post", layer): direction.astype(np.float32)}, Provenance("study"))


def added(vector: SteeringVector, *, coefficient: float = 1.0, window: str = "answer") -> list[Intervention]:
    """Return the steering that adds a vector from the last token of the prompt on, or there only ("last")."""
    return [Intervention(vector, coefficient=coefficient, window=Window.parse(window))]
