"""Contrast pairs in, a steering vector out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from importlib.metadata import version

import pysteer
from pysteer.arrays import Direction
from pysteer.contrast_rows import auto_token_rule as auto_token_rule
from pysteer.contrast_rows import read_contrast
from pysteer.errors import SteeringError
from pysteer.extractors import extractors
from pysteer.model import Model
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.provenance import Provenance
from pysteer.session import Session
from pysteer.site import Site, parse_layers
from pysteer.tree_run import RunCount
from pysteer.vector import SteeringVector


def extract(
    model: Model,
    pairs: Dataset,
    *,
    method: str = "mean_difference",
    layers: str | int | Iterable[int],
    component: str = "resid_post",
    token: str = "auto",
    raw: bool = False,
    setting: PromptSetting | None = None,
    seed: int | None = None,
    session: Session | None = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> SteeringVector:
    """Return the direction that a method finds at each layer.

    The whole data set is computed as a prefix tree (a pair's prompt once, a common system prompt once), and only up to
    the last layer that is needed.

    Parameters
    ----------
    layers : str, int or iterable of int
        As `parse_layers` takes them: "8:20" (half-open), "3,5,8", "all".
    component : str
        "resid_post", "attn_out", "mlp_out", ...: see `pysteer.site.COMPONENTS`.
    token : str
        Where activations are read: a rule of `pysteer.token_rules`. "auto" is "letter" when all answers are letters,
        else "answer" (mean over the answer's tokens), or "last" for pairs without prompts.
    raw : bool
        Take prompts as they are instead of putting them through the chat template.
    setting : PromptSetting, optional
        System message and persona around every prompt.
    seed : int, optional
        Needed by the methods that draw at random ("random", "shuffled_labels"), and by no other.
    session : Session, optional
        Used instead of one made for the purpose; its sequences are dropped. Steering in force applies.
    progress : Progress
        Called with (pairs done, pairs in all).

    Returns
    -------
    SteeringVector
        The sign points to *positive* (a control's points nowhere). Whether it is normalised is the method's matter. Its
        provenance says how it was made.

    Raises
    ------
    SiteError
        A layer or component that this model does not have.
    DataError
        A token rule or setting that does not fit a pair (the message names it).
    ShapeError
        The method finds no direction in these pairs: they are too few for it, or cancel.
    SteeringError
        A method that draws at random, without a seed.
    """
    vectors = extract_each(
        model,
        pairs,
        method=method,
        layers=layers,
        component=component,
        tokens=(token,),
        raw=raw,
        setting=setting,
        seed=seed,
        session=session,
        progress=progress,
        count=count,
    )
    return next(iter(vectors.values()))


def extract_each(
    model: Model,
    pairs: Dataset,
    *,
    method: str,
    layers: str | int | Iterable[int],
    component: str = "resid_post",
    tokens: Sequence[str],
    raw: bool = False,
    setting: PromptSetting | None = None,
    seed: int | None = None,
    session: Session | None = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> dict[str, SteeringVector]:
    """Return one vector for each token rule, from a single pass over the data; parameters and errors as `extract`.

    Returns
    -------
    dict of token rule to SteeringVector
        "auto" stands under the rule that it is short for.
    """
    extractor, facts = extractors.get(method), extractors.facts(method)
    if facts.get("seed") and seed is None:
        raise SteeringError(f"method {method!r} draws at random: give a seed (--seed), so that it can be done again")
    chosen = parse_layers(layers, model.n_layers)
    sites = tuple(Site(component, layer) for layer in chosen)
    rules = tuple(dict.fromkeys(auto_token_rule(pairs) if token == "auto" else token for token in tokens))
    if not rules:
        raise SteeringError("no token rule: say where activations are read")
    contrast = read_contrast(
        model,
        pairs,
        rules=rules,
        sites=sites,
        means_only=bool(facts.get("from_means")),
        raw=raw,
        setting=setting,
        session=session,
        progress=progress,
        count=count,
    )

    def direction(rule: str, site: Site) -> Direction:
        rows = contrast.rows[rule, site]
        if not facts.get("seed"):
            return extractor(*rows)
        own = (seed, *str(site).encode()) if facts["seed"] == "site" else (seed,)
        return extractor(*rows, seed=own)

    vectors = {}
    for rule in rules:
        directions = {site: direction(rule, site) for site in sites}
        extra: dict[str, object] = {"architecture_layers": model.n_layers}
        if rule in contrast.second_last:
            # Other tools read the second-last token; whether that is the letter depends on the tokenizer.
            extra["letter_is_second_last"] = contrast.second_last[rule]
        if setting is not None:
            extra["setting"] = {"name": setting.name, "system": setting.system, "user_prefix": setting.user_prefix}
        used_seed = seed if facts.get("seed") else None
        vectors[rule] = SteeringVector(directions, _provenance(model, pairs, method, rule, chosen, used_seed, extra))
    return vectors


def _provenance(
    model: Model,
    pairs: Dataset,
    method: str,
    rule: str,
    layers: tuple[int, ...],
    seed: int | None,
    extra: dict[str, object],
) -> Provenance:
    return Provenance(
        method=method,
        model_name=model.name,
        model_hash=model.hash,
        architecture=model.architecture,
        quantisation=model.quantisation,
        data_name=pairs.name,
        data_hash=pairs.content_hash,
        n_pairs=len(pairs),
        token_rule=rule,
        layers=layers,
        seed=seed,
        pysteer_version=pysteer.__version__,
        llama_cpp_version=version("llama-cpp-python"),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        extra=extra,
    )
