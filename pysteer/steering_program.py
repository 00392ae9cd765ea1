"""Interventions as steps of the native core.

An intervention is compiled once and resolved for each prompt length. The core tells edits apart by identity, so keeping
the compiled form lets a sequence keep its keys and values when the same steering goes on over a longer text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pysteer.condition import Condition
from pysteer.errors import SteeringError
from pysteer.intervention import Intervention
from pysteer.native import core
from pysteer.operations import edits
from pysteer.operations.edit_spec import EditSpec
from pysteer.site import Site
from pysteer.window import Window


@dataclass(frozen=True, eq=False)
class CompiledEdit:
    """One native edit at one site.

    ``condition`` is one on the prompt, which is decided before there can be steps: `pysteer.prompt_conditions`.
    """

    site: Site
    edit: core.Edit
    window: Window
    condition: Condition | None = None


Compiled = tuple[CompiledEdit, ...]


def compile_interventions(interventions: Iterable[Intervention]) -> Compiled:
    """Return the edits of all interventions, in the order in which they are applied.

    Interventions that change nothing (``add`` with coefficient 0) leave no edit, so that such a sequence shares
    everything with an unsteered one, exactly.
    """
    return tuple(
        CompiledEdit(site, native_edit(spec), window, _prompt_condition(intervention))
        for intervention in interventions
        for site, spec, window in edits(intervention)
        if not _changes_nothing(spec)
    )


def _prompt_condition(intervention: Intervention) -> Condition | None:
    condition = intervention.condition
    return condition if condition is not None and condition.scope == "prompt" else None


def native_edit(spec: EditSpec) -> core.Edit:
    """Return the native form of an edit."""
    edit, gate = _ungated(spec), spec.gate
    if gate is None:
        return edit
    return edit.gated(gate.read, gate.threshold, above=gate.is_above, relative=gate.is_cosine)


def _ungated(spec: EditSpec) -> core.Edit:
    if spec.kind == "rank_one" and spec.write is not None:
        return core.Edit.rank_one(spec.read, spec.write, spec.offset, spec.gain)
    if spec.kind == "norm_preserving" and spec.write is not None:
        return core.Edit.norm_preserving(spec.write)
    if spec.kind == "in_context" and spec.directions is not None and spec.strengths is not None:
        return core.Edit.in_context(spec.directions, spec.strengths)
    if spec.kind == "replace" and spec.values is not None:
        return core.Edit.replace(spec.begin, spec.values)
    raise SteeringError(f"an edit of kind {spec.kind!r} is unknown or incomplete")


def steps(compiled: Compiled, n_prompt: int) -> list[core.Step]:
    """Return the steps for a sequence whose prompt has ``n_prompt`` tokens."""
    _check_decided(compiled)
    return [
        core.Step(item.site.component, item.site.layer, item.edit, begin, end)
        for item in compiled
        for begin, end in item.window.resolve(n_prompt)
    ]


def changes_at(compiled: Compiled, n_prompt: int) -> list[tuple[int, int, int]]:
    """Return (begin, end, identity of the edit) of each range, for comparing how two sequences are steered."""
    _check_decided(compiled)
    return [(begin, end, id(item.edit)) for item in compiled for begin, end in item.window.resolve(n_prompt)]


def _check_decided(compiled: Compiled) -> None:
    for item in compiled:
        if item.condition is not None:
            raise SteeringError(f"undecided condition on the prompt: {item.condition}")


def _changes_nothing(spec: EditSpec) -> bool:
    if spec.kind in ("rank_one", "norm_preserving"):
        return spec.write is not None and (
            not spec.write.any() or (spec.offset == 0.0 == spec.gain and spec.kind == "rank_one")
        )
    return spec.kind == "in_context" and spec.strengths is not None and not spec.strengths.any()


def as_interventions(given: Intervention | Sequence[Intervention] | None) -> tuple[Intervention, ...]:
    """Return one or several interventions as a tuple; None is no steering."""
    if given is None:
        return ()
    return (given,) if isinstance(given, Intervention) else tuple(given)
