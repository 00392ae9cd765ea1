"""How long does it take to train a dictionary of features on a small model, and how good is it?

Records rows at one site, trains a TopK dictionary, and measures it on rows of texts that it has not seen.

    python benchmarks/dictionary.py MODEL TEXTS.json [--site resid_post.5] [--features 2048] [--k 32] [--tokens 200000]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from core import Row, show
from rich.console import Console

from pysteer.dictionaries import SparseDictionary, TrainingPlan, train_dictionary
from pysteer.dictionary_file import save_dictionary
from pysteer.model import Model
from pysteer.session import Session
from pysteer.site import Site
from pysteer.site_rows import record_rows

HELD_OUT = 0.1
"""Share of the texts that are kept apart."""


def n_unused(dictionary: SparseDictionary, rows: np.ndarray) -> int:
    """Features that are 0 in all rows."""
    is_used = np.zeros(dictionary.n_features, dtype=bool)
    for _, features in dictionary.blocks(rows):
        is_used |= features.any(axis=0)
    return int(np.count_nonzero(~is_used))


def run(model: Model, texts: list[str], arguments: argparse.Namespace) -> list[Row]:
    """Record, train, measure."""
    site = Site.parse(arguments.site, n_layers=model.n_layers)
    n_kept = len(texts) - max(1, round(HELD_OUT * len(texts)))
    n_ctx = max(1024, 2 * min(model.n_ctx_train, 1024))
    with Session(model, n_ctx=n_ctx, n_sequences=64, n_threads=arguments.threads) as session:
        begin, processor = time.perf_counter(), time.process_time()
        rows = record_rows(model, texts[:n_kept], site, n_rows=arguments.tokens, session=session)
        recording, processor = time.perf_counter() - begin, time.process_time() - processor
        held_out = record_rows(model, texts[n_kept:], site, session=session)
    plan = TrainingPlan(arguments.features, arguments.k, seed=arguments.seed, n_epochs=arguments.epochs)
    begin, trained = time.perf_counter(), time.process_time()
    training = train_dictionary(rows, plan, site=site)
    seconds, trained = time.perf_counter() - begin, time.process_time() - trained
    dictionary = training.dictionary
    if arguments.output is not None:
        save_dictionary(dictionary, arguments.output)
    fvu, l0 = dictionary.fvu(held_out), dictionary.l0(held_out)
    lost = n_unused(dictionary, rows)
    total = recording + seconds
    return [
        Row("tokens", len(rows), "", True, f"{n_kept} texts, at {site}; the first token of each text is left out"),
        Row(
            "recording, s",
            recording,
            "",
            True,
            f"{len(rows) / recording:.0f} tokens/s; {processor:.0f} s of processors",
        ),
        Row(
            "training, s",
            seconds,
            "",
            True,
            f"{plan.n_features} features of width {dictionary.width}, k {plan.k}, {plan.n_epochs} epochs, batches of "
            f"{plan.batch_size}, learning rate {plan.learning_rate:g}, seed {plan.seed}; {trained:.0f} s of processors",
        ),
        Row("recording and training, s", total, "<= 600", total <= 600, f"{arguments.threads} threads"),
        Row(
            "FVU, texts of the training",
            dictionary.fvu(rows),
            "",
            True,
            f"last tenth of the steps: {last(training.losses):.3f}",
        ),
        Row("FVU, other texts", fvu, "<= 0.35", fvu <= 0.35, f"{len(held_out)} tokens of {len(texts) - n_kept} texts"),
        Row("L0, other texts", l0, f"{plan.k}", abs(l0 - plan.k) < 1, "features that are not 0 in a row"),
        Row("features no training token uses", lost, "", True, f"{training.n_revived} were begun again while training"),
    ]


def last(losses: tuple[float, ...]) -> float:
    return float(np.mean(losses[-max(1, len(losses) // 10) :]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path, help="JSON list of texts")
    parser.add_argument("--site", default="resid_post.5")
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="models this small gain little from more")
    parser.add_argument("-o", "--output", type=Path, help="write the dictionary here")
    arguments = parser.parse_args()
    model = Model.load(arguments.model)
    texts = [text if isinstance(text, str) else text["text"] for text in json.loads(arguments.texts.read_text("utf-8"))]
    title = f"{model.name} ({model.hash[:12]}), {arguments.texts.name}"
    show(title, run(model, texts, arguments), Console(width=170))


if __name__ == "__main__":
    main()
