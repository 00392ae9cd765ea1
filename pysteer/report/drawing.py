"""A figure with its caption and its description in words: as SVG and PNG files, and as SVG inside a page."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from pysteer.errors import MeasurementError
from pysteer.report.figure_style import DPI, FAINT, INK, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INK = re.compile(re.escape(INK), re.IGNORECASE)
_FAINT = re.compile(re.escape(FAINT), re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Drawing:
    """One figure.

    Parameters
    ----------
    figure : matplotlib Figure
    caption : str
        What is shown, with n and how intervals were made.
    alt : str
        What is to be seen, for those who cannot see it.
    """

    figure: Figure
    caption: str
    alt: str

    def save(self, path: str | Path) -> tuple[Path, Path]:
        """Write SVG and PNG (200 dpi), whatever ending ``path`` has, and return both paths.

        Raises
        ------
        MeasurementError
            A file cannot be written.
        """
        paths = Path(path).with_suffix(".svg"), Path(path).with_suffix(".png")
        with style(), _any_script():
            try:
                self.figure.savefig(paths[0], metadata={"Date": None})
                self.figure.savefig(paths[1], dpi=DPI)
            except OSError as error:
                raise MeasurementError(f"{path}: the figure cannot be written: {error.strerror or error}") from error
        return paths

    def png(self, dpi: int = DPI) -> bytes:
        """Return the PNG file."""
        buffer = io.BytesIO()
        with style(), _any_script():
            self.figure.savefig(buffer, format="png", dpi=dpi)
        return buffer.getvalue()

    def inline_svg(self, prefix: str) -> str:
        """Return an ``<svg>`` element for HTML: no address of anything, ids unique, text in the page's colour.

        Parameters
        ----------
        prefix : str
            Put before every id; another one for each drawing of a page.
        """
        buffer = io.BytesIO()
        with style(), _any_script():
            self.figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
        root = ElementTree.fromstring(buffer.getvalue())
        _strip(root, prefix)
        for length in ("width", "height"):  # the view box stays, the page decides the size
            root.attrib.pop(length, None)
        root.set("role", "img")
        root.set("aria-label", self.alt)
        return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _strip(element: ElementTree.Element, prefix: str) -> None:
    """Drop namespaces, metadata and what no reference needs, and make ids this drawing's own."""
    element.tag = _local(element.tag)
    for child in list(element):
        if _local(child.tag) == "metadata":
            element.remove(child)
        else:
            _strip(child, prefix)
    for name, value in list(element.attrib.items()):
        del element.attrib[name]
        name = _local(name)
        if name == "id":
            value = f"{prefix}-{value}"
        elif name == "href" and value.startswith("#"):
            value = f"#{prefix}-{value[1:]}"
        else:
            value = value.replace("url(#", f"url(#{prefix}-")
        value = _INK.sub("currentColor", value)
        element.set(name, _FAINT.sub(f"var(--line, {FAINT})", value) if name == "style" else value)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


@contextmanager
def _any_script() -> Iterator[None]:
    """Say nothing about characters that the PNG's font lacks: a box is drawn, and the SVG has the character."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
