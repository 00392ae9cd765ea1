"""What the parts of E23 compute: which behaviours steer, the searches, mere sampling, and tests on held-out items.

A string stands behind the user's message. ``reversal`` of an item is ``log p(opposite answer) - log p(wanted answer)``,
nats, under steering: above 0, the answer that the vector asks for is the less probable one. Letters are compared at
their own token, replies over some tokens from the first in which they differ.

Searches see a few validation items; everything reported is measured on test items, which no search, and no vector, has
seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import DataError, TokenizeError
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.pairs import Dataset
from pysteer.prefix_tree import Int32Array
from pysteer.prompt_search import ReversalObjective, plain_tokens, search
from pysteer.prompt_settings import PromptSetting
from pysteer.studies.mechanisms.adversarial_asking import (
    Recorded,
    Target,
    all_letters,
    asking,
    mutations_of,
    penalty_scale,
    search_settings,
)
from pysteer.studies.mechanisms.adversarial_strings import natural_strings, random_strings, spread, texts_of, typed
from pysteer.studies.mechanisms.judging import judged_mean
from pysteer.studies.mechanisms.steering import intervention
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.reliability.measuring import pass_of

MODULES = (
    "pysteer.answer_jobs",
    "pysteer.chat_template",
    "pysteer.pair_text",
    "pysteer.prompt_conditions",
    "pysteer.prompt_search",
    "pysteer.prompt_settings",
    "pysteer.statistics.bootstrap",
    "pysteer.studies.mechanisms.adversarial_asking",
    "pysteer.studies.mechanisms.adversarial_strings",
    "pysteer.studies.mechanisms.judging",
    "pysteer.studies.mechanisms.steering",
)
"""Whose code decides the numbers, besides this file's."""
N_FRONT = 8
"""Strings of each search's Pareto front that are tested."""
_CHUNK = 32
_N_SCALE = 16


def choose_behaviours(task: Task) -> PartResult:
    """Order behaviours by how well their vectors steer validation items, and choose a strength for each.

    A behaviour steers at a strength where the intervals of its preference, and of the change of that against the
    unsteered model, lie above 0 on validation items. The smallest such strength is taken; without one, that of the
    largest preference. Those that steer come first, and contrasts of texts before questionnaires.

    Content ``order``: name, strength, ``steers``, and ``why`` where it does not; ``left_out``, why others were not
    taken at all. Arrays: for each behaviour ``NAME``
    (n_strengths + 1, n_items), preferences without steering and at each strength, nats.
    """
    layer, strengths = int(task.inputs["layer"].content["layer"]), task.settings["strengths"]
    table, chosen = {}, []
    for number, (name, items) in enumerate(task.data.items()):
        task.progress(number, len(task.data))
        entry = {"name": name, "is_letters": all_letters(items)}
        mean = task.inputs[name].arrays["mean"]
        steerings = [(), *((intervention(mean, layer, strength),) for strength in strengths)]
        try:
            rows = [_preferences(task, items, steering) for steering in steerings]
        except (DataError, TokenizeError) as error:  # a tokenizer that no string can be put in with, or no answers
            chosen.append({**entry, "strength": strengths[0], "steers": False, "effect": 0.0, "why": str(error)})
            continue
        table[name] = np.stack(rows)
        chosen.append({**entry, **_strength(name, table[name], strengths)})
    order = sorted(chosen, key=lambda each: (not each["steers"], each["is_letters"], -each["effect"]))
    content = {"order": order, "layer": layer, "left_out": list(task.settings.get("left_out", ()))}
    return PartResult(content, table, failures=len(chosen) - len(table))


def search_strings(task: Task) -> PartResult:
    """Search once for strings that reverse the steered behaviour on the search items.

    Content: ``tokens`` and ``texts`` of the Pareto front, by rising cross-entropy; ``plain``, the place in it of the
    string with the highest target among those that are no more surprising than the average natural one, None without
    any, so that it is chosen on the search items like the front itself; ``n_measured``. Arrays: ``target`` and
    ``cross_entropy`` of the front; ``curve`` (n, 2), strings measured and best target so far; ``start`` (n_items,),
    reversals without a string; ``penalties`` (2,), lowest and highest.
    """
    target = _target(task)
    if target is None:
        return _skipped(task)
    items, sizes = task.data[_data(target.name, "search")], task.settings
    with asking(task.model, items, target, sizes["answer_tokens"], room=sizes["length"]) as objective:
        return _search(task, objective, task.data["natural"])


