"""What the model answers to the questions of a functional task, with each vector.

A function vector is added after one block with coefficient 1, at the last token of the prompt and at every generated
token, as the code of arXiv:2411.07213 does; "prompt only" is the definition of Todd et al. 2023, arXiv:2310.15213. An
in-context vector is applied in every block at every token.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import pysteer
from pysteer.arrays import Float64Array
from pysteer.batch_generation import WritingPlan
from pysteer.errors import TokenizeError
from pysteer.function_vectors.first_token import first_token_results
from pysteer.function_vectors.icl_prompts import IclPrompt, IclTemplate, prompts_for_queries, tokenize_prompt
from pysteer.function_vectors.mediation import MOST_ROWS
from pysteer.measurements.written_texts import written
from pysteer.metrics.answer_present import answer_present
from pysteer.model import Model
from pysteer.progress import silent
from pysteer.studies.icl import making
from pysteer.studies.icl.answers import MEASURES, measure_answers
from pysteer.studies.icl.making import (
    Steering,
    added,
    functional_demonstrations,
    in_context_steering,
    make_in_context,
    study_session,
    vector_at,
)
from pysteer.studies.icl.tasks import MAX_TOKENS
from pysteer.studies.parts import PartResult, Task
from pysteer.vector import SteeringVector

N_SHUFFLED_SHOTS = 3
"""Examples with shuffled labels before the question, in the arms that are steered in spite of them; as in the paper."""
MODULES = (
    *making.MODULES,
    "pysteer.batch_generation",
    "pysteer.measurements.written_texts",
    "pysteer.generation_queue",
    "pysteer.metrics",
    "pysteer.studies.icl.answers",
    "pysteer.studies.icl.behaviours",
    "pysteer.studies.icl.making",
    "pysteer.studies.icl.measuring",
    "pysteer.studies.icl.tasks",
    "pysteer.vector_comparison",
)
"""Whose code decides the numbers."""


def try_in_context(task: Task) -> PartResult:
    """Answer zero-shot questions with in-context vectors of every strength and number of demonstrations.

    Arrays: ``valid`` and ``test`` (n_measures, n_items, 1 + n_demos * n_alphas): unsteered first, then by number of
    demonstrations and strength; measures as `answers.MEASURES`.
    """
    settings = task.settings
    alphas, n_demos = settings["alphas"], settings["n_demos"]
    vectors = [make_in_context(task, functional_demonstrations(task, n)) for n in n_demos]
    steerings: list[Steering] = [()]
    steerings += [in_context_steering(v, alpha) for v in vectors for alpha in alphas]
    arrays = {}
    for number, side in enumerate(("valid", "test")):
        task.progress(number, 2)
        arrays[side] = _answers(task, _bare(task, side), steerings)
    cosines = [float(vector.provenance.extra.get("cosine_to_mean", np.nan)) for vector in vectors]
    return PartResult({"alphas": alphas, "n_demos": n_demos}, {**arrays, "cosine_to_mean": np.array(cosines)})


def choose_in_context(task: Task) -> PartResult:
    """Choose strength and number of demonstrations for all tasks of a model, on validation words alone.

    The highest mean first-word accuracy over tasks; among equals the highest probability of the answer's first token.

    Arrays: ``accuracy``, ``probability`` (n_demos, n_alphas), means over tasks.
    """
    n_alphas, n_places = len(task.settings["alphas"]), len(task.settings["n_demos"])
    by_task: dict[str, list[Float64Array]] = {}
    for alias, found in sorted(task.inputs.items()):
        by_task.setdefault(alias.rsplit(" ", 1)[0], []).append(found.arrays["valid"])
    means = np.stack([np.concatenate(folds, axis=1).mean(axis=1) for folds in by_task.values()]).mean(axis=0)
    grid = means[:, 1:].reshape(len(MEASURES), n_places, n_alphas)
    accuracy, probability = grid[MEASURES.index("first word")], grid[MEASURES.index("probability")]
    best = max(np.ndindex(accuracy.shape), key=lambda at: (accuracy[at], probability[at], -at[0], -at[1]))
    content = {"n_demos": task.settings["n_demos"][best[0]], "alpha": task.settings["alphas"][best[1]]}
    return PartResult({**content, "place": list(map(int, best))}, {"accuracy": accuracy, "probability": probability})


def choose_heads(task: Task) -> PartResult:
    """Choose the number of heads in function vectors for all tasks of a model, on validation words alone.

    The highest mean first-token accuracy over tasks; among equals the highest probability, then the fewest heads.

    Arrays: ``accuracy``, ``probability`` (n_counts,), means over tasks.
    """
    by_task: dict[str, list[Float64Array]] = {}
    for alias, found in sorted(task.inputs.items()):
        by_task.setdefault(alias.rsplit(" ", 1)[0], []).append(found.arrays["heads"])
    tables = [np.concatenate(folds, axis=1).mean(axis=1) for folds in by_task.values()]
    accuracy, probability = np.stack(tables).mean(axis=0)
    best = max(range(accuracy.size), key=lambda at: (accuracy[at], probability[at], -at))
    n_heads = next(iter(task.inputs.values())).content["n_heads"][best]
    return PartResult({"n_heads": n_heads}, {"accuracy": accuracy, "probability": probability})


def answer_in_arms(task: Task) -> PartResult:
    """Answer the test questions in every arm.

    Arrays: ``zero`` and ``shuffled`` (n_measures, n_items, n_arms) in the order of the content's ``arms``; ``few`` and
    ``many`` (n_measures, n_items, 1), unsteered with right examples.
    """
    settings = task.settings
    arms = arms_of(task)
    seed, train, test = int(settings["seed"]), task.data["train"], task.data["test"]
    kinds: list[tuple[str, list[IclPrompt], list[Steering]]] = [
        ("zero", _bare(task, "test"), list(arms.values())),
        (
            "shuffled",
            prompts_for_queries(train, test, n_shots=N_SHUFFLED_SHOTS, seed=seed, shuffled=True),
            list(arms.values()),
        ),
        ("few", prompts_for_queries(train, test, n_shots=int(settings["n_shots"]), seed=seed), [()]),
        ("many", prompts_for_queries(train, test, n_shots=int(settings["n_bound"]), seed=seed), [()]),
    ]
    arrays = {}
    for number, (name, prompts, steerings) in enumerate(kinds):
        task.progress(number, len(kinds))
        arrays[name] = _answers(task, prompts, steerings)
    return PartResult({"arms": list(arms), "n_items": len(test)}, arrays)


def arms_of(task: Task) -> dict[str, Steering]:
    """Return the steering of every arm by its name; the first is none."""
    own, other, choice = task.inputs["vectors"], task.inputs["other"], task.inputs["choice"].content
    layer = int(own.content["layer"])
    vector = vector_at(own.arrays["function"], layer)
    chosen = make_in_context(task, functional_demonstrations(task, int(choice["n_demos"])))
    norm = float(np.linalg.norm(own.arrays["function"]))
    more = _of_heads(task, _chosen_heads(task))
    another = other.arrays["function"] * (norm / float(np.linalg.norm(other.arrays["function"])))
    arms: dict[str, Steering] = {
        "clean": (),
        "function vector": added(vector),
        "function vector, prompt only": added(vector, window="last"),
        "in-context vector": in_context_steering(chosen, float(choice["alpha"])),
        "function vector, more heads": added(more),
        "mean hidden state": added(vector_at(own.arrays["hidden"], layer)),
        "another task's vector": added(vector_at(another, layer)),
    }
    for number in range(int(task.settings["n_random"])):
        for name, like in (("random direction", vector), ("random, norm of more heads", more)):
            arms[f"{name} {number}"] = added(pysteer.random_like(like, seed=int(task.settings["seed"]) + number))
    return arms


def try_heads(task: Task) -> PartResult:
    """Score the first token of zero-shot answers to validation words with vectors of several numbers of heads.

    Arrays: ``heads`` (2, n_items, n_counts): is it the most probable token (0 or 1), and its probability.
    """
    counts = task.settings["n_heads"]
    steerings = [added(_of_heads(task, n)) for n in counts]
    return PartResult({"n_heads": counts}, {"heads": _right_and_probable(task, _bare(task, "valid"), steerings)})


def sweep_places(task: Task) -> PartResult:
    """Score the first token of zero-shot answers, with the vector after other blocks, and made of other heads.

    Arrays: ``clean`` (2, n_items), ``layers`` and ``published`` (2, n_items, n_layers), ``heads`` (2, n_items,
    n_counts), ``sets`` (2, n_items, n_sets): is it the most probable token (0 or 1), and its probability. The vector
    of ``layers`` and ``sets`` has the chosen number of heads, that of ``published`` the default one.
    """
    settings, own = task.settings, task.inputs["vectors"]
    chosen = _of_heads(task, _chosen_heads(task))
    (site,) = chosen.sites
    direction = chosen[site].astype(np.float64)
    groups: list[list[Steering]] = [
        [()],
        [added(vector_at(direction, at)) for at in settings["layers"]],
        [added(vector_at(own.arrays["function"], at)) for at in settings["layers"]],
        [added(_of_heads(task, n)) for n in settings["n_heads"]],
        [[one for at in layers for one in added(vector_at(direction, at))] for layers in settings["sets"].values()],
    ]
    scored = _right_and_probable(task, _bare(task, "test"), [one for group in groups for one in group])
    ends = np.cumsum([len(group) for group in groups])
    clean, layers, published, heads, sets = np.split(scored, ends[:-1], axis=2)
    content = {"layers": settings["layers"], "n_heads": settings["n_heads"], "sets": list(settings["sets"])}
    arrays = {"clean": clean[:, :, 0], "layers": layers, "published": published, "heads": heads, "sets": sets}
    return PartResult(content, arrays)


def other_templates(task: Task) -> PartResult:
    """Answer zero-shot questions in other words than those that the vector was made with.

    Arrays: ``templates`` (2, n_items, n_templates, 3) for no vector, that of the chosen heads, a random direction: is
    the first token right, and its probability; ``sentences`` (n_items, n_sentences, 3): does the answer stand in the
    written text?
    """
    settings = task.settings
    vector = _of_heads(task, _chosen_heads(task))
    random = pysteer.random_like(vector, seed=int(settings["seed"]))
    steerings: list[Steering] = [(), added(vector), added(random)]
    train, test = task.data["train"], task.data["test"]

    def asked(parts: Sequence[str]) -> list[IclPrompt]:
        return prompts_for_queries(train, test, n_shots=0, seed=int(settings["seed"]), template=IclTemplate(*parts))

    templates = []
    for parts in settings["templates"].values():
        prompts = asked(parts)
        usable = [index for index, prompt in enumerate(prompts) if _has_first_token(task.model.loaded, prompt)]
        scored = np.full((2, len(prompts), len(steerings)), np.nan)
        if usable:
            scored[:, usable] = _right_and_probable(task, [prompts[index] for index in usable], steerings)
        templates.append(scored)
    sentences = []
    for number, parts in enumerate(settings["sentences"].values()):
        task.progress(number, len(settings["sentences"]))
        texts = _written(task, asked(parts), steerings)
        targets = [pair.output for pair in test]
        present = [answer_present(arm, targets, keep_case=bool(settings["keep_case"])).per_example for arm in texts]
        sentences.append(np.stack(present, axis=1))
    content = {"templates": list(settings["templates"]), "sentences": list(settings["sentences"])}
    return PartResult(content, {"templates": np.stack(templates, axis=2), "sentences": np.stack(sentences, axis=1)})


def _of_heads(task: Task, n_heads: int) -> SteeringVector:
    """Return the function vector of the task's best heads."""
    own = task.inputs["vectors"]
    return vector_at(own.arrays["contributions"][:n_heads].sum(axis=0), int(own.content["layer"]))


