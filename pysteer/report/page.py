"""A report as one HTML file: nothing outside it is loaded, no script runs, and it prints.

    page = Page("Does the vector work?", [Section("Verdict", [Verdict(Outcome("works", "good"), "It does.")])])
    page.write("card.html")

The same blocks give the same bytes. Whatever text comes from data is escaped; a content security policy inside the
file forbids scripts and anything from outside in addition.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from pysteer.errors import MeasurementError
from pysteer.report.blocks import Block, Details, Section
from pysteer.report.drawing import Drawing
from pysteer.whole_file import replacing

_CONTENTS_FROM = 4
"""Sections from which a list of contents helps."""
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Page:
    """A report.

    Parameters
    ----------
    title : str
    sections : sequence of Section
    lead : str
        A sentence below the title: what was asked.
    footer : str
        What made the page, with its version.
    """

    title: str
    sections: Sequence[Section]
    lead: str = ""
    footer: str = ""

    def to_html(self) -> str:
        """Return the whole document."""
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup

        folder = resources.files("pysteer.report")
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        environment.finalize = _seen
        template = environment.from_string((folder / "page.html.j2").read_text("utf-8"))
        numbers = _figure_numbers(self.sections)
        return template.render(
            page=self,
            # Ours, not from data.
            css=Markup((folder / "page.css").read_text("utf-8")),
            contents=len(self.sections) >= _CONTENTS_FROM,
            figure_number=lambda drawing: numbers[id(drawing)],
            svg=lambda drawing: Markup(drawing.inline_svg(f"figure{numbers[id(drawing)]}")),
        )

    def write(self, path: str | Path) -> None:
        """Write the document; the file is replaced in one step.

        Raises
        ------
        MeasurementError
            The file cannot be written.
        """
        path = Path(path)
        text = self.to_html()
        try:
            with replacing(path) as partial:
                partial.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise MeasurementError(f"{path}: the page cannot be written: {error.strerror or error}") from error


def _seen(value: object) -> object:
    """Replace what HTML cannot hold: control characters and halves of surrogate pairs."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value


def _figure_numbers(sections: Sequence[Section]) -> dict[int, int]:
    """Return the number of each drawing, in the order of the page; one that occurs twice has one number."""
    found: dict[int, int] = {}

    def visit(blocks: Sequence[Block]) -> None:
        for block in blocks:
            if isinstance(block, Details):
                visit(block.blocks)
            drawing = getattr(block, "drawing", None)
            if isinstance(drawing, Drawing):
                found.setdefault(id(drawing), len(found) + 1)

    for section in sections:
        visit(section.blocks)
    return found
