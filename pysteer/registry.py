"""Names for interchangeable functions: a dict, a decorator, and an error that says what was meant.

One registry holds one kind of thing (operation, metric, extractor). Registering is done by the file that defines
the function, so a new one is one file; finding those files is the business of the package that owns the registry.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from pysteer.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """A name for each function of one kind, with facts about it.

    Parameters
    ----------
    kind : str
        The singular noun that errors use: "operation".

    Examples
    --------
    >>> greetings: Registry[Callable[[], str]] = Registry("greeting")
    >>> @greetings.register("hello", polite=True)
    ... def hello() -> str:
    ...     '''Say hello.'''
    ...     return "hello"
    >>> greetings.get("hello")()
    'hello'
    >>> greetings.summary("hello"), dict(greetings.facts("hello"))
    ('Say hello.', {'polite': True})
    >>> greetings.get("helo")
    Traceback (most recent call last):
    pysteer.errors.UnknownNameError: unknown greeting 'helo'; did you mean 'hello'? Available: hello
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, T] = {}
        self._facts: dict[str, Mapping[str, object]] = {}

    def register(self, name: str, **facts: object) -> Callable[[T], T]:
        """Return a decorator that stores its function under ``name`` and hands it back unchanged.

        Raises
        ------
        ValueError
            The name is taken by another function.
        """

        def store(entry: T) -> T:
            if name in self._entries:
                raise ValueError(f"{self.kind} {name!r} is registered already, by {self._entries[name]!r}")
            self._entries[name] = entry
            self._facts[name] = MappingProxyType(dict(facts))
            return entry

        return store

    def get(self, name: str) -> T:
        """Return what is registered under ``name``.

        Raises
        ------
        UnknownNameError
            No such name; the message holds the nearest one and all that exist.
        """
        self._check(name)
        return self._entries[name]

    def facts(self, name: str) -> Mapping[str, object]:
        """Return the facts given at registration (read-only)."""
        self._check(name)
        return self._facts[name]

    def names(self) -> tuple[str, ...]:
        """Return every name, sorted."""
        return tuple(sorted(self._entries))

    def summary(self, name: str) -> str:
        """Return the first line of the docstring, or an empty text where there is none."""
        text = inspect.getdoc(self.get(name)) or ""
        return text.partition("\n")[0]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return len(self._entries)

    def _check(self, name: str) -> None:
        if name in self._entries:
            return
        raise UnknownNameError(
            f"unknown {self.kind} {name!r}{did_you_mean(str(name), self._entries)} "
            f"Available: {', '.join(self.names()) or 'none'}"
        )


def did_you_mean(name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name, or ``"."`` where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else "."
