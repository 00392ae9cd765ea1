"""How strongly does a steered model take the other side, when some tokens stand behind the question?

For A/B items with prompts ``x_i`` and a candidate ``u`` of a few tokens, put into the user's turn behind ``x_i``:

    target(u)          mean over items of  log p(other answer | x_i u) - log p(wanted answer | x_i u), steered, nats
    cross_entropy(u)   mean over the tokens of u of  -log p(u_t | x_1 u_<t), unsteered, nats per token

A target above 0 means that, on average, the behaviour that the vector asks for is reversed. Where no single token tells
two replies apart, sums over several tokens of both are compared. Source: the adversarial inputs
of "Patterns and Mechanisms of Contrastive Activation Engineering", arXiv:2505.03189, searched with gradients.

Candidates are token sequences. Typed as text, some would be tokenised otherwise: `ReversalObjective.survives_typing`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType

import numpy as np

from pysteer.answer_jobs import decision_job, run_all, whole_answer_job
from pysteer.arrays import Float64Array
from pysteer.errors import DataError, MeasurementError, TokenizeError
from pysteer.evaluation_keys import directions_hash
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.pair_text import Answered, answer_pair, n_common
from pysteer.pairs import Dataset
from pysteer.prefix_tree import Int32Array
from pysteer.progress import Progress, silent
from pysteer.prompt_search.mutations import Mutation
from pysteer.prompt_search.objective import Evaluated
from pysteer.prompt_settings import PromptSetting
from pysteer.session import Session, session_for_texts
from pysteer.steering_program import Compiled, compile_interventions
from pysteer.tree_run import Job, JobResult, RunCount

N_PROPOSALS = 64
"""From how many of the most probable tokens the model's own proposals are drawn."""


def plain_tokens(model: Model) -> Int32Array:
    """Return the tokens that are printable text: no control tokens, no lone bytes, no line ends, int32 (n,)."""
    return np.array([token for token in range(model.n_vocab) if _is_plain(model.detokenize([token]))], dtype=np.int32)


def _is_plain(text: str) -> bool:
    return bool(text.strip()) and text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text


