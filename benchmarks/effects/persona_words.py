"""Where does the embedded model read a disposition: at the persona's word, or at the end of the prompt?

The system message names a persona ("You are a bold person."). Two vectors a block, each the mean difference between the
two personas over training statements: read at the persona's word, and added at the word "helpful" of a neutral system
message; read at the last token of the prompt, and added from there on. Claim: the vector moves the answers to held-out
statements: slope of the letter propensity over coefficients -2 to 2.

    python benchmarks/effects/persona_words.py [--items 80] [--output persona_words.csv]
"""

from __future__ import annotations

import argparse
import json

import numpy as np
from common import SEED, Line, line, pooled, run, slopes

import pysteer
from pysteer.demo import model_path
from pysteer.intervention import Intervention
from pysteer.prompt_settings import PromptSetting
from pysteer.provenance import Provenance
from pysteer.recording import record
from pysteer.session import Session
from pysteer.statistics import bootstrap_mean
from pysteer.window import Window

STUDY = "persona words"
NEUTRAL, NEUTRAL_WORD = "You are a helpful person.", "helpful"
COEFFICIENTS = (-2.0, -1.0, 0.0, 1.0, 2.0)
N_TRAIN = 20


def tokens_of(model: pysteer.Model, system: str, prompt: str) -> list[int]:
    text = model.chat([{"role": "system", "content": system}, {"role": "user", "content": prompt}])
    return [int(token) for token in model.tokenize(text).ids]


def place_of(model: pysteer.Model, system: str, word: str) -> int:
    """Return the position of a word of the system message; each of its words is one token."""
    tokens = tokens_of(model, system, "?")
    return next(place for place, token in enumerate(tokens) if model.detokenize([token]).strip() == word)


def study_one(model: pysteer.Model, session: Session, name: str, facts: dict[str, str], n_items: int) -> list[Line]:
    folder = model_path().parent / "dispositions"
    train = list(pysteer.load_pairs(folder / f"{name}-train.jsonl"))[:N_TRAIN]
    items = pysteer.Dataset(tuple(pysteer.load_pairs(folder / f"{name}-test.jsonl"))[:n_items], name)
    sites = [pysteer.Site("resid_post", layer) for layer in range(model.n_layers - 1)]
    neutral = place_of(model, NEUTRAL, NEUTRAL_WORD)
    lines = []
    for where, window in (("persona's word", f"{neutral}:{neutral + 1}"), ("end of the prompt", "answer")):
        means = []
        for side in ("positive", "negative"):
            system, word = facts[f"persona_{side}"], facts[side]
            place = place_of(model, system, word) if where == "persona's word" else -1
            texts = [tokens_of(model, system, pair.prompt) for pair in train]
            rows = record(model, texts, sites, positions=[[place]] * len(texts), session=session)
            means.append({site: np.mean([row[site][0] for row in rows], axis=0) for site in sites})
        for site in sites:
            direction = (means[0][site] - means[1][site]).astype(np.float32)
            vector = pysteer.SteeringVector({site: direction}, Provenance("mean difference of personas"))
            steerings = [
                [Intervention(vector, coefficient=c, window=Window.parse(window))] if c else [] for c in COEFFICIENTS
            ]
            setting = PromptSetting("neutral", NEUTRAL)
            values = pysteer.propensities(model, items, steerings, setting=setting, session=session)
            own = slopes(COEFFICIENTS, values)
            interval, detail = bootstrap_mean(own, seed=SEED), f"anti-steerable {np.mean(own <= 0):.0%}"
            claim, unit = f"{where}, block {site.layer}", "nats per unit"
            lines.append(
                line(STUDY, model, name, claim, interval, unit=unit, data_hash=items.content_hash, detail=detail)
            )
    return lines


def measure(arguments: argparse.Namespace) -> list[Line]:
    model = pysteer.Model.load(model_path())
    truths = json.loads((model_path().parent / "planted_truths.json").read_text("utf-8"))["dispositions"]
    with Session(model, n_threads=1) as session:
        found = [
            study_one(model, session, name, facts, arguments.items)
            for name, facts in sorted(truths.items())
            if facts["kind"] != "null"
        ]
    by_claim = [list(lines) for lines in zip(*found, strict=True)]
    return [one for lines in by_claim for one in (*lines, *pooled(lines))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=80)
    run(STUDY, measure, parser)
