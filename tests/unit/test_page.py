"""Pages: nothing from data becomes markup, nothing outside is named, and the HTML nests as it must."""

from __future__ import annotations

import html
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pysteer.errors import MeasurementError
from pysteer.report.blocks import (
    Bullets,
    Command,
    Details,
    Facts,
    Figure,
    Hash,
    Number,
    Outcome,
    Paragraph,
    Section,
    Table,
    Verdict,
)
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import Estimates
from pysteer.report.interval_bars import BarSeries, draw_interval_bars
from pysteer.report.page import Page

HOSTILE = "<script>alert('x')</script> & \"quoted\" {{ 7 * 7 }} {% raw %} \x00 \ud800 ]]> --> </style>"
VOID = {"meta", "br", "hr", "img", "input", "link", "wbr"}


class Nesting(HTMLParser):
    """Collects tags, ids, addresses and texts; fails on an end tag that does not fit."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "action", "data", "srcset"):
                self.addresses.append(value or "")
            assert not name.startswith("on"), f"{tag} has a handler {name}"

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(text: str) -> Nesting:
    found = Nesting()
    found.feed(text)
    found.close()
    assert found.open == []
    return found


def small_drawing(name: str) -> Drawing:
    return draw_interval_bars([name], [BarSeries(name, Estimates([0.5], [0.4], [0.6]))], value_label=name, n="n = 9")


def whole(name: str = "plain") -> Page:
    drawing = small_drawing(name)
    cells = [
        name,
        3,
        Number(0.5, 0.4, 0.6, n=9, unit="share", failures=1, note=name),
        Outcome(name, "good"),
        Hash(name),
    ]
    blocks = [
        Paragraph(name),
        Bullets([name, "b"]),
        Bullets(["c"], is_ordered=True),
        Verdict(Outcome(name, "bad"), name),
        Facts({name: name, "hash": Hash("ab" * 32)}),
        Table(name, ["what", "n", "value", "verdict", name], [cells]),
        Figure(drawing, name),
        Command(name),
        Details(name, [Paragraph(name), Figure(small_drawing(name))]),
    ]
    return Page(name, [Section(name, blocks), *(Section(f"{i}", [Paragraph(name)]) for i in range(4))], name, name)


@pytest.mark.parametrize("name", ["plain", HOSTILE], ids=["plain", "hostile"])
def test_html_nests_and_its_ids_occur_once(name: str) -> None:
    found = read(whole(name).to_html())
    assert len(found.ids) == len(set(found.ids))
    assert found.tags.count("figure") == 2
    assert found.tags.count("h1") == 1


def test_texts_from_data_never_become_markup() -> None:
    text = whole(HOSTILE).to_html()
    found = read(text)
    assert "script" not in found.tags
    assert "{{ 7 * 7 }}" in html.unescape(text)  # data is no template either
    shown = " ".join(found.texts)
    assert "<script>alert('x')</script>" in shown
    assert "\x00" not in text
    text.encode("utf-8")


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    text = whole().to_html()
    found = read(text)
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert all(address.startswith("#") for address in found.addresses)
    targets = {address[1:] for address in found.addresses}
    assert targets <= set(found.ids)
    assert "default-src 'none'" in text


def test_figures_have_captions_and_words_for_those_who_cannot_see_them() -> None:
    text = whole().to_html()
    assert text.count("<figcaption>") == 2
    assert "Figure 1." in text
    assert "Figure 2." in text
    assert text.count('role="img"') == 2


def test_a_number_carries_its_interval_n_and_failures() -> None:
    cell = Number(0.123456, -0.5, 0.75, n=60, unit="nats", failures=2, note="5 seeds")
    assert (cell.text, cell.interval_text) == ("0.123", "[−0.5, 0.75]")
    assert cell.small == "nats, n = 60, 2 failed, 5 seeds"


def test_a_number_that_was_not_measured_says_so() -> None:
    cell = Number(float("nan"), note="no questions given")
    assert (cell.text, cell.interval_text, cell.small) == ("not measured", "", "no questions given")


def test_every_tone_has_a_sign_of_its_own() -> None:
    signs = {Outcome("x", tone).sign for tone in ("good", "bad", "open", "neutral")}
    assert len(signs) == 4


def test_a_row_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        Table("t", ["a", "b"], [["x"]])


def test_the_same_blocks_give_the_same_bytes_and_writing_replaces_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")
    whole().write(path)
    first = path.read_bytes()
    whole().write(path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="cannot be written"):
        whole().write(tmp_path / "none" / "page.html")
