"""A chat's state: what was said, and how the next answer is steered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pysteer.chat_template import Message
from pysteer.cli.steering import Steering
from pysteer.errors import ContextFullError
from pysteer.generation import Generation, Request
from pysteer.model import Model
from pysteer.sampling import Sampling
from pysteer.session import Session
from pysteer.steering_program import compile_interventions


class Conversation:
    """Messages and steering of one chat.

    Keys and values of earlier turns are used again as long as the steering stays the same.

    Attributes
    ----------
    recent : Steering or None
        The first vector of the steering that was in force last, kept while there is none.

    Parameters
    ----------
    session : Session
        With one sequence.
    steering : sequence of Steering
        In force from the first answer on.
    system : str or None
        System message.
    """

    def __init__(
        self,
        session: Session,
        steering: Sequence[Steering],
        *,
        sampling: Sampling,
        max_tokens: int,
        stop: tuple[str, ...],
        system: str | None,
    ) -> None:
        self._session = session
        self._sampling = sampling
        self._max_tokens = max_tokens
        self._stop = stop
        self._system: list[Message] = [] if system is None else [{"role": "system", "content": system}]
        self._messages: list[Message] = []
        self.recent: Steering | None = None
        self.steer(steering)

    @property
    def model(self) -> Model:
        return self._session.model

    @property
    def steering(self) -> tuple[Steering, ...]:
        return self._steering

    def steer(self, steering: Sequence[Steering]) -> None:
        """Steer otherwise from the next answer on; nothing changes when the vector does not fit the model."""
        # Compiled once: the session recognises unchanged steering by the identity of the edits.
        compiled = compile_interventions([item.on(self.model) for item in steering])
        self._steering, self._compiled = tuple(steering), compiled
        self.recent = steering[0] if steering else self.recent

    def describe_steering(self) -> str:
        """Return the steering in words."""
        parts = []
        for item in self._steering:
            where = "" if item.layers is None else f", layers {item.layers}"
            when = "" if item.condition is None else f", where {item.condition}"
            how = f"{item.operation}, {item.window}{where}{when}"
            parts.append(f"{item.path.name} at strength {item.coefficient:g} ({how})")
        return "steered by " + " and ".join(parts) if parts else "unsteered"

    def reset(self) -> None:
        """Forget what was said, but for the system message."""
        self._messages = []

    def say(self, text: str, *, on_text: Callable[[str], object]) -> tuple[Generation, int]:
        """Return the answer to ``text``, and how many of the oldest messages had to be forgotten for it.

        Raises
        ------
        ContextFullError
            ``text`` alone does not fit into the memory.
        """
        messages: list[Message] = [*self._messages, {"role": "user", "content": text}]
        n_forgotten = 0
        while True:
            try:
                answer = self._generate([*self._system, *messages[n_forgotten:]], on_text)
                break
            except ContextFullError:
                # A question and its answer at a time: most templates refuse a chat that begins with an answer.
                n_forgotten += 2
                if n_forgotten >= len(messages):
                    raise
        self._messages = [*messages[n_forgotten:], {"role": "assistant", "content": answer.text.strip()}]
        return answer, n_forgotten

    def _generate(self, messages: list[Message], on_text: Callable[[str], object]) -> Generation:
        request = Request(
            messages,
            interventions=self._compiled,
            sampling=self._sampling,
            stop=self._stop,
            max_tokens=self._max_tokens,
        )
        return self._session.generate_many([request], on_text=lambda _, piece: on_text(piece))[0]
