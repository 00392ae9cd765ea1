"""Tiny GGUF models with random weights, written in milliseconds: every architecture the tests need, without a download.

The weights are random, but not arbitrary. Projections have standard deviation ``1 / sqrt(fan_in)``, the matrices that
write to the residual stream half of that, and the output matrix ``logit_std / sqrt(d_model)``. So the residual stream
has a norm of 1 to 20, every block changes it by an amount of the same size, attention is neither flat nor a single
peak, and logits have a standard deviation of about ``logit_std``.

Llama and Gemma 2 get a SentencePiece vocabulary of bytes and printable characters, GPT-2 and Qwen2 a byte-level BPE
vocabulary with a handful of merges. Either round-trips any UTF-8 text, except U+2581, SentencePiece's own sign for a
space.

Not here: trained weights, mixtures of experts, RoPE scaling, K-quants (rows are too short for their blocks of 256).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as QuantizationType
from gguf import TokenType

WEIGHT_TYPES = ("F32", "F16", "Q8_0", "Q4_0")
ARCHITECTURES = ("llama", "gpt2", "qwen2", "gemma2")
END_OF_TEXT = "<|endoftext|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@dataclass(frozen=True, kw_only=True)
class TinyModel:
    """What to write.

    Attributes
    ----------
    architecture : one of ``ARCHITECTURES``.
    n_layers, d_model, n_heads, n_heads_kv, d_ff, n_ctx : sizes; d_model and d_ff are multiples of 32, the block length
        of Q8_0 and Q4_0. ``n_heads_kv < n_heads`` is grouped-query attention; GPT-2 has none.
    head_dim : ``d_model / n_heads`` when None. Any other value is for Llama and Gemma 2 only.
    is_tied : no ``output.weight``, so the token embedding is also the output matrix. Gemma 2 is always tied.
    has_biases : Llama's optional biases on ``attn_output``, ``ffn_up``, ``ffn_gate`` and ``ffn_down``. GPT-2 always has
        all of its biases, Qwen2 always those of query, key and value.
    has_byte_tokens : without them llama.cpp aborts the process on a character outside a SentencePiece vocabulary.
    adds_space_prefix : a SentencePiece tokenizer puts a space before the text.
    chat_template : Jinja text, or None for a model without a template.
    merges : further merges of a byte-level BPE vocabulary, in GPT-2's letters (a space is U+0120), behind its own.
    logit_std : what the standard deviation of the logits is aimed at.
    """

    architecture: str
    n_layers: int = 4
    d_model: int = 64
    n_heads: int = 4
    n_heads_kv: int = 2
    head_dim: int | None = None
    d_ff: int = 96
    n_ctx: int = 256
    is_tied: bool = False
    has_biases: bool = False
    has_byte_tokens: bool = True
    adds_space_prefix: bool = False
    chat_template: str | None = None
    merges: tuple[tuple[str, str], ...] = ()
    logit_std: float = 2.0

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise ValueError(f"unknown architecture {self.architecture!r}: expected one of {', '.join(ARCHITECTURES)}")
        if self.d_model % 32 or self.d_ff % 32:
            raise ValueError(f"d_model and d_ff must be multiples of 32, got {self.d_model} and {self.d_ff}")
        if self.n_heads % self.n_heads_kv or (self.architecture == "gpt2" and self.n_heads != self.n_heads_kv):
            raise ValueError(
                f"{self.n_heads} heads cannot share {self.n_heads_kv} key-value heads in this architecture"
            )
        if self.head_dim is None:
            object.__setattr__(self, "head_dim", self.d_model // self.n_heads)
        elif self.head_dim * self.n_heads != self.d_model and self.architecture in ("gpt2", "qwen2"):
            raise ValueError(f"{self.architecture} needs head_dim == d_model / n_heads, got {self.head_dim}")


TINY_LLAMA = TinyModel(architecture="llama")
TINY_LLAMA_BIASES = TinyModel(architecture="llama", has_biases=True)
TINY_WIDE_HEAD = TinyModel(architecture="llama", head_dim=32)
TINY_GPT2 = TinyModel(architecture="gpt2", n_heads_kv=4, is_tied=True)
TINY_GPT2_UNTIED = TinyModel(architecture="gpt2", n_heads_kv=4)
TINY_QWEN2 = TinyModel(architecture="qwen2", is_tied=True)
TINY_GEMMA2 = TinyModel(architecture="gemma2", is_tied=True)


def write_tiny_gguf(path: Path, model: TinyModel, *, weight_type: str, seed: int) -> Path:
    """Write `model` with random weights to `path`.

    Parameters
    ----------
    path : where to write; an existing file is replaced.
    model : sizes, architecture and vocabulary.
    weight_type : one of ``WEIGHT_TYPES``, for all matrices but GPT-2's position embedding. Norms and biases stay F32.
    seed : same seed, same file; the float weights before quantisation are the same for every `weight_type`.

    Returns
    -------
    `path`, so that a fixture can return the call.
    """
    if weight_type not in WEIGHT_TYPES:
        raise ValueError(f"unknown weight type {weight_type!r}: expected one of {', '.join(WEIGHT_TYPES)}")
    writer = gguf.GGUFWriter(path, model.architecture)
    _add_metadata(writer, model)
    tokens = _add_sentencepiece(writer, model) if model.architecture in ("llama", "gemma2") else _add_bpe(writer, model)
    if model.chat_template is not None:
        writer.add_chat_template(model.chat_template)
    for name, weights in random_weights(model, n_vocab=len(tokens), seed=seed).items():
        quantised_type = QuantizationType[weight_type if weights.ndim == 2 else "F32"]
        if name == "position_embd.weight":
            quantised_type = QuantizationType.F32
        writer.add_tensor(name, gguf.quantize(weights, quantised_type), raw_dtype=quantised_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def random_weights(model: TinyModel, *, n_vocab: int, seed: int) -> dict[str, np.ndarray]:
    """Tensors by GGUF name: float32, matrices of shape (n_out, n_in), norms and biases 1-D."""
    rng = np.random.default_rng(seed)
    weights: dict[str, np.ndarray] = {}

    def add_matrix(name: str, n_out: int, n_in: int, *, gain: float = 1.0, has_bias: bool = False) -> None:
        weights[f"{name}.weight"] = rng.normal(0.0, gain / np.sqrt(n_in), (n_out, n_in)).astype(np.float32)
        if has_bias:
            weights[f"{name}.bias"] = rng.normal(0.0, 0.2, n_out).astype(np.float32)

    def add_norm(name: str, *, gain: float = 1.0) -> None:
        weights[f"{name}.weight"] = (gain * rng.normal(1.0, 0.1, model.d_model)).astype(np.float32)
        if is_gpt2:
            weights[f"{name}.bias"] = rng.normal(0.0, 0.1, model.d_model).astype(np.float32)

    is_gpt2, is_gemma2 = model.architecture == "gpt2", model.architecture == "gemma2"
    assert model.head_dim is not None
    d_query, d_key = model.n_heads * model.head_dim, model.n_heads_kv * model.head_dim
    has_qkv_bias, has_bias = model.architecture == "qwen2", is_gpt2 or model.has_biases
    # Gemma 2 multiplies embeddings by sqrt(d_model), and then its tied output matrix gives smaller logits.
    add_matrix("token_embd", n_vocab, model.d_model, gain=1.0 if is_gemma2 else model.logit_std)
    if is_gpt2:
        add_matrix("position_embd", model.n_ctx, model.d_model)
    if not model.is_tied and not is_gemma2:
        add_matrix("output", n_vocab, model.d_model, gain=model.logit_std)
    add_norm("output_norm", gain=model.logit_std if is_gemma2 else 1.0)
    for layer in range(model.n_layers):
        block = f"blk.{layer}"
        add_norm(f"{block}.attn_norm")
        if is_gpt2:
            add_matrix(f"{block}.attn_qkv", d_query + 2 * d_key, model.d_model, has_bias=True)
        else:
            add_matrix(f"{block}.attn_q", d_query, model.d_model, has_bias=has_qkv_bias)
            add_matrix(f"{block}.attn_k", d_key, model.d_model, has_bias=has_qkv_bias)
            add_matrix(f"{block}.attn_v", d_key, model.d_model, has_bias=has_qkv_bias)
        add_matrix(f"{block}.attn_output", model.d_model, d_query, gain=0.5, has_bias=has_bias)
        add_norm(f"{block}.ffn_norm")
        if not is_gpt2:
            add_matrix(f"{block}.ffn_gate", model.d_ff, model.d_model, has_bias=has_bias)
        add_matrix(f"{block}.ffn_up", model.d_ff, model.d_model, has_bias=has_bias)
        add_matrix(f"{block}.ffn_down", model.d_model, model.d_ff, gain=0.5, has_bias=has_bias)
        if is_gemma2:
            add_norm(f"{block}.post_attention_norm", gain=0.25)
            add_norm(f"{block}.post_ffw_norm", gain=0.25)
    return weights


def _add_metadata(writer: gguf.GGUFWriter, model: TinyModel) -> None:
    assert model.head_dim is not None
    writer.add_name(f"tiny {model.architecture}")
    writer.add_context_length(model.n_ctx)
    writer.add_embedding_length(model.d_model)
    writer.add_feed_forward_length(model.d_ff)
    writer.add_block_count(model.n_layers)
    writer.add_head_count(model.n_heads)
    writer.add_head_count_kv(model.n_heads_kv)
    if model.architecture == "gpt2":
        writer.add_layer_norm_eps(1e-5)
        return
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(model.head_dim)
    writer.add_rope_freq_base(10000.0)
    if model.architecture == "gemma2":
        writer.add_attn_logit_softcapping(50.0)
        writer.add_final_logit_softcapping(30.0)
        writer.add_sliding_window(model.n_ctx)
    if model.head_dim * model.n_heads != model.d_model or model.architecture == "gemma2":
        writer.add_key_length(model.head_dim)
        writer.add_value_length(model.head_dim)


def _add_sentencepiece(writer: gguf.GGUFWriter, model: TinyModel) -> list[str]:
    """<unk>, <s>, </s>, 256 bytes, the piece for the space, printable ASCII. Returns the token texts."""
    tokens = ["<unk>", "<s>", "</s>"]
    types = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL]
    if model.has_byte_tokens:
        tokens += [f"<0x{byte:02X}>" for byte in range(256)]
        types += [TokenType.BYTE] * 256
    pieces = ["\u2581", *(chr(code) for code in range(33, 127))]
    tokens += pieces
    types += [TokenType.NORMAL] * len(pieces)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(model.adds_space_prefix)
    return tokens


def _add_bpe(writer: gguf.GGUFWriter, model: TinyModel) -> list[str]:
    """256 bytes, a few merges, <|endoftext|>. Returns the token texts."""
    merges = [("h", "e"), ("\u0120", "t"), ("\u0120t", "he"), ("\u0120", "a"), ("i", "n"), ("in", "g"), *model.merges]
    tokens = [*byte_letters(), *("".join(pair) for pair in merges), END_OF_TEXT]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2" if model.architecture == "gpt2" else "qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.NORMAL] * (len(tokens) - 1) + [TokenType.CONTROL])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(len(tokens) - 1)
    writer.add_eos_token_id(len(tokens) - 1)
    writer.add_add_bos_token(False)
    return tokens


def byte_letters() -> list[str]:
    """The letter GPT-2's byte-level BPE writes for each byte, in the order of the bytes.

    Printable Latin-1 bytes stand for themselves; the others are moved, in order, to code points from 256 on (Radford
    et al. 2019), so the space is U+0120.
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    letters, next_code = [], 256
    for byte in range(256):
        letters.append(chr(byte if byte in printable else next_code))
        next_code += byte not in printable
    return letters