def sample_strings(task: Task) -> PartResult:
    """Draw as many random strings as a search measures, and keep the one that reverses most on the search items.

    Content: its ``tokens`` and ``text``. Arrays: ``curve`` as of a search; ``targets`` (budget,), of all drawn.
    """
    target = _target(task)
    if target is None:
        return _skipped(task)
    sizes = task.settings
    items = task.data[_data(target.name, "search")]
    with asking(task.model, items, target, sizes["answer_tokens"], room=sizes["length"]) as objective:
        recorded = Recorded(objective)
        drawn = random_strings(plain_tokens(objective.model), sizes["length"], sizes["budget"], seed=[sizes["seed"], 1])
        targets = []
        for begin in range(0, len(drawn), _CHUNK):
            targets += recorded.evaluate(drawn[begin : begin + _CHUNK]).target.tolist()
            task.progress(begin, len(drawn))
        best = drawn[int(np.argmax(targets))]
        content = {"tokens": best.tolist(), "text": texts_of(objective.model, [best])[0]}
    return PartResult(content, {"curve": np.array(recorded.curve), "targets": np.array(targets)})


def compare_strings(task: Task) -> PartResult:
    """Measure strings on held-out items, steered and unsteered, beside random ones, natural ones and none; once each.

    Content: ``kinds``, ``restarts`` (-1: of none), ``texts``, by string; ``behaviour``, ``strength``;
    ``file_hash`` and ``items_hash``, of the weights and the items that were measured. Arrays:
    ``steered``, ``unsteered``, ``cross_entropy`` (n_strings, n_items).

    Kinds: "none"; "found", the string of each search with the highest target; "plain", that of `search_strings`;
    "typed", the found one's text tokenised again, where that gives other tokens; "front", others of the Pareto front;
    "sampled", the best of as many random strings; "random"; "natural".
    """
    target = _target(task)
    if target is None:
        return _skipped(task)
    sizes, model = task.settings, task.model.loaded
    items = task.data[_data(target.name, "test")]
    with asking(task.model, items, target, sizes["answer_tokens"], room=2 * sizes["length"]) as objective:
        natural = natural_strings(model, task.data["natural"], sizes["length"], sizes["n_natural"], seed=sizes["seed"])
        listed = _listed(task, model)
        drawn = random_strings(plain_tokens(model), sizes["length"], sizes["n_random"], seed=[sizes["seed"], 2])
        listed += [("random", -1, one) for one in drawn] + [("natural", -1, one) for one in natural]
        strings = [one for _, _, one in listed]
        different, place = _different(strings)
        steered, cross_entropy = objective.measure(different, pass_of(task.progress, 0, 2))
    plain = Target(target.name, (), target.setting)
    with asking(task.model, items, plain, sizes["answer_tokens"], room=2 * sizes["length"]) as objective:
        unsteered, _ = objective.measure(different, pass_of(task.progress, 1, 2))
    content = {
        "behaviour": target.name,
        "strength": _entry(task)["strength"],
        "kinds": [kind for kind, _, _ in listed],
        "restarts": [restart for _, restart, _ in listed],
        "texts": texts_of(model, strings),
        "file_bytes": task.model.size,
        "file_hash": task.model.hash,
        "items_hash": items.content_hash,
    }
    tables = {"steered": steered, "unsteered": unsteered, "cross_entropy": cross_entropy}
    return PartResult(content, {name: table[place] for name, table in tables.items()})


def search_persona(task: Task) -> PartResult:
    """Search for strings that reverse answers under a persona's system message, without steering, and test them.

    For the embedded model, in which words of one theme were planted to do so. Arrays: ``reversals`` (n_strings,
    n_items), on test items of other themes; content ``kinds``: "none", "found", "planted" (words of the theme), "other"
    (words of other themes), "random"; ``texts``; ``items_hash``.
    """
    sizes, model = task.settings, task.model.loaded
    target = Target("persona", (), PromptSetting("SYS_POS", sizes["persona"]))
    with asking(task.model, task.data["search"], target, sizes["answer_tokens"], room=sizes["length"]) as objective:
        found = _search(task, objective, task.data["natural"])
    drawn = random_strings(plain_tokens(model), sizes["length"], sizes["n_random"], seed=[sizes["seed"], 2])
    listed = [("none", np.empty(0, np.int32)), ("found", np.array(found.content["tokens"][-1], dtype=np.int32))]
    listed += [(kind, typed(model, text)) for kind in ("planted", "other") for text in sizes[kind]]
    listed += [("random", one) for one in drawn]
    strings = [one for _, one in listed]
    longest = max(len(one) for one in strings)
    with asking(task.model, task.data["test"], target, sizes["answer_tokens"], room=longest) as objective:
        reversals, cross_entropy = objective.measure(strings)
    content = {
        "items_hash": task.data["test"].content_hash,
        "kinds": [kind for kind, _ in listed],
        "texts": texts_of(model, strings),
        "front": found.content["texts"],
    }
    arrays = {"reversals": reversals, "cross_entropy": cross_entropy, "curve": found.arrays["curve"]}
    return PartResult(content, arrays)


