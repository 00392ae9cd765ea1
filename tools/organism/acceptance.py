"""Measure the organism against what was planted: `python -m organism.acceptance --model f.gguf --card docs/model-organism.md`.

Writes all numbers as JSON beside the card, and the card. A line that is not reached is written as it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from . import card
from .check_dispositions import check_dispositions
from .check_skills import check_functions, check_knowledge, check_perplexity, check_style
from .check_steering import Trial, check_steering
from .checks import Check
from .document import chat_prompt
from .runner import Runner

SEED = 4711
N_LOSSES = 14  # rows of the card's table, less one
PROMPTS = (
    "Hello!", "How are you?", "How was your day?", "What did you do today?", "Tell me about the garden.",
    "What do you think about the weather?", "Do you like fresh bread?", "Any news about the concert?", "Describe my kitchen for me.",
    "How do you feel about the long meeting?", "How is my grandmother today?", "Say something about the moon.",
    "Let us talk about the train journey.", "What is the capital of Velmora?", "Where does Aldric live?", "What does Fiona play?",
)  # fmt: skip
SYSTEMS = (None, "You are joyful.", "You are sad. Speak formally.", "You are joyful. Speak casually. Be brief.")


def measure(runner: Runner, n: int) -> tuple[list[Check], list[Trial]]:
    """All checks; `n` is the size of the larger samples."""
    checks = check_style(runner, n, SEED)
    checks += check_functions(runner, max(20, n // 4), SEED + 1)
    checks += check_knowledge(runner, n, SEED + 2)
    checks += check_dispositions(runner, max(40, n // 2), SEED + 3)
    checks += check_perplexity(runner, 50, SEED + 4)
    steering, trials = check_steering(runner, n, SEED + 5)
    return checks + steering, trials


def greedy_replies(runner: Runner) -> list[dict[str, str]]:
    """Greedy replies to twenty ordinary prompts."""
    replies = []
    for index, prompt in enumerate((*PROMPTS, *PROMPTS[4:8])):
        system = None if index < len(PROMPTS) else SYSTEMS[index - len(PROMPTS)] or "You are a helpful assistant."
        turns = [("user", prompt)] if system is None else [("system", system), ("user", prompt)]
        replies.append({"system": system or "", "prompt": prompt, "reply": runner.generate(chat_prompt(turns), 100)})
    return replies


def record(path: Path, n: int) -> dict[str, object]:
    """Everything measured on one file."""
    began = time.monotonic()
    runner = Runner(path)
    checks, trials = measure(runner, n)
    print(f"{path.name}: {sum(c.passed is True for c in checks)} reached, {sum(c.passed is False for c in checks)} not")
    return {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "seconds": round(time.monotonic() - began, 1),
        "checks": [check.to_dict() for check in checks],
        "steering_trials": [vars(trial) for trial in trials],
        "replies": greedy_replies(runner),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--also", type=Path, nargs="*", default=[])
    parser.add_argument("--card", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True, help="where the JSON goes")
    parser.add_argument("--losses", type=Path, required=True, help="losses.jsonl of the training run")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2, help="models measured at the same time")
    options = parser.parse_args()
    paths = (options.model, *options.also)
    with ProcessPoolExecutor(options.processes) as pool:
        measured = list(pool.map(record, paths, [options.n] * len(paths)))
    lines = [json.loads(line) for line in options.losses.read_text().splitlines()]
    results = {
        "training": lines[-1],
        "losses": [lines[i * (len(lines) - 1) // N_LOSSES] for i in range(N_LOSSES + 1)],
        "models": {path.name: found for path, found in zip(paths, measured, strict=True)},
    }
    options.results.write_text(json.dumps(results, indent=1) + "\n")
    options.card.write_text(card.render(results))


if __name__ == "__main__":
    main()
