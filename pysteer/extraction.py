"""Contrast pairs in, a steering vector out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from importlib.metadata import version

import numpy as np

import pysteer
from pysteer.arrays import Direction, Float32Array
from pysteer.errors import DataError
from pysteer.extractors import extractors
from pysteer.model import Model
from pysteer.moments import Moments
from pysteer.pair_text import Answered, answer_pair, is_letter
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.provenance import Provenance
from pysteer.session import Session, session_for_texts
from pysteer.site import Site, parse_layers
from pysteer.token_rules import TokenRule, parse_token_rule
from pysteer.tree_run import Job, RunCount, run_jobs
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
    session : Session, optional
        Used instead of one made for the purpose; its sequences are dropped. Steering in force applies.
    progress : Progress
        Called with (pairs done, pairs in all).

    Returns
    -------
    SteeringVector
        Not normalised; the sign points to *positive*. Its provenance says how it was made.

    Raises
    ------
    SiteError
        A layer or component that this model does not have.
    DataError
        A token rule that does not fit a pair (the message names it).
    """
    extractor = extractors.get(method)
    chosen = parse_layers(layers, model.n_layers)
    sites = tuple(Site(component, layer) for layer in chosen)
    rule_name = auto_token_rule(pairs) if token == "auto" else token
    texts = _texts(model, pairs, parse_token_rule(rule_name), raw)
    own = session or session_for_texts(model, max(len(answered.tokens) for answered, _ in texts))
    try:
        jobs = [
            Job(answered.tokens.ids, record=positions, steering=own.steering, n_prompt=answered.n_prompt)
            for answered, positions in texts
        ]
        collect = _Means(sites) if extractors.facts(method).get("from_means") else _Rows(sites)
        halves: dict[int, dict[Site, Float32Array]] = {}
        n_done = 0
        progress(0, len(pairs))
        for group in run_jobs(own, jobs, sites=sites, stop_early=True, count=count):
            for index, result in group:
                rows = {site: result.rows[site].mean(axis=0, dtype=np.float64).astype(np.float32) for site in sites}
                other = halves.pop(index ^ 1, None)
                if other is None:
                    halves[index] = rows
                    continue
                positive, negative = (rows, other) if index % 2 == 0 else (other, rows)
                collect.add(positive, negative)
                n_done += 1
            progress(n_done, len(pairs))
        directions = {site: extractor(*collect.pair(site)) for site in sites}
    finally:
        if session is None:
            own.close()
    return SteeringVector(directions, _provenance(model, pairs, method, rule_name, chosen, texts))


def auto_token_rule(pairs: Dataset) -> str:
    """Return the token rule that fits the data: see `extract`."""
    if all(is_letter(pair.positive) and is_letter(pair.negative) for pair in pairs):
        return "letter"
    return "answer" if all(pair.prompt for pair in pairs) else "last"


def _texts(model: Model, pairs: Dataset, rule: TokenRule, raw: bool) -> list[tuple[Answered, tuple[int, ...]]]:
    """Return positive and negative texts in turn, with the tokens to read."""
    texts = []
    for number, pair in enumerate(pairs):
        for answered in answer_pair(model, pair, raw=raw):
            try:
                texts.append((answered, rule(answered)))
            except DataError as error:
                raise DataError(f"data set {pairs.name!r}, pair {number}: {error}") from error
    return texts


class _Means:
    """Keeps two means a site."""

    def __init__(self, sites: tuple[Site, ...]) -> None:
        self.moments: dict[Site, tuple[Moments, Moments]] = {}
        self.sites = sites

    def add(self, positive: dict[Site, Float32Array], negative: dict[Site, Float32Array]) -> None:
        for site in self.sites:
            if site not in self.moments:
                self.moments[site] = Moments(positive[site].size), Moments(positive[site].size)
            for moments, row in zip(self.moments[site], (positive[site], negative[site]), strict=True):
                moments.update(row[None, :])

    def pair(self, site: Site) -> tuple[Float32Array, Float32Array]:
        """Return one row each whose difference is the mean difference, without rounding the means to float32 first."""
        positive, negative = self.moments[site]
        difference: Direction = (positive.mean - negative.mean).astype(np.float32)
        return difference[None, :], np.zeros((1, difference.size), dtype=np.float32)


class _Rows:
    """Keeps one row a pair and site."""

    def __init__(self, sites: tuple[Site, ...]) -> None:
        self.rows: dict[Site, tuple[list[Float32Array], list[Float32Array]]] = {site: ([], []) for site in sites}

    def add(self, positive: dict[Site, Float32Array], negative: dict[Site, Float32Array]) -> None:
        for site, (positives, negatives) in self.rows.items():
            positives.append(positive[site])
            negatives.append(negative[site])

    def pair(self, site: Site) -> tuple[Float32Array, Float32Array]:
        positives, negatives = self.rows[site]
        return np.stack(positives), np.stack(negatives)


def _provenance(
    model: Model,
    pairs: Dataset,
    method: str,
    rule: str,
    layers: tuple[int, ...],
    texts: list[tuple[Answered, tuple[int, ...]]],
) -> Provenance:
    extra: dict[str, object] = {"architecture_layers": model.n_layers}
    if rule == "letter":
        # Other tools read the second-last token; whether that is the letter depends on the tokenizer.
        second_last = sum(positions[0] == len(answered.tokens) - 2 for answered, positions in texts)
        extra["letter_is_second_last"] = second_last / len(texts)
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
        pysteer_version=pysteer.__version__,
        llama_cpp_version=version("llama-cpp-python"),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        extra=extra,
    )
