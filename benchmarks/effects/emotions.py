"""Emotion directions from short scenarios (RepE's data): are they read, and do they act?

For each emotion: mean difference between its scenarios and those of the others, last token, after the middle block.
*Read*: projection of held-out scenarios, area under the ROC curve above that of a random direction. *Act*: added at
every token, slope of log p(the emotion's word) - log p(the others'), first tokens, after openings such as "The girl was
very", above the slope of random directions of the same norm.

    python benchmarks/effects/emotions.py [--scenarios 150] [--output emotions.csv]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from common import N_RANDOM, SEED, Line, folder, line, pooled, run, slopes, tinytalk

import pysteer
from pysteer.evaluation import COEFFICIENTS
from pysteer.intervention import Intervention
from pysteer.recording import record
from pysteer.session import Session
from pysteer.site import Site
from pysteer.statistics import bootstrap_mean
from pysteer.steering_program import compile_interventions
from pysteer.tree_run import Job, run_jobs
from pysteer.window import Window

STUDY = "emotions"
WORDS = {"anger": "angry", "fear": "scared", "happiness": "happy", "sadness": "sad", "surprise": "surprised"}
OPENINGS = [
    f"The {who} {verb} very"
    for who in ("girl", "boy", "man", "woman", "dog", "teacher", "child", "king", "farmer", "cat")
    for verb in ("was", "felt", "looked")
]
ENDS = (-1.5, 1.5)


def scenarios(file: Path, n: int) -> list[str]:
    return sorted(set(json.loads(file.read_text("utf-8"))))[:n]


def area_under_roc(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return for each inside value the share of outside values below it (ties count half); their mean is the area."""
    return np.asarray(((inside[:, None] > outside) + 0.5 * (inside[:, None] == outside)).mean(axis=1))


def acting(
    model: pysteer.Model, session: Session, vector: pysteer.SteeringVector, emotion: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes of each opening: of the vector (n,), of the random directions (n, N_RANDOM)."""
    everywhere = Window.parse("all")
    steerings = [[Intervention(vector, coefficient=c, window=everywhere)] for c in COEFFICIENTS]
    for seed in range(N_RANDOM):
        control = pysteer.random_like(vector, seed=seed)
        steerings += [[Intervention(control, coefficient=c, window=everywhere)] for c in ENDS]
    compiled = [compile_interventions(steering) for steering in steerings]
    openings = [model.tokenize(text).ids for text in OPENINGS]
    words = [int(model.tokenize(f" {word}", add_special=False).ids[0]) for word in WORDS.values()]
    jobs = [Job(ids, score=(len(ids) - 1,), steering=steering) for ids in openings for steering in compiled]
    log_probs = np.zeros((len(jobs), len(words)))
    for group in run_jobs(session, jobs, candidates=words):
        for index, result in group:
            log_probs[index] = result.candidates[0]
    own = list(WORDS).index(emotion)
    preferred = log_probs[:, own] - np.delete(log_probs, own, axis=1).mean(axis=1)
    values = preferred.reshape(len(openings), len(compiled))
    n = len(COEFFICIENTS)
    return slopes(COEFFICIENTS, values[:, :n]), slopes(ENDS, values[:, n:].reshape(len(openings), N_RANDOM, 2))


def measure(arguments: argparse.Namespace) -> list[Line]:
    model = tinytalk()
    data = folder("PYSTEER_DATA", "data") / "repe" / "data" / "emotions"
    texts = {name: scenarios(data / f"{name}.json", arguments.scenarios) for name in WORDS}
    site = Site("resid_post", model.n_layers // 2)
    reads, acts = [], []
    with model.session(n_ctx=4096, n_sequences=64, n_threads=1, kv_type="f32", flash_attention=False) as session:
        rows = {}
        for name, given in texts.items():
            recorded = record(model, given, [site], positions=[[-1]] * len(given), session=session)
            rows[name] = np.stack([found[site][0] for found in recorded]).astype(np.float64)
        for name in WORDS:
            train = {key: found[::2] for key, found in rows.items()}
            test = {key: found[1::2] for key, found in rows.items()}
            rest = np.concatenate([train[key] for key in WORDS if key != name])
            outside = np.concatenate([test[key] for key in WORDS if key != name])
            direction = train[name].mean(axis=0) - rest.mean(axis=0)
            vector = pysteer.SteeringVector({site: direction}, pysteer.Provenance("mean_difference"))
            area = area_under_roc(test[name] @ direction, outside @ direction)
            random = [pysteer.random_like(vector, seed=seed)[site].astype(np.float64) for seed in range(N_RANDOM)]
            chance = np.mean([area_under_roc(test[name] @ r, outside @ r) for r in random], axis=0)
            digest = pysteer.Dataset(tuple(pysteer.ContrastPair("", t, "-") for t in texts[name]), name).content_hash
            reads.append(line(
                STUDY, model, name, "read: area above that of random directions",
                bootstrap_mean(area - chance, seed=SEED), unit="", data_hash=digest,
                detail=f"area {area.mean():.3f}, random {chance.mean():.3f}",
            ))  # fmt: skip
            own, control = acting(model, session, vector, name)
            acts.append(line(
                STUDY, model, name, "act: slope above that of random directions",
                bootstrap_mean(own - control.mean(axis=1), seed=SEED), unit="nats", data_hash=digest,
                detail=f"slope {own.mean():+.3f}, random {control.mean():+.3f}, anti-steerable {np.mean(own <= 0):.0%}",
            ))  # fmt: skip
    return reads + pooled(reads) + acts + pooled(acts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenarios", type=int, default=150, help="of each emotion; every second one is for the test")
    run(STUDY, measure, parser)
