"""In-context vectors: do they move a model from texts of one kind to texts of another?

An ICV is made of pairs of texts (variant ``code``, last token) and applied to what the MLPs of all blocks add, at every
token, with strengths -0.1 to 0.1. Claim: on held-out pairs, log p(target text) - log p(source text) rises with the
strength faster than under random directions. ParaDetox: toxic to neutral. Emotions: other scenarios to those of one
emotion (RepE's data).

    python benchmarks/effects/in_context_vectors.py [--pairs 50] [--output icv.csv]
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from common import SEED, Line, folder, line, pooled, run, slopes, tinytalk

import pysteer
from pysteer.in_context_vectors import in_context_intervention, in_context_vector
from pysteer.session import Session
from pysteer.statistics import bootstrap_mean

STUDY = "in-context vectors"
STRENGTHS = (-0.1, -0.05, 0.0, 0.05, 0.1)
ENDS = (-0.1, 0.1)
N_RANDOM = 5
EMOTIONS = ("anger", "fear", "happiness", "sadness", "surprise")


def study_pairs(model: pysteer.Model, session: Session, pairs: pysteer.Dataset) -> Line:
    train, test = pairs.split(0.5, seed=SEED)
    vector = in_context_vector(model, train, session=session)
    steerings = [[in_context_intervention(vector, strength)] for strength in STRENGTHS]
    for seed in range(N_RANDOM):
        steerings += [[in_context_intervention(pysteer.random_like(vector, seed=seed), s)] for s in ENDS]
    values = pysteer.propensities(model, test, steerings, variant="full_response", raw=True, session=session)
    n = len(STRENGTHS)
    own = slopes(STRENGTHS, values[:, :n]) / 10.0  # per 0.1
    random = slopes(ENDS, values[:, n:].reshape(len(test), N_RANDOM, 2)).mean(axis=1) / 10.0
    detail = (
        f"{own.mean():+.3f} a strength of 0.1, random {random.mean():+.3f}, anti-steerable {np.mean(own <= 0):.0%}, "
        f"cosine to the mean {vector.provenance.extra['cosine_to_mean']:.3f}"
    )
    return line(
        STUDY, model, pairs.name, "slope above that of random directions",
        bootstrap_mean(own - random, seed=SEED), unit="nats per 0.1", data_hash=pairs.content_hash, detail=detail,
    )  # fmt: skip


def measure(arguments: argparse.Namespace) -> list[Line]:
    model = tinytalk()
    data = folder("PYSTEER_DATA", "data")
    sets = []
    detox = list(pysteer.load_pairs(data / "paraphrase" / "paradetox" / "paradetox.tsv"))
    sets.append(pysteer.Dataset(tuple(detox[: 2 * arguments.pairs]), "paradetox"))
    texts = {
        name: sorted(set(json.loads((data / "repe" / "data" / "emotions" / f"{name}.json").read_text("utf-8"))))
        for name in EMOTIONS
    }
    for number, name in enumerate(EMOTIONS):
        others = [texts[other] for place, other in enumerate(EMOTIONS) if place != number]
        pairs = [
            pysteer.ContrastPair("", text, others[place % len(others)][place])
            for place, text in enumerate(texts[name][: 2 * arguments.pairs])
            if place < len(others[place % len(others)])
        ]
        sets.append(pysteer.Dataset(tuple(pairs), name))
    with model.session(n_ctx=4096, n_sequences=64, n_threads=1, kv_type="f32", flash_attention=False) as session:
        lines = [study_pairs(model, session, pairs) for pairs in sets]
    return lines + pooled(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=50, help="for the vector, and as many for the test")
    run(STUDY, measure, parser)
