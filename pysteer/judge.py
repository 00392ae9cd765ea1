"""A local model as judge: how coherent is a text, how strongly does it show a behaviour, which of two shows more?

A rating is an expected value, not a sampled word: the judge's probabilities of all ratings of the scale, at the place
where it would write its rating, normalised, times the ratings (as G-Eval does, Liu et al. 2023, arXiv:2303.16634). It
is graded, needs one pass a text, and has no seed. What the judge would rather say than a rating is not hidden: `mass`
is the probability that all ratings have together, and a text is *unreadable* where the judge's most probable next token
begins no rating.

The judge is never steered: with the judged model as its own judge, the session's steering is left out.

What this does not tell: whether the judge is right. Check it with texts whose order is known (coherent text against the
same words shuffled), and see the two kinds of consistency: the scale written upside down, and two texts swapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pysteer.answer_jobs import TextSession, longest_text, run_all, text_session
from pysteer.arrays import Float64Array
from pysteer.batch_generation import WritingPlan, check_finished, write_texts
from pysteer.chat_template import join_answer
from pysteer.errors import MeasurementError
from pysteer.metrics.rating_scales import expected_ratings, parse_rating
from pysteer.model import Model
from pysteer.pair_text import Answered, answered, n_common
from pysteer.progress import Progress, silent
from pysteer.rubrics import RATING, Rubric
from pysteer.sampling import Sampling
from pysteer.tree_run import Job

TAG = "rating"

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Options:
    """What the judge thinks of the same few answers to each of several questions.

    Parameters
    ----------
    log_prob : float64, shape (n_questions, n_options)
        Nats, over the whole vocabulary; NaN where a question does not fit the judge's context.
    is_readable : bool, shape (n_questions,)
        The judge's most probable next token begins one of the options.
    """

    log_prob: Float64Array
    is_readable: BoolArray

    @property
    def mass(self) -> Float64Array:
        """Probability of all options together, (n_questions,)."""
        return np.asarray(np.exp(self.log_prob).sum(axis=1), dtype=np.float64)

    @property
    def probabilities(self) -> Float64Array:
        """Normalised over the options, (n_questions, n_options)."""
        weights = np.exp(self.log_prob - self.log_prob.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Ratings:
    """Ratings of texts on one rubric.

    Parameters
    ----------
    rubric : Rubric
    value : float64, shape (n_texts,)
        Expected, or written, rating; NaN where none could be read.
    mass : float64, shape (n_texts,)
        Probability that the judge gives a rating at all; NaN where it was not asked for (a written rating), or the text
        does not fit the judge's context.
    is_readable : bool, shape (n_texts,)
        The judge's most probable next token begins a rating; or a written one could be read.
    """

    rubric: Rubric
    value: Float64Array
    mass: Float64Array
    is_readable: BoolArray


class Judge:
    """A model that judges texts.

    Parameters
    ----------
    model : Model
    raw : bool
        No chat template: the question is continued as it stands. Needed for models without a template.
    session : Session, or a function that returns one, optional
        Used instead of sessions made for the purpose; its sequences are dropped, its steering is left out.
    """

    def __init__(self, model: Model, *, raw: bool = False, session: TextSession = None) -> None:
        self.model = model
        self.raw = raw
        self.session = session

    def rate(
        self,
        texts: Sequence[str],
        rubric: Rubric,
        *,
        prompts: Sequence[str] | None = None,
        descending: bool = False,
        min_mass: float = 0.0,
        progress: Progress = silent,
    ) -> Ratings:
        """Return the expected ratings of texts.

        Parameters
        ----------
        prompts : sequence of str, optional
            What each text answers, shown to the judge.
        descending : bool
            The scale upside down, to see whether the order matters.
        min_mass : float
            Least probability of all ratings together; below it a text has no rating (NaN).

        Raises
        ------
        MeasurementError
            No text, or not one prompt for each.
        """
        asked = _asked(texts, rubric, prompts, descending=descending)
        found = self.ask(asked, [rubric.answer(rating) for rating in rubric.ratings], begin=RATING, progress=progress)
        fits = ~np.isnan(found.log_prob).any(axis=1)
        value, mass = np.full((2, len(texts)), np.nan)
        if fits.any():
            expected = expected_ratings(found.log_prob[fits], rubric.scale.values, min_mass=min_mass)
            value[fits], mass[fits] = expected.ratings, expected.mass
        return Ratings(rubric, value, mass, found.is_readable)

    def write_ratings(
        self,
        texts: Sequence[str],
        rubric: Rubric,
        *,
        sampling: Sampling,
        max_tokens: int = 200,
        prompts: Sequence[str] | None = None,
        descending: bool = False,
        progress: Progress = silent,
    ) -> Ratings:
        """Return ratings that the judge writes between tags, after whatever it says before.

        Slower than `rate`, rounded to whole numbers, and often unreadable with small models; for judges that reason.
        With sampling, another seed asks again.
        """
        asked = _asked(texts, rubric, prompts, descending=descending, tag=TAG)
        plan = WritingPlan(max_tokens, sampling, stop=(f"</{TAG}>",), raw=self.raw)
        # A session that is steered would steer the judge: texts are written in one of their own.
        written = write_texts(self.model, asked, [()], plan=plan, progress=progress)
        check_finished(written)
        said = [text.text + (f"</{TAG}>" if text.stop_reason == "stop" else "") for [text] in written]
        value = np.array([parse_rating(text, tag=TAG, scale=rubric.scale) for text in said], dtype=np.float64)
        return Ratings(rubric, value, np.full(len(texts), np.nan), ~np.isnan(value))

    def prefer(
        self, first: Sequence[str], second: Sequence[str], criterion: str, *, progress: Progress = silent
    ) -> tuple[Float64Array, Float64Array, BoolArray]:
        """Return how much the judge prefers the text shown first, in both orders.

        Parameters
        ----------
        first, second : sequence of str, of the same length
        criterion : str
            What makes a text better, such as "is more cheerful".

        Returns
        -------
        preferences : float64, shape (n_pairs,)
            Probability, normalised over the two, that ``first`` is better where ``first`` is shown first.
        swapped : float64, shape (n_pairs,)
            That ``second`` is better where ``second`` is shown first: a judge without a bias for places gives
            ``preferences + swapped = 1``.
        is_readable : bool, shape (n_pairs,)
            In both orders.
        """
        if len(first) != len(second):
            raise MeasurementError(f"expected pairs of texts, got {len(first)} and {len(second)}")
        pairs = [*zip(first, second, strict=True), *zip(second, first, strict=True)]
        end = f'Which text {criterion}? Answer with "Text A" or "Text B".'
        asked = [f'Text A:\n"""\n{a}\n"""\n\nText B:\n"""\n{b}\n"""\n\n{end}' for a, b in pairs]
        found = self.ask(asked, ["A", "B"], begin="Text", progress=progress)
        shown_first, n = found.probabilities[:, 0], len(first)
        return shown_first[:n], shown_first[n:], found.is_readable[:n] & found.is_readable[n:]

    def says_yes(
        self, texts: Sequence[str], question: str, *, progress: Progress = silent
    ) -> tuple[Float64Array, BoolArray]:
        """Return log p(Yes) - log p(No) for a question about each text, nats, (n_texts,), and which are readable."""
        asked = [f'Text:\n"""\n{text}\n"""\n\n{question} Answer with "Yes" or "No".' for text in texts]
        found = self.ask(asked, ["Yes", "No"], begin="Answer:", progress=progress)
        return found.log_prob[:, 0] - found.log_prob[:, 1], found.is_readable

    def ask(
        self, questions: Sequence[str], options: Sequence[str], *, begin: str, progress: Progress = silent
    ) -> Options:
        """Return the probability of each option as the answer to each question.

        Where the options differ in their first token, that token decides; else all tokens behind what they have in
        common are counted, so no option may be the begin of another one.

        Parameters
        ----------
        begin : str
            What the answer begins with, such as "Rating:". It is put there, not predicted.
        """
        if not questions:
            raise MeasurementError("there is nothing to judge: give at least one text")
        sides = [self._sides(question, options, begin) for question in questions]
        limit = longest_text(self.model, self.session)
        lengths = [max(len(side.tokens) for side in row) for row in sides]
        fitting = [item for item, length in enumerate(lengths) if length <= limit]
        log_prob = np.full((len(questions), len(options)), np.nan)
        is_readable = np.zeros(len(questions), dtype=np.bool_)
        if not fitting:
            return Options(log_prob, is_readable)
        with text_session(self.model, self.session, max(lengths[item] for item in fitting)) as own:
            planned = {item: _jobs(sides[item]) for item in fitting}
            done = iter(
                run_all(
                    own, [job for item in fitting for job in planned[item]], n_items=len(fitting), progress=progress
                )
            )
            for item in fitting:
                results = [next(done) for _ in planned[item]]
                at = _decided_at(sides[item])
                is_readable[item] = int(results[0].top[0]) in {int(side.tokens.ids[at]) for side in sides[item]}
                if len(results) == 1:
                    log_prob[item] = results[0].log_prob
                else:
                    log_prob[item] = [result.log_prob.astype(np.float64).sum() for result in results]
        return Options(log_prob, is_readable)

    def _sides(self, question: str, options: Sequence[str], begin: str) -> list[Answered]:
        text = f"{question}\n{begin}" if self.raw else join_answer(self.model.chat(question), begin)
        return [answered(self.model, text, option, joined=True) for option in options]


def _asked(
    texts: Sequence[str], rubric: Rubric, prompts: Sequence[str] | None, *, descending: bool, tag: str = ""
) -> list[str]:
    if prompts is not None and len(prompts) != len(texts):
        raise MeasurementError(f"expected a prompt for each of {len(texts)} texts, got {len(prompts)}")
    return [
        rubric.question(text, prompt, descending=descending, tag=tag)
        for text, prompt in zip(texts, prompts or [""] * len(texts), strict=True)
    ]


def _decided_at(sides: Sequence[Answered]) -> int:
    """Return the first position at which the options differ."""
    return min(n_common(sides[0].tokens.ids, side.tokens.ids) for side in sides[1:])


def _jobs(sides: Sequence[Answered]) -> list[Job]:
    """Return one job that scores all options, where their first token tells them apart, else one for each."""
    at = _decided_at(sides)
    short = next((side for side in sides if len(side.tokens) <= at), None)
    if short is not None:
        raise MeasurementError(f"the option {short.answer.strip()!r} is the begin of another one; give them an end")
    firsts = tuple(int(side.tokens.ids[at]) for side in sides)
    if len(set(firsts)) == len(firsts):
        return [Job(sides[0].tokens.ids[:at], score=(at - 1,) * len(firsts), targets=firsts)]
    return [
        Job(
            side.tokens.ids[:-1],
            score=tuple(range(at - 1, len(side.tokens) - 1)),
            targets=tuple(int(token) for token in side.tokens.ids[at:]),
        )
        for side in sides
    ]
