"""What is done to a row: one file per operation, each with one registered function.

An operation turns a direction and a coefficient into an `EditSpec`. A new one is a new file in this folder.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

from pysteer.errors import SteeringError
from pysteer.intervention import Intervention
from pysteer.operations.edit_spec import EditSpec, Gate, Operation, operations
from pysteer.site import Site
from pysteer.window import Window

__all__ = ["EditSpec", "Gate", "Operation", "edits", "operations"]

for _module in pkgutil.iter_modules(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)


def edits(intervention: Intervention) -> Iterator[tuple[Site, EditSpec, Window]]:
    """Yield one edit per site of the intervention, in the order of the sites.

    A condition on rows becomes each edit's gate. One on the prompt is not in them: see `pysteer.prompt_conditions`.

    Raises
    ------
    UnknownNameError
        There is no operation of that name.
    SteeringError
        The operation lacks a parameter or does not know one that is given, or refuses a direction or coefficient.
    """
    operation = operations.get(intervention.operation)
    check_parameters(operation, intervention.operation, tuple(intervention.parameters))
    condition = intervention.condition
    for site, direction in intervention.directions.items():
        spec = operation(direction, intervention.coefficient, **intervention.parameters)
        if condition is not None and condition.scope == "token":
            is_above, is_cosine = condition.comparison == "above", condition.measure == "cosine"
            spec = spec.gated(Gate(condition.unit(site), condition.threshold, is_above, is_cosine))
        yield site, spec, intervention.window


def check_parameters(operation: Operation, name: str, given: tuple[str, ...]) -> None:
    """Raise SteeringError unless ``given`` are parameters of ``operation`` and none that it needs is left out."""
    known = {p.name: p for p in inspect.signature(operation).parameters.values() if p.kind is p.KEYWORD_ONLY}
    unknown = [parameter for parameter in given if parameter not in known]
    missing = [p.name for p in known.values() if p.default is p.empty and p.name not in given]
    if unknown or missing:
        problem = f"does not know {unknown[0]!r}" if unknown else f"needs {missing[0]!r}"
        raise SteeringError(f"operation {name!r} {problem}; its parameters: {', '.join(known) or 'none'}")
