"""Native core: llama.cpp models and sessions. Told what, never why: names of tensors, token ids, sequences, floats.

Arrays go down one-dimensional, C-contiguous, of exactly the dtype that is named here (`ShapeError` otherwise), and come
up owned by NumPy without a copy. Natural logarithms throughout. One `Session` has one user at a time; many share a
`Model`.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.uint8] | npt.NDArray[np.bool_]

LLAMA_CPP_PYTHON: str
"""Version of llama-cpp-python that the core was built against."""
LLAMA_CPP_COMMIT: str

def set_verbose(verbose: bool) -> None: ...
def llama_version() -> str: ...

class Model:
    @staticmethod
    def load(
        path: str,
        *,
        n_gpu_layers: int = 0,
        use_mmap: bool | None = None,
        check_tensors: bool = False,
        progress: Callable[[float], object] | None = None,
    ) -> Model: ...
    @property
    def path(self) -> str: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def d_model(self) -> int: ...
    @property
    def n_heads(self) -> int: ...
    @property
    def n_heads_kv(self) -> int: ...
    @property
    def n_vocab(self) -> int: ...
    @property
    def n_ctx_train(self) -> int: ...
    @property
    def is_recurrent(self) -> bool: ...
    @property
    def description(self) -> str: ...
    @property
    def quantisation(self) -> str: ...
    @property
    def n_parameters(self) -> int: ...
    @property
    def n_bytes(self) -> int: ...
    @property
    def adds_bos(self) -> bool: ...
    def metadata(self) -> list[tuple[str, str]]: ...
    def special_token(self, name: str) -> int | None:
        """Id of "bos", "eos", "eot" or "pad"."""

    def is_end(self, token: int) -> bool: ...
    def tokenize(self, text: str, add_special: bool, parse_special: bool) -> tuple[Int32s, Int32s | None]:
        """Ids (n,), and byte spans (n, 2) in the UTF-8 text, or None where they cannot be traced."""

    def token_bytes(self, token: int, special: bool) -> bytes: ...
    def detokenize(self, ids: Int32s, special: bool) -> bytes: ...
    def weight(self, name: str) -> Floats:
        """Dequantised tensor, NumPy axis order: a matrix is (n_out, n_in)."""

    def weights(self) -> list[tuple[str, str, tuple[int, ...], int]]:
        """(name, type, shape, bytes) of every tensor of the file."""

class Edit:
    @staticmethod
    def rank_one(read: Floats | None, write: Floats, offset: float, gain: float) -> Edit:
        """x <- x + (offset + gain * (x . read)) * write"""

    @staticmethod
    def norm_preserving(write: Floats) -> Edit:
        """x <- (x + write) * |x| / |x + write|"""

    @staticmethod
    def in_context(directions: Floats, strengths: Floats) -> Edit:
        """The in-context-vector rule with K directions (K, d), averaged."""

    @staticmethod
    def replace(begin: int, values: Floats) -> Edit:
        """x[begin : begin + len(values)] <- values"""

    def gated(self, read: Floats, threshold: float, *, above: bool, relative: bool) -> Edit:
        """The same edit, made only where x . read (relative: x . read / |x|) is above or below the threshold."""

    @property
    def is_additive(self) -> bool: ...

class Step:
    """`edit` at one site for the tokens at begin <= position < end of a sequence."""

    def __init__(self, component: str, layer: int, edit: Edit, begin: int, end: int) -> None: ...
    @property
    def site(self) -> tuple[str, int]: ...
    @property
    def begin(self) -> int: ...
    @property
    def end(self) -> int: ...

class Sampler:
    def __init__(
        self,
        model: Model,
        *,
        temperature: float,
        top_k: int,
        top_p: float,
        min_p: float,
        repetition_penalty: float,
        penalty_window: int,
        seed: int,
    ) -> None: ...
    def accept(self, token: int) -> None: ...
    def reset(self) -> None: ...

class Decoded:
    """Results of one decode. n: tokens marked as outputs, in batch order."""

    @property
    def rows(self) -> Int32s:
        """(n,) batch row of each output."""

    @property
    def log_prob(self) -> Floats:
        """(n,) log-probability of the target; NaN without a target."""

    @property
    def rank(self) -> Int32s:
        """(n,) tokens more probable than the target; -1 without a target."""

    @property
    def entropy(self) -> Floats:
        """(n,) nats."""

    @property
    def log_normaliser(self) -> Floats:
        """(n,) log sum exp of the logits."""

    @property
    def top_id(self) -> Int32s:
        """(n,) most probable token."""

    @property
    def kl(self) -> Floats:
        """(n,) KL(reference || this row) in nats; NaN without a reference."""

    @property
    def candidate_log_probs(self) -> Floats:
        """(n, n_candidates)"""

    @property
    def top_ids(self) -> Int32s:
        """(n, n_top), most probable first."""

    @property
    def top_log_probs(self) -> Floats:
        """(n, n_top)"""

    @property
    def logits(self) -> Floats:
        """(n, n_vocab), or (0, n_vocab) when not asked for."""

    @property
    def lookup_log_probs(self) -> Floats:
        """(n_lookups,)"""

    @property
    def recordings(self) -> list[Floats]:
        """One (n_recorded_tokens, width) array for each site, in the order asked."""

    @property
    def n_parts(self) -> int:
        """Forward passes that the batch was split into."""

class Session:
    def __init__(
        self,
        model: Model,
        *,
        n_ctx: int,
        n_batch: int,
        n_sequences: int,
        n_outputs: int,
        n_threads: int,
        kv_f32: bool,
        flash_attention: bool | None,
    ) -> None: ...
    def decode(
        self,
        tokens: Int32s,
        positions: Int32s,
        sequences: Int32s,
        *,
        outputs: Flags | None = None,
        recorded: Flags | None = None,
        sites: Sequence[tuple[str, int]] = ...,
        stop_early: bool = False,
        scored: bool = True,
        targets: Int32s | None = None,
        references: Int32s | None = None,
        candidates: Int32s | None = None,
        n_top: int = 0,
        logits: bool = False,
        lookups: tuple[Int32s, Int32s] | None = None,
    ) -> Decoded:
        """Compute a batch of tokens.

        Positions of each sequence go on from `length`. With scored=False outputs are only to be sampled from. targets
        and references have one entry for each output; -1 is none; a reference is the index of another output of the
        same part (at most n_batch tokens, n_outputs outputs).
        lookups: any number of (index of an output, token) whose log-probabilities are wanted.
        """

    def sample(self, sampler: Sampler, row: int) -> int:
        """Sample the token after batch row `row` (an output) of the last decode, and tell the sampler's penalty.

        Of a batch that was split, only rows of its last part have logits left; the others are a SessionError.
        """

    def set_program(self, sequence: int, steps: Sequence[Step]) -> int:
        """Steer a sequence from now on; cached tokens that it changes are dropped. Returns how many were kept."""

    def share(self, source: int, target: int, n: int) -> int:
        """Let target begin with n tokens of source, as far as both are steered alike. Returns how many."""

    def trim(self, sequence: int, n: int) -> int: ...
    def clear(self) -> None: ...
    def length(self, sequence: int) -> int: ...
    def depth(self, sequence: int) -> int:
        """Blocks with keys and values: fewer than n_layers after stop_early."""

    def site_width(self, component: str, layer: int) -> int: ...
    def available_sites(self) -> list[str]: ...
    @property
    def n_ctx(self) -> int: ...
    @property
    def n_batch(self) -> int: ...
    @property
    def n_outputs(self) -> int: ...
    @property
    def n_sequences(self) -> int: ...
    @property
    def n_threads(self) -> int: ...

class _testing:
    """For pysteer's own tests only."""

    @staticmethod
    def raise_error(name: str) -> None: ...
    @staticmethod
    def apply_on_host(rows: Floats, width: int, edits: list[list[Edit]]) -> Floats: ...
    @staticmethod
    def apply_on_device(rows: Floats, width: int, edits: list[list[Edit]]) -> Floats: ...
    @staticmethod
    def force_device_edits(session: Session, force: bool) -> None: ...
    @staticmethod
    def n_prepared(session: Session) -> int: ...
    @staticmethod
    def use_row_steering(session: Session) -> None: ...
