"""What the model answers to the questions of a functional task, with each vector.

A function vector is added after one block with coefficient 1, at the last token of the prompt and at every generated
token, as the code of arXiv:2411.07213 does; "prompt only" is the definition of Todd et al. 2023, arXiv:2310.15213. An
in-context vector is applied in every block at every token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import pysteer
from pysteer.arrays import Float64Array
from pysteer.function_vectors.icl_prompts import IclPrompt, IclTemplate, prompts_for_queries
from pysteer.metrics.answer_present import answer_present
from pysteer.studies.icl import making
from pysteer.studies.icl.answering import answers, bare, has_first_token, right_and_probable, written_answers
from pysteer.studies.icl.answers import MEASURES
from pysteer.studies.icl.making import (
    Steering,
    added,
    functional_demonstrations,
    in_context_steering,
    make_in_context,
    vector_at,
)
from pysteer.studies.icl.means import mean_known
from pysteer.studies.parts import PartResult, Task
from pysteer.vector import SteeringVector

N_SHUFFLED_SHOTS = 3
"""Examples with shuffled labels before the question, in the arms that are steered in spite of them; as in the paper."""
MODULES = (
    *making.MODULES,
    "pysteer.batch_generation",
    "pysteer.measurements.written_texts",
    "pysteer.generation",
    "pysteer.generation_queue",
    "pysteer.metrics",
    "pysteer.sampling",
    "pysteer.studies.icl.answering",
    "pysteer.studies.icl.answers",
    "pysteer.studies.icl.making",
    "pysteer.studies.icl.means",
    "pysteer.studies.icl.measuring",
    "pysteer.vector_comparison",
)
"""Whose code decides the numbers."""


def answer_all_words(task: Task) -> PartResult:
    """Answer the question about each word of a task without steering, with no example and with right ones.

    Arrays: ``zero`` and ``few`` (n_measures, n_words, 1).
    """
    words, seed = task.data["words"], int(task.settings["seed"])
    left_out: Counter[str] = Counter()
    arrays = {}
    for kind, n_shots in (("zero", 0), ("few", int(task.settings["n_shots"]))):
        prompts = prompts_for_queries(words, words, n_shots=n_shots, seed=seed)
        arrays[kind] = answers(task, prompts, [()], left_out)
    return _result({}, arrays, left_out)


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
    left_out: Counter[str] = Counter()
    for number, side in enumerate(("valid", "test")):
        task.progress(number, 2)
        arrays[side] = answers(task, bare(task, side), steerings, left_out)
    return _result({"alphas": alphas, "n_demos": n_demos}, arrays, left_out)


def grid_columns(had: Sequence[int], wanted: Sequence[int], n_alphas: int) -> list[int]:
    """Return where in a task's grid the settings stand: unsteered, then by wanted number of demonstrations and alpha.

    A task that has fewer demonstrations than wanted was measured with all that it has.

    Parameters
    ----------
    had : sequence of int
        Numbers of demonstrations that the task was measured with, ascending.
    wanted : sequence of int

    >>> grid_columns([5, 16], [5, 50, 150], 1)
    [0, 1, 2, 2]
    """
    places = [list(had).index(min(n, had[-1])) for n in wanted]
    return [0, *(1 + place * n_alphas + alpha for place in places for alpha in range(n_alphas))]


def choose_in_context(task: Task) -> PartResult:
    """Choose strength and number of demonstrations for all tasks of a model, on validation words alone.

    The highest mean first-word accuracy over tasks; among equals the highest probability of the answer's first token.

    Arrays: ``accuracy``, ``probability`` (n_demos, n_alphas), means over tasks.
    """
    alphas, n_demos = task.settings["alphas"], task.settings["n_demos"]
    by_task: dict[str, list[Float64Array]] = {}
    for alias, found in sorted(task.inputs.items()):
        columns = grid_columns(found.content["n_demos"], n_demos, len(alphas))
        by_task.setdefault(alias.rsplit(" ", 1)[0], []).append(found.arrays["valid"][:, :, columns])
    tables = np.stack([mean_known(np.concatenate(folds, axis=1), axis=1) for folds in by_task.values()])
    grid = mean_known(tables, axis=0)[:, 1:].reshape(len(MEASURES), len(n_demos), len(alphas))
    accuracy, probability = grid[MEASURES.index("first word")], grid[MEASURES.index("probability")]
    best = max(np.ndindex(accuracy.shape), key=lambda at: (accuracy[at], probability[at], -at[0], -at[1]))
    content = {"n_demos": n_demos[best[0]], "alpha": alphas[best[1]], "tried": {"n_demos": n_demos, "alphas": alphas}}
    return PartResult(content, {"accuracy": accuracy, "probability": probability})


def choose_heads(task: Task) -> PartResult:
    """Choose the number of heads in function vectors for all tasks of a model, on validation words alone.

    The highest mean first-token accuracy over tasks; among equals the highest probability, then the fewest heads.

    Arrays: ``accuracy``, ``probability`` (n_counts,), means over tasks.
    """
    by_task: dict[str, list[Float64Array]] = {}
    for alias, found in sorted(task.inputs.items()):
        by_task.setdefault(alias.rsplit(" ", 1)[0], []).append(found.arrays["heads"])
    tables = [mean_known(np.concatenate(folds, axis=1), axis=1) for folds in by_task.values()]
    accuracy, probability = mean_known(np.stack(tables), axis=0)
    best = max(range(accuracy.size), key=lambda at: (accuracy[at], probability[at], -at))
    n_heads = next(iter(task.inputs.values())).content["n_heads"][best]
    return PartResult({"n_heads": n_heads}, {"accuracy": accuracy, "probability": probability})


def answer_in_arms(task: Task) -> PartResult:
    """Answer the test questions in every arm.

    Arrays: ``zero`` and ``shuffled`` (n_measures, n_items, n_arms) in the order of the content's ``arms``; ``few`` and
    ``many`` (n_measures, n_items, 1), unsteered with right examples; the same where no more fit than ``few`` has.
    """
    settings = task.settings
    arms = arms_of(task)
    seed, train, test = int(settings["seed"]), task.data["train"], task.data["test"]
    kinds: list[tuple[str, list[IclPrompt], list[Steering]]] = [
        ("zero", bare(task, "test"), list(arms.values())),
        (
            "shuffled",
            prompts_for_queries(train, test, n_shots=N_SHUFFLED_SHOTS, seed=seed, shuffled=True),
            list(arms.values()),
        ),
        ("few", prompts_for_queries(train, test, n_shots=int(settings["n_shots"]), seed=seed), [()]),
    ]
    if settings["n_bound"] != settings["n_shots"]:
        kinds.append(("many", prompts_for_queries(train, test, n_shots=int(settings["n_bound"]), seed=seed), [()]))
    arrays = {}
    left_out: Counter[str] = Counter()
    for number, (name, prompts, steerings) in enumerate(kinds):
        task.progress(number, len(kinds))
        arrays[name] = answers(task, prompts, steerings, left_out)
    return _result({"arms": list(arms)}, {"many": arrays["few"], **arrays}, left_out)


def arms_of(task: Task) -> dict[str, Steering]:
    """Return the steering of every arm by its name; the first is none. A model's only task has no other's vector."""
    own, choice = task.inputs["vectors"], task.inputs["choice"].content
    layer = int(own.content["layer"])
    vector = vector_at(own.arrays["function"], layer)
    chosen = make_in_context(task, functional_demonstrations(task, int(choice["n_demos"])))
    norm = float(np.linalg.norm(own.arrays["function"]))
    more = _of_heads(task, _chosen_heads(task))
    arms: dict[str, Steering] = {
        "clean": (),
        "function vector": added(vector),
        "function vector, prompt only": added(vector, window="last"),
        "in-context vector": in_context_steering(chosen, float(choice["alpha"])),
        "function vector, more heads": added(more),
        "mean hidden state": added(vector_at(own.arrays["hidden"], layer)),
    }
    if "other" in task.inputs:
        other = task.inputs["other"].arrays["function"]
        arms["another task's vector"] = added(vector_at(other * (norm / float(np.linalg.norm(other))), layer))
    for number, seed in enumerate(task.settings["random_seeds"]):
        for name, like in (("random direction", vector), ("random, norm of more heads", more)):
            arms[f"{name} {number}"] = added(pysteer.random_like(like, seed=int(seed)))
    return arms


def try_heads(task: Task) -> PartResult:
    """Score the first token of zero-shot answers to validation words with vectors of several numbers of heads.

    Arrays: ``heads`` (2, n_items, n_counts): is it the most probable token (0 or 1), and its probability.
    """
    counts = task.settings["n_heads"]
    steerings = [added(_of_heads(task, n)) for n in counts]
    return PartResult({"n_heads": counts}, {"heads": right_and_probable(task, bare(task, "valid"), steerings)})


def sweep_places(task: Task) -> PartResult:
    """Score the first token of zero-shot answers, with the vector after other blocks, and made of other heads.

    Arrays: ``clean`` (2, n_items), ``layers`` and ``published`` (2, n_items, n_layers), ``heads`` (2, n_items,
    n_counts), ``sets`` (2, n_items, n_sets): is it the most probable token (0 or 1), and its probability. The vector
    of ``layers`` and ``sets`` has the chosen number of heads, that of ``published`` the default one.
    """
    settings, own = task.settings, task.inputs["vectors"]
    layers, third = settings["layers"], (int(own.content["layer"]),)
    chosen, published = _chosen_heads(task), int(own.content["n_heads"])
    # Heads in the vector, and blocks after which it is added. What stands in several curves is measured once.
    groups: dict[str, list[tuple[int, tuple[int, ...]]]] = {
        "clean": [(0, ())],
        "layers": [(chosen, (at,)) for at in layers],
        "published": [(published, (at,)) for at in layers],
        "heads": [(n, third) for n in settings["n_heads"]],
        "sets": [(chosen, tuple(blocks)) for blocks in settings["sets"].values()],
    }
    cells = list(dict.fromkeys(cell for group in groups.values() for cell in group))
    steerings = [[one for at in blocks for one in added(vector_at(_sum_of_heads(task, n), at))] for n, blocks in cells]
    scored = right_and_probable(task, bare(task, "test"), steerings)
    arrays = {name: scored[:, :, [cells.index(cell) for cell in group]] for name, group in groups.items()}
    arrays["clean"] = arrays["clean"][:, :, 0]
    content = {"layers": layers, "n_heads": settings["n_heads"], "sets": list(settings["sets"])}
    return PartResult(content, arrays)


def other_templates(task: Task) -> PartResult:
    """Answer zero-shot questions in other words than those that the vector was made with.

    Arrays: ``templates`` (2, n_items, n_templates, 3) for no vector, that of the chosen heads, a random direction: is
    the first token right, and its probability; ``sentences`` (n_items, n_sentences, 3): does the answer stand in the
    written text?
    """
    settings = task.settings
    vector = _of_heads(task, _chosen_heads(task))
    random = pysteer.random_like(vector, seed=int(settings["random_seeds"][0]))
    steerings: list[Steering] = [(), added(vector), added(random)]
    test = task.data["test"]

    def asked(parts: Sequence[str]) -> list[IclPrompt]:
        return prompts_for_queries(test, test, n_shots=0, seed=int(settings["seed"]), template=IclTemplate(*parts))

    templates = []
    for parts in settings["templates"].values():
        prompts = asked(parts)
        usable = [index for index, prompt in enumerate(prompts) if has_first_token(task.model.loaded, prompt)]
        scored = np.full((2, len(prompts), len(steerings)), np.nan)
        if usable:
            scored[:, usable] = right_and_probable(task, [prompts[index] for index in usable], steerings)
        templates.append(scored)
    sentences = []
    left_out: Counter[str] = Counter()
    targets = [pair.output for pair in test]
    for number, parts in enumerate(settings["sentences"].values()):
        task.progress(number, len(settings["sentences"]))
        present = []
        for arm in written_answers(task, asked(parts), steerings, left_out):
            said = [text or "" for text in arm]
            found = answer_present(said, targets, keep_case=bool(settings["keep_case"])).per_example
            present.append(np.where([text is None for text in arm], np.nan, found))
        sentences.append(np.stack(present, axis=1))
    content = {"templates": list(settings["templates"]), "sentences": list(settings["sentences"])}
    arrays = {"templates": np.stack(templates, axis=2), "sentences": np.stack(sentences, axis=1)}
    return _result(content, arrays, left_out)


def _result(content: Mapping[str, Any], arrays: Mapping[str, Float64Array], left_out: Counter[str]) -> PartResult:
    """Return a result that says how many texts could not be finished, and why."""
    return PartResult({**content, "left_out": dict(left_out)}, arrays, failures=left_out.total())


def _of_heads(task: Task, n_heads: int) -> SteeringVector:
    """Return the function vector of the task's best heads, after the block a third of the way up."""
    return vector_at(_sum_of_heads(task, n_heads), int(task.inputs["vectors"].content["layer"]))


def _sum_of_heads(task: Task, n_heads: int) -> Float64Array:
    direction: Float64Array = task.inputs["vectors"].arrays["contributions"][:n_heads].sum(axis=0)
    return direction


def _chosen_heads(task: Task) -> int:
    return int(task.inputs["heads"].content["n_heads"])
