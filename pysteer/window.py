"""Which tokens are steered.

A window is written before the prompt is known and resolved when it is. Positions are absolute: 0 is the first token
of the sequence (BOS, where the model has one), ``P`` is the number of prompt tokens, the last prompt token is at
``P - 1`` and the first generated token at ``P``. The edit at the last prompt token is the first one that changes
what is generated, because that token's output predicts the first generated token.

    text            positions                   which tokens
    all             0 <= t                      every token, generated ones included
    prompt          0 <= t < P                  prompt only
    generation      P <= t                      generated tokens only; the token at P is predicted unsteered
    last            t = P - 1                   last prompt token only
    answer          P - 1 <= t                  last prompt token and everything generated: t_min = P - 1 of
                                                "Analyzing the Generalization and Reliability of Steering Vectors",
                                                arXiv:2407.12404 (there written G - 1)
    from:N          N <= t                      from position N on, generated tokens included
    A:B             A <= t < B                  half-open; either side may be left out
    a,b             union                       such as "0:1,answer"

``N``, ``A`` and ``B`` are integers. A negative one counts from the prompt's end: -1 is ``P - 1``, as in Python. The
prompt's end itself, which a negative number cannot name, is ``end``, and ``end+3`` lies three generated tokens
behind it: ``"1:end"`` is the prompt without its first token. ``"A:"`` has no end and therefore covers generated
tokens, unlike Python's slice of the prompt. A position before the sequence counts as 0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pysteer.errors import SteeringError

OPEN_END = 2**31 - 1
"""End of a window that never ends: the largest position the native core knows."""

_BOUND = re.compile(r"(?P<number>[+-]?[0-9]{1,9})|end(?P<offset>[+-][0-9]{1,9})?")


@dataclass(frozen=True)
class Bound:
    """One end of a span: ``offset`` tokens after the sequence's begin, or after the prompt's end."""

    from_prompt_end: bool
    offset: int

    def resolve(self, n_prompt: int) -> int:
        """Return the absolute position, not below 0."""
        return min(max(0, self.offset + (n_prompt if self.from_prompt_end else 0)), OPEN_END)

    def __str__(self) -> str:
        if not self.from_prompt_end or self.offset < 0:
            return str(self.offset)
        return f"end+{self.offset}" if self.offset else "end"


@dataclass(frozen=True)
class Span:
    """Positions from ``begin`` up to, not including, ``end``; ``end`` None never ends."""

    begin: Bound
    end: Bound | None

    def __str__(self) -> str:
        return _NAMES.get(self) or f"{self.begin}:{'' if self.end is None else self.end}"


_START, _PROMPT_END, _LAST = Bound(False, 0), Bound(True, 0), Bound(True, -1)
_WORDS = {
    "all": Span(_START, None),
    "prompt": Span(_START, _PROMPT_END),
    "generation": Span(_PROMPT_END, None),
    "last": Span(_LAST, _PROMPT_END),
    "answer": Span(_LAST, None),
}
_NAMES = {span: word for word, span in _WORDS.items()}


@dataclass(frozen=True)
class Window:
    """Which tokens of a sequence are steered: a union of spans, made with `Window.parse`.

    Examples
    --------
    >>> Window.parse("answer").resolve(n_prompt=10)
    ((9, 2147483647),)
    >>> Window.parse("0:2,-3:end").resolve(n_prompt=10)
    ((0, 2), (7, 10))
    >>> Window.parse("last") == Window.parse("-1:end")
    True
    """

    spans: tuple[Span, ...]

    @classmethod
    def parse(cls, text: str) -> Window:
        """Return the window that ``text`` describes; the forms stand at the top of this module.

        Raises
        ------
        SteeringError
            Another form, or a span that is empty for every prompt, such as ``"5:3"``.
        """
        return cls(tuple(_parse_span(part.strip(), text) for part in text.split(",")))

    def resolve(self, n_prompt: int) -> tuple[tuple[int, int], ...]:
        """Return absolute half-open position ranges for a prompt of ``n_prompt`` tokens.

        Returns
        -------
        tuple of (begin, end)
            Ascending, disjoint and not touching, so that no token is edited twice. ``end`` is `OPEN_END` where the
            window never ends.

        Raises
        ------
        SteeringError
            ``n_prompt`` is negative, or the window covers no token for a prompt of this length: steering would
            silently do nothing.
        """
        if n_prompt < 0:
            raise SteeringError(f"expected a number of prompt tokens, got {n_prompt}")
        ranges: list[tuple[int, int]] = []
        for begin, end in sorted(_resolve_span(span, n_prompt) for span in self.spans):
            if begin >= end:
                continue
            if ranges and begin <= ranges[-1][1]:
                ranges[-1] = (ranges[-1][0], max(ranges[-1][1], end))
            else:
                ranges.append((begin, end))
        if not ranges:
            raise SteeringError(f"window '{self}' covers no token when the prompt has {n_prompt} tokens")
        return tuple(ranges)

    def __str__(self) -> str:
        return ",".join(map(str, self.spans))


def _resolve_span(span: Span, n_prompt: int) -> tuple[int, int]:
    """Return (begin, end), which may be empty."""
    return span.begin.resolve(n_prompt), OPEN_END if span.end is None else span.end.resolve(n_prompt)


def _parse_span(part: str, text: str) -> Span:
    """Return one comma-free part as a span."""
    if part in _WORDS:
        return _WORDS[part]
    if part.startswith("from:"):
        return Span(_parse_bound(part.removeprefix("from:"), text), None)
    first, colon, last = (piece.strip() for piece in part.partition(":"))
    if not colon:
        raise _not_a_window(text)
    begin = _parse_bound(first, text) if first else _START
    end = _parse_bound(last, text) if last else None
    if end is not None and (
        (begin.from_prompt_end == end.from_prompt_end and begin.offset >= end.offset) or end == _START
    ):
        raise SteeringError(f"window {text!r}: {part!r} is empty, its end must lie behind its begin (half-open)")
    return Span(begin, end)


def _parse_bound(piece: str, text: str) -> Bound:
    """Return one end of a span."""
    match = _BOUND.fullmatch(piece.strip())
    if not match:
        raise _not_a_window(text)
    if match["number"] is None:
        return Bound(True, int(match["offset"] or 0))
    number = int(match["number"])
    return Bound(number < 0, number)


def _not_a_window(text: str) -> SteeringError:
    return SteeringError(
        f"expected a window such as {', '.join(map(repr, _WORDS))}, 'from:N', 'A:B' or '1:end', got {text!r}"
    )
