"""One llama.cpp context: sequences of tokens, their steering, what comes out of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float32Array
from pysteer.chat_template import Message
from pysteer.condition import Condition
from pysteer.errors import ContextFullError, SessionError, SteeringError
from pysteer.generation import Generation, Request, generate_many
from pysteer.intervention import Intervention
from pysteer.native import core
from pysteer.prompt_conditions import decided
from pysteer.sampling import GREEDY, Sampling
from pysteer.steering_program import Compiled, as_interventions, compile_interventions, steps
from pysteer.vector import SteeringVector
from pysteer.window import Window

if TYPE_CHECKING:
    from pysteer.model import Model

Int32Array = npt.NDArray[np.int32]


class Session:
    """A context of a model. One user at a time; not to be shared between threads.

    Parameters
    ----------
    model : Model
    n_ctx : int, optional
        Tokens that fit into the memory, over all sequences together. Default: the model's training
        context, at most 4096.
    n_batch : int
        Tokens computed at once, at least one for each sequence; more is faster on long texts and needs more memory.
    n_sequences : int
        Sequences that can live at the same time, at most 256.
    n_threads : int, optional
        Default: all cores.
    kv_type : "f16" or "f32"
        Type of keys and values. "f32" makes batched and single runs agree closest; use it for studies.
    flash_attention : bool, optional
        Default: llama.cpp decides, but off with ``kv_type="f32"``: on the CPU it rounds to half precision whatever the
        keys and values are. False for studies.

    Examples
    --------
    A session is a context manager; leaving it gives its memory back::

        with model.session() as session, session.steer(vector, coefficient=1.5):
            print(session.generate("Tell me about rain.", max_tokens=60).text)
    """

    def __init__(
        self,
        model: Model,
        *,
        n_ctx: int | None = None,
        n_batch: int = 512,
        n_sequences: int = 16,
        n_outputs: int = 0,
        n_threads: int | None = None,
        kv_type: str = "f16",
        flash_attention: bool | None = None,
    ) -> None:
        if kv_type not in ("f16", "f32"):
            raise SessionError(f"kv_type is {kv_type!r}; expected 'f16' or 'f32'")
        size = min(model.n_ctx_train, 4096) if n_ctx is None else n_ctx
        self.model = model
        self._native: core.Session | None = core.Session(
            model.native,
            n_ctx=size,
            n_batch=max(min(n_batch, max(size, 1)), n_sequences),  # one step of all sequences is one batch
            n_sequences=n_sequences,
            n_outputs=n_outputs,
            n_threads=n_threads or 0,
            kv_f32=kv_type == "f32",
            flash_attention=False if flash_attention is None and kv_type == "f32" else flash_attention,
        )
        self._steering: list[Compiled] = []
        self._tokens: list[list[int]] = [[] for _ in range(n_sequences)]

    @property
    def native(self) -> core.Session:
        """The native session; for batches that the methods here do not cover."""
        if self._native is None:
            raise SessionError("this session is closed")
        return self._native

    @contextmanager
    def computing_through(self, stand_in: core.Session) -> Iterator[Session]:
        """Let something with the native session's methods stand between it and all that computes, inside the block."""
        self.forget()
        native, self._native = self.native, stand_in
        try:
            yield self
        finally:
            if self._native is not None:  # closed meanwhile: stays so
                self._native = native
                self.forget()

    def close(self) -> None:
        """Give the memory back. Using the session afterwards is a SessionError."""
        self._native = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Steering

    @contextmanager
    def steer(
        self,
        vector: SteeringVector | Intervention | Sequence[Intervention],
        *,
        coefficient: float | None = None,
        operation: str = "add",
        window: str | Window = "all",
        layers: tuple[int, ...] | None = None,
        condition: Condition | None = None,
        **parameters: float,
    ) -> Iterator[Session]:
        """Steer everything that this session computes inside the ``with`` block.

        Blocks may be nested; edits are applied from the outermost inwards.

        Parameters
        ----------
        vector : SteeringVector, Intervention or several Interventions
            With a plain vector, ``coefficient`` is needed and the other parameters apply.
        condition : Condition, optional
            Steer only prompts, or rows, that meet it. An Intervention brings its own.
        """
        if isinstance(vector, SteeringVector):
            if coefficient is None:
                raise SteeringError("steering with a vector needs a coefficient")
            chosen = Window.parse(window) if isinstance(window, str) else window
            given: tuple[Intervention, ...] = (
                Intervention(
                    vector,
                    operation,
                    coefficient=coefficient,
                    window=chosen,
                    layers=layers,
                    parameters=parameters,
                    condition=condition,
                ),
            )
        elif condition is not None:
            raise SteeringError("a condition beside interventions: give it to the intervention that it belongs to")
        else:
            given = as_interventions(vector)
        compiled = compile_interventions(given)
        self._steering.append(compiled)
        try:
            yield self
        finally:
            self._steering.remove(compiled)

    @property
    def steering(self) -> Compiled:
        """Edits in force, outermost block first."""
        return tuple(item for compiled in self._steering for item in compiled)

    # Plain computation

    def prepare(self, sequence: int, tokens: Sequence[int], steering: Compiled) -> int:
        """Point a sequence at a prompt and its steering: keep the longest prefix whose keys and values are still right.

        Returns how many tokens are kept; at least the last token is always left to compute.
        """
        native = self.native
        native.set_program(sequence, steps(steering, len(tokens)))
        known = self._tokens[sequence][: native.length(sequence)]
        same = 0
        while same < min(len(known), len(tokens) - 1) and known[same] == tokens[same]:
            same += 1
        kept = native.trim(sequence, same)
        self._tokens[sequence] = list(tokens[:kept])
        return kept

    def note(self, sequence: int, tokens: Sequence[int]) -> None:
        """Remember that ``tokens`` were computed for a sequence (by a batch built elsewhere)."""
        self._tokens[sequence].extend(tokens)

    def adopt(self, sequence: int, tokens: Sequence[int]) -> None:
        """Remember that a sequence shares ``tokens`` with another one."""
        self._tokens[sequence] = list(tokens)

    def forget(self) -> None:
        """Drop all sequences and their steering."""
        for sequence in range(self.native.n_sequences):
            self.native.set_program(sequence, [])
            self._tokens[sequence] = []
        self.native.clear()

    def logits(self, tokens: Sequence[int] | Int32Array) -> Float32Array:
        """Return the logits after every token of one text, float32, (n, n_vocab), under the steering in force.

        Windows count all tokens as prompt.
        """
        ids = np.ascontiguousarray(tokens, dtype=np.int32)
        if ids.size > self.native.n_ctx:
            raise ContextFullError(f"{ids.size} tokens do not fit a context of {self.native.n_ctx}; use a larger n_ctx")
        self.forget()
        (steering,) = decided(self, [self.steering], [ids])
        self.native.set_program(0, steps(steering, ids.size))
        positions = np.arange(ids.size, dtype=np.int32)
        everything = np.ones(ids.size, dtype=np.uint8)
        decoded = self.native.decode(ids, positions, np.zeros_like(ids), outputs=everything, logits=True)
        self._tokens[0] = [int(token) for token in ids]
        return decoded.logits

    # Generation

    def generate(
        self,
        prompt: str | Sequence[Message],
        *,
        max_tokens: int = 128,
        sampling: Sampling = GREEDY,
        stop: Sequence[str] = (),
        raw: bool = False,
        on_text: Callable[[str], object] | None = None,
    ) -> Generation:
        """Return the model's answer to a prompt, under the steering in force.

        Parameters
        ----------
        prompt : str or messages
            A plain text is one user message; with ``raw`` it is continued as it stands.
        stop : sequence of str
            End before any of these.
        on_text : callable, optional
            Gets each piece of text as soon as it is sure.

        Ctrl-C ends the generation and keeps what is there (``stop_reason`` "interrupted").
        """
        request = Request(prompt, sampling=sampling, stop=tuple(stop), max_tokens=max_tokens, raw=raw)
        return generate_many(self, [request], on_text=None if on_text is None else lambda _, piece: on_text(piece))[0]

    def generate_many(
        self, requests: Sequence[Request], *, on_text: Callable[[int, str], object] | None = None
    ) -> list[Generation]:
        """Answer several requests at once, each with steering of its own on top of the steering in force."""
        return generate_many(self, requests, on_text=on_text)


def session_for_texts(
    model: Model, longest: int, *, n_ctx: int | None = None, n_threads: int | None = None, kv_type: str = "f16"
) -> Session:
    """Return a session with room for many short texts at once, or for one of ``longest`` tokens."""
    size = max(4096, 2 * longest) if n_ctx is None else n_ctx
    return Session(model, n_ctx=size, n_batch=512, n_sequences=64, n_threads=n_threads, kv_type=kv_type)
