"""llama.cpp without pysteer, through the functions of the imported `llama_cpp`: the oracle for additive steering."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import llama_cpp
import numpy as np


def control_vector_logits(
    path: Path, parts: Sequence[Sequence[int]], directions: np.ndarray | None, *, n_ctx: int = 256, n_batch: int = 64
) -> np.ndarray:
    """(T, n_vocab) logits of one sequence, decoded part by part, with the context options of `core_runs.open_session`.

    directions : float32, shape (n_layers - 1, d_model). Row i is added after block i + 1 (block 0 is out of reach).
    """
    model_options = llama_cpp.llama_model_default_params()
    model_options.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), model_options)
    options = llama_cpp.llama_context_default_params()
    options.n_ctx, options.n_batch, options.n_ubatch, options.n_seq_max = n_ctx, n_batch, n_batch, 4
    options.n_threads = options.n_threads_batch = 1
    options.type_k = options.type_v = llama_cpp.GGML_TYPE_F32
    options.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    options.kv_unified = options.swa_full = True
    context = llama_cpp.llama_init_from_model(model, options)
    batch = llama_cpp.llama_batch_init(n_batch, 0, 1)
    try:
        if directions is not None:
            flat = np.ascontiguousarray(directions, dtype=np.float32)
            data = flat.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
            n_layers, d_model = llama_cpp.llama_model_n_layer(model), flat.shape[1]
            assert flat.shape == (n_layers - 1, llama_cpp.llama_model_n_embd(model))
            assert llama_cpp.llama_set_adapter_cvec(context, data, flat.size, d_model, 1, n_layers - 1) == 0
        n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        rows, position = [], 0
        for part in parts:
            batch.n_tokens = len(part)
            for row, token in enumerate(part):
                batch.token[row], batch.pos[row], batch.n_seq_id[row] = token, position + row, 1
                batch.seq_id[row][0], batch.logits[row] = 0, True
            assert llama_cpp.llama_decode(context, batch) == 0
            position += len(part)
            rows.append(np.ctypeslib.as_array(llama_cpp.llama_get_logits(context), (len(part), n_vocab)).copy())
        return np.concatenate(rows)
    finally:
        llama_cpp.llama_batch_free(batch)
        llama_cpp.llama_free(context)
        llama_cpp.llama_model_free(model)
