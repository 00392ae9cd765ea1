"""Contrastive activation addition on model-written questionnaires: does a vector move the answers of held-out items?

For each set: mean difference at the answer's letter over 40 items, added after the middle block from the last prompt
token on, slope of the letter propensity over seven coefficients on 40 other items; the same for ten random directions
of the same norm. Claim: the vector's slope is larger than the random ones', item by item.

    python benchmarks/effects/questionnaires.py [--items 40] [--output questionnaires.csv]
"""

from __future__ import annotations

import argparse

import numpy as np
from common import N_RANDOM, SEED, Line, folder, line, pooled, run, slopes, tinytalk

import pysteer
from pysteer.evaluation import COEFFICIENTS
from pysteer.intervention import Intervention
from pysteer.pair_text import answer_pair
from pysteer.session import Session
from pysteer.statistics import bootstrap_mean
from pysteer.window import Window

STUDY = "CAA on questionnaires"
ENDS = (-1.5, 1.5)
LONGEST = 240


def short_items(model: pysteer.Model, pairs: pysteer.Dataset, n_items: int) -> pysteer.Dataset:
    """Return the first items that fit the model's context."""
    kept = [pair for pair in pairs if len(answer_pair(model, pair)[0].tokens) <= LONGEST][:n_items]
    return pysteer.Dataset(tuple(kept), pairs.name)


def study_set(model: pysteer.Model, session: Session, pairs: pysteer.Dataset) -> Line:
    train, test = pairs.split(0.5, seed=SEED)
    vector = pysteer.extract(model, train, layers=[model.n_layers // 2], session=session)
    answer = Window.parse("answer")
    steerings = [[Intervention(vector, coefficient=c, window=answer)] for c in COEFFICIENTS]
    for seed in range(N_RANDOM):
        control = pysteer.random_like(vector, seed=seed)
        steerings += [[Intervention(control, coefficient=c, window=answer)] for c in ENDS]
    values = pysteer.propensities(model, test, steerings, variant="letter", session=session)
    n = len(COEFFICIENTS)
    own = slopes(COEFFICIENTS, values[:, :n])
    random = slopes(ENDS, values[:, n:].reshape(len(test), N_RANDOM, 2))
    difference = bootstrap_mean(own - random.mean(axis=1), seed=SEED)
    control = bootstrap_mean(random.mean(axis=0), seed=SEED)
    (norm,) = vector.norms().values()
    detail = (
        f"slope {own.mean():+.3f}, anti-steerable {np.mean(own <= 0):.0%}, random {control.mean:+.3f} "
        f"({control.low:+.3f} to {control.high:+.3f}, {N_RANDOM} seeds), norm {norm:.2f}"
    )
    return line(
        STUDY, model, pairs.name, "slope above that of random directions", difference,
        unit="nats", data_hash=pairs.content_hash, detail=detail,
    )  # fmt: skip


def measure(arguments: argparse.Namespace) -> list[Line]:
    model = tinytalk()
    data = folder("PYSTEER_DATA", "data") / "mwe"
    files = [*sorted((data / "persona").glob("*.jsonl"))[:10], *sorted((data / "xrisk_human").glob("*.jsonl"))[:3]]
    lines = []
    with model.session(n_ctx=4096, n_sequences=64, n_threads=1, kv_type="f32", flash_attention=False) as session:
        for file in files[: arguments.sets]:
            pairs = short_items(model, pysteer.load_pairs(file), 2 * arguments.items)
            if len(pairs) >= 20:
                lines.append(study_set(model, session, pairs))
    return lines + pooled(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=int, default=13, help="questionnaires, at most")
    parser.add_argument("--items", type=int, default=40, help="items for extraction, and as many for the test")
    run(STUDY, measure, parser)
