"""A task as one vector: what the heads that carry it add to the residual stream.

Source: Todd et al. 2023, arXiv:2310.15213. With the mean activations a of `mean_head_activations` and the heads that
`top_heads` ranks first,

    v = sum over (l, h) of  W_O^l[:, h * head_dim : (h + 1) * head_dim]  a_{l,h},

added to the residual stream after one block, at the last prompt token (window "last": what is measured), or from there
on at every generated token, too (window "answer": what the authors' code does while generating), with coefficient 1.

W_O is the dequantised weight ``blk.l.attn_output.weight``. Its bias, where a model has one, is **never** added: it does
not belong to any head (the authors' code adds it once for each head).

Where a norm or a factor stands between W_O and the residual stream (post-attention norms of Gemma 2 and 3, sub-norms,
Granite's residual scale), the sum is not what the heads add; such models are refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from pysteer.arrays import Direction, Float64Array
from pysteer.errors import DataError, ModelError, SiteError
from pysteer.function_vectors.head_activations import HeadActivations
from pysteer.function_vectors.indirect_effects import Head
from pysteer.model import Model
from pysteer.site import Site, parse_layers
from pysteer.vector import SteeringVector
from pysteer.vector_origin import origin

_BETWEEN = {
    "post_attention_norm.weight": "a norm after the attention output matrix",
    "attn_post_norm.weight": "a norm after the attention output matrix",
    "attn_output_norm.weight": "a norm after the attention output matrix",
    "attn_sub_norm.weight": "a norm before the attention output matrix",
    "attn_output.scale": "a scale on the attention output matrix",
}


def default_n_heads(n_layers: int, n_heads: int) -> int:
    """Return how many heads make a function vector: ceil(n_layers * n_heads / 51.2), the share 20 of 32 * 32.

    >>> default_n_heads(32, 32)
    20
    """
    return math.ceil(round(n_layers * n_heads / 51.2, 9))


def default_layer(n_layers: int) -> int:
    """Return the block after which a function vector is added: ceil(n_layers / 3), counted from 0.

    >>> default_layer(32)
    11
    """
    return min(math.ceil(n_layers / 3), n_layers - 1)


def check_architecture(model: Model) -> None:
    """Raise ModelError, with the reason, where a head's output is not simply added to the residual stream."""
    names = {name for name, *_ in model.weights()}
    for layer in range(model.n_layers):
        for suffix, reason in _BETWEEN.items():
            if f"blk.{layer}.{suffix}" in names:
                raise ModelError(
                    f"{model.name} ({model.architecture}) has {reason} (blk.{layer}.{suffix}), so what its heads add "
                    "to the residual stream is not a sum over heads: there is no function vector of such a model"
                )
        if f"blk.{layer}.attn_output.weight" not in names:
            raise ModelError(
                f"{model.name} ({model.architecture}) has no blk.{layer}.attn_output.weight: block {layer} has no "
                "attention heads that could be summed"
            )
    scale = model.metadata.get(f"{model.architecture}.residual_scale")
    if scale is not None and float(scale) not in (0.0, 1.0):
        raise ModelError(f"{model.name} multiplies what a block adds by {scale}: there is no function vector of it")


def function_vector(
    model: Model,
    means: HeadActivations,
    heads: Sequence[Head],
    *,
    layer: int,
    data_name: str | None = None,
    data_hash: str | None = None,
    extra: Mapping[str, object] | None = None,
) -> SteeringVector:
    """Return the sum of what the heads add to the residual stream, to be added after block ``layer``.

    Parameters
    ----------
    heads : sequence of (layer, head)
        Of any blocks; those behind ``layer`` count as well, as in the source.
    extra : mapping, optional
        For the provenance, which names the heads in any case.

    Raises
    ------
    ModelError
        `check_architecture`.
    DataError
        No head, one named twice, or one that the model does not have.
    SiteError
        No such layer, or an output matrix that does not fit the means.
    """
    check_architecture(model)
    (chosen,) = parse_layers(layer, model.n_layers)
    if not heads or len(set(heads)) != len(heads):
        raise DataError(f"expected at least one head, none of them twice, got {list(heads)}")
    total = sum(head_contribution(model, means, head) for head in heads)
    direction: Direction = np.asarray(total, dtype=np.float64).astype(np.float32)
    provenance = origin(
        model,
        method="function_vector",
        data_name=data_name,
        data_hash=data_hash,
        n_pairs=means.n_prompts,
        token_rule="last",
        layers=(chosen,),
        extra={
            "heads": [list(head) for head in heads],
            "mean_activations_hash": means.content_hash,
            "mean_prompts_hash": means.prompts_hash,
            **(extra or {}),
        },
    )
    return SteeringVector({Site("resid_post", chosen): direction}, provenance)


def head_contribution(model: Model, means: HeadActivations, head: Head) -> Float64Array:
    """Return W_O[:, slice of the head] times its mean activation, float64, (d_model,); no bias."""
    layer, number = head
    if not (0 <= layer < means.n_layers and 0 <= number < means.n_heads):
        raise DataError(f"no head {head}: there are {means.n_layers} blocks of {means.n_heads} heads")
    matrix = model.weight(f"blk.{layer}.attn_output.weight")
    if matrix.shape != (model.d_model, means.n_heads * means.head_dim):
        raise SiteError(
            f"blk.{layer}.attn_output.weight has shape {matrix.shape}; expected "
            f"{(model.d_model, means.n_heads * means.head_dim)} for {means.n_heads} heads of {means.head_dim}"
        )
    begin = number * means.head_dim
    part: Float64Array = matrix[:, begin : begin + means.head_dim].astype(np.float64) @ means.mean[layer, number]
    return part
