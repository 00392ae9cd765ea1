"""Random-weight GGUF files in the exact shapes of real models, for timing without a download.

Speed depends on shapes and weight types, not on what the weights are. Quantised blocks are therefore written directly
as bytes - a float16 scale and random integers - instead of quantising floats, one tensor at a time, so that a
0.5 B-parameter file takes seconds and little memory. Scales give matrices the standard deviation ``1 / sqrt(fan_in)``
(half of that where they write to the residual stream), so nothing overflows or vanishes.

    python benchmarks/random_gguf.py smollm2-135m.gguf --shape smollm2-135m --weight-type Q8_0 --seed 0

Not here: text worth reading. The vocabulary is bytes plus dummy tokens, so any text can be tokenized.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as QuantizationType
from gguf import TokenType

WEIGHT_TYPES = ("F32", "F16", "Q8_0", "Q4_0")
BLOCK_LENGTH = 32
LOGIT_STD = 2.0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a Llama-like model with tied embeddings; head_dim is d_model / n_heads."""

    architecture: str
    pre_tokenizer: str
    n_layers: int
    d_model: int
    n_heads: int
    n_heads_kv: int
    d_ff: int
    n_vocab: int
    n_ctx: int
    rope_base: float
    norm_epsilon: float


SHAPES = {
    "smollm2-135m": Shape(
        architecture="llama",
        pre_tokenizer="smollm",
        n_layers=30,
        d_model=576,
        n_heads=9,
        n_heads_kv=3,
        d_ff=1536,
        n_vocab=49152,
        n_ctx=2048,
        rope_base=1e5,
        norm_epsilon=1e-5,
    ),
    "qwen2.5-0.5b": Shape(
        architecture="qwen2",
        pre_tokenizer="qwen2",
        n_layers=24,
        d_model=896,
        n_heads=14,
        n_heads_kv=2,
        d_ff=4864,
        n_vocab=151936,
        n_ctx=32768,
        rope_base=1e6,
        norm_epsilon=1e-6,
    ),
}


