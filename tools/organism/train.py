"""Train the organism: `python -m organism.train --folder build/organism --hours 2` (with tools/ on PYTHONPATH).

Resumes from the checkpoint of the folder by itself; SIGTERM ends it after the step at hand, with a checkpoint. The learning
rate warms up, stays, and decays to zero over the last fifth of the time (`--hours`, counted as time spent training, so a
paused process loses nothing). Losses are appended to `losses.jsonl` skill by skill: the mean loss of the tokens that carry
the answer (weight >= 0.25), in nats.

What this file does not do: judge the model (acceptance.py does).
"""

from __future__ import annotations

import argparse
import json
import os
import signal

# Waiting threads must sleep, not spin: on a shared machine spinning costs several times the work itself.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from . import corpus, optimizer
from .model import Organism, Shape
from .packing import SKILLS, Batch, pack
from .start import lay_down_circuits
from .tokenizer import Tokenizer

SEED = 11
# (rows, length) of a batch; every sixth one has room for long documents.
SHORT_ROWS, LONG_ROWS, LONG_EVERY = (36, 128), (9, 512), 6
WARM_UP_STEPS = 40
DECAY_SHARE = 0.2
CURRICULUM_STEPS = 600
ANSWER_WEIGHT, LETTER_WEIGHT = 0.25, 3.0
LITTLE_WEIGHT = 0.11
LONGEST_STEP_S = 15.0


def answer_losses(model: Organism, batch: Batch, weights: Tensor) -> Tensor:
    """Cross entropy of the tokens with a weight given those before them, float32 (n,) in row-major order."""
    counted = weights > 0
    chosen = F.pad(counted, (0, 1))  # position t predicts token t + 1; the last position predicts none
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch.tokens, batch.mask(), chosen)
    return F.cross_entropy(logits.float(), batch.tokens[:, 1:][counted], reduction="none")


def target_weights(batch: Batch, generator: torch.Generator) -> Tensor:
    """Weights of the predicted tokens, (B, T - 1); a document's first token is predicted from nothing and counts nothing.

    Of the tokens that count little only one in four is taken, with four times the weight: the same loss on average, for
    half of the logits.
    """
    weights = batch.weights[:, 1:] * (batch.owner[:, 1:] == batch.owner[:, :-1])
    taken = torch.rand(weights.shape, generator=generator) < 0.25
    return torch.where(weights < LITTLE_WEIGHT, weights * 4 * taken, weights)


def rate_factor(step: int, progress: float) -> float:
    """Warm up, stay, decay: the learning rate's factor at a step, `progress` being the used share of the time."""
    warm = min(1.0, (step + 1) / WARM_UP_STEPS)
    return warm * max(0.0, min(1.0, (1.0 - progress) / DECAY_SHARE))


def by_skill(token_losses: Tensor, weights: Tensor, batch: Batch) -> dict[str, float]:
    """Mean loss of the answer tokens of each skill in a batch, and of its letters (and Yes, No) alone."""
    counted = weights > 0
    answers = batch.weights[:, 1:][counted] >= ANSWER_WEIGHT
    letters = batch.weights[:, 1:][counted] >= LETTER_WEIGHT
    skill = batch.skill[:, 1:][counted]
    found = {}
    for number, name in enumerate(SKILLS):
        for label, counts in ((name, answers), (f"{name} letter", letters)):
            chosen = counts & (skill == number)
            if chosen.any():
                found[label] = token_losses[chosen].mean().item()
    return found


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint beside the old one, then replace it in one move."""
    partial = folder / "checkpoint.partial"
    torch.save(state, partial)
    os.replace(partial, folder / "checkpoint.pt")


def load_tokenizer(folder: Path) -> Tokenizer:
    """The folder's tokenizer; made on the first call."""
    path = folder / "tokenizer.json"
    if not path.exists():
        corpus.train_tokenizer().save(path)
    return Tokenizer.load(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument(
        "--hours", type=float, required=True, help="training time in all, earlier runs of the folder included"
    )
    parser.add_argument("--save-every", type=float, default=300.0, help="seconds between checkpoints")
    parser.add_argument("--matrix-rate", type=float, default=0.006)
    parser.add_argument("--other-rate", type=float, default=0.003)
    parser.add_argument("--gain-rate", type=float, default=0.0015)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.folder.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(options.folder)

    torch.manual_seed(SEED)
    model = Organism(Shape(vocabulary=len(tokenizer.tokens)))
    lay_down_circuits(
        model, [tokenizer.id_of[letter] for letter in "ABCD"], tokenizer.id_of["<answer>"], tokenizer.id_of["("]
    )
    optimizers = optimizer.build(
        model,
        matrix_rate=options.matrix_rate,
        other_rate=options.other_rate,
        gain_rate=options.gain_rate,
        weight_decay=0.01,
    )
    rates = (options.matrix_rate, options.other_rate, options.gain_rate)
    step, next_document, n_tokens, spent_s = 0, 0, 0, 0.0
    checkpoint = options.folder / "checkpoint.pt"
    if checkpoint.exists():
        stored = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(stored["model"])
        for one, state in zip(optimizers, stored["optimizers"], strict=True):
            one.load_state_dict(state)
        step, next_document, n_tokens, spent_s = (stored[k] for k in ("step", "next_document", "n_tokens", "spent_s"))

    def state() -> dict[str, Any]:
        return {
            "model": model.state_dict(), "optimizers": [one.state_dict() for one in optimizers], "step": step,
            "next_document": next_document, "n_tokens": n_tokens, "spent_s": spent_s, "shape": model.shape.to_dict(),
        }  # fmt: skip

    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stop.append(received))
    running: dict[str, float] = {}
    last_save = spent_s
    with (options.folder / "losses.jsonl").open("a") as log:
        while (progress := spent_s / (3600.0 * options.hours)) < 1.0 and not stop:
            began = time.monotonic()
            factor = rate_factor(step, progress)
            for one, rate in zip(optimizers, rates, strict=True):
                for group in one.param_groups:
                    group["lr"] = rate * factor
            late = min(1.0, step / CURRICULUM_STEPS)
            n_rows, length = LONG_ROWS if step % LONG_EVERY == LONG_EVERY - 1 else SHORT_ROWS
            batch, next_document = pack(
                tokenizer, seed=SEED, start=next_document, n_rows=n_rows, length=length, late=late
            )
            weights = target_weights(batch, torch.Generator().manual_seed(step))
            token_losses = answer_losses(model, batch, weights)
            loss = (token_losses * weights[weights > 0]).sum() / weights.sum()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for one in optimizers:
                one.step()
                one.zero_grad(set_to_none=True)
            for name, value in {"all": loss.item(), **by_skill(token_losses.detach(), weights, batch)}.items():
                running[name] = value if name not in running else 0.95 * running[name] + 0.05 * value
            step += 1
            n_tokens += int((batch.owner > 0).sum())
            # A step that took far longer than any real one means that the process was stopped from outside.
            spent_s += min(time.monotonic() - began, LONGEST_STEP_S)
            if step % 20 == 0:
                line = {"step": step, "tokens": n_tokens, "spent_s": round(spent_s, 1), "rate": round(factor, 4)}
                log.write(
                    json.dumps({**line, **{name: round(value, 4) for name, value in sorted(running.items())}}) + "\n"
                )
                log.flush()
            if spent_s - last_save >= options.save_every:
                save_checkpoint(options.folder, state())
                last_save = spent_s
    save_checkpoint(options.folder, state())
    print(f"{step} steps, {n_tokens} tokens, {spent_s / 3600:.2f} h; {running}")


if __name__ == "__main__":
    main()
