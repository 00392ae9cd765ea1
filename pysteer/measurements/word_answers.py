"""Does the steered model do a word task, such as antonyms or capitals, with or without examples in the prompt?

Source: Todd et al. 2023, arXiv:2310.15213 (prompts, rank of the answer's first token), and "Comparing Bottom-Up and
Top-Down Steering Approaches on In-Context Learning Tasks", arXiv:2411.07213 (written answers). Every input is asked
once; of several outputs, any is right. Raw text, no chat template.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pysteer.formats.word_pairs import WordPair, WordPairs
from pysteer.function_vectors.first_token import first_token_results
from pysteer.function_vectors.icl_prompts import IclPrompt, prompts_for_queries
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.metric_scores import scored
from pysteer.measurements.subject import Subject
from pysteer.measurements.written_texts import stop_failures, writing_plan, writing_work, written
from pysteer.metrics.answer_text import parse_generation
from pysteer.progress import Progress, silent
from pysteer.steering_program import Compiled, compile_interventions

_TEXT_METRICS = ("first_word_match", "exact_match", "word_f1", "answer_present")


@measurements.register("word_answers")
@dataclass(frozen=True)
class WordAnswers(Measurement):
    """First word, exact match, F1 and presence of the right answer, and the rank of its first token.

    Parameters
    ----------
    n_shots : int
        Solved examples before each question, drawn from the other inputs by the run's seed.
    is_shuffled : bool
        The examples' outputs change places: the task cannot be read off them.
    max_tokens : int
        Longest answer; a line break ends it, too.
    """

    data_types = (WordPairs,)
    uses_setting = False
    uses_seed = True
    generates = True
    depends_on = (
        "pysteer.batch_generation",
        "pysteer.generation_queue",
        "pysteer.measurements.written_texts",
        "pysteer.function_vectors.icl_prompts",
        "pysteer.function_vectors.first_token",
    )
    n_shots: int = 0
    is_shuffled: bool = False
    max_tokens: int = 16

    def measure(
        self, subject: Subject, data: WordPairs, steerings: Sequence[Steering], progress: Progress = silent
    ) -> list[Measured]:
        prompts = self._prompts(subject, data)
        plan = writing_plan(subject, max_tokens=self.max_tokens, temperature=0.0, stop=("\n",), raw=True)
        rows = written(subject, [prompt.text for prompt in prompts], steerings, plan, progress)
        targets = [[pair.output for pair in data if pair.input == prompt.query.input] for prompt in prompts]
        ranks = self._ranks(subject, prompts, steerings)
        measured = []
        for place in range(len(steerings)):
            texts = [row[place] for row in rows]
            failures = stop_failures(texts)
            failures.pop("stopped at max_tokens")  # an answer ends where its first line or clause does
            measured.append(
                Measured(
                    {"rank": ranks[place]},
                    details={"texts": [parse_generation(text.text) for text in texts], "targets": targets},
                    failures=failures,
                )
            )
        return measured

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        texts, targets, ranks = measured.details["texts"], measured.details["targets"], measured.values["rank"]
        n, known = len(texts), np.isfinite(ranks)
        given: dict[str, Any] = {"n_items": int(known.sum()), "failures": int((~known).sum()), "ranks": ranks[known]}
        return [
            *(scored(metric, about, n_items=n, texts=texts, targets=targets) for metric in _TEXT_METRICS),
            *(scored("top_k_accuracy", about, **given, name=f"top_{k}_accuracy", k=k) for k in (1, 3)),
            scored("reciprocal_rank", about, **given),
        ]

    def check(self, subject: Subject, data: WordPairs) -> None:
        self._prompts(subject, data)

    def work(self, subject: Subject, data: WordPairs, steerings: Sequence[Steering]) -> Work:
        plan = writing_plan(subject, max_tokens=self.max_tokens, temperature=0.0, stop=("\n",), raw=True)
        return writing_work(subject, [prompt.text for prompt in self._prompts(subject, data)], steerings, plan)

    def _prompts(self, subject: Subject, data: WordPairs) -> list[IclPrompt]:
        """Return one prompt for each input."""
        first_of: dict[str, WordPair] = {}
        for pair in data:
            first_of.setdefault(pair.input, pair)
        return prompts_for_queries(
            data, first_of.values(), n_shots=self.n_shots, seed=subject.seed, shuffled=self.is_shuffled
        )

    def _ranks(self, subject: Subject, prompts: Sequence[IclPrompt], steerings: Sequence[Steering]) -> list[np.ndarray]:
        """Return the rank of each answer's first token; steerings that change nothing are one run."""
        compiled = [compile_interventions(steering) for steering in steerings]
        different: list[Compiled] = [steering for steering in compiled if steering]
        has_base = len(different) < len(compiled)
        longest = max(len(subject.model.tokenize(prompt.text)) for prompt in prompts) + 1
        n_side = len(different) + has_base
        session = subject.session(n_ctx=max(2048, longest * n_side), n_sequences=max(32, n_side))
        found = first_token_results(subject.model, prompts, [*[()] * has_base, *different], session=session)
        ranks = iter(found[has_base:])
        return [(next(ranks) if steering else found[0]).rank.astype(np.float64) for steering in compiled]
