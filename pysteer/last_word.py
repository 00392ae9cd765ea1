"""Can the model still say the last word of a passage, and how probable is it?

Source: Paperno et al. 2016, "The LAMBADA dataset: Word prediction requiring a broad discourse context",
arXiv:1606.06031. Conventions as in evaluation harnesses: the word is everything behind the passage's last blank, the
blank belongs to it; it is right when every one of its tokens is the most probable one, which is what greedy decoding
would say; its log-probability is the sum over its tokens.

A passage longer than the model's context keeps its end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pysteer.answer_jobs import TextSession, longest_text, run_all, text_session, whole_answer_job
from pysteer.arrays import Float64Array
from pysteer.errors import DataError, MeasurementError
from pysteer.formats.texts import Texts
from pysteer.intervention import Intervention
from pysteer.model import Model, Tokens
from pysteer.pair_text import Answered, answered
from pysteer.progress import Progress, silent
from pysteer.steering_program import Compiled, compile_interventions
from pysteer.tree_run import Job, RunCount

_LAST_WORD = re.compile(r"\s+\S+\s*\Z")


@dataclass(frozen=True, eq=False)
class LastWords:
    """The last words under every steering.

    Parameters
    ----------
    log_prob : float64, shape (n_texts, n_steerings)
        Nats, over all tokens of the word.
    is_said : bool, shape (n_texts, n_steerings)
        Whether greedy decoding says exactly this word's tokens.
    n_tokens : int64, shape (n_texts,)
        Tokens of the word.
    n_cut : int
        Passages that lost their begin because they did not fit the model's context.
    """

    log_prob: Float64Array
    is_said: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    n_tokens: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
    n_cut: int


def last_words(
    model: Model,
    texts: Texts | Sequence[str],
    steerings: Sequence[Sequence[Intervention]],
    *,
    session: TextSession = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> LastWords:
    """Return how well the last word of every passage is predicted, all strengths side by side.

    Parameters
    ----------
    texts : Texts or sequence of str
        Passages as they are, no chat template. For windows, all but the last word is the prompt.
    steerings : sequence of (sequence of Intervention)
        An empty one is the unsteered model.
    session : Session, or a function that returns one, optional
        Used instead of one made for the purpose: see `TextSession`.

    Raises
    ------
    DataError
        A text has no blank before its last word: there is nothing to predict it from.
    """
    if not steerings:
        raise MeasurementError("no steering to measure: give at least one coefficient")
    limit = longest_text(model, session)
    whole = _split(model, texts)
    sides = [_shortened(model, side, limit) for side in whole]
    with text_session(model, session, max(len(side.tokens) for side in sides)) as own:
        compiled = [own.steering + compile_interventions(steering) for steering in steerings]
        jobs = _jobs(sides, compiled)
        results = run_all(own, jobs, n_items=len(sides), progress=progress, count=count)
    shape = (len(sides), len(compiled))
    log_prob = np.array([result.log_prob.astype(np.float64).sum() for result in results]).reshape(shape)
    is_said = np.array([bool((r.top == np.array(j.targets)).all()) for r, j in zip(results, jobs, strict=True)])
    n_tokens = np.array([len(side.tokens) - side.n_prompt for side in sides], dtype=np.int64)
    n_cut = sum(len(cut.tokens) < len(side.tokens) for cut, side in zip(sides, whole, strict=True))
    return LastWords(log_prob, is_said.reshape(shape), n_tokens, n_cut)


def last_word_jobs(model: Model, texts: Texts | Sequence[str], compiled: Sequence[Compiled]) -> list[Job]:
    """Return what `last_words` has to run: by text, then by steering."""
    return _jobs([_shortened(model, side, model.n_ctx_train) for side in _split(model, texts)], compiled)


def _split(model: Model, texts: Texts | Sequence[str]) -> list[Answered]:
    sides = [split_last_word(model, text, f"text {index}") for index, text in enumerate(texts)]
    if not sides:
        raise MeasurementError("there is no text to measure: give at least one")
    return sides


def _jobs(sides: Sequence[Answered], compiled: Sequence[Compiled]) -> list[Job]:
    return [whole_answer_job(side, steering, side.n_prompt) for side in sides for steering in compiled]


def split_last_word(model: Model, text: str, where: str = "text") -> Answered:
    """Return a passage as tokens, with its last word, and the blank before it, as the answer."""
    match = _LAST_WORD.search(text)
    if match is None or match.start() == 0:
        raise DataError(f"{where}: expected words with a blank before the last one, got {text[-60:]!r}")
    return answered(model, text[: match.start()], text[match.start() :].rstrip(), joined=False)


def _shortened(model: Model, side: Answered, limit: int) -> Answered:
    """Return the end that fits, BOS before it where the model wants one."""
    too_many = len(side.tokens) - limit
    if too_many <= 0:
        return side
    n_special = int(model.native.adds_bos)
    if side.n_prompt - too_many <= n_special:
        raise DataError(f"the word {side.answer[:60]!r} alone fills the context of {limit} tokens")
    ids = np.concatenate([side.tokens.ids[:n_special], side.tokens.ids[n_special + too_many :]])
    return replace(side, tokens=Tokens(ids, None, side.tokens.text), n_prompt=side.n_prompt - too_many)
