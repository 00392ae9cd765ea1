"""Steering vectors as control-vector GGUF files, which llama.cpp, repeng and others load as they are.

``docs/formats.md`` gives the format field by field. In short: ``direction.N`` is float32, one-dimensional, N >= 1, and
is added to the residual stream after block N, counted from 0; that is our resid_post.N. A vector that also has
other sites, or layer 0, cannot be said that way: all its tensors are then called ``pysteer.<component>.<layer>``, which
llama.cpp rejects loudly, instead of some of them being dropped or misplaced.

Files of other tools are read too. llama.cpp's own llama-cvector-generator stores the output of block i as
``direction.(i+1)``; repeng stores it as ``direction.i``, as we do. The file does not say which tool wrote it.
"""

from __future__ import annotations

import os
import re
import stat
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pysteer.arrays import Float32Array
from pysteer.errors import DataError, LayerShiftWarning, ShapeError, SiteError, VectorFileError, VectorMismatchWarning
from pysteer.gguf_header import MAGIC, TENSOR_FLOAT32, TYPE_INT32, GgufHeader, TensorInfo, read_header, write_gguf
from pysteer.provenance import Provenance
from pysteer.site import COMPONENTS, Site
from pysteer.vector import SteeringVector
from pysteer.vector_formats import read_foreign
from pysteer.whole_file import replacing

ARCHITECTURE = "controlvector"
FORMAT_VERSION = 1
_DATA_LIMIT = 2**30
_MAX_LAYER = 99_999
_DIRECTION = re.compile(r"direction\.(0|[1-9][0-9]{0,4})")
_OTHER_SITE = re.compile(rf"pysteer\.({'|'.join(COMPONENTS)})\.(0|[1-9][0-9]{{0,4}})")


def save_vector(vector: SteeringVector, path: str | Path, *, for_llama_cpp: bool = True) -> None:
    """Write the vector to ``path``, which is replaced in one step: a crash leaves the old file or the new one.

    Parameters
    ----------
    vector : SteeringVector
        With its provenance, which is stored in the file. The same vector always gives the same bytes.
    for_llama_cpp : bool
        True: refuse what llama.cpp could not apply. False: store that under names that only pysteer reads; a vector
        that llama.cpp could apply is written as usual.

    Raises
    ------
    VectorFileError
        ``for_llama_cpp`` and the vector has layer 0 or another site than resid_post, or the file cannot be written.
    """
    path = Path(path)
    beyond = [site for site in vector.sites if not _is_llama_cpp(site)]
    if beyond and for_llama_cpp:
        raise VectorFileError(
            f"{path}: llama.cpp's control vectors reach resid_post from layer 1 on, not {', '.join(map(str, beyond))}; "
            "leave these sites out, or save with for_llama_cpp=False for a file that only pysteer reads"
        )
    if vector.layers[-1] > _MAX_LAYER:
        raise VectorFileError(f"{path}: layer {vector.layers[-1]} is above {_MAX_LAYER}, the highest a file can name")
    name = "pysteer.{0.component}.{0.layer}" if beyond else "direction.{0.layer}"
    tensors = [(name.format(site), direction) for site, direction in vector.directions.items()]
    values: dict[str, int | str] = {
        "general.architecture": ARCHITECTURE,
        "controlvector.model_hint": vector.provenance.architecture or "unknown",
        "controlvector.layer_count": len(tensors),
        "pysteer.format_version": FORMAT_VERSION,
        "pysteer.provenance": vector.provenance.to_json(),
    }
    try:
        with replacing(path) as partial, partial.open("xb") as file:
            write_gguf(file, values, tensors)
    except OSError as error:
        raise VectorFileError(f"{path}: cannot be written: {error.strerror or error}") from error


