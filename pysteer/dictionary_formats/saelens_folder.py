"""SAELens: a folder with ``cfg.json`` and ``sae_weights.safetensors``, of versions before and from 6 on.

    W_enc (d, F), b_enc (F,), W_dec (F, d), b_dec (d,); threshold (F,) for jumprelu (or its logarithm, log_threshold)

Settings that change the formula: ``architecture`` (before version 6, a topk is a "standard" one whose
``activation_fn_str`` or ``activation_fn`` is "topk", with k in ``activation_fn_kwargs``), ``apply_b_dec_to_input``
(b_pre is b_dec, or nothing), ``normalize_activations``, ``rescale_acts_by_decoder_norm`` (folded into the weights here,
exactly), ``hook_name`` or ``hook_point``, from version 6 on in ``metadata``.

Not read, with the reason: gated and other architectures, transcoders, rows that are normalised one by one, factors that
are not in the file.

Trap: SAELens reads models through TransformerLens, which by default takes its mean off each row of the residual stream
of models with LayerNorm (GPT-2, Pythia). llama.cpp has the rows as they are. What the file says of the model is kept in
the provenance.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.dictionary_formats.dictionary_format import (
    SIZE_LIMIT,
    check_setting,
    dictionary_formats,
    folder_file,
    matrix,
    named,
    positive_integer,
    read_config,
    site_of_hook,
)
from pysteer.errors import VectorFileError
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector_formats.safetensors_file import safetensors

_WEIGHTS = "sae_weights.safetensors"
_ACTIVATIONS = {"standard": "relu", "topk": "topk", "jumprelu": "jumprelu"}
_REASONS = {
    "gated": "its features have two encoders, which none of relu, topk and jumprelu expresses",
    "batchtopk": "how many features a row has depends on its batch; SAELens saves it for inference as jumprelu",
}
_KEPT = ("model_name", "hook_name", "hook_point", "model_from_pretrained_kwargs", "dataset_path", "sae_lens_version")


def _is_saelens(path: Path) -> bool:
    return folder_file(path, _WEIGHTS) is not None


@dictionary_formats.register("saelens", recognises=_is_saelens, files=f"folder with cfg.json and {_WEIGHTS}")
def read_saelens(path: Path, site: Site | None) -> SparseDictionary:
    """SAELens' folders: standard, topk and jumprelu."""
    weights = folder_file(path, _WEIGHTS)
    if weights is None:
        raise VectorFileError(f"{path}: expected a folder with cfg.json and {_WEIGHTS}")
    settings = weights.parent / "cfg.json"
    config = read_config(settings)
    metadata = config.get("metadata") if isinstance(config.get("metadata"), dict) else {}
    facts = {**config, **(metadata or {})}
    activation = _activation(facts, settings)
    _check_settings(facts, settings)
    tensors, _ = safetensors(weights, limit=SIZE_LIMIT)
    w_enc, w_dec = (matrix(tensors, name, 2, weights) for name in ("W_enc", "W_dec"))
    b_enc, b_dec = (matrix(tensors, name, 1, weights) for name in ("b_enc", "b_dec"))
    _check_factor(tensors, weights)
    if activation == "topk" and facts.get("rescale_acts_by_decoder_norm"):
        norms = np.linalg.norm(w_dec.astype(np.float64), axis=1)
        if not norms.all() or w_enc.shape[1:] != norms.shape != b_enc.shape:
            raise VectorFileError(
                f"{weights}: features are to be scaled by the norms of W_dec's rows, some of them zero"
            )
        w_enc, b_enc, w_dec = w_enc * norms, b_enc * norms, w_dec / norms[:, None]
    origin = Provenance("saelens", extra={name: facts[name] for name in _KEPT if facts.get(name) is not None})
    with named(weights):
        return SparseDictionary(
            w_enc,
            b_enc,
            w_dec,
            b_dec,
            activation,
            origin,
            site=site or site_of_hook(facts.get("hook_name", facts.get("hook_point")), settings),
            b_pre=b_dec if facts.get("apply_b_dec_to_input", True) else None,
            k=_k(facts, settings) if activation == "topk" else None,
            threshold=_threshold(tensors, weights) if activation == "jumprelu" else None,
        )


def _activation(facts: Mapping[str, Any], path: Path) -> str:
    architecture = facts.get("architecture", "standard")
    function = facts.get("activation_fn_str", facts.get("activation_fn"))
    if architecture == "standard" and function == "topk":
        return "topk"
    check_setting({"activation": function}, "activation", ("relu", "topk"), path, "which is not computed here")
    if not isinstance(architecture, str) or architecture not in _ACTIVATIONS:
        reason = _REASONS.get(str(architecture), "which is not computed here")
        raise VectorFileError(
            f"{path}: architecture is {architecture!r:.80}: {reason}; expected {', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[architecture]


def _check_settings(facts: Mapping[str, Any], path: Path) -> None:
    by_row = "which divides each row by a number of its own or by one that is not in the file"
    check_setting(facts, "normalize_activations", ("none", False), path, by_row)
    check_setting(facts, "apply_b_dec_to_input", (True, False), path, "which is neither yes nor no")
    check_setting(facts, "rescale_acts_by_decoder_norm", (True, False), path, "which is neither yes nor no")
    check_setting(facts, "reshape_activations", ("none", "hook_z"), path, "which is not computed here")
    for name in ("hook_head_index", "hook_name_out", "hook_head_index_out"):
        check_setting(facts, name, (), path, "so that it reads one head, or writes elsewhere than it reads")


def _check_factor(tensors: Mapping[str, np.ndarray[Any, Any]], path: Path) -> None:
    factor = tensors.get("scaling_factor", tensors.get("finetuning_scaling_factor"))
    if factor is not None and not np.all(factor == 1.0):
        raise VectorFileError(
            f"{path}: has factors for its features (scaling_factor) that are not 1; not computed here"
        )


def _k(facts: Mapping[str, Any], path: Path) -> int:
    options = facts.get("activation_fn_kwargs")
    given = facts.get("k", options.get("k") if isinstance(options, dict) else None)
    return positive_integer(given, f"{path}, k")


def _threshold(tensors: Mapping[str, np.ndarray[Any, Any]], path: Path) -> np.ndarray[Any, Any]:
    if "threshold" not in tensors and "log_threshold" in tensors:
        with np.errstate(over="ignore"):  # infinity is refused with the other arrays
            return np.asarray(np.exp(matrix(tensors, "log_threshold", 1, path).astype(np.float64)))
    return matrix(tensors, "threshold", 1, path)