def _chosen_heads(task: Task) -> int:
    return int(task.inputs["heads"].content["n_heads"])


def _bare(task: Task, side: str) -> list[IclPrompt]:
    """Return the questions of a side without an example."""
    return prompts_for_queries(task.data["train"], task.data[side], n_shots=0, seed=int(task.settings["seed"]))


def _answers(task: Task, prompts: Sequence[IclPrompt], steerings: Sequence[Steering]) -> Float64Array:
    """Return the measures of written answers and of their first tokens, (n_measures, n_items, n_steerings)."""
    targets = [prompt.query.output for prompt in prompts]
    first_tokens = _first_tokens(task, prompts, steerings)
    texts = _written(task, prompts, steerings)
    return measure_answers(texts, targets, first_tokens, keep_case=bool(task.settings["keep_case"]))


def _written(task: Task, prompts: Sequence[IclPrompt], steerings: Sequence[Steering]) -> list[list[str]]:
    """Return what the model writes, greedily, ``[steering][prompt]``."""
    subject = task.model.subject(raw=True)
    plan = WritingPlan(MAX_TOKENS, raw=True)
    rows = written(subject, [prompt.text for prompt in prompts], steerings, plan, silent)
    return [[row[place].text for row in rows] for place in range(len(steerings))]


def _has_first_token(model: Model, prompt: IclPrompt) -> bool:
    """Return whether the answer does not change how the prompt is tokenised."""
    try:
        tokenize_prompt(model, prompt)
    except TokenizeError:
        return False
    return True


def _first_tokens(task: Task, prompts: Sequence[IclPrompt], steerings: Sequence[Steering]) -> Float64Array:
    """Return rank and probability of the answers' first tokens, (2, n_items, n_steerings)."""
    model = task.model.loaded
    longest = max(len(tokenize_prompt(model, prompt).tokens) for prompt in prompts)
    ranks, probabilities = [], []
    for begin in range(0, len(steerings), MOST_ROWS):
        some = steerings[begin : begin + MOST_ROWS]
        with study_session(task, n_ctx=max(4096, longest * len(some)), n_sequences=max(64, len(some))) as session:
            for result in first_token_results(model, prompts, some, session=session):
                ranks.append(result.rank)
                probabilities.append(result.probability)
    return np.stack([np.stack(ranks, axis=1), np.stack(probabilities, axis=1)]).astype(np.float64)


def _right_and_probable(task: Task, prompts: Sequence[IclPrompt], steerings: Sequence[Steering]) -> Float64Array:
    """Return whether the first token is the most probable one, and its probability, (2, n_items, n_steerings)."""
    found = _first_tokens(task, prompts, steerings)
    return np.stack([found[0] == 0.0, found[1]]).astype(np.float64)
