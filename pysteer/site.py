"""Where in the model: one tensor of one block.

Layer ``i`` always means *after block i*, counted from 0. That is llama.cpp's ``il`` and the ``i`` of
``model.layers[i]`` elsewhere; the residual stream after block ``i`` is llama.cpp's tensor ``l_out-i``.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pysteer.errors import SiteError
from pysteer.registry import did_you_mean

COMPONENTS: Mapping[str, str] = MappingProxyType(
    {
        "resid_post": "residual stream after the block (llama.cpp: l_out)",
        "resid_mid": "residual stream between attention and MLP (llama.cpp: ffn_inp)",
        "attn_out": "what attention adds to the residual stream (llama.cpp: attn_out)",
        "mlp_out": "what the MLP adds to the residual stream (llama.cpp: ffn_out)",
        "head_out": "outputs of all heads side by side, before the output matrix (llama.cpp: kqv_out)",
        "final_norm": "residual stream after the last norm (llama.cpp: result_norm)",
    }
)
"""Component name -> what it is. All are d_model wide except head_out, which is n_heads * head_dim wide."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")


@dataclass(frozen=True, order=True)
class Site:
    """One place where activations are read or changed.

    Parameters
    ----------
    component : str
        A key of `COMPONENTS`.
    layer : int
        Block number from 0. ``final_norm`` comes once per model and carries ``n_layers - 1``.

    Raises
    ------
    SiteError
        Unknown component, or a layer that is not an integer >= 0.

    Examples
    --------
    >>> str(Site("resid_post", 14)), str(Site("final_norm", 23))
    ('resid_post.14', 'final_norm')
    """

    component: str
    layer: int

    def __post_init__(self) -> None:
        if self.component not in COMPONENTS:
            raise SiteError(
                f"unknown component {self.component!r}{did_you_mean(str(self.component), COMPONENTS)} "
                f"Available: {', '.join(COMPONENTS)}"
            )
        layer = _as_integer(self.layer)
        if layer < 0:
            raise SiteError(f"no site {self.component}.{layer}: layers are counted from 0")
        object.__setattr__(self, "layer", layer)

    @classmethod
    def parse(cls, text: str, *, n_layers: int | None = None) -> Site:
        """Return the site that ``text`` names.

        Parameters
        ----------
        text : str
            ``"resid_post.14"``; with ``n_layers`` also ``"resid_post.-1"`` and the plain ``"final_norm"``.
        n_layers : int, optional
            Number of blocks of the model. When given, a layer past the last block is an error.

        Raises
        ------
        SiteError
            Another form, an unknown component, or a layer that the model does not have.

        Examples
        --------
        >>> Site.parse("resid_post.14")
        Site(component='resid_post', layer=14)
        >>> Site.parse("final_norm", n_layers=24)
        Site(component='final_norm', layer=23)
        """
        component, dot, number = text.strip().partition(".")
        if component == "final_norm" and not dot:
            if n_layers is None:
                raise SiteError("'final_norm' needs the number of blocks: Site.parse('final_norm', n_layers=...)")
            return cls(component, n_layers - 1)
        if component not in COMPONENTS:
            return cls(component, 0)  # raises, with the nearest name
        if not _INTEGER.fullmatch(number):
            raise SiteError(f"expected a site such as 'resid_post.14', got {text!r}")
        layer = int(number)
        return cls(component, layer if n_layers is None else _absolute(layer, n_layers))

    def __str__(self) -> str:
        return self.component if self.component == "final_norm" else f"{self.component}.{self.layer}"


def parse_layers(layers: str | int | Iterable[int], n_layers: int) -> tuple[int, ...]:
    """Return layer numbers, ascending.

    Parameters
    ----------
    layers : str, int or iterable of int
        ``"14"``, ``"3,5,8"``, ``"8:20"`` (half-open, either end may be left out), ``"all"``, or a mix such as
        ``"0:4,-1"``. Negative numbers count from the last block: -1 is ``n_layers - 1``.
    n_layers : int
        Number of blocks of the model.

    Returns
    -------
    tuple of int
        Ascending, each in ``range(n_layers)``, never empty.

    Raises
    ------
    SiteError
        A layer that the model does not have, an empty range, a layer named twice, or another form. Ranges are not
        clipped: ``"8:50"`` on 24 blocks is an error.

    Examples
    --------
    >>> parse_layers("8:11,-1", n_layers=24)
    (8, 9, 10, 23)
    """
    if _as_integer(n_layers) < 1:
        raise SiteError(f"expected a model with at least one block, got n_layers={n_layers}")
    if isinstance(layers, str):
        found = [layer for part in layers.split(",") for layer in _parse_part(part.strip(), layers, n_layers)]
    elif isinstance(layers, Iterable):
        found = [_absolute(_as_integer(layer), n_layers) for layer in layers]
    else:
        found = [_absolute(_as_integer(layers), n_layers)]
    if not found:
        raise SiteError("expected at least one layer, got none")
    twice = sorted({layer for layer in found if found.count(layer) > 1})
    if twice:
        raise SiteError(f"layers {layers!r} name layer {twice[0]} more than once")
    return tuple(sorted(found))


def _parse_part(part: str, layers: str, n_layers: int) -> range:
    """Return the layers that one comma-free part names."""
    if part == "all":
        return range(n_layers)
    if _INTEGER.fullmatch(part):
        layer = _absolute(int(part), n_layers)
        return range(layer, layer + 1)
    first, colon, last = (piece.strip() for piece in part.partition(":"))
    if not colon or any(piece and not _INTEGER.fullmatch(piece) for piece in (first, last)):
        raise SiteError(f"expected layers such as '14', '3,5,8', '8:20' or 'all', got {layers!r}")
    begin = _absolute(int(first), n_layers) if first else 0
    end = n_layers if not last or int(last) == n_layers else _absolute(int(last), n_layers)
    if begin >= end:
        raise SiteError(f"layer range {part!r} is empty on a model with {n_layers} blocks (ranges are half-open)")
    return range(begin, end)


def _absolute(layer: int, n_layers: int) -> int:
    """Return ``layer`` counted from 0, whatever end it was counted from."""
    if not -n_layers <= layer < n_layers:
        raise SiteError(
            f"no layer {layer}: this model has {n_layers} blocks, so layers run from 0 to {n_layers - 1} "
            f"(or from -{n_layers} to -1, counted from the end)"
        )
    return layer % n_layers


def _as_integer(value: object) -> int:
    """Return a Python int for any integer type, NumPy's included."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise SiteError(f"expected a layer number, got {value!r}") from None
