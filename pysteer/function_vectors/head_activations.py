"""What every attention head says on average at the last token of a few-shot prompt.

Source: Todd et al. 2023, arXiv:2310.15213, "mean task-conditioned activations". Site: ``head_out``, the input of the
attention output matrix W_O, whose row holds the outputs of all **query** heads side by side. The width of one head is
the site's width divided by n_heads; d_model / n_heads is another number in many models.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float32Array, frozen_float32
from pysteer.errors import DataError, SiteError
from pysteer.function_vectors.icl_prompts import IclPrompt, prompts_hash, tokenize_prompt
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.recording import record_moments
from pysteer.session import Session, session_for_texts
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.vector_origin import origin


@dataclass(frozen=True, eq=False)
class HeadActivations:
    """Mean activation of each head.

    Parameters
    ----------
    mean : float32, shape (n_layers, n_heads, head_dim)
        Read-only.
    n_prompts : int
        How many the mean was taken over.
    prompts_hash : str
        Of these prompts.
    """

    mean: Float32Array
    n_prompts: int
    prompts_hash: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", frozen_float32(self.mean, n_dims=3, what="mean head activations"))

    @property
    def n_layers(self) -> int:
        return int(self.mean.shape[0])

    @property
    def n_heads(self) -> int:
        return int(self.mean.shape[1])

    @property
    def head_dim(self) -> int:
        return int(self.mean.shape[2])

    @property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, of shape and numbers."""
        return hashlib.sha256(repr(self.mean.shape).encode() + self.mean.tobytes()).hexdigest()


def mean_head_activations(
    model: Model, prompts: Sequence[IclPrompt], *, session: Session | None = None, progress: Progress = silent
) -> HeadActivations:
    """Return the mean of every head's output at the last token of the prompts (with correct labels).

    To average over queries that the model answers rightly, choose the prompts with `solved_prompts` first.

    Raises
    ------
    DataError
        No prompt.
    SiteError
        The architecture has no head_out, or a row that its heads do not divide.
    """
    if not prompts:
        raise DataError("mean head activations need at least one prompt, got none")
    sites = [Site("head_out", layer) for layer in range(model.n_layers)]
    means = _last_token_means(model, prompts, sites, session, progress)
    width = means[sites[0]].size
    if width % model.n_heads:
        raise SiteError(f"head_out is {width} wide, which {model.n_heads} heads do not divide into equal parts")
    rows = np.stack([means[site] for site in sites])
    return HeadActivations(rows.reshape(model.n_layers, model.n_heads, -1), len(prompts), prompts_hash(prompts))


def mean_hidden_state(
    model: Model,
    prompts: Sequence[IclPrompt],
    *,
    layer: int,
    data_name: str | None = None,
    session: Session | None = None,
    progress: Progress = silent,
) -> SteeringVector:
    """Return the baseline: the mean of the residual stream after block ``layer`` at the last token of the prompts.

    Applied like a function vector, with ``add`` and coefficient 1.
    """
    if not prompts:
        raise DataError("the mean hidden state needs at least one prompt, got none")
    site = Site("resid_post", layer)
    means = _last_token_means(model, prompts, [site], session, progress)
    provenance = origin(
        model,
        method="mean_hidden_state",
        data_name=data_name,
        data_hash=prompts_hash(prompts),
        n_pairs=len(prompts),
        token_rule="last",
        layers=(layer,),
    )
    return SteeringVector({site: means[site]}, provenance)


def _last_token_means(
    model: Model, prompts: Sequence[IclPrompt], sites: Sequence[Site], session: Session | None, progress: Progress
) -> dict[Site, Float32Array]:
    texts = [tokenize_prompt(model, prompt).tokens for prompt in prompts]
    own = session or session_for_texts(model, max(map(len, texts)))
    try:
        ids = [[int(token) for token in text] for text in texts]
        moments = record_moments(model, ids, sites, positions=[[-1]] * len(ids), session=own, progress=progress)
    finally:
        if session is None:
            own.close()
    return {site: moments[site].mean.astype(np.float32) for site in sites}
