"""EleutherAI's sparsify: a folder with ``cfg.json`` and ``sae.safetensors``, named by the module it was trained on.

    encoder.weight (F, d), encoder.bias (F,), W_dec (F, d), b_dec (d,); cfg.json: d_in, k, activation

b_dec is subtracted before encoding. The place is not in the files but in the folder's name: "layers.5" is the output of
block 5, "layers.5.mlp" that of its MLP. Not read, with the reason: transcoders, skip connections, groupmax, signed
features.
"""

from __future__ import annotations

from pathlib import Path

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

_WEIGHTS = "sae.safetensors"


def _is_sparsify(path: Path) -> bool:
    return folder_file(path, _WEIGHTS) is not None


@dictionary_formats.register("sparsify", recognises=_is_sparsify, files=f"folder with cfg.json and {_WEIGHTS}")
def read_sparsify(path: Path, site: Site | None) -> SparseDictionary:
    """Folders of EleutherAI's sparsify (sae): topk."""
    weights = folder_file(path, _WEIGHTS)
    if weights is None:
        raise VectorFileError(f"{path}: expected a folder with cfg.json and {_WEIGHTS}")
    settings = weights.parent / "cfg.json"
    config = read_config(settings)
    check_setting(config, "activation", ("topk",), settings, "which is not computed here")
    check_setting(config, "signed", (False,), settings, "so that features may be negative")
    check_setting(config, "transcode", (False,), settings, "so that it writes elsewhere than it reads")
    for name in ("skip_connection", "embed_skip", "gram_lookup"):
        check_setting(config, name, (False,), settings, "so that its features are not all that it adds")
    k = positive_integer(config.get("k"), f"{settings}, k")
    d = positive_integer(config.get("d_in"), f"{settings}, d_in")
    tensors, _ = safetensors(weights, limit=SIZE_LIMIT)
    if "W_skip" in tensors:
        raise VectorFileError(f"{weights}: holds W_skip, so that its features are not all that it adds")
    encoder = matrix(tensors, "encoder.weight", 2, weights)
    b_dec = matrix(tensors, "b_dec", 1, weights)
    if encoder.shape[1] != d:
        raise VectorFileError(f"{weights}, tensor 'encoder.weight': expected (F, {d}) after d_in, got {encoder.shape}")
    place = site or site_of_hook(weights.parent.resolve().name, weights.parent)
    with named(weights):
        return SparseDictionary(
            encoder.T,
            matrix(tensors, "encoder.bias", 1, weights),
            matrix(tensors, "W_dec", 2, weights),
            b_dec,
            "topk",
            Provenance("sparsify", extra={"hookpoint": weights.parent.resolve().name}),
            site=place,
            b_pre=b_dec,
            k=k,
        )