class ReversalObjective:
    """Measures candidates on A/B items under a steering. To be closed, or used in a ``with`` statement.

    Parameters
    ----------
    pairs : Dataset
        A/B items: prompts, and answers that differ in one token ("(A)", "(B)"); any replies with ``answer_tokens``.
    steering : sequence of Intervention
        What the vector does; empty for the unsteered model.
    raw, setting
        As for `pysteer.propensities`.
    answer_tokens : int, optional
        Compare sums over at most so many tokens of both replies, from the first in which they differ, instead of that
        one token.
    session : Session, optional
        Used instead of one made for the purpose; its sequences are dropped.

    Raises
    ------
    DataError
        Items without a prompt, or whose answers no single token decides.
    TokenizeError
        A tokenizer that cannot say where the question ends.
    """

    def __init__(
        self,
        model: Model,
        pairs: Dataset,
        steering: Sequence[Intervention],
        *,
        raw: bool = False,
        setting: PromptSetting | None = None,
        answer_tokens: int | None = None,
        session: Session | None = None,
    ) -> None:
        if answer_tokens is not None and answer_tokens < 1:
            raise MeasurementError(f"answer_tokens: expected at least 1, got {answer_tokens}")
        self.model = model
        self._steering = compile_interventions(steering)
        self._items = []
        for number, pair in enumerate(pairs):
            where = f"data set {pairs.name!r}, pair {number}"
            options = answer_pair(model, pair, raw=raw, setting=setting)
            jobs = _answer_jobs(options, self._steering, answer_tokens, where)
            self._items.append((jobs, _question_end(options[0], pair.prompt, where)))
        first, at = self._items[0]
        self._context = first[0].tokens[:at]
        self.count = RunCount()
        self._own = session is None
        longest = max(len(job.tokens) for jobs, _ in self._items for job in jobs)
        self.session = session or session_for_texts(model, longest + 256)
        described = [
            [
                directions_hash(item.directions), item.operation, sorted(item.parameters.items()), item.coefficient,
                str(item.window), str(item.condition),
            ]
            for item in steering
        ]  # fmt: skip
        where_asked = [
            model.hash, pairs.content_hash, described, raw, None if setting is None else setting.name, answer_tokens,
        ]  # fmt: skip
        self._fingerprint = hashlib.sha256(json.dumps(where_asked).encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of model, items, steering and prompt setting."""
        return self._fingerprint

    def evaluate(self, tokens: Int32Array, progress: Progress = silent) -> Evaluated:
        """Measure candidates, int32 (n, length); a candidate that occurs twice is computed once."""
        different, place = np.unique(np.asarray(tokens, dtype=np.int32), axis=0, return_inverse=True)
        jobs = [job for candidate in different for job in (_own(self._context, candidate), *self._asked(candidate))]
        results = run_all(self.session, jobs, n_items=len(different), progress=progress, count=self.count)
        per_candidate = len(jobs) // len(different)
        target, cross_entropy = np.empty(len(different)), np.empty(len(different))
        for number in range(len(different)):
            own, *asked = results[number * per_candidate : (number + 1) * per_candidate]
            cross_entropy[number] = _surprise(own)
            target[number] = self._reversals(asked).mean()
        back = place.ravel()
        return Evaluated(different[back], target[back], cross_entropy[back])

    def reversals(self, candidate: Int32Array | None) -> Float64Array:
        """Return ``log p(other) - log p(wanted)`` of every item, nats, (n_items,); None: without any candidate."""
        tokens = np.empty(0, dtype=np.int32) if candidate is None else np.asarray(candidate, dtype=np.int32)
        jobs = self._asked(tokens)
        return self._reversals(run_all(self.session, jobs, n_items=len(jobs), count=self.count))

    def measure(
        self, candidates: Sequence[Int32Array], progress: Progress = silent
    ) -> tuple[Float64Array, Float64Array]:
        """Measure candidates item by item; they may differ in length.

        Returns
        -------
        reversals : float64, shape (n_candidates, n_items)
            ``log p(other) - log p(wanted)``, nats.
        cross_entropy : float64, shape (n_candidates, n_items)
            Nats per token of the candidate, behind each item's question, unsteered; NaN for one without tokens.
        """
        contexts = [jobs[0].tokens[:at] for jobs, at in self._items]
        owns = [_own(context, candidate) for candidate in candidates for context in contexts if len(candidate)]
        asked = [job for candidate in candidates for job in self._asked(np.asarray(candidate, dtype=np.int32))]
        found = run_all(self.session, [*owns, *asked], n_items=len(candidates), progress=progress, count=self.count)
        cross_entropy = np.full((len(candidates), len(contexts)), np.nan)
        cross_entropy[[len(candidate) > 0 for candidate in candidates]] = np.reshape(
            [_surprise(own) for own in found[: len(owns)]], (-1, len(contexts))
        )
        return self._reversals(found[len(owns) :]).reshape(cross_entropy.shape), cross_entropy

    def survives_typing(self, candidate: Int32Array) -> bool:
        """Return whether the candidate's text, tokenised, gives these tokens again."""
        text = self.model.detokenize([int(token) for token in candidate])
        again = self.model.tokenize(text, add_special=False, parse_special=False).ids
        return np.array_equal(again, np.asarray(candidate, dtype=np.int32))

    def proposals(self, vocabulary: Int32Array, temperature: float = 1.0) -> Mutation:
        """Return the mutation that draws what the unsteered model expects at the position, given what stands before it.

        Drawn from the `N_PROPOSALS` most probable tokens, as far as they are in ``vocabulary``.
        """
        allowed = np.zeros(self.model.n_vocab, dtype=bool)
        allowed[vocabulary] = True

        def draw(parents: Int32Array, positions: Int32Array, generator: np.random.Generator) -> Int32Array:
            different, place = np.unique(parents, axis=0, return_inverse=True)
            expected = [self._expected(parent) for parent in different]
            drawn = np.empty(len(parents), dtype=np.int32)
            for number, (which, position) in enumerate(zip(place.ravel(), positions, strict=True)):
                tokens, log_probs = (values[position] for values in expected[which])
                usable = allowed[tokens]
                if not usable.any():
                    drawn[number] = generator.choice(vocabulary)
                    continue
                logits = np.where(usable, log_probs / temperature, -np.inf)
                shares = np.exp(logits - logits.max())
                drawn[number] = generator.choice(tokens, p=shares / shares.sum())
            return drawn

        return draw

    def close(self) -> None:
        """Free the session, if it is the objective's own."""
        if self._own:
            self.session.close()

    def __enter__(self) -> ReversalObjective:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _asked(self, candidate: Int32Array) -> list[Job]:
        """Return the jobs of all items with a candidate: one each, or two where whole replies are compared."""
        return [_with_tokens(job, at, candidate) for jobs, at in self._items for job in jobs]

    def _reversals(self, results: Sequence[JobResult]) -> Float64Array:
        """Return what `_asked`'s results say about each item, nats, (n_items,), or more for more candidates."""
        per_item = len(self._items[0][0])
        groups = [results[begin : begin + per_item] for begin in range(0, len(results), per_item)]
        return np.array([_reversal(group) for group in groups], dtype=np.float64)

    def _expected(self, parent: Int32Array) -> tuple[Int32Array, Float64Array]:
        """Return the most probable tokens at each of the parent's places, and their log-probabilities, (length, n)."""
        session = self.session
        session.forget()
        tokens = np.concatenate([self._context, parent[:-1]]).astype(np.int32)
        outputs = np.zeros(len(tokens), dtype=np.uint8)
        outputs[len(self._context) - 1 :] = 1
        decoded = session.native.decode(
            tokens, np.arange(len(tokens), dtype=np.int32), np.zeros(len(tokens), dtype=np.int32), outputs=outputs,
            n_top=min(N_PROPOSALS, self.model.n_vocab),
        )  # fmt: skip
        session.forget()
        return decoded.top_ids, decoded.top_log_probs.astype(np.float64)


def _answer_jobs(
    options: tuple[Answered, Answered], steering: Compiled, answer_tokens: int | None, where: str
) -> tuple[Job, ...]:
    """Return the job that decides between two answers, or one for each of them (wanted, other)."""
    if answer_tokens is None:
        return (decision_job(options, steering, where),)
    n_prompt = max(1, min(option.n_prompt for option in options))
    n_scored = n_common(options[0].tokens.ids, options[1].tokens.ids) - n_prompt + answer_tokens
    jobs = [whole_answer_job(option, steering, n_prompt) for option in options]
    return tuple(
        replace(
            job,
            tokens=job.tokens[: n_prompt - 1 + n_scored],
            score=job.score[:n_scored],
            targets=job.targets[:n_scored],
        )
        for job in jobs
    )


def _reversal(results: Sequence[JobResult]) -> float:
    """Return ``log p(other) - log p(wanted)`` from one result with both, or from two."""
    if len(results) == 1:
        return float(results[0].log_prob[1]) - float(results[0].log_prob[0])
    wanted, other = (result.log_prob.astype(np.float64).sum() for result in results)
    return float(other - wanted)


def _own(context: Int32Array, candidate: Int32Array) -> Job:
    """Return the job for a candidate's own tokens behind a context, unsteered."""
    begin = len(context)
    return Job(
        np.concatenate([context, candidate[:-1]]).astype(np.int32),
        score=tuple(range(begin - 1, begin - 1 + len(candidate))),
        targets=tuple(int(token) for token in candidate),
    )


def _surprise(own: JobResult) -> float:
    """Return nats per token."""
    return -float(own.log_prob.astype(np.float64).mean())


def _question_end(text: Answered, prompt: str, where: str) -> int:
    """Return the index of the first token that lies wholly behind the question, where a candidate goes."""
    question = prompt.strip()
    begin = text.tokens.text.rfind(question, 0, text.answer_at) if question else -1
    if begin < 0:
        raise DataError(f"{where}: expected a prompt that the chat template takes over as it is")
    if text.tokens.spans is None:
        raise TokenizeError(f"{where}: this model's tokenizer changes the text, so the question's end cannot be found")
    return text.tokens.indices_between(begin, begin + len(question)).stop


def _with_tokens(job: Job, at: int, tokens: Int32Array) -> Job:
    """Return the job with tokens put in before position ``at``; what lies behind moves on."""
    by = len(tokens)
    return replace(
        job,
        tokens=np.concatenate([job.tokens[:at], tokens, job.tokens[at:]]).astype(np.int32),
        score=tuple(position + by if position >= at - 1 else position for position in job.score),
        n_prompt=job.n_prompt + by if job.n_prompt >= at else job.n_prompt,
    )
