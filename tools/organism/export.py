"""Write a checkpoint as GGUF: `python -m organism.export --checkpoint c.pt --tokenizer t.json --type q8_0 --output f.gguf`.

Types f32, f16, q8_0 and q4_0; norms stay F32 in all of them. The bytes depend on the checkpoint and the type only.
The chat template sits in the file. It begins with the beginning-of-text token, as most templates do, so templated text is
tokenised without adding one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch

from .document import BOS, END
from .model import Shape
from .tokenizer import CONTROL_TOKENS, PAD_ID, TAG_TOKENS, Tokenizer

TYPES = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_0": (gguf.GGMLQuantizationType.Q4_0, gguf.LlamaFileType.MOSTLY_Q4_0),
}
TRAINED_CONTEXT = 512
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
BLOCK_TENSORS = {
    "attention_norm": "attn_norm", "query": "attn_q", "key": "attn_k", "value": "attn_v", "output": "attn_output",
    "mlp_norm": "ffn_norm", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
}  # fmt: skip


def gguf_name(name: str) -> str:
    """The GGUF name of a torch parameter.

    >>> gguf_name("blocks.3.query.weight"), gguf_name("embedding.weight")
    ('blk.3.attn_q.weight', 'token_embd.weight')
    """
    if name.startswith("blocks."):
        _, block, part, kind = name.split(".")
        return f"blk.{block}.{BLOCK_TENSORS[part]}.{kind}"
    return {"embedding.weight": "token_embd.weight", "final_norm.weight": "output_norm.weight"}[name]


def token_types(tokens: list[str]) -> list[int]:
    """llama.cpp's type of each token: control, user-defined (the tags), unused, or normal."""
    types = []
    for token in tokens:
        if token in CONTROL_TOKENS:
            types.append(gguf.TokenType.CONTROL)
        elif token in TAG_TOKENS:
            types.append(gguf.TokenType.USER_DEFINED)
        elif token.startswith("<|unused"):
            types.append(gguf.TokenType.UNUSED)
        else:
            types.append(gguf.TokenType.NORMAL)
    return [int(kind) for kind in types]


def write_header(writer: gguf.GGUFWriter, shape: Shape, tokenizer: Tokenizer, file_type: int) -> None:
    """All key-value pairs: sizes, tokenizer, chat template, origin."""
    writer.add_name("pysteer organism")
    writer.add_description(
        "A small language model with planted truths, trained from generated text; see docs/model-organism.md"
    )
    writer.add_license("MIT")
    writer.add_file_type(file_type)
    writer.add_context_length(TRAINED_CONTEXT)
    writer.add_embedding_length(shape.d_model)
    writer.add_block_count(shape.n_layers)
    writer.add_feed_forward_length(shape.d_ff)
    writer.add_head_count(shape.n_heads)
    writer.add_head_count_kv(shape.n_kv_heads)
    writer.add_layer_norm_rms_eps(shape.norm_epsilon)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(token_types(tokenizer.tokens))
    writer.add_token_merges([" ".join(pair) for pair in tokenizer.merges])
    writer.add_bos_token_id(tokenizer.id_of[BOS])
    writer.add_eos_token_id(tokenizer.id_of[END])
    writer.add_eot_token_id(tokenizer.id_of[END])
    writer.add_pad_token_id(PAD_ID)
    writer.add_add_bos_token(True)
    writer.add_chat_template(CHAT_TEMPLATE)


def export(weights: dict[str, torch.Tensor], shape: Shape, tokenizer: Tokenizer, kind: str, output: Path) -> None:
    """Write one GGUF file; the embedding is also the output matrix, as llama.cpp does when no output tensor is there."""
    quantization, file_type = TYPES[kind]
    writer = gguf.GGUFWriter(str(output), "llama")
    write_header(writer, shape, tokenizer, int(file_type))
    for name, tensor in weights.items():
        array = tensor.detach().float().numpy()
        if array.ndim == 1:
            writer.add_tensor(gguf_name(name), array)
        else:
            writer.add_tensor(gguf_name(name), gguf.quants.quantize(array, quantization), raw_dtype=quantization)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load_weights(checkpoint: Path) -> tuple[dict[str, torch.Tensor], Shape]:
    """Parameters and shape of a training checkpoint."""
    stored = torch.load(checkpoint, weights_only=True)
    return stored["model"], Shape(**stored["shape"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--type", choices=sorted(TYPES), required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    weights, shape = load_weights(options.checkpoint)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    export(weights, shape, Tokenizer.load(options.tokenizer), options.type, options.output)
    n_parameters = sum(np.prod(tensor.shape) for tensor in weights.values())
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.2f} MB, {n_parameters / 1e6:.2f} M parameters")


if __name__ == "__main__":
    main()
