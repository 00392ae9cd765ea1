"""Laws of windows: printing, unions, and that no token is covered twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pysteer.errors import SteeringError
from pysteer.window import OPEN_END, Window

BOUND = st.one_of(
    st.integers(-30, 30).map(str), st.integers(0, 9).map(lambda n: f"end+{n}"), st.sampled_from(["", "end"])
)
SPAN = st.one_of(
    st.sampled_from(["all", "prompt", "generation", "last", "answer"]),
    st.tuples(BOUND, BOUND).map(":".join),
    st.integers(-30, 30).map(lambda n: f"from:{n}"),
)
TEXT = st.lists(SPAN, min_size=1, max_size=4).map(",".join)


def parsed(text: str) -> Window | None:
    try:
        return Window.parse(text)
    except SteeringError:
        return None


def resolved(window: Window, n_prompt: int) -> tuple[tuple[int, int], ...]:
    try:
        return window.resolve(n_prompt)
    except SteeringError:
        return ()


@given(TEXT)
def test_a_printed_window_parses_back_to_itself(text: str) -> None:
    window = parsed(text)
    if window is not None:
        assert Window.parse(str(window)) == window


@given(TEXT, st.integers(0, 40))
def test_ranges_are_ascending_disjoint_and_do_not_touch(text: str, n_prompt: int) -> None:
    window = parsed(text)
    ranges = () if window is None else resolved(window, n_prompt)
    flat = [position for pair in ranges for position in pair]
    assert flat == sorted(set(flat))
    assert all(0 <= position <= OPEN_END for position in flat)


@given(TEXT, TEXT, st.integers(0, 40))
def test_a_union_covers_exactly_what_its_parts_cover(first: str, second: str, n_prompt: int) -> None:
    a, b, both = parsed(first), parsed(second), parsed(f"{first},{second}")
    if a is None or b is None:
        assert both is None
        return
    assert both is not None

    def covered(window: Window) -> set[int]:
        return {t for begin, end in resolved(window, n_prompt) for t in range(begin, min(end, 100))}

    assert covered(both) == covered(a) | covered(b)


@given(st.integers(0, 40))
def test_prompt_and_generation_together_are_everything(n_prompt: int) -> None:
    assert Window.parse("prompt,generation").resolve(n_prompt) == Window.parse("all").resolve(n_prompt)


@given(st.text(max_size=12))
def test_any_text_is_a_window_or_a_steering_error(text: str) -> None:
    parsed(text)