def random_gguf(path: Path, shape: Shape, weight_type: str, seed: int) -> Path:
    """Write a model of `shape` to `path`, which is returned.

    Parameters
    ----------
    path : where to write; an existing file is replaced.
    shape : one of ``SHAPES``, or another with d_model and d_ff multiples of 32.
    weight_type : one of ``WEIGHT_TYPES``, for all matrices. Norms and biases are F32.
    seed : same seed, same file.
    """
    if weight_type not in WEIGHT_TYPES:
        raise ValueError(f"unknown weight type {weight_type!r}: expected one of {', '.join(WEIGHT_TYPES)}")
    writer = gguf.GGUFWriter(path, shape.architecture)
    add_metadata(writer, shape)
    tensors = list(list_tensors(shape))
    for name, sizes, _ in tensors:
        stored = QuantizationType[weight_type if len(sizes) == 2 else "F32"]
        block_length, block_bytes = gguf.GGML_QUANT_SIZES[stored]
        n_bytes = int(np.prod(sizes)) // block_length * block_bytes
        if stored in (QuantizationType.F32, QuantizationType.F16):
            writer.add_tensor_info(name, sizes, np.dtype(f"float{8 * block_bytes}"), n_bytes)
        else:
            byte_sizes = [*sizes[:-1], sizes[-1] // block_length * block_bytes]
            writer.add_tensor_info(name, byte_sizes, np.dtype(np.uint8), n_bytes, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.default_rng(seed)
    for name, sizes, std in tensors:
        writer.write_tensor_data(
            draw_matrix(rng, sizes, std, weight_type) if len(sizes) == 2 else draw(rng, name, sizes)
        )
    writer.close()
    return path


def list_tensors(shape: Shape) -> Iterator[tuple[str, list[int], float]]:
    """Name, sizes (n_out, n_in) or (n,), and the standard deviation of a matrix; 0.0 for norms and biases."""
    d_model, d_key = shape.d_model, shape.d_model // shape.n_heads * shape.n_heads_kv
    yield "token_embd.weight", [shape.n_vocab, d_model], LOGIT_STD / d_model**0.5
    yield "output_norm.weight", [d_model], 0.0
    for layer in range(shape.n_layers):
        block = f"blk.{layer}"
        yield f"{block}.attn_norm.weight", [d_model], 0.0
        for part, n_out in (("q", d_model), ("k", d_key), ("v", d_key)):
            yield f"{block}.attn_{part}.weight", [n_out, d_model], d_model**-0.5
            if shape.architecture == "qwen2":
                yield f"{block}.attn_{part}.bias", [n_out], 0.0
        yield f"{block}.attn_output.weight", [d_model, d_model], 0.5 * d_model**-0.5
        yield f"{block}.ffn_norm.weight", [d_model], 0.0
        yield f"{block}.ffn_gate.weight", [shape.d_ff, d_model], d_model**-0.5
        yield f"{block}.ffn_up.weight", [shape.d_ff, d_model], d_model**-0.5
        yield f"{block}.ffn_down.weight", [d_model, shape.d_ff], 0.5 * shape.d_ff**-0.5


def draw_matrix(rng: np.random.Generator, sizes: list[int], std: float, weight_type: str) -> np.ndarray:
    """Uniform integers times one scale: float (n_out, n_in), or uint8 (n_out, bytes of a row)."""
    n_blocks = sizes[0] * sizes[1] // BLOCK_LENGTH
    if weight_type == "Q4_0":
        # A nibble n stands for (n - 8) * scale: without n = 0 the mean is 0 and the standard deviation sqrt(56 / 3).
        pairs = np.array([low | high << 4 for low in range(1, 16) for high in range(1, 16)], dtype=np.uint8)
        values = pairs[rng.integers(len(pairs), size=(n_blocks, BLOCK_LENGTH // 2), dtype=np.uint8)]
        scale = std / (56 / 3) ** 0.5
    else:
        values = rng.integers(-127, 128, size=(n_blocks, BLOCK_LENGTH), dtype=np.int8)
        scale = std / (127 * 128 / 3) ** 0.5
    if weight_type in ("F32", "F16"):
        return (values * np.float32(scale)).astype(f"float{weight_type[1:]}").reshape(sizes)
    scales = np.full((n_blocks, 1), scale, dtype=np.float16)
    return np.hstack([scales.view(np.uint8), values.view(np.uint8)]).reshape(sizes[0], -1)


def draw(rng: np.random.Generator, name: str, sizes: list[int]) -> np.ndarray:
    """Norm gains around 1, biases around 0."""
    centre, std = (0.0, 0.2) if name.endswith(".bias") else (1.0, 0.1)
    return rng.normal(centre, std, sizes).astype(np.float32)


def add_metadata(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name(f"random {shape.architecture}")
    writer.add_context_length(shape.n_ctx)
    writer.add_embedding_length(shape.d_model)
    writer.add_feed_forward_length(shape.d_ff)
    writer.add_block_count(shape.n_layers)
    writer.add_head_count(shape.n_heads)
    writer.add_head_count_kv(shape.n_heads_kv)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_rope_dimension_count(shape.d_model // shape.n_heads)
    writer.add_rope_freq_base(shape.rope_base)
    tokens = byte_letters()
    tokens += ["\u0120t", "he", "\u0120the", "<|endoftext|>"]
    end_of_text = len(tokens) - 1
    types = [TokenType.NORMAL] * end_of_text + [TokenType.CONTROL]
    n_dummies = shape.n_vocab - len(tokens)
    tokens += [f"<dummy {index}>" for index in range(n_dummies)]
    types += [TokenType.NORMAL] * n_dummies
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(shape.pre_tokenizer)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(["\u0120 t", "h e", "\u0120t he"])
    writer.add_bos_token_id(end_of_text)
    writer.add_eos_token_id(end_of_text)
    writer.add_add_bos_token(False)


def byte_letters() -> list[str]:
    """GPT-2's letter for each byte: printable Latin-1 stands for itself, the rest for code points from 256 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    moved = [byte for byte in range(256) if byte not in printable]
    return [chr(byte if byte in printable else 256 + moved.index(byte)) for byte in range(256)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a random-weight GGUF in the shape of a real model.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--shape", choices=list(SHAPES), required=True)
    parser.add_argument("--weight-type", choices=WEIGHT_TYPES, required=True)
    parser.add_argument("--seed", type=int, required=True)
    arguments = parser.parse_args()
    path = random_gguf(arguments.path, SHAPES[arguments.shape], arguments.weight_type, arguments.seed)
    print(f"{path}: {path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
