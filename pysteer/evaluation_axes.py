"""The axes of a grid, from what callers write to checked values: vectors, layers, operations, windows, data sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, product
from typing import TypeAlias

from pysteer.errors import DataError, SiteError, SteeringError
from pysteer.evaluation_keys import vector_hash
from pysteer.intervention import Intervention
from pysteer.measurements import Data
from pysteer.measurements.running_text import RunningText
from pysteer.operations import check_parameters, operations
from pysteer.site import parse_layers
from pysteer.vector import SteeringVector
from pysteer.window import Window

Vectors: TypeAlias = SteeringVector | Sequence[SteeringVector] | Mapping[str, SteeringVector] | None
LayerSet: TypeAlias = int | str | tuple[int, ...] | None
Operations: TypeAlias = str | Sequence[str | tuple[str, Mapping[str, float]]]
Windows: TypeAlias = str | Window | Sequence[str | Window]
DataSets: TypeAlias = Data | str | Sequence[Data | str]


@dataclass(frozen=True, eq=False)
class Arm:
    """One way of steering, but for its strength: a vector at some layers, an operation, a window.

    Parameters
    ----------
    name : str
        The vector's, for people.
    vector : SteeringVector
        At the layers in use only.
    vector_hash : str
        Of the whole vector.
    layers : tuple of int
    """

    name: str
    vector: SteeringVector
    vector_hash: str
    layers: tuple[int, ...]
    operation: str
    window: Window
    parameters: Mapping[str, float] = field(default_factory=dict)

    def at(self, coefficient: float) -> tuple[Intervention, ...]:
        """Return the steering at one strength."""
        return (
            Intervention(
                self.vector,
                self.operation,
                coefficient=coefficient,
                window=self.window,
                parameters=self.parameters,
            ),
        )

    @property
    def operation_text(self) -> str:
        """The operation with its parameters, such as "affine:gain=0,offset=1"."""
        listed = ",".join(f"{name}={value:g}" for name, value in sorted(self.parameters.items()))
        return f"{self.operation}:{listed}" if listed else self.operation

    @property
    def layers_text(self) -> str:
        """The layers as `pysteer.site.parse_layers` reads them: "12", "8:20", "3,5,8:10"."""
        return layers_text(self.layers)


def layers_text(layers: Sequence[int]) -> str:
    """Return layers as text, runs of neighbours as half-open ranges.

    Examples
    --------
    >>> layers_text([3, 8, 9, 10, 20])
    '3,8:11,20'
    """
    runs = [[layer for _, layer in run] for _, run in groupby(enumerate(layers), lambda pair: pair[1] - pair[0])]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}:{run[-1] + 1}" for run in runs)


def arms_of(
    vectors: Vectors, layers: object, given_operations: Operations, windows: Windows, *, n_layers: int
) -> list[Arm]:
    """Return every combination, vectors outermost.

    Parameters
    ----------
    layers : None, int, tuple of int, text, or a list of these
        A layer set is used together: None is all of the vector's, a text is read by `parse_layers`. A list holds
        several sets; "each" is one set for each of the vector's layers, "each:8:20" for each of these.

    Raises
    ------
    SiteError
        A layer that a vector, or the model, does not have.
    SteeringError, UnknownNameError
        An operation or window that there is not.
    """
    named = _named_vectors(vectors)
    chosen_operations = [_operation(given) for given in _listed(given_operations, str)]
    chosen_windows = [Window.parse(w) if isinstance(w, str) else w for w in _listed(windows, (str, Window))]
    arms = []
    for name, vector in named:
        whole = vector_hash(vector)
        for layer_set in _layer_sets(layers, vector, n_layers):
            part = vector.select(layer_set)
            for (operation, parameters), window in product(chosen_operations, chosen_windows):
                arms.append(Arm(name, part, whole, part.layers, operation, window, parameters))
    return arms


def data_sets_of(given: object) -> list[Data]:
    """Return the data sets; a plain text becomes a `RunningText`.

    Raises
    ------
    DataError
        There is none, something else than data, or two different ones of one name.
    """
    items = [given] if isinstance(given, str) or hasattr(given, "content_hash") else given
    if not isinstance(items, Iterable):
        raise DataError(f"expected a data set or several, got {type(given).__name__}")
    found: list[Data] = []
    for item in items:
        data: object = RunningText("text", item) if isinstance(item, str) else item
        if not hasattr(data, "content_hash") or not hasattr(data, "name"):
            raise DataError(f"expected a data set, such as load_pairs returns, got {type(item).__name__}")
        found.append(data)  # type: ignore[arg-type]
    if not found:
        raise DataError("no data to measure on")
    names = [data.name for data in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"two data sets are called {twice!r}; rename one, the table could not tell them apart")
    return found


def parse_operation(text: str) -> tuple[str, dict[str, float]]:
    """Return name and parameters of an operation such as "add" or "affine:gain=0,offset=1.5"."""
    name, _, listed = text.partition(":")
    parameters: dict[str, float] = {}
    for part in listed.split(",") if listed else ():
        key, _, value = part.partition("=")
        try:
            parameters[key.strip()] = int(value) if value.strip().lstrip("+-").isdecimal() else float(value)
        except ValueError:
            raise SteeringError(f"expected an operation such as affine:gain=0,offset=1, got {text!r}") from None
    return name.strip(), parameters


def _operation(given: str | tuple[str, Mapping[str, float]]) -> tuple[str, Mapping[str, float]]:
    name, parameters = parse_operation(given) if isinstance(given, str) else given
    check_parameters(operations.get(name), name, tuple(parameters))
    return name, parameters


def _named_vectors(vectors: Vectors) -> list[tuple[str, SteeringVector]]:
    if vectors is None:
        return []
    if isinstance(vectors, Mapping):
        return list(vectors.items())
    several = [vectors] if isinstance(vectors, SteeringVector) else list(vectors)
    names: list[str] = []
    for vector in several:
        if not isinstance(vector, SteeringVector):
            raise SteeringError(f"expected a SteeringVector, got {type(vector).__name__}; load_vector reads a file")
        name = vector.provenance.data_name or vector.provenance.method
        n_before = sum(known == name or known.startswith(f"{name} #") for known in names)
        names.append(f"{name} #{n_before + 1}" if n_before else name)
    return list(zip(names, several, strict=True))


def _layer_sets(layers: object, vector: SteeringVector, n_layers: int) -> list[tuple[int, ...]]:
    sets: list[tuple[int, ...]] = []
    for given in layers if isinstance(layers, list) else [layers]:
        if given is None:
            sets.append(vector.layers)
        elif isinstance(given, str) and given.partition(":")[0] == "each":
            rest = given.partition(":")[2]
            sets += [(layer,) for layer in (parse_layers(rest, n_layers) if rest else vector.layers)]
        elif isinstance(given, str):
            sets.append(tuple(parse_layers(given, n_layers)))
        elif isinstance(given, int):
            sets.append((given,))
        elif isinstance(given, tuple):
            sets.append(given)
        else:
            raise SiteError(f"expected layers such as 12, '8:20' or (3, 5), got {given!r}")
    return sets


def _listed(given: object, single: type | tuple[type, ...]) -> list:  # type: ignore[type-arg]
    return [given] if isinstance(given, single) else list(given)  # type: ignore[call-overload]
