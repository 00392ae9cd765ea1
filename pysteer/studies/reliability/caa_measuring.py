"""What the parts of E10 compute: vectors of behaviours, and the answers to their items under steering and personas.

As in contrastive activation addition, Rimsky et al. 2023, arXiv:2312.06681: mean difference at the answer's letter, all
behaviours' vectors scaled to their mean norm, added at one layer behind the prompt, probability of the letter that
matches the behaviour among the two.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pysteer.extractors import extractors
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.reliability.measuring import pass_of, rows_of, scaled, setting_of, steer


def train_behaviour(task: Task) -> PartResult:
    """Extract a behaviour's vector at the chosen layer.

    Arrays: ``mean`` (d_model,), as extracted.
    """
    layer = int(task.inputs["layer"].content["layer"])
    setting = setting_of(task.settings["setting"])
    rows = rows_of(task.model, task.data["train"], [layer], setting, means_only=True, progress=task.progress)
    mean = extractors.get("mean_difference")(*rows[layer])
    return PartResult({"layer": layer}, {"mean": np.asarray(mean, dtype=np.float64)})


def steer_behaviour(task: Task) -> PartResult:
    """Steer a behaviour's test items in every prompt setting; in the first one also with random directions.

    Inputs: "own", and every behaviour's vector.

    Arrays: ``propensities`` (n_items, n_settings, n_coefficients), nats; ``random`` (n_items, n_random, 2), with
    coefficients -1 and 1.
    """
    own = task.inputs["own"]
    layer, mean = int(own.content["layer"]), own.arrays["mean"]
    norm = float(np.mean([np.linalg.norm(each.arrays["mean"]) for name, each in task.inputs.items() if name != "own"]))
    vector = scaled(mean, norm)
    draws = np.random.default_rng([task.settings["seed"], layer]).standard_normal(
        (int(task.settings["n_random"]), vector.size)
    )
    settings: Mapping[str, list[str | None]] = task.settings["settings"]
    coefficients, n_passes = task.settings["coefficients"], len(settings) + 1
    steered = [
        steer(
            task.model,
            task.data["items"],
            [(vector, layer)],
            coefficients,
            setting_of([name, *parts]),
            pass_of(task.progress, number, n_passes),
        )[:, 0]
        for number, (name, parts) in enumerate(settings.items())
    ]
    name, parts = next(iter(settings.items()))
    random = steer(
        task.model,
        task.data["items"],
        [(scaled(draw, norm), layer) for draw in draws],
        (-1.0, 1.0),
        setting_of([name, *parts]),
        pass_of(task.progress, n_passes - 1, n_passes),
    )
    content = {"layer": layer, "settings": list(settings), "norm": norm}
    return PartResult(content, {"propensities": np.stack(steered, axis=1), "random": random})