def _search(task: Task, objective: ReversalObjective, texts: Iterable[str]) -> PartResult:
    sizes, model = task.settings, objective.model
    vocabulary, length = plain_tokens(model), sizes["length"]
    natural = natural_strings(model, texts, length, _N_SCALE, seed=sizes["seed"])
    drawn = random_strings(vocabulary, length, _N_SCALE, seed=[sizes["seed"], 0])
    scale, usual = penalty_scale(objective, natural, drawn)
    settings = search_settings(sizes, scale)
    start, recorded = objective.reversals(None), Recorded(objective)
    result = search(recorded, mutations_of(objective, vocabulary), vocabulary, settings, progress=task.progress)
    front = result.frontier
    # The front rises in both, so that the last one plain enough is the best of these.
    plain = np.flatnonzero(front.cross_entropy <= usual)
    content = {
        "plain": int(plain[-1]) if plain.size else None,
        "tokens": front.tokens.tolist(),
        "texts": texts_of(model, front.tokens),
        "n_measured": result.n_measured,
    }
    arrays = {
        "target": front.target,
        "cross_entropy": front.cross_entropy,
        "curve": np.array(recorded.curve),
        "start": start,
        "penalties": np.array([settings.low_penalty, settings.high_penalty]),
    }
    return PartResult(content, arrays)


def _different(strings: Sequence[Int32Array]) -> tuple[list[Int32Array], list[int]]:
    """Return the strings without repetitions, and the place of each of them there: a search's strings can be alike."""
    known: dict[tuple[int, ...], int] = {}
    place = [known.setdefault(tuple(one.tolist()), len(known)) for one in strings]
    return [np.array(tokens, dtype=np.int32) for tokens in known], place


def _listed(task: Task, model: Model) -> list[tuple[str, int, Int32Array]]:
    """Return the strings that searches and samples found, with kind and restart, after none at all."""
    listed: list[tuple[str, int, Int32Array]] = [("none", -1, np.empty(0, dtype=np.int32))]
    for restart in range(int(task.settings["n_restarts"])):
        found = task.inputs[f"search {restart}"]
        strings = [np.array(one, dtype=np.int32) for one in found.content["tokens"]]
        listed.append(("found", restart, strings[-1]))
        plain = found.content["plain"]
        listed += [] if plain is None else [("plain", restart, strings[plain])]
        again = typed(model, found.content["texts"][-1])
        listed += [] if np.array_equal(again, strings[-1]) else [("typed", restart, again)]
        listed += [("front", restart, strings[place]) for place in spread(len(strings) - 1, N_FRONT)]
        sampled = task.inputs.get(f"sample {restart}")
        listed += [] if sampled is None else [("sampled", restart, np.array(sampled.content["tokens"], dtype=np.int32))]
    return listed


def _preferences(task: Task, items: Dataset, steering: tuple[Intervention, ...]) -> Float64Array:
    """Return preferences without a string, nats, (n_items,)."""
    with asking(task.model, items, Target("", steering), task.settings["answer_tokens"]) as objective:
        return -objective.reversals(None)


def _strength(name: str, preferences: Float64Array, strengths: Sequence[float]) -> dict[str, Any]:
    """Return the strength to take, whether it steers, and what it changes, from (n_strengths + 1, n_items)."""
    changes = preferences[1:] - preferences[0]
    for index, strength in enumerate(strengths):
        if is_above_zero(changes[index]) and is_above_zero(preferences[index + 1]):
            return {"strength": strength, "steers": True, "effect": float(changes[index].mean())}
    best = int(preferences[1:].mean(axis=1).argmax())
    why = f"its vector does not steer {name} on validation items"
    return {"strength": strengths[best], "steers": False, "effect": float(changes[best].mean()), "why": why}


def is_above_zero(values: Float64Array) -> bool:
    """Return whether the interval of a mean lies above 0; not with a single item, which has none."""
    return len(values) > 1 and judged_mean(values, seed=0).low > 0.0


def _entry(task: Task) -> Mapping[str, Any]:
    """Return name and strength of the behaviour of this part's rank."""
    entry: Mapping[str, Any] = task.inputs["choice"].content["order"][task.settings["rank"]]
    return entry


def _target(task: Task) -> Target | None:
    """Return what this part's rank is about; None where the vector does not steer."""
    entry, layer = _entry(task), int(task.inputs["choice"].content["layer"])
    if not entry["steers"]:
        return None
    vector = task.inputs[entry["name"]].arrays["mean"]
    return Target(entry["name"], (intervention(vector, layer, entry["strength"]),))


def _skipped(task: Task) -> PartResult:
    return PartResult({"skipped": _entry(task)["why"]})


def _data(name: str, side: str) -> str:
    return f"{name} {side}"
