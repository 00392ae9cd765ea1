"""Function vectors on word-pair tasks: does one vector do what the examples do?

For each task: mean head activations over prompts with right labels, AIE of every head on prompts with shuffled labels,
the sum of the best heads' contributions, added after a third of the blocks at the last token of zero-shot prompts about
inputs that nothing else was drawn from. Claims: the answer's probability rises above that without steering, and above
that under a random vector of the same norm.

    python benchmarks/effects/function_vectors.py tinytalk [--output fv-tinytalk.csv]
    python benchmarks/effects/function_vectors.py demo [--output fv-demo.csv]
    python benchmarks/effects/function_vectors.py model.gguf functions.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from common import N_RANDOM, SEED, Line, folder, line, pooled, run, tinytalk

import pysteer
from pysteer.demo import model_path
from pysteer.errors import PysteerError
from pysteer.formats.word_pairs import WordPair, WordPairs, load_word_pairs
from pysteer.function_vectors import StudyPlan, first_token_results, prompts_for_queries, session_for_study, study_task
from pysteer.intervention import Intervention
from pysteer.statistics import bootstrap_difference
from pysteer.window import Window

STUDY = "function vectors"
TASKS = (
    "abstractive/antonym",
    "abstractive/capitalize",
    "abstractive/capitalize_first_letter",
    "abstractive/country-capital",
    "abstractive/english-french",
    "abstractive/present-past",
    "abstractive/singular-plural",
    "abstractive/product-company",
    "extractive/animal_v_object_3",
    "extractive/choose_first_of_3",
)
MOST_TEST = 60
SEEDS = (0, 1)
"""Of the split; test queries of both splits are pooled where a task is small."""


def study_one(model: pysteer.Model, task: WordPairs, n_shots: int) -> list[Line]:
    """Return the two lines of a task."""
    seeds = SEEDS if len(task) < 60 else SEEDS[:1]
    columns: list[np.ndarray] = []
    hits: list[np.ndarray] = []
    for seed in seeds:
        plan = StudyPlan(n_shots, n_mean_prompts=20, n_trials=8, seed=seed)
        with session_for_study(model, task, plan, n_ctx=None, n_threads=1, kv_type="f32") as session:
            study = study_task(model, task, plan, session=session)
            train, test, _ = task.split(seed=seed)
            test = WordPairs(test.name, tuple(test)[:MOST_TEST])
            vectors = [study.vector, *(pysteer.random_like(study.vector, seed=s) for s in range(N_RANDOM))]
            added = [[Intervention(v, coefficient=1.0, window=Window.parse("last"))] for v in vectors]
            bare = prompts_for_queries(train, test, n_shots=0, seed=seed)
            shown = prompts_for_queries(train, test, n_shots=n_shots, seed=seed)
            results = first_token_results(model, bare, [(), *added], session=session)
            (examples,) = first_token_results(model, shown, [()], session=session)
        none, own, *random = (result.probability for result in results)
        columns.append(np.stack([none, own, np.mean(random, axis=0), examples.probability]))
        hits.append(np.stack([results[0].rank == 0, results[1].rank == 0, examples.rank == 0]))
    none, own, random, examples = np.concatenate(columns, axis=1)
    right = np.concatenate(hits, axis=1).mean(axis=1)
    detail = (
        f"p {none.mean():.3f} to {own.mean():.3f}, random {random.mean():.3f}, {n_shots} shots {examples.mean():.3f}; "
        f"top-1 {right[0]:.0%} to {right[1]:.0%}, {n_shots} shots {right[2]:.0%}"
    )
    common = {"unit": "probability", "data_hash": task.content_hash, "detail": detail}
    return [
        line(STUDY, model, task.name, "above no steering", bootstrap_difference(own, none, seed=SEED), **common),
        line(STUDY, model, task.name, "above random vectors", bootstrap_difference(own, random, seed=SEED), **common),
    ]


def short_enough(model: pysteer.Model, task: WordPairs, n_shots: int) -> WordPairs:
    """Return the pairs whose answer has a first token of its own and whose prompts fit the context."""
    room = model.n_ctx_train // (n_shots + 1) - 2
    kept = [p for p in task if len(model.tokenize(f"Q: {p.input}\nA: {p.output}\n\n", parse_special=False)) <= room]
    return WordPairs(task.name, tuple(kept))


def measure(arguments: argparse.Namespace) -> list[Line]:
    if arguments.model == "tinytalk":
        model, n_shots = tinytalk(), 5
        data = folder("PYSTEER_DATA", "data") / "function_vectors"
        tasks = [load_word_pairs(data / f"{name}.json") for name in TASKS]
    else:
        path = model_path() if arguments.model == "demo" else Path(arguments.model)
        functions = path.parent / "functions.json" if arguments.functions is None else Path(arguments.functions)
        model, n_shots = pysteer.Model.load(path), 10
        found = json.loads(functions.read_text("utf-8"))
        tasks = [WordPairs(name, tuple(WordPair(**pair) for pair in pairs)) for name, pairs in found.items()]
    lines: list[Line] = []
    for task in tasks:
        try:
            lines += study_one(model, short_enough(model, task, n_shots), n_shots)
        except PysteerError as error:
            print(f"{task.name}: left out: {error}")
    claims = ("above no steering", "above random vectors")
    return [*lines, *(one for claim in claims for one in pooled([each for each in lines if each.claim == claim]))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="'tinytalk', 'demo' for the embedded model, or a GGUF file")
    parser.add_argument("functions", nargs="?", help="JSON object of tasks; default: functions.json beside the model")
    run(STUDY, measure, parser)
