"""The registry, and the error tree that the documentation draws."""

from __future__ import annotations

import inspect

import pytest

from pysteer import errors
from pysteer.errors import PysteerError, PysteerWarning, UnknownNameError
from pysteer.registry import Registry


@pytest.fixture
def registry() -> Registry[object]:
    registry: Registry[object] = Registry("metric")
    registry.register("perplexity", better="lower")(test_names_are_sorted)
    registry.register("accuracy")(len)
    return registry


def test_names_are_sorted(registry: Registry[object]) -> None:
    """First line.

    Second line.
    """
    assert registry.names() == tuple(registry) == ("accuracy", "perplexity")
    assert len(registry) == 2
    assert "accuracy" in registry


def test_the_decorator_hands_back_the_very_function(registry: Registry[object]) -> None:
    assert registry.get("accuracy") is len


def test_the_summary_is_the_first_line_of_the_docstring(registry: Registry[object]) -> None:
    assert registry.summary("perplexity") == "First line."


def test_facts_are_read_only(registry: Registry[object]) -> None:
    assert registry.facts("perplexity") == {"better": "lower"}
    with pytest.raises(TypeError):
        registry.facts("perplexity")["better"] = "higher"  # type: ignore[index]


@pytest.mark.parametrize("ask", ["get", "facts", "summary"])
def test_an_unknown_name_is_an_error_that_names_the_nearest_and_all(registry: Registry[object], ask: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        getattr(registry, ask)("perplxity")
    assert str(caught.value) == (
        "unknown metric 'perplxity'; did you mean 'perplexity'? Available: accuracy, perplexity"
    )
    assert isinstance(caught.value, KeyError)


def test_a_name_near_nothing_gets_no_suggestion() -> None:
    with pytest.raises(UnknownNameError, match=r"^unknown metric 'x'\. Available: none$"):
        Registry("metric").get("x")


def test_a_name_cannot_be_taken_twice(registry: Registry[object]) -> None:
    with pytest.raises(ValueError, match="registered already"):
        registry.register("accuracy")(max)


def test_every_error_is_a_pysteer_error_and_stands_in_the_drawing() -> None:
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        assert issubclass(kind, PysteerError | PysteerWarning)
        assert name in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("TokenizeError", ValueError),
        ("SessionError", RuntimeError),
        ("SiteError", ValueError),
        ("ShapeError", ValueError),
        ("DataError", ValueError),
        ("VectorFileError", ValueError),
        ("SteeringError", ValueError),
        ("MeasurementError", ValueError),
        ("UnknownNameError", KeyError),
        ("BuildError", ImportError),
    ],
)
def test_a_caller_s_mistake_is_also_the_builtin_error(name: str, builtin: type[Exception]) -> None:
    assert issubclass(getattr(errors, name), builtin)
