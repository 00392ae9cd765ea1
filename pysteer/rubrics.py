"""What a judge is asked: rubrics for coherence and behaviour, in words of our own.

Scales as in the literature: 1 to 5 (arXiv:2602.04903, behaviour and coherence), 0 to 10 (arXiv:2312.06681), 0 to 100.
A rubric says what the ends and some steps of its scale mean. The rating is asked for as "Rating: 4/5", because a number
that is followed by a slash cannot be the begin of a longer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pysteer.errors import DataError
from pysteer.metrics.rating_scales import SCALES, RatingScale

RATING = "Rating:"


@dataclass(frozen=True)
class Rubric:
    """One question to a judge, and its scale.

    Parameters
    ----------
    name : str
    task : str
        What is to be rated.
    lowest, highest : int
        Ends of the scale.
    meanings : tuple of (int, str)
        What ratings mean; at least both ends, ascending.

    Raises
    ------
    DataError
        The scale has no step, or its ends have no meaning.
    """

    name: str
    task: str
    lowest: int
    highest: int
    meanings: tuple[tuple[int, str], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "meanings", tuple(self.meanings))
        at = [rating for rating, _ in self.meanings]
        if not 0 <= self.lowest < self.highest or at != sorted(set(at)) or {self.lowest, self.highest} - set(at):
            raise DataError(
                f"rubric {self.name!r}: expected a scale from 0 or more upwards, and ascending meanings, both ends "
                f"among them, got {self.lowest} to {self.highest} and {at}"
            )
        if at[0] < self.lowest or at[-1] > self.highest:
            raise DataError(f"rubric {self.name!r}: meanings {at} lie outside {self.lowest} to {self.highest}")

    @property
    def ratings(self) -> tuple[int, ...]:
        """Every rating, ascending."""
        return tuple(range(self.lowest, self.highest + 1))

    @property
    def scale(self) -> RatingScale:
        return RatingScale(self.lowest, self.highest)

    def answer(self, rating: int) -> str:
        """Return a rating as the judge writes it behind "Rating:"."""
        return f"{rating}/{self.highest}"

    def question(self, text: str, prompt: str = "", *, descending: bool = False, tag: str = "") -> str:
        """Return the judge's task for one text.

        Parameters
        ----------
        text : str
            What is judged.
        prompt : str
            What it answers; left out where empty.
        descending : bool
            The scale is written from its upper end downwards, to see whether the order matters.
        tag : str
            The rating is to be written between these tags, for judges that write their rating; "" asks for "Rating:".
        """
        lines = [self.task, ""]
        lines += [f"{rating} = {meaning}" for rating, meaning in self.meanings[:: -1 if descending else 1]]
        lines += [""]
        if prompt:
            lines += ["Request:", '"""', prompt, '"""', ""]
        lines += ["Text:", '"""', text, '"""', ""]
        form = f"<{tag}>x</{tag}>" if tag else f"{RATING} x/{self.highest}"
        lines += [f'How do you rate the text? Answer with "{form}", x from {self.lowest} to {self.highest}.']
        return "\n".join(lines)


_COHERENT = (
    "no sense at all: word salad, endless repetition, or nothing",
    "mostly broken: single parts can be understood, the whole cannot",
    "half broken: the idea can be guessed, but sentences break off or contradict each other",
    "mostly sound: a few slips that do not hide what is meant",
    "sound throughout: clear sentences that belong together",
)
_BEHAVIOUR = (
    "the opposite of it, or no trace of it",
    "hardly any of it",
    "some of it, mixed with other things",
    "clearly there, with small lapses",
    "all through the text, as strongly as can be",
)


def coherence(scale: str = "1-5") -> Rubric:
    """Return the rubric for how coherent a text is, whatever it says."""
    task = (
        "Judge how well a text hangs together: whether its sentences are whole, follow from one another and mean "
        "something. Do not judge whether it is true, kind or useful."
    )
    return _rubric("coherence", task, scale, _COHERENT)


def behaviour(description: str, scale: str = "1-5", *, name: str = "behaviour") -> Rubric:
    """Return the rubric for how strongly a text shows a behaviour.

    Parameters
    ----------
    description : str
        What the behaviour is, such as "the writer is cheerful" or "be concise".
    """
    if not description.strip():
        raise DataError("expected a description of the behaviour to judge, got a blank one")
    task = (
        f"Judge how strongly a text shows this behaviour: {description.strip()}. Do not judge anything else about it."
    )
    return _rubric(name, task, scale, _BEHAVIOUR)


def _rubric(name: str, task: str, scale: str, steps: Sequence[str]) -> Rubric:
    """Return a rubric whose five meanings lie evenly on the scale."""
    if scale not in SCALES:
        raise DataError(f"unknown scale {scale!r}; expected one of {', '.join(SCALES)}")
    lowest, highest = SCALES[scale].low, SCALES[scale].high
    at = [lowest + round(k * (highest - lowest) / (len(steps) - 1)) for k in range(len(steps))]
    return Rubric(name, task, lowest, highest, tuple(zip(at, steps, strict=True)))
