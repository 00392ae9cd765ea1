"""Where a steering vector comes from: enough to make it again, and to know when it does not apply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from pysteer.errors import DataError

_INTEGERS = ("n_pairs", "seed")


@dataclass(frozen=True)
class Provenance:
    """Origin of a vector. None means unknown; nothing is guessed.

    Parameters
    ----------
    method : str
        Extractor, "combined" for the result of arithmetic on two vectors, "random" for a control.
    model_name, model_hash, architecture, quantisation : str
        The model: its own name, SHA-256 of its file, llama.cpp's ``general.architecture``, and the file type.
    data_name, data_hash : str
        The data set and its `Dataset.content_hash`.
    n_pairs : int
        Pairs used.
    token_rule : str
        Which token was read, such as "last".
    layers : tuple of int
        Layers that were extracted, which a selection may have reduced since.
    seed : int
        Of whatever was random in the extraction.
    pysteer_version, llama_cpp_version, created : str
        ``created`` is ISO 8601 in UTC.
    extra : mapping
        Whatever else JSON can hold. ``extra["history"]`` lists what was done to the vector afterwards.

    Raises
    ------
    DataError
        A field of the wrong type, or ``extra`` holds something that JSON cannot.

    Examples
    --------
    >>> origin = Provenance(method="mean_difference", n_pairs=40)
    >>> Provenance.from_json(origin.to_json()) == origin
    True
    """

    method: str
    model_name: str | None = None
    model_hash: str | None = None
    architecture: str | None = None
    quantisation: str | None = None
    data_name: str | None = None
    data_hash: str | None = None
    n_pairs: int | None = None
    token_rule: str | None = None
    layers: tuple[int, ...] | None = None
    seed: int | None = None
    pysteer_version: str | None = None
    llama_cpp_version: str | None = None
    created: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for item in fields(self):
            self._check(item.name, getattr(self, item.name))
        if self.layers is not None:
            object.__setattr__(self, "layers", tuple(self.layers))
        try:
            # A round trip detaches `extra` from the caller's dict and leaves only what a file can give back.
            extra = json.loads(json.dumps(dict(self.extra), allow_nan=False))
            self.to_json().encode("utf-8")
        except (TypeError, ValueError, RecursionError) as error:
            raise DataError(f"provenance: expected what JSON in UTF-8 can hold, got {self!r}: {error}") from error
        object.__setattr__(self, "extra", MappingProxyType(extra))

    def to_dict(self) -> dict[str, Any]:
        """Return every field under its name, None included."""
        values: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        values["layers"] = None if self.layers is None else list(self.layers)
        values["extra"] = dict(self.extra)
        return values

    def to_json(self) -> str:
        """Return one line of JSON with sorted keys: the same provenance always gives the same bytes."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Provenance:
        """Return what `to_json` wrote. Fields of a later version, unknown here, are kept in ``extra``.

        Raises
        ------
        DataError
            Not a JSON object, no ``method``, or a field of the wrong type.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"provenance: not JSON: {error}") from error
        if not isinstance(values, dict) or not isinstance(values.get("extra", {}), dict):
            raise DataError("provenance: expected a JSON object whose extra is an object")
        if "method" not in values:
            raise DataError("provenance, method: expected text, got nothing")
        known = {item.name for item in fields(cls)}
        extra = {**values.pop("extra", {}), **{name: values.pop(name) for name in set(values) - known}}
        return cls(**values, extra=extra)

    def after(self, step: str) -> Provenance:
        """Return the provenance of a vector that ``step`` was done to."""
        return replace(self, extra={**self.extra, "history": [*self._history(), step]})

    def combined_with(self, other: Provenance, step: str) -> Provenance:
        """Return the provenance of a vector made of two: what both agree on, both histories, and ``step``."""
        mine, theirs = self.to_dict(), other.to_dict()
        agreed = {name: value for name, value in mine.items() if name != "extra" and value == theirs[name]}
        history = [*self._history(), *other._history(), f"{step}: {self._label()}, {other._label()}"]
        return Provenance(**{**agreed, "method": "combined", "extra": {"history": history}})

    def _history(self) -> list[str]:
        history = self.extra.get("history", [])
        return list(history) if isinstance(history, list) else [str(history)]

    def _label(self) -> str:
        return f"{self.method} of {self.data_name or 'unnamed data'}"

    @staticmethod
    def _check(name: str, value: Any) -> None:
        """Raise DataError where a field has the wrong type."""
        if value is None and name not in ("method", "extra"):
            return
        if name == "extra":
            expected, fits = "a mapping", isinstance(value, Mapping)
        elif name == "layers":
            expected = "a sequence of integers"
            fits = isinstance(value, list | tuple) and all(type(layer) is int for layer in value)
        elif name in _INTEGERS:
            expected, fits = "an integer", type(value) is int
        else:
            expected, fits = "text", isinstance(value, str)
        if not fits:
            raise DataError(f"provenance, {name}: expected {expected}, got {value!r}")

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled, and the JSON form holds everything.
        return Provenance.from_json, (self.to_json(),)