def load_vector(path: str | Path, *, layer_shift: int | None = None) -> SteeringVector:
    """Return the vector in a control-vector file of pysteer, repeng, llama.cpp or another tool.

    What is no GGUF file is read by `pysteer.vector_formats`: safetensors, npz, and torch's .pt without torch.

    Parameters
    ----------
    path : str or Path
    layer_shift : int, optional
        Added to every layer. -1 puts right a file of llama.cpp's generator. None adds nothing and warns where the
        file looks like one of these; 0 adds nothing and does not warn.

    Returns
    -------
    SteeringVector
        For a foreign file the provenance has method "unknown" (or what ``controlvector.method`` says) and, as
        architecture, the ``controlvector.model_hint``, which repeng takes from Hugging Face ("mistral" where
        llama.cpp says "llama").

    Raises
    ------
    VectorFileError
        The file cannot be read, is truncated, damaged or hostile, is no control vector, has a tensor of another
        name, type, rank or width or with NaN or infinity, or the shift leads below layer 0. Memory use is bounded by
        the size of the file, and by 64 MiB of header and 1 GiB of data.

    Warns
    -----
    LayerShiftWarning
        The file looks like one whose layers are shifted by one.
    """
    path = Path(path)
    try:
        # A pipe or device would block, or never end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise VectorFileError(f"{path}: expected a file, got a directory or device")
        with path.open("rb") as file:
            head = file.read(16)
            if len(head) >= 4 and not head.startswith(MAGIC):
                return _shifted(read_foreign(path, head), layer_shift or 0, path)
            file.seek(0)
            header = read_header(file, os.fstat(file.fileno()).st_size, str(path))
            provenance = _provenance(header, path)
            sites = _sites(header, path, layer_shift or 0)
            _check_extents(header, path)
            directions = {site: _read_tensor(file, header, tensor, path) for site, tensor in sites.items()}
    except OSError as error:
        raise VectorFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    if layer_shift is None and _looks_shifted(header):
        warnings.warn(
            f"{path} looks like a file of llama-cvector-generator, which stores the output of block i as "
            "direction.(i+1): load it with layer_shift=-1 (--layer-shift -1) if so, with layer_shift=0 if not",
            LayerShiftWarning,
            stacklevel=2,
        )
    if layer_shift:
        provenance = provenance.after(f"layers shifted by {layer_shift}")
    try:
        return SteeringVector(directions, provenance)
    except ShapeError as error:
        raise VectorFileError(f"{path}: {error}") from error


def _shifted(vector: SteeringVector, by: int, path: Path) -> SteeringVector:
    try:
        directions = {Site(s.component, s.layer + by): direction for s, direction in vector.directions.items()}
    except SiteError as error:
        raise VectorFileError(f"{path} with layer_shift={by}: {error}") from error
    return SteeringVector(directions, vector.provenance.after(f"layers shifted by {by}")) if by else vector


def check_fits(
    vector: SteeringVector,
    *,
    d_model: int,
    n_layers: int,
    architecture: str,
    model_hash: str | None = None,
    head_out_width: int | None = None,
) -> None:
    """Raise where the vector cannot be applied to a model, warn where it was made for another one.

    Parameters
    ----------
    d_model, n_layers, architecture
        Of the model; ``architecture`` is llama.cpp's ``general.architecture``.
    model_hash : str, optional
        SHA-256 of the model file; not compared when either side does not have it.
    head_out_width : int, optional
        n_heads * head_dim; directions at head_out are not checked without it.

    Raises
    ------
    VectorFileError
        Another width, or a layer that the model does not have.

    Warns
    -----
    VectorMismatchWarning
        Another architecture, or another model file (a requantised one, say).
    """
    for site, direction in vector.directions.items():
        width = head_out_width if site.component == "head_out" else d_model
        if width is not None and direction.size != width:
            raise VectorFileError(f"the vector has {direction.size} entries at {site}, the model's rows have {width}")
        if site.layer >= n_layers:
            raise VectorFileError(
                f"the vector reaches {site}, the model has {n_layers} blocks: layers 0 to {n_layers - 1}"
            )
    origin = vector.provenance
    if origin.architecture not in (None, "unknown", architecture):
        reason = f"for architecture {origin.architecture!r}, the model is {architecture!r}"
    elif None not in (origin.model_hash, model_hash) and origin.model_hash != model_hash:
        reason = f"with model file {origin.model_name or 'of unknown name'} ({origin.model_hash}), this is {model_hash}"
    else:
        return
    warnings.warn(f"the vector was made {reason}; its shape fits, its meaning may not", VectorMismatchWarning, 2)


def _is_llama_cpp(site: Site) -> bool:
    return site.component == "resid_post" and site.layer >= 1


def _provenance(header: GgufHeader, path: Path) -> Provenance:
    """Return the provenance that the file holds, after checking that it is a control vector at all."""
    architecture = _text(header, "general.architecture", path)
    if architecture != ARCHITECTURE:
        raise VectorFileError(f"{path}: expected general.architecture {ARCHITECTURE!r}, got {architecture!r}")
    version = header.values.get("pysteer.format_version")
    if version is None:
        hint = _text(header, "controlvector.model_hint", path)
        return Provenance(_text(header, "controlvector.method", path) or "unknown", architecture=hint or None)
    if version.value != FORMAT_VERSION:
        raise VectorFileError(
            f"{path}: pysteer.format_version: this pysteer reads version {FORMAT_VERSION}, got {version.value}"
        )
    try:
        return Provenance.from_json(_text(header, "pysteer.provenance", path) or "")
    except DataError as error:
        raise VectorFileError(f"{path}: pysteer.provenance: {error}") from error


