"""Pick features from a description ("more formal"), or from texts that have something and texts that have not.

Prompts are put with and without an instruction made of the description. ``read="answer"``: the model answers both, and
the answers are read behind the *plain* prompt, so that features of what is written are compared and not those of the
instruction. ``read="prompt"``: nothing is generated, and the last token of both prompts is read: what the model is
about to do.

Source: a stand-in for AutoSteer of "Mind the Performance Gap", arXiv:2602.04903, whose insides are not published.
Greedy answers and no random number: the same call gives the same features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.chat_template import Message
from pysteer.dictionaries.feature_selection import FeatureSelection, choose_features
from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import DataError, SteeringError
from pysteer.generation import Request
from pysteer.model import Model
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.recording import record
from pysteer.session import Session
from pysteer.site import Site

INSTRUCTION = "When answering, please {description}."
"""The instruction of arXiv:2602.04903, for descriptions such as "be more formal"."""
PLACES = ("system", "prompt")
READS = ("answer", "prompt")


@dataclass(frozen=True, eq=False)
class _Reading:
    """Tokens of one text, and those that are read."""

    tokens: list[int]
    positions: range


def select_features(
    model: Model,
    dictionary: SparseDictionary,
    description: str,
    prompts: Sequence[str],
    *,
    n_features: int,
    strength: float,
    instruction: str = INSTRUCTION,
    place: str = "system",
    read: str = "answer",
    max_tokens: int = 64,
    raw: bool = False,
    session: Session | None = None,
    progress: Progress = silent,
) -> FeatureSelection:
    """Return the features that an instruction changes most, with weights.

    Parameters
    ----------
    description : str
        What the instruction asks for: "be more formal".
    prompts : sequence of str
        User messages, at least two.
    n_features : int
        How many features are taken.
    strength : float
        Norm of all that is added, as a fraction of the mean norm of the rows that were read.
    instruction : str
        Text with ``{description}``.
    place : "system" or "prompt"
        The instruction is the system message, or stands at the end of the user's message, below a blank line.
    read : "answer" or "prompt"
        See above.
    raw : bool
        Prompts as they are, without chat template; then ``place`` must be "prompt".
    session : Session, optional
        Used instead of one made for the purpose; its sequences are dropped, and steering in force applies.
    progress : Progress
        In prompts.

    Raises
    ------
    DataError
        Fewer than two prompts or answers on a side, or no feature that differs.
    SteeringError
        No site in the dictionary, or an argument that has no meaning.
    ModelError
        No chat template, or one that refuses a system message or leaves it out.
    """
    if place not in PLACES or read not in READS or (raw and place == "system"):
        raise SteeringError(
            f"expected place of {', '.join(PLACES)} ('prompt' with raw) and read of {', '.join(READS)}, "
            f"got {place!r} and {read!r}"
        )
    if not description.strip() or "{description}" not in instruction:
        raise SteeringError(f"expected a description and an instruction with {{description}}, got {instruction!r}")
    if len(prompts) < 2:
        raise DataError(f"an effect size needs at least two prompts, got {len(prompts)}")
    asked = instruction.format(description=description.strip())
    plain = [prompt if raw else PromptSetting("plain").render(model, prompt) for prompt in prompts]
    instructed = [_instructed(model, prompt, asked, place, raw) for prompt in prompts]
    longest = max(len(model.tokenize(text).ids) for text in (*plain, *instructed)) + max_tokens
    own = session or Session(model, n_ctx=max(2048, 2 * longest), n_sequences=16)
    try:
        if read == "answer":
            sides = [_answers(own, plain, begun, max_tokens) for begun in (instructed, plain)]
        else:
            sides = [_prompts(model, texts) for texts in (instructed, plain)]
        (with_, _), (without, norm) = (
            _means(own, dictionary, side, lambda done, total, part=part: progress(part * total + done, 2 * total))  # type: ignore[misc]
            for part, side in enumerate(sides)
        )
    finally:
        if session is None:
            own.close()
    return choose_features(
        dictionary,
        with_,
        without,
        description=description,
        n_features=n_features,
        strength=strength,
        mean_norm=norm,
    )


def contrast_texts(
    model: Model,
    dictionary: SparseDictionary,
    with_: Sequence[str],
    without: Sequence[str],
    *,
    description: str,
    n_features: int,
    strength: float,
    session: Session | None = None,
    progress: Progress = silent,
) -> FeatureSelection:
    """Return the features that set two lists of texts apart: means over all tokens of a text but its first.

    Parameters
    ----------
    with_, without : sequence of str
        Without chat template; at least two on each side.

    Raises
    ------
    DataError, SteeringError
        As `select_features`.
    """
    sides = [[_whole(model, text) for text in texts] for texts in (with_, without)]
    if min(map(len, sides)) < 2:
        raise DataError(f"an effect size needs at least two texts a side, got {len(with_)} and {len(without)}")
    longest = max(len(reading.tokens) for side in sides for reading in side)
    own = session or Session(model, n_ctx=max(1024, 2 * longest), n_sequences=16)
    try:
        (first, _), (second, norm) = (
            _means(own, dictionary, side, lambda done, total, part=part: progress(part * total + done, 2 * total))  # type: ignore[misc]
            for part, side in enumerate(sides)
        )
    finally:
        if session is None:
            own.close()
    return choose_features(
        dictionary,
        first,
        second,
        description=description,
        n_features=n_features,
        strength=strength,
        mean_norm=norm,
    )


def _instructed(model: Model, prompt: str, asked: str, place: str, raw: bool) -> str:
    if place == "system":
        return PromptSetting("instructed", asked).render(model, prompt)
    text = f"{prompt}\n\n{asked}"
    messages: list[Message] = [{"role": "user", "content": text}]
    return text if raw else model.chat(messages)


def _answers(session: Session, plain: Sequence[str], begun: Sequence[str], max_tokens: int) -> list[_Reading]:
    """Return the plain prompts, each with the answer to its prompt in ``begun``; where that is empty, neither."""
    requests = [Request(text, max_tokens=max_tokens, raw=True) for text in begun]
    readings = []
    for text, answer in zip(plain, session.generate_many(requests), strict=True):
        prompt = [int(token) for token in session.model.tokenize(text).ids]
        tokens = prompt + list(answer.tokens)
        if answer.stop_reason == "interrupted":
            raise KeyboardInterrupt
        if answer.tokens:
            readings.append(_Reading(tokens, range(len(prompt), len(tokens))))
    return readings


def _prompts(model: Model, texts: Sequence[str]) -> list[_Reading]:
    tokenised = [[int(token) for token in model.tokenize(text).ids] for text in texts]
    return [_Reading(tokens, range(len(tokens) - 1, len(tokens))) for tokens in tokenised]


def _whole(model: Model, text: str) -> _Reading:
    tokens = [int(token) for token in model.tokenize(text).ids]
    if len(tokens) < 2:
        raise DataError(f"expected texts of at least two tokens, got {text!r:.80}")
    return _Reading(tokens, range(1, len(tokens)))


def _means(
    session: Session, dictionary: SparseDictionary, readings: Sequence[_Reading], progress: Progress
) -> tuple[Float32Array, float]:
    """Return each text's mean features, float32, (n, n_features), and the mean norm of all rows."""
    if len(readings) < 2:
        raise DataError(f"an effect size needs at least two texts with an answer, got {len(readings)}")
    recorded = record(
        session.model,
        [reading.tokens for reading in readings],
        [_site(dictionary)],
        positions=[reading.positions for reading in readings],
        session=session,
        progress=progress,
    )
    rows = [item[_site(dictionary)] for item in recorded]
    means = np.stack([dictionary.encode(part).mean(axis=0) for part in rows])
    norms = np.concatenate([np.linalg.norm(part.astype(np.float64), axis=1) for part in rows])
    return means, float(norms.mean())


def _site(dictionary: SparseDictionary) -> Site:
    if dictionary.site is None:
        raise SteeringError("this dictionary does not say where its rows come from: give it a site")
    return dictionary.site
