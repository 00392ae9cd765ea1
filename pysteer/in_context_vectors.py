"""In-context vectors (ICV): pairs of texts, before and after a change of style, as one direction per block.

Source: Liu et al. 2023, "In-context Vectors", arXiv:2311.06668, and their code. With h(text) the residual stream after
every block at the text's last token, laid end to end (n_layers * d_model values), and D_k = h(target_k) - h(source_k):

    variant   direction
    code      PC1 + mean D       what the authors' code returns
    pc1       PC1                what the paper says
    mean      mean D             PC1 is a unit vector: where mean D is many times longer, ``code`` is nearly this

PC1 is the first principal component of the centred D_k. Its sign: in ``code`` as scikit-learn's ``svd_flip`` chooses it
(the pair with the largest score counts as positive), as in the authors' code; in ``pc1`` towards the target, since
the sign would otherwise be arbitrary. The result is cut into blocks again.

It is applied to what the MLP adds (site mlp_out) in every block, at every token, with the operation ``in_context``,
although it was read from the residual stream. Texts are plain: no chat template; blanks and full stops at their ends
are removed, as in the source.

Deviation: the authors' code also has the row before the first block in the PCA and then drops it; that row is no site
here and is left out from the start, which moves PC1 (a unit vector in more dimensions) but not mean D.

"Function vectors or in-context vectors" uses the mean over the last 4 tokens (token rule "last:4") and the strength
``strength_of_alpha(alpha)``; its vector is the negative of this one and subtracted, which is the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from pysteer.arrays import Float32Array, Float64Array
from pysteer.errors import DataError, PysteerWarning, ShapeError, SteeringError
from pysteer.formats.word_pairs import WordPair
from pysteer.function_vectors.icl_prompts import TODD, IclTemplate
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.operations.edit_spec import EditSpec
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import Progress, silent
from pysteer.recording import record
from pysteer.registry import Registry
from pysteer.session import Session
from pysteer.site import Site
from pysteer.steering_program import Compiled, CompiledEdit, native_edit
from pysteer.vector import SteeringVector
from pysteer.vector_origin import origin
from pysteer.window import Window

TOKENS: Mapping[str, int] = {"last": 1, "last:4": 4}
"""Token rule -> how many tokens at the end of the text are averaged."""

variants: Registry[Callable[[Float64Array], Float64Array]] = Registry("variant")
"""``variant(differences (n_pairs, n)) -> direction (n,)``."""


def first_component(differences: Float64Array) -> Float64Array:
    """Return the first principal component, a unit vector (n,), with the sign of scikit-learn's ``svd_flip``.

    Raises
    ------
    ShapeError
        Fewer than two rows, or rows that are all the same: there is no component.
    """
    if len(differences) < 2:
        raise ShapeError("a principal component needs at least two differences, got one")
    centred = differences - differences.mean(axis=0)
    if not centred.any():
        raise ShapeError("all differences are the same: there is no principal component")
    # The (n_pairs, n_pairs) products have the same leading eigenvector as the far larger covariance.
    scores = np.linalg.eigh(centred @ centred.T)[1][:, -1]
    scores = scores * np.sign(scores[np.argmax(np.abs(scores))])
    component = scores @ centred
    unit: Float64Array = component / np.linalg.norm(component)
    return unit


@variants.register("code")
def code(differences: Float64Array) -> Float64Array:
    """PC1 + mean difference, as the authors' code has it."""
    total: Float64Array = first_component(differences) + mean(differences)
    return total


@variants.register("pc1")
def pc1(differences: Float64Array) -> Float64Array:
    """PC1, as the paper has it, towards the target."""
    component = first_component(differences)
    return -component if component @ mean(differences) < 0 else component


@variants.register("mean")
def mean(differences: Float64Array) -> Float64Array:
    """Mean difference."""
    average: Float64Array = differences.mean(axis=0)
    return average


