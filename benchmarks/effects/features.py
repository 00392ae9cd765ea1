"""Features of a sparse dictionary, picked by a contrast of happy and sad sentences: are they read, and do they act?

*Read*: mean features of held-out scenarios, weighted as they were picked; area under the ROC curve above that of
features drawn at random. *Act*: stories are continued while the features are added, or clamped to what would be added
(a negative one to 0); happy words less sad words per 100 words, above the same with random features added to the same
length. *Cost*: nats a token by which the unsteered model finds the continuations more surprising than its own, and
held-out stories more surprising while features are added.

    python benchmarks/effects/features.py DICTIONARY [--texts 2] [--max-tokens 60] [--output features.csv]

DICTIONARY is made by ``benchmarks/dictionary.py tinytalk-3m-chat-f32.gguf tinystories_1000.json -o DICTIONARY``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import SEED, Line, folder, line, run, tinytalk
from emotions import area_under_roc

import pysteer
from pysteer.dictionaries import SparseDictionary
from pysteer.dictionaries.feature_edits import FeatureEdit
from pysteer.dictionaries.feature_selection import FeatureSelection, feature_vector
from pysteer.dictionary_file import load_dictionary
from pysteer.feature_contrast import contrast_texts
from pysteer.feature_steering import edit_features
from pysteer.generation import Request
from pysteer.intervention import Intervention
from pysteer.recording import record
from pysteer.sampling import Sampling
from pysteer.session import Session
from pysteer.statistics import bootstrap_mean
from pysteer.steering_program import compile_interventions
from pysteer.tree_run import Job, run_jobs

STUDY = "features"
N_FEATURES = 10
STRENGTHS = (0.25, 0.5, 1.0)
N_CONTROLS = 3
N_STORIES = 40
HAPPY_WORDS = "happy glad smile smiled smiling laugh laughed fun joy joyful excited love loved proud cheerful"
SAD_WORDS = "sad cry cried crying tears upset unhappy lonely hurt scared afraid sorry angry lost worried"
OPENINGS = [
    f"{begin} {who} {end}"
    for begin in ("Once upon a time, there was a", "One day, a", "In the morning, the")
    for who in ("girl", "boy", "dog", "man", "cat")
    for end in ("who went to the park.", "saw a big box.")
]


def word_rate(text: str) -> float:
    """Happy words less sad words, per 100 words."""
    happy, sad = HAPPY_WORDS.split(), SAD_WORDS.split()
    words = ["".join(filter(str.isalpha, word)) for word in text.lower().split()]
    return 100.0 * sum((word in happy) - (word in sad) for word in words) / max(1, len(words))


def continuations(session: Session, arguments: argparse.Namespace, vector: pysteer.SteeringVector | None) -> list[str]:
    """Continue each opening several times, each time with a seed of its own."""
    steering = () if vector is None else (Intervention(vector, coefficient=1.0),)
    requests = [
        Request(opening, steering, Sampling(0.8, seed=seed), max_tokens=arguments.max_tokens, raw=True)
        for opening in OPENINGS
        for seed in range(arguments.texts)
    ]
    return [answer.text for answer in session.generate_many(requests)]


def surprises(session: Session, texts: Sequence[tuple[str, str]], vector: pysteer.SteeringVector | None) -> np.ndarray:
    """Mean nats a token of each second text, behind the first; (n,), NaN where it has no token."""
    model = session.model
    steering = () if vector is None else compile_interventions([Intervention(vector, coefficient=1.0)])
    jobs = []
    for begin, rest in texts:
        head = [int(token) for token in model.tokenize(begin).ids]
        ids = np.array([*head, *model.tokenize(rest, add_special=False).ids], dtype=np.int32)[: model.n_ctx_train]
        places = range(len(head) - 1, len(ids) - 1)
        jobs.append(Job(ids, (), tuple(places), tuple(int(ids[at + 1]) for at in places), steering))
    found = np.full(len(jobs), np.nan)
    for group in run_jobs(session, jobs):
        for index, result in group:
            if jobs[index].score:
                found[index] = -np.mean(result.log_prob.astype(np.float64))
    return found


def mean_features(session: Session, dictionary: SparseDictionary, texts: Sequence[str]) -> np.ndarray:
    """Mean features of each text, without its first token; (n, n_features)."""
    tokens = [session.model.tokenize(text).ids for text in texts]
    positions = [range(1, len(ids)) for ids in tokens]
    recorded = record(session.model, tokens, [dictionary.site], positions=positions, session=session)
    return np.stack([dictionary.encode(found[dictionary.site]).mean(axis=0) for found in recorded])


def controls(dictionary: SparseDictionary, chosen: FeatureSelection, used: np.ndarray) -> list[FeatureSelection]:
    """Features that are in use, drawn at random, with random signs and the lengths of the chosen ones."""
    lengths, drawn = dictionary.feature_norms(), []
    sizes = np.abs(chosen.weights) * lengths[list(chosen.features)]
    for seed in range(N_CONTROLS):
        generator = np.random.default_rng([SEED, seed])
        features = generator.choice(np.flatnonzero(used), size=len(sizes), replace=False)
        weights = sizes * generator.choice([-1.0, 1.0], size=len(sizes)) / lengths[features]
        total = np.linalg.norm(weights @ dictionary.w_dec[features])
        weights *= chosen.strength * chosen.mean_norm / total
        drawn.append(replace(chosen, features=tuple(map(int, features)), weights=tuple(map(float, weights))))
    return drawn


def measure(arguments: argparse.Namespace) -> list[Line]:
    model, dictionary = tinytalk(), load_dictionary(arguments.dictionary)
    emotions = folder("PYSTEER_DATA", "data") / "repe" / "data" / "emotions"
    sides = [
        sorted(set(json.loads((emotions / f"{name}.json").read_text("utf-8")))) for name in ("happiness", "sadness")
    ]
    stories_file = folder("PYSTEER_DATA", "data") / "text" / "tinystories" / "tinystories_1000.json"
    stories = json.loads(stories_file.read_text("utf-8"))[-N_STORIES:]
    digest = hashlib.sha256(json.dumps([*sides, OPENINGS, stories]).encode()).hexdigest()
    origin = f"dictionary {dictionary.content_hash[:12]}, {dictionary.n_features} features at {dictionary.site}"

    def found(claim: str, values: np.ndarray, unit: str, detail: str) -> Line:
        interval = bootstrap_mean(values[np.isfinite(values)], seed=SEED)  # without texts that ended at once
        return line(
            STUDY, model, "repe happiness, sadness", claim, interval, unit=unit, data_hash=digest, detail=detail
        )

    with model.session(n_ctx=2048, n_sequences=16, n_threads=1) as session:
        chosen = contrast_texts(
            model, dictionary, sides[0][::2], sides[1][::2], description="happy", n_features=N_FEATURES,
            strength=STRENGTHS[0], session=session,
        )  # fmt: skip
        happy, sad = (mean_features(session, dictionary, side[1::2]) for side in sides)
        random = controls(dictionary, chosen, (happy.mean(axis=0) + sad.mean(axis=0)) > 0)
        areas = [
            area_under_roc(happy[:, s.features] @ s.weights, sad[:, s.features] @ s.weights) for s in (chosen, *random)
        ]
        lines = [found(
            "read: area above that of random features", areas[0] - np.mean(areas[1:], axis=0), "",
            f"area {areas[0].mean():.3f}, random {np.mean(areas[1:]):.3f}; {origin}; features {list(chosen.features)}, "
            f"d {chosen.effect_sizes[0]:+.2f} to {chosen.effect_sizes[-1]:+.2f}",
        )]  # fmt: skip
        begins = [opening for opening in OPENINGS for _ in range(arguments.texts)]
        plain = continuations(session, arguments, None)
        rate, own = (
            np.array(list(map(word_rate, plain))),
            surprises(session, list(zip(begins, plain, strict=True)), None),
        )
        cut = [(story[: len(story) // 4], story[len(story) // 4 :]) for story in stories]
        unsteered = surprises(session, cut, None)
        for strength in STRENGTHS:
            at = chosen.at_strength(strength)
            vector = at.vector(dictionary)
            texts = {"add": continuations(session, arguments, vector)}
            edits = [FeatureEdit(j, "clamp", max(0.0, w)) for j, w in at.as_mapping().items()]
            with edit_features(session, dictionary, edits):
                texts["clamp"] = continuations(session, arguments, None)
            opposite = continuations(session, arguments, -vector)
            drawn = [feature_vector(dictionary, s.at_strength(strength).as_mapping()) for s in random]
            chance = np.mean([list(map(word_rate, continuations(session, arguments, v))) for v in drawn], axis=0)
            for action, written in texts.items():
                rates = np.array(list(map(word_rate, written)))
                more = surprises(session, list(zip(begins, written, strict=True)), None) - own
                lines.append(found(
                    f"act: {action} {strength:g}, more happy than sad words", rates - chance, "per 100 words",
                    f"{rates.mean():+.2f}, random {chance.mean():+.2f}, unsteered {rate.mean():+.2f}",
                ))  # fmt: skip
                lines.append(found(
                    f"cost: {action} {strength:g}, texts more surprising", more, "nats a token",
                    f"unsteered {np.nanmean(own):.2f}",
                ))  # fmt: skip
            turned = np.array(list(map(word_rate, opposite)))
            lines.append(found(
                f"act: add {-strength:g}, fewer happy than sad words", chance - turned, "per 100 words",
                f"{turned.mean():+.2f}",
            ))  # fmt: skip
            lines.append(found(
                f"cost: add {strength:g}, held-out stories more surprising",
                surprises(session, cut, vector) - unsteered, "nats a token",
                f"perplexity {np.exp(unsteered.mean()):.2f} unsteered; {len(stories)} stories",
            ))  # fmt: skip
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dictionary", type=Path)
    parser.add_argument("--texts", type=int, default=2, help="continuations of each opening")
    parser.add_argument("--max-tokens", type=int, default=60)
    run(STUDY, measure, parser)
