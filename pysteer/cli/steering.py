"""From ``--vector``, ``--coefficient`` and their companions to interventions on a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from pysteer.errors import VectorFileError

if TYPE_CHECKING:
    from pysteer.cli.conditions import GivenCondition
    from pysteer.intervention import Intervention
    from pysteer.model import Model
    from pysteer.vector import SteeringVector
    from pysteer.window import Window

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Steering:
    """One vector from a file, and how it is applied; not yet tied to a model.

    Parameters
    ----------
    layers : str or None
        As the user wrote them: only the model says which there are.
    condition : GivenCondition or None
        For which prompts, or at which rows.
    """

    path: Path
    vector: SteeringVector
    coefficient: float
    operation: str
    parameters: dict[str, float]
    window: Window
    layers: str | None
    condition: GivenCondition | None = None

    def on(self, model: Model) -> Intervention:
        """Return the intervention, after checking that the vector fits the model.

        Raises
        ------
        VectorFileError
            The vector is for another model.
        SiteError
            A layer that the model, or the vector, does not have.
        """
        from pysteer.intervention import Intervention
        from pysteer.site import parse_layers

        check_vector(self.path, self.vector, model)
        if self.condition is not None:
            check_vector(self.condition.path, self.condition.condition.vector, model)
        return Intervention(
            self.vector,
            self.operation,
            coefficient=self.coefficient,
            window=self.window,
            layers=None if self.layers is None else parse_layers(self.layers, model.n_layers),
            parameters=self.parameters,
            condition=None if self.condition is None else self.condition.condition,
        )


def read_steering(
    vectors: Sequence[Path] | None,
    coefficients: Sequence[float] | None,
    layers: Sequence[str] | None,
    operations: Sequence[str] | None,
    windows: Sequence[str] | None,
    layer_shift: int | None,
    conditions: Sequence[GivenCondition] = (),
) -> list[Steering]:
    """Return the steering that the options describe; the vector files are read, no model is needed.

    The n-th coefficient, layers, operation, window and condition belong to the n-th vector; all but the coefficient,
    given once, to all.
    """
    files = list(vectors or ())
    strengths = list(coefficients or ())
    if len(files) != len(strengths):
        raise typer.BadParameter(
            f"each --vector needs a --coefficient, got {len(files)} and {len(strengths)}", param_hint="--coefficient"
        )
    if not files and (layers or operations or windows or conditions or layer_shift is not None):
        raise typer.BadParameter(
            "--layers, --operation, --window, --condition and --layer-shift say how a vector is applied, got no "
            "--vector",
            param_hint="--vector",
        )
    from pysteer.vector_file import load_vector
    from pysteer.window import Window

    chosen_layers: list[str | None] = for_each("--layers", layers, len(files), None, lambda text: text)
    plain_add: tuple[str, dict[str, float]] = ("add", {})
    chosen_operations = for_each("--operation", operations, len(files), plain_add, parse_operation)
    chosen_windows = for_each("--window", windows, len(files), Window.parse("all"), Window.parse)
    none: GivenCondition | None = None
    chosen_conditions = for_each("--condition", conditions, len(files), none, lambda given: given)
    return [
        Steering(
            path,
            load_vector(path, layer_shift=layer_shift),
            strength,
            operation,
            parameters,
            window,
            these_layers,
            condition,
        )
        for path, strength, these_layers, (operation, parameters), window, condition in zip(
            files, strengths, chosen_layers, chosen_operations, chosen_windows, chosen_conditions, strict=True
        )
    ]


def for_each(option: str, given: Sequence[U] | None, n_vectors: int, default: T, parse: Callable[[U], T]) -> list[T]:
    """Return one value for each vector; one given value is for all of them."""
    values = [parse(text) for text in given or ()] or [default]
    if len(values) == 1:
        return values * n_vectors
    if len(values) != n_vectors:
        raise typer.BadParameter(
            f"expected it once, or once for each of the {n_vectors} vectors, got {len(values)}", param_hint=option
        )
    return values


def parse_operation(text: str) -> tuple[str, dict[str, float]]:
    """Return name and parameters of an operation such as "add" or "affine:gain=0,offset=1.5".

    Raises
    ------
    UnknownNameError
        There is no such operation.
    SteeringError
        It lacks a parameter, or has none of that name.
    """
    from pysteer.operations import check_parameters, operations

    name, _, listed = text.partition(":")
    parameters: dict[str, float] = {}
    for part in listed.split(",") if listed else ():
        key, _, value = part.partition("=")
        try:
            # A slice's begin and end are integers, and stay so.
            parameters[key.strip()] = int(value) if value.strip().lstrip("+-").isdecimal() else float(value)
        except ValueError:
            raise typer.BadParameter(
                f"expected parameters such as affine:gain=0,offset=1, got {text!r}", param_hint="--operation"
            ) from None
    check_parameters(operations.get(name), name, tuple(parameters))
    return name, parameters


def parse_coefficients(text: str) -> list[float]:
    """Return the numbers of a list such as "-1.5,0,1.5"."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"expected numbers with commas between them, such as -1.5,0,1.5, got {text!r}", param_hint="--coefficients"
        ) from None


def check_vector(path: Path, vector: SteeringVector, model: Model) -> None:
    """Raise VectorFileError unless the vector can be applied to the model; warn where it was made for another one."""
    from pysteer.vector_file import check_fits

    try:
        check_fits(
            vector,
            d_model=model.d_model,
            n_layers=model.n_layers,
            architecture=model.architecture,
            model_hash=model.hash,
            head_out_width=_head_out_width(model),
        )
    except VectorFileError as error:
        raise VectorFileError(f"{path}: {error}") from error


def _head_out_width(model: Model) -> int | None:
    """Return n_heads * head_dim: what the first attention output matrix takes in. None where there is none."""
    return next((shape[1] for name, _, shape, _ in model.weights() if name.endswith("attn_output.weight")), None)