def in_context_vector(
    model: Model,
    pairs: Dataset,
    *,
    variant: str = "code",
    token: str = "last",
    session: Session | None = None,
    progress: Progress = silent,
) -> SteeringVector:
    """Return a direction at mlp_out of every block, towards the pairs' *positive* text.

    Parameters
    ----------
    pairs : Dataset
        ``negative`` is the source text, ``positive`` the target; prompts, where there are any, come before both.
    variant : str
        "code", "pc1" or "mean".
    token : str
        "last", or "last:4" for the mean of the last four tokens (of all tokens where a text has fewer).

    Raises
    ------
    UnknownNameError
        No such variant.
    DataError
        No such token rule, or a text that consists of blanks and full stops.
    ShapeError
        All pairs differ in the same way, so there is no principal component.

    Warns
    -----
    PysteerWarning
        There is one pair only: it has no principal component, and the mean is taken whatever the variant.
    """
    chosen = variants.get(variant)
    if token not in TOKENS:
        raise DataError(f"token rule {token!r}: expected one of {', '.join(TOKENS)}")
    used = variant
    if len(pairs) == 1 and variant != "mean":
        warnings.warn(
            f"one pair has no principal component: variant 'mean' takes the place of {variant!r}",
            PysteerWarning,
            stacklevel=2,
        )
        chosen, used = mean, "mean"
    differences = _differences(model, pairs, TOKENS[token], session, progress)  # (n_pairs, n_layers * d_model)
    direction = chosen(differences)
    average = mean(differences)
    cosine = float(direction @ average / (np.linalg.norm(direction) * np.linalg.norm(average) or np.inf))
    layers = tuple(range(model.n_layers))
    provenance = origin(
        model,
        method="in_context_vector",
        data_name=pairs.name,
        data_hash=pairs.content_hash,
        n_pairs=len(pairs),
        token_rule=token,
        layers=layers,
        extra={"variant": used, "read_at": "resid_post", "cosine_to_mean": cosine},
    )
    rows = direction.reshape(model.n_layers, model.d_model)
    return SteeringVector({Site("mlp_out", layer): rows[layer] for layer in layers}, provenance)


def _differences(
    model: Model, pairs: Dataset, n_tokens: int, session: Session | None, progress: Progress
) -> Float64Array:
    """Return target - source for each pair, float64, (n_pairs, n_layers * d_model)."""
    sites = [Site("resid_post", layer) for layer in range(model.n_layers)]
    texts = []
    for number, pair in enumerate(pairs):
        for text in (pair.positive_text.strip(" ."), pair.negative_text.strip(" .")):
            if not text:
                raise DataError(f"data set {pairs.name!r}, pair {number}: a text of blanks and full stops only")
            texts.append([int(token) for token in model.tokenize(text, parse_special=False).ids])
    positions = [range(-min(n_tokens, len(text)), 0) for text in texts]
    recorded = record(model, texts, sites, positions=positions, session=session, progress=progress)
    rows = np.stack([np.concatenate([_mean_row(found[site]) for site in sites]) for found in recorded])
    differences: Float64Array = rows[0::2] - rows[1::2]
    return differences


def _mean_row(rows: Float32Array) -> Float64Array:
    average: Float64Array = rows.mean(axis=0, dtype=np.float64)
    return average


def strength_of_alpha(alpha: float) -> float:
    """Return the strength that "alpha" means in "Function vectors or in-context vectors": 0.1 * alpha."""
    return 0.1 * alpha


def in_context_intervention(vector: SteeringVector, strength: float, *, window: str = "all") -> Intervention:
    """Return the vector as it is meant to be applied: operation ``in_context`` at its sites, at every token.

    Parameters
    ----------
    strength : float
        Relative to a row of length 1; the authors use 0.10 to 0.12. Each MLP output is turned by atan(strength) where
        it is orthogonal to the vector, and by at most asin(2 * strength).
    """
    return Intervention(vector, "in_context", coefficient=strength, window=Window.parse(window))


def in_context_tasks(vectors: Sequence[SteeringVector], strengths: Sequence[float], *, window: str = "all") -> Compiled:
    """Return several tasks at once, as edits for a `Request`: their steps are averaged before the row is turned.

    This is not the same as one intervention after the other, since each of those turns what the one before left.

    Raises
    ------
    SteeringError
        No vector, or not one strength for each.
    SiteError
        The vectors do not have the same sites.
    """
    if not vectors or len(vectors) != len(strengths):
        raise SteeringError(f"expected one strength a vector, got {len(strengths)} for {len(vectors)}")
    sites = sorted({site for vector in vectors for site in vector.sites})
    parsed = Window.parse(window)
    return tuple(
        CompiledEdit(
            site, native_edit(EditSpec.in_context(np.stack([v[site] for v in vectors]), list(strengths))), parsed
        )
        for site in sites
    )


def functional_pairs(
    task: Iterable[WordPair], random_texts: Sequence[str], *, name: str, seed: int, template: IclTemplate = TODD
) -> Dataset:
    """Return a word-pair task as contrast pairs: ``Q: x\\nA: y`` against the same with a random text for y.

    Parameters
    ----------
    random_texts : sequence of str
        Short beginnings of texts that have nothing to do with the task.

    Raises
    ------
    DataError
        No text that is not the answer itself, or no word pair.
    """
    texts = [text.strip() for text in random_texts if text.strip()]
    generator = np.random.default_rng(seed)
    pairs = []
    for pair in task:
        others = [text for text in texts if text != pair.output]
        if not others:
            raise DataError("expected at least one random text that is not the answer")
        question = template.question(pair.input)
        other = others[int(generator.integers(len(others)))]
        pairs.append(ContrastPair("", f"{question} {pair.output}", f"{question} {other}"))
    return Dataset(tuple(pairs), name)
