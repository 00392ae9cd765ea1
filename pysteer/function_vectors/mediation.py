"""Which heads carry the task? Causal mediation: put a head's mean activation into a prompt with shuffled labels.

Source: Todd et al. 2023, arXiv:2310.15213. For a prompt whose shots have shuffled labels, the causal indirect effect
of head h in block l is

    CIE = p(answer | z_{l,h} at the last token <- its mean over correct prompts) - p(answer),

with p(answer) the softmax probability of the answer's first token. AIE is the mean of CIE over the prompts.

The authors run n_layers * n_heads full prompts for each trial. Here a trial is ONE pass over all tokens but the last,
and then a batch of single-token rows that share it, each with another head replaced, and a row without any
replacement in every batch: what is subtracted was computed beside what it is subtracted from. Nothing is sampled or
approximated. A row computed alone and in a batch differ by float32 rounding (more with keys and values of 16 bits;
use ``kv_type="f32"`` for studies), which is the noise floor of CIE.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import DataError, ModelError, SessionError, ShapeError
from pysteer.function_vectors.head_activations import HeadActivations
from pysteer.function_vectors.icl_prompts import IclPrompt, Question, prompts_hash, tokenize_prompt
from pysteer.function_vectors.indirect_effects import Head, IndirectEffects
from pysteer.function_vectors.scan_checkpoint import ScanCheckpoint
from pysteer.model import Model
from pysteer.native import core
from pysteer.progress import Progress, silent
from pysteer.prompt_conditions import decided
from pysteer.session import Session
from pysteer.steering_program import steps
from pysteer.tree_run import RunCount
from pysteer.window import OPEN_END

MOST_ROWS = 256
"""Sequences that a session can hold, so that a batch has at most this many rows but one (the shared prompt)."""


def indirect_effects(
    model: Model,
    prompts: Sequence[IclPrompt],
    means: HeadActivations,
    *,
    heads: Sequence[Head] | None = None,
    session: Session | None = None,
    checkpoint: Path | None = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> IndirectEffects:
    """Return CIE of every head in every prompt (one prompt is one trial).

    Ctrl-C ends the scan and keeps the trials that are done, if there is one.

    Parameters
    ----------
    prompts : sequence of IclPrompt
        Shots with shuffled labels.
    means : HeadActivations
        Mean over prompts with correct labels.
    heads : sequence of (layer, head), optional
        Only these; CIE of all others is NaN. Default: all.
    session : Session, optional
        Used instead of one made for the purpose (float32 keys and values); its sequences are dropped, and steering in
        force applies to every row. It needs room for the longest prompt and as many tokens as it has sequences.
    checkpoint : Path, optional
        Trials are appended to this file as they are done, and those that it holds are not computed again.
    progress : Progress
        Called with (trials done, trials in all).

    Raises
    ------
    DataError
        No prompt, a head that the model does not have, or a checkpoint of another scan.
    ShapeError
        The means come from a model of another shape.
    ModelError
        The model has recurrent state, which rows cannot share.
    TokenizeError
        As `tokenize_prompt`.
    """
    if not prompts:
        raise DataError("a scan needs at least one prompt, got none")
    chosen = _checked_heads(model, means, heads)
    questions = [tokenize_prompt(model, prompt) for prompt in prompts]
    prompts_digest = prompts_hash(prompts)
    fingerprint = {
        "model": model.hash,
        "prompts": prompts_digest,
        "means": means.content_hash,
        "heads": [list(head) for head in chosen] if heads is not None else "all",
    }
    shape = (model.n_layers, model.n_heads)
    saved = ScanCheckpoint(checkpoint, fingerprint, shape)
    own = session or scan_session(model, max(len(question.tokens) for question in questions), len(chosen))
    trials: list[tuple[float, Float64Array]] = saved.trials[: len(questions)]
    try:
        scan = _Scan(own, means, chosen, shape, count or RunCount())
        progress(len(trials), len(questions))
        for question in questions[len(trials) :]:
            trial = scan.trial(question)
            saved.append(*trial)
            trials.append(trial)
            progress(len(trials), len(questions))
    except KeyboardInterrupt:
        if not trials:
            raise
    finally:
        own.close() if session is None else own.forget()
    return IndirectEffects(
        cie=np.stack([cie for _, cie in trials]),
        clean=np.array([clean for clean, _ in trials]),
        n_wanted=len(questions),
        n_blank=sum(question.is_blank for question in questions[: len(trials)]),
        model_hash=model.hash,
        prompts_hash=prompts_digest,
        means_hash=means.content_hash,
    )


def scan_session(model: Model, longest: int, n_heads: int, *, n_threads: int | None = None) -> Session:
    """Return a session in which one trial with prompts of up to ``longest`` tokens needs as few batches as possible."""
    n_sequences = min(MOST_ROWS, n_heads + 2)  # the shared prompt, and a row without replacement
    return Session(
        model,
        n_ctx=longest + n_sequences,
        n_batch=max(512, n_sequences),
        n_sequences=n_sequences,
        n_threads=n_threads,
        kv_type="f32",
    )


class _Scan:
    """Sequence 0 holds the shared prompt, the others a row each."""

    def __init__(
        self,
        session: Session,
        means: HeadActivations,
        heads: Sequence[Head],
        shape: tuple[int, int],
        count: RunCount,
    ) -> None:
        native = session.native
        if native.n_sequences < 3:
            raise SessionError(f"a scan needs a session with at least 3 sequences, got {native.n_sequences}")
        if session.model.native.is_recurrent:
            raise ModelError("this model has recurrent state, which rows cannot share: heads cannot be scanned")
        self.session, self.heads, self.shape, self.count = session, heads, shape, count
        self.edits = [
            core.Edit.replace(head * means.head_dim, np.ascontiguousarray(means.mean[layer, head]))
            for layer, head in heads
        ]
        most = min(native.n_sequences - 1, native.n_batch, native.n_outputs) - 1  # one row is clean
        n_batches = -(-len(heads) // most)
        self.batches = [part.tolist() for part in np.array_split(np.arange(len(heads)), n_batches)]

    def trial(self, question: Question) -> tuple[float, Float64Array]:
        """Return p(answer) of the clean row (mean over batches), and CIE (n_layers, n_heads), NaN where not scanned."""
        session, native = self.session, self.session.native
        tokens, last = question.tokens, len(question.tokens) - 1
        session.forget()
        (steering,) = decided(session, [session.steering], [tokens])
        in_force = steps(steering, len(tokens))
        native.set_program(0, in_force)
        if last:
            native.decode(tokens[:last], np.arange(last, dtype=np.int32), np.zeros(last, dtype=np.int32))
        cie = np.full(self.shape, np.nan)
        clean = []
        for places in self.batches:
            n_rows = 1 + len(places)
            replacements = [
                core.Step("head_out", self.heads[place][0], self.edits[place], last, OPEN_END) for place in places
            ]
            for sequence in range(1, n_rows + 1):
                native.set_program(sequence, in_force + replacements[max(0, sequence - 2) : sequence - 1])
                if last and native.share(0, sequence, last) != last:
                    raise SessionError(f"sequence {sequence} cannot share the {last} tokens of the prompt")
            decoded = native.decode(
                np.full(n_rows, tokens[last], dtype=np.int32),
                np.full(n_rows, last, dtype=np.int32),
                np.arange(1, n_rows + 1, dtype=np.int32),
                outputs=np.ones(n_rows, dtype=np.uint8),
                targets=np.full(n_rows, question.target, dtype=np.int32),
            )
            p = np.exp(decoded.log_prob.astype(np.float64))
            clean.append(float(p[0]))
            for place, patched in zip(places, p[1:], strict=True):
                cie[self.heads[place]] = patched - p[0]
            self.count.tokens += n_rows
            self.count.batches += decoded.n_parts
            for sequence in range(1, n_rows + 1):
                native.trim(sequence, 0)
        self.count.tokens += last
        self.count.naive_tokens += len(self.heads) * len(tokens)
        return float(np.mean(clean)), cie


def _checked_heads(model: Model, means: HeadActivations, heads: Sequence[Head] | None) -> list[Head]:
    shape = (model.n_layers, model.n_heads)
    if means.mean.shape[:2] != shape:
        raise ShapeError(f"means of {means.mean.shape[:2]} (layers, heads) for a model of {shape}")
    if heads is None:
        return [(layer, head) for layer in range(shape[0]) for head in range(shape[1])]
    if not heads:
        raise DataError("no head to scan: expected at least one (layer, head)")
    for layer, head in heads:
        if not (0 <= layer < shape[0] and 0 <= head < shape[1]):
            raise DataError(f"no head ({layer}, {head}): this model has {shape[0]} blocks of {shape[1]} heads")
    if len(set(heads)) != len(heads):
        raise DataError("a head is named twice")
    return list(heads)
