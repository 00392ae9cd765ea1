"""Conditional steering: are prompts told apart by a direction and a threshold, on prompts that chose neither?

Harmful against harmless instructions (the condition data of IBM's activation-steering): mean difference of the prompts'
mean rows, layer and threshold chosen on one half by Youden's J, accuracy on the other half. Claims: accuracy is above
one half, and above that of a random direction whose layer and threshold were chosen in the same way.

    python benchmarks/effects/conditions.py [--prompts 100] [--model model.gguf] [--output conditions.csv]
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from common import N_RANDOM, SEED, Line, folder, line, run, tinytalk

import pysteer
from pysteer.condition_fit import condition_score, condition_vector, fit_condition
from pysteer.statistics import Interval, bootstrap_mean, wilson_interval

STUDY = "conditional steering"


def measure(arguments: argparse.Namespace) -> list[Line]:
    model = tinytalk() if arguments.model is None else pysteer.Model.load(arguments.model)
    file = folder("PYSTEER_DATA", "data") / "ibm_activation_steering" / "condition_harmful.json"
    records = json.loads(file.read_text("utf-8"))["train"]
    met, unmet = (sorted({record[side] for record in records}) for side in ("harmful", "harmless"))
    generator = np.random.default_rng(SEED)
    n = arguments.prompts
    sides = [[side[int(i)] for i in generator.permutation(len(side))[: 2 * n]] for side in (met, unmet)]
    train, test = ([side[:n] for side in sides], [side[n:] for side in sides])
    digest = pysteer.Dataset(tuple(pysteer.ContrastPair("", *p) for p in zip(*sides, strict=True)), "x").content_hash
    with model.session(n_ctx=4096, n_sequences=64, n_threads=1, kv_type="f32", flash_attention=False) as session:
        vector = condition_vector(model, *train, session=session)
        fitted = fit_condition(model, vector, *train, session=session)
        score = condition_score(model, fitted.condition, *test, session=session)
        chance = []
        for seed in range(N_RANDOM):
            random = fit_condition(model, pysteer.random_like(vector, seed=seed), *train, session=session)
            chance.append(condition_score(model, random.condition, *test, session=session).accuracy)
    share = wilson_interval(round(score.accuracy * 2 * n), 2 * n)
    above_half = Interval(share.mean - 0.5, share.low - 0.5, share.high - 0.5, share.n, share.confidence)
    detail = (
        f"{fitted.condition}; accuracy {score.accuracy:.1%} on the test (chosen on: {fitted.score.accuracy:.1%}), "
        f"F1 {score.f1:.2f}, random {np.mean(chance):.1%}"
    )
    common = {"unit": "accuracy", "data_hash": digest, "detail": detail}
    return [
        line(STUDY, model, "harmful", "accuracy above 1/2 (Wilson interval)", above_half, **common),
        line(
            STUDY, model, "harmful", "accuracy above random directions (bootstrap over these)",
            bootstrap_mean(score.accuracy - np.array(chance), seed=SEED), **common,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prompts", type=int, default=100, help="of each kind for choosing, and as many for the test")
    parser.add_argument("--model", help="GGUF file; default: TinyTalk")
    run(STUDY, measure, parser)
