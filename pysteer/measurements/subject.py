"""Whose behaviour is measured: a model, what stands around its prompts, and how it is computed."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

from pysteer.model import Model
from pysteer.prompt_settings import PromptSetting
from pysteer.session import Session


@dataclass(eq=False)
class Subject:
    """A model with its prompt setting, and the session that measurements share.

    Parameters
    ----------
    model : Model
    setting : PromptSetting, optional
        System message and persona around every prompt.
    raw : bool
        Prompts as they are, without the chat template.
    seed : int
        For measurements that sample.
    n_threads : int, optional
        Default: all cores. Not part of a cell's key.
    kv_type : "f16" or "f32"
        Of keys and values. Part of the key.
    n_ctx : int, optional
        Tokens of memory for texts computed at once, instead of those that a measurement asks for; more is faster.
    """

    model: Model
    _: KW_ONLY
    setting: PromptSetting | None = None
    raw: bool = False
    seed: int = 0
    n_threads: int | None = None
    kv_type: str = "f16"
    n_ctx: int | None = None
    _open: tuple[tuple[int, int, int, int], Session] | None = field(default=None, init=False, repr=False)

    def session(self, *, n_ctx: int, n_sequences: int, n_batch: int = 512, n_outputs: int = 0) -> Session:
        """Return a session with that much room, the same one while the room asked for stays the same.

        It belongs to the subject: do not close it, and do not keep it after asking for another one.
        """
        room = (n_ctx, n_sequences, n_batch, n_outputs)
        if self._open is not None and self._open[0] == room:
            return self._open[1]
        self.close()
        session = Session(
            self.model,
            n_ctx=n_ctx,
            n_batch=n_batch,
            n_sequences=n_sequences,
            n_outputs=n_outputs,
            n_threads=self.n_threads,
            kv_type=self.kv_type,
        )
        self._open = (room, session)
        return session

    @property
    def longest_text(self) -> int:
        """Tokens that a text may have: what the model was trained for, or the memory that was asked for if less."""
        longest = self.model.n_ctx_train
        return longest if self.n_ctx is None else min(longest, self.n_ctx)

    def session_for_texts(self, longest: int) -> Session:
        """Return a session with room for many short texts at once, or for one of ``longest`` tokens."""
        return self.session(n_ctx=self.room_for_texts(longest), n_sequences=64)

    def room_for_texts(self, longest: int) -> int:
        """Return the tokens of memory of `session_for_texts`."""
        return max(4096, 2 * longest) if self.n_ctx is None else self.n_ctx

    def close(self) -> None:
        """Give the memory of the open session back."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def __enter__(self) -> Subject:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
