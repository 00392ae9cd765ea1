"""A GGUF model: its weights, its vocabulary, its chat template."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pysteer.arrays import Float32Array
from pysteer.chat_template import Message, render_chat
from pysteer.errors import ModelError, TokenizeError
from pysteer.file_hash import file_hash
from pysteer.native import core

if TYPE_CHECKING:
    from pysteer.session import Session


@dataclass(frozen=True, eq=False)
class Tokens:
    """A tokenised text.

    Parameters
    ----------
    ids : int32, shape (n,)
    spans : int32, shape (n, 2), or None
        Half-open byte ranges in the text's UTF-8 form, empty for tokens that were added (BOS). None where the
        tokenizer normalises text in a way that cannot be traced back.
    text : str
    """

    ids: npt.NDArray[np.int32]
    spans: npt.NDArray[np.int32] | None
    text: str

    def __len__(self) -> int:
        return len(self.ids)

    def index_at(self, offset: int) -> int:
        """Return the index of the token that covers the character at ``offset`` (in characters, not bytes).

        Raises
        ------
        TokenizeError
            The offset is outside the text, or this tokenizer cannot say where its tokens lie.
        """
        if not 0 <= offset < len(self.text):
            raise TokenizeError(f"character {offset} is outside a text of {len(self.text)} characters")
        if self.spans is None:
            raise TokenizeError(
                "this model's tokenizer changes the text, so tokens cannot be found by their place in it"
            )
        byte = len(self.text[:offset].encode("utf-8"))
        return int(np.flatnonzero((self.spans[:, 0] <= byte) & (byte < self.spans[:, 1]))[0])

    def indices_between(self, begin: int, end: int) -> range:
        """Return the tokens that hold any byte of the characters ``begin`` to ``end`` (half-open, not empty).

        Raises
        ------
        TokenizeError
            As `index_at`.
        """
        first, last = self.index_at(begin), self.index_at(end - 1)
        behind = len(self.text[:end].encode("utf-8"))
        # The last character may go on in further tokens. `index_at` has refused tokenizers without spans.
        while self.spans is not None and self.spans[last, 1] < behind:
            last += 1
        return range(first, last + 1)


class Model:
    """Weights and vocabulary of one GGUF file; read-only, shared by any number of sessions.

    Made by `Model.load`. Sessions keep what they need alive, so a model may be dropped while they are in use.
    """

    def __init__(self, native: core.Model, *, n_gpu_layers: int = 0) -> None:
        self.native = native
        self.n_gpu_layers = n_gpu_layers

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        n_gpu_layers: int = 0,
        use_mmap: bool | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> Model:
        """Load a GGUF file.

        Parameters
        ----------
        path : str or Path
            The file; of a model in several parts, the first.
        n_gpu_layers : int
            Blocks to put on the GPU (llama-cpp-python must be built for it); -1 puts all.
        use_mmap : bool, optional
            Map the file instead of reading it. Default: yes, unless llama.cpp copies most of the weights into a layout
            of its own for this CPU (Q4_0, Q4_K and others), when mapping would double the memory.
        progress : callable, optional
            Called with the share that is loaded, 0 to 1; an exception raised in it stops the loading.

        Raises
        ------
        ModelError
            No such file, not a GGUF model, cut off, or an architecture that this llama.cpp does not know.
        """
        native = core.Model.load(str(path), n_gpu_layers=n_gpu_layers, use_mmap=use_mmap, progress=progress)
        return cls(native, n_gpu_layers=n_gpu_layers)

    # What it is

    @property
    def path(self) -> Path:
        return Path(self.native.path)

    @cached_property
    def metadata(self) -> dict[str, str]:
        """Scalar metadata of the file, as text."""
        return dict(self.native.metadata())

    @property
    def name(self) -> str:
        """``general.name`` of the file, or the file's own name."""
        return self.metadata.get("general.name") or self.path.stem

    @property
    def architecture(self) -> str:
        return self.metadata["general.architecture"]

    @property
    def quantisation(self) -> str:
        """Type of most weights, such as "Q4_K - Medium"."""
        return self.native.quantisation

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return file_hash(self.path)

    @property
    def n_layers(self) -> int:
        return self.native.n_layers

    @property
    def d_model(self) -> int:
        return self.native.d_model

    @property
    def n_heads(self) -> int:
        return self.native.n_heads

    @property
    def n_heads_kv(self) -> int:
        return self.native.n_heads_kv

    @property
    def n_vocab(self) -> int:
        return self.native.n_vocab

    @property
    def n_ctx_train(self) -> int:
        """Longest text, in tokens, that the model was trained for."""
        return self.native.n_ctx_train

    @property
    def n_parameters(self) -> int:
        return self.native.n_parameters

    def weight(self, name: str) -> Float32Array:
        """Return a weight tensor, dequantised; axes in NumPy order, so a matrix is (n_out, n_in).

        Raises
        ------
        ModelError
            The file has no tensor of that name.
        """
        return self.native.weight(name)

    def weights(self) -> list[tuple[str, str, tuple[int, ...], int]]:
        """Return (name, type, shape, bytes) of every tensor in the file."""
        return self.native.weights()

    def unembedding(self) -> Float32Array:
        """Return the matrix from ``final_norm`` to logits, float32, (n_vocab, d_model); tied embeddings included."""
        names = {name for name, *_ in self.weights()}
        return self.weight("output.weight" if "output.weight" in names else "token_embd.weight")

    # Text and tokens

    def tokenize(self, text: str, *, add_special: bool = True, parse_special: bool = True) -> Tokens:
        """Return the tokens of a text.

        Parameters
        ----------
        add_special : bool
            Add BOS (and EOS) where the model wants them.
        parse_special : bool
            Read control tokens written out in the text ("<|im_end|>") as such.

        Raises
        ------
        TokenizeError
            The vocabulary cannot express a character, or the text is no valid Unicode.
        """
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise TokenizeError(f"half of a UTF-16 surrogate pair at character {error.start}") from error
        ids, spans = self.native.tokenize(text, add_special, parse_special)
        return Tokens(ids, spans, text)

    def detokenize(self, ids: Iterable[int], *, special: bool = False) -> str:
        """Return the text of tokens; ``special`` writes control tokens out. Bytes that are no UTF-8 become U+FFFD."""
        array = np.ascontiguousarray(list(ids), dtype=np.int32)
        return self.native.detokenize(array, special).decode("utf-8", errors="replace")

    @property
    def has_chat_template(self) -> bool:
        return "tokenizer.chat_template" in self.metadata

    def chat(self, messages: str | Sequence[Message], *, add_generation_prompt: bool = True) -> str:
        """Return a conversation as the text that the model was trained on, without a BOS that `tokenize` will add.

        Parameters
        ----------
        messages : str or sequence of {"role", "content"}
            A plain text is one user message.

        Raises
        ------
        ModelError
            The model file holds no chat template, or the template refuses the messages.
        """
        template = self.metadata.get("tokenizer.chat_template")
        if template is None:
            raise ModelError(
                f"{self.name} has no chat template, so there is no telling how a chat looks to it: "
                "pass the text as it is (raw=True, --raw)"
            )
        conversation = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        return render_chat(
            template,
            conversation,
            bos=self._special_text("bos"),
            eos=self._special_text("eos"),
            tokenizer_adds_bos=self.native.adds_bos,
            add_generation_prompt=add_generation_prompt,
        )

    def _special_text(self, name: str) -> str:
        token = self.native.special_token(name)
        return "" if token is None else self.native.token_bytes(token, True).decode("utf-8", errors="replace")

    # Use

    def session(self, **options: Any) -> Session:
        """Return a new `Session` on this model; options as there."""
        from pysteer.session import Session

        return Session(self, **options)

    def __repr__(self) -> str:
        return (
            f"Model({self.name!r}, {self.architecture}, {self.quantisation}, "
            f"{self.n_layers} blocks, d_model {self.d_model})"
        )