def _text(header: GgufHeader, key: str, path: Path) -> str | None:
    """Return the text under ``key``, None where there is no such key."""
    value = header.values[key].value if key in header.values else ""
    if not isinstance(value, str):
        raise VectorFileError(f"{path}: {key}: expected text, got GGUF type {header.values[key].type}")
    return value or None


def _sites(header: GgufHeader, path: Path, layer_shift: int) -> Mapping[Site, TensorInfo]:
    """Return the tensor of every site; refuse a tensor whose name, type or rank says something else."""
    sites: dict[Site, TensorInfo] = {}
    for tensor in header.tensors:
        direction, other = _DIRECTION.fullmatch(tensor.name), _OTHER_SITE.fullmatch(tensor.name)
        if not direction and not other:
            raise VectorFileError(f"{path}, tensor {tensor.name!r}: expected direction.N with a layer number N")
        component, layer = ("resid_post", direction[1]) if direction else other.group(1, 2)  # type: ignore[union-attr]
        if tensor.type != TENSOR_FLOAT32 or len(tensor.dims) != 1:
            raise VectorFileError(
                f"{path}, tensor {tensor.name!r}: expected float32 (type 0) with one dimension, "
                f"got type {tensor.type} with shape {tensor.dims}"
            )
        try:
            site = Site(component, int(layer) + layer_shift)
        except SiteError as error:
            raise VectorFileError(f"{path}, tensor {tensor.name!r} with layer_shift={layer_shift}: {error}") from error
        if site in sites:
            raise VectorFileError(f"{path}: tensors {sites[site].name!r} and {tensor.name!r} are both for {site}")
        sites[site] = tensor
    if not sites:
        raise VectorFileError(f"{path}: holds no direction")
    return sites


def _check_extents(header: GgufHeader, path: Path) -> None:
    """Raise unless all tensors lie inside the file, one behind the other, and are not absurdly large in all."""
    end, total = 0, 0
    for tensor in sorted(header.tensors, key=lambda tensor: tensor.offset):
        n_bytes = 4 * tensor.dims[0]
        if header.data_begin + tensor.offset + n_bytes > header.file_size or n_bytes == 0:
            raise VectorFileError(
                f"{path}, tensor {tensor.name!r}: {n_bytes} bytes from {header.data_begin + tensor.offset} on do not "
                f"lie in the file of {header.file_size} bytes; it is truncated or damaged"
            )
        if tensor.offset < end:
            raise VectorFileError(f"{path}, tensor {tensor.name!r}: overlaps the tensor before it")
        end, total = tensor.offset + n_bytes, total + n_bytes
    if total > _DATA_LIMIT:
        raise VectorFileError(f"{path}: claims {total} bytes of directions, more than the {_DATA_LIMIT} allowed")


def _read_tensor(file: BinaryIO, header: GgufHeader, tensor: TensorInfo, path: Path) -> Float32Array:
    """Return one tensor's numbers."""
    file.seek(header.data_begin + tensor.offset)
    data = file.read(4 * tensor.dims[0])
    if len(data) != 4 * tensor.dims[0]:
        raise VectorFileError(f"{path}, tensor {tensor.name!r}: the file ended while it was read")
    array = np.frombuffer(data, dtype="<f4").astype(np.float32)
    if not np.isfinite(array).all():
        n_bad = int(np.count_nonzero(~np.isfinite(array)))
        raise VectorFileError(f"{path}, tensor {tensor.name!r}: {n_bad} of {array.size} values are NaN or infinite")
    return array


def _looks_shifted(header: GgufHeader) -> bool:
    """Whether the file looks like llama-cvector-generator's: no keys of ours but a card's, int32 count, layers 1 on."""
    count = header.values.get("controlvector.layer_count")
    ours = [key for key in header.values if key.startswith("pysteer.") and not key.startswith("pysteer.card.")]
    if count is None or count.type != TYPE_INT32 or ours:
        return False
    expected = {f"direction.{layer}" for layer in range(1, len(header.tensors) + 1)}
    return count.value == len(expected) and {tensor.name for tensor in header.tensors} == expected
