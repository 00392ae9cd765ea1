"""A cheap guess at which heads matter, so that only some need the exact scan. Read `recall` before trusting it.

The direct effect of replacing head h of block l is how far the answer's logit would move if nothing behind the head
looked at it:

    e_{l,h} = w . W_O^l[:, slice of h] (mean - z_{l,h}),      w = gain * U[answer] / scale,

with U the unembedding, ``gain`` the weight of the final norm, and ``scale`` the size of the last residual row that the
final norm divides by (its root mean square; for a LayerNorm, that of the centred row, and w is centred, too). One pass
a prompt gives it for all heads. What a head does through later heads and MLPs, and the change of ``scale``, are left
out, so heads early in the model are underrated.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import DataError
from pysteer.function_vectors.function_vector import check_architecture
from pysteer.function_vectors.head_activations import HeadActivations
from pysteer.function_vectors.icl_prompts import IclPrompt, tokenize_prompt
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.recording import record
from pysteer.session import Session
from pysteer.site import Site


def direct_effects(
    model: Model,
    prompts: Sequence[IclPrompt],
    means: HeadActivations,
    *,
    session: Session | None = None,
    progress: Progress = silent,
) -> Float64Array:
    """Return the mean direct effect of each head on the answer's logit, float64, (n_layers, n_heads).

    Rank it with `top_heads`, and give those to `indirect_effects` as ``heads``.

    Raises
    ------
    DataError
        No prompt.
    ModelError
        `check_architecture`: W_O does not lead straight to the residual stream.
    """
    if not prompts:
        raise DataError("screening needs at least one prompt, got none")
    check_architecture(model)
    questions = [tokenize_prompt(model, prompt) for prompt in prompts]
    last = Site("resid_post", model.n_layers - 1)
    sites = [*(Site("head_out", layer) for layer in range(model.n_layers)), last]
    rows = record(
        model,
        [[int(token) for token in question.tokens] for question in questions],
        sites,
        positions=[[-1]] * len(questions),
        session=session,
        progress=progress,
    )
    read = _answer_directions(
        model, [question.target for question in questions], np.stack([row[last][0] for row in rows])
    )
    effects = np.zeros((model.n_layers, model.n_heads))
    for layer, site in enumerate(sites[:-1]):
        matrix = model.weight(f"blk.{layer}.attn_output.weight").astype(np.float64)  # (d_model, n_heads * head_dim)
        missing = means.mean[layer].reshape(-1) - np.stack([row[site][0] for row in rows]).astype(np.float64)
        parts = (read @ matrix) * missing  # (n_prompts, n_heads * head_dim)
        effects[layer] = parts.reshape(len(questions), model.n_heads, -1).sum(axis=2).mean(axis=0)
    return effects


def _answer_directions(model: Model, targets: Sequence[int], last_rows: Float64Array) -> Float64Array:
    """Return what the answers' logits read from the last residual row, float64, (n_prompts, d_model)."""
    has_bias = any(name == "output_norm.bias" for name, *_ in model.weights())
    rows = last_rows.astype(np.float64)
    read = model.unembedding()[list(targets)].astype(np.float64) * model.weight("output_norm.weight")
    if has_bias:  # a LayerNorm, which takes the mean off
        rows = rows - rows.mean(axis=1, keepdims=True)
        read = read - read.mean(axis=1, keepdims=True)
    directions: Float64Array = read / np.sqrt((rows**2).mean(axis=1, keepdims=True))
    return directions
