"""Figures: what is drawn is what was given, nothing is left out silently, and equal numbers give equal files."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from pysteer.errors import MeasurementError
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import MINUS, Estimates, interval, number, percent
from pysteer.report.heat_map import draw_heat_map
from pysteer.report.interval_bars import BarSeries, draw_interval_bars
from pysteer.report.pareto_front import Candidates, draw_pareto_front
from pysteer.report.propensity_curves import draw_propensity_curves
from pysteer.report.shift_scatter import ShiftSeries, draw_shift_scatter
from pysteer.report.slope_violins import SlopeGroup, draw_slope_violins
from pysteer.report.trade_off import Curve, draw_trade_off
from pysteer.report.variance_bars import draw_variance_bars

HOSTILE = "<b>&$\\frac{1}$ \x00\ud800 \u65e5\u672c\n" + "x" * 300
AT = np.array([-1.0, 0.0, 1.0])
NAN = float("nan")


def with_interval(*values: float) -> Estimates:
    at = np.array(values)
    return Estimates(at, at - 0.1, at + 0.2)


def violins(name: str = "boldness") -> Drawing:
    slopes = np.linspace(-1.0, 3.0, 41)
    groups = [
        SlopeGroup(name, slopes, Estimates(0.25, 0.1, 0.4)),
        SlopeGroup("random", 0.1 * slopes, Estimates(0.5, 0.3, 0.7), is_control=True),
    ]
    return draw_slope_violins(groups)


def scatter(name: str = "USER_NEG") -> Drawing:
    one = ShiftSeries(name, with_interval(1, 2, 3), with_interval(0.5, 1.5, -0.5), Estimates(0.3, -0.4, 0.8))
    return draw_shift_scatter([one], names=["a", name, "c"])


def trade_off(name: str = "behaviour") -> Drawing:
    curves = [
        Curve(name, "nats", with_interval(-1, 0, 1), reference=0.0),
        Curve("perplexity", "ratio", Estimates([1.3, 1.0, NAN], [1.2, 1.0, NAN], [1.4, 1.0, NAN]), guard=1.2),
    ]
    return draw_trade_off(AT, curves, recommended=(0.0, 1.0), onset=0.8)


def pareto(name: str = "mean difference") -> Drawing:
    candidates = [Candidates(name, with_interval(0.0, 0.1, 0.3), with_interval(0.0, 1.0, 0.8), ["0", "+1", name])]
    return draw_pareto_front(candidates, [True, True, False], cost_label="cost", gain_label="gain")


def heat_map(name: str = "4") -> Drawing:
    table = [[-1.0, 0.0, 1.0], [NAN, 0.0, 2.0]]
    facts = {"row_label": "layer", "column_label": "coefficient", "value_label": "change (nats)"}
    return draw_heat_map(table, rows=["3", name], columns=["-1", "0", "1"], n="n = 9 items", center=0.0, **facts)


def variance(name: str = "boldness") -> Drawing:
    return draw_variance_bars(
        [name, "other"],
        [[0.4, 0.2], [NAN, NAN]],
        factors=["A or B", "Yes or No"],
        explained=Estimates([0.6, NAN], [0.5, NAN], [0.7, NAN]),
        n=[50, 50],
    )


def curves(name: str = "boldness") -> Drawing:
    rows = np.array([[-1.0, 0.0, 1.0], [0.0, 0.2, 0.5], [1.0, 0.0, -1.0]])
    return draw_propensity_curves(AT, rows, slopes=[1.0, 0.25, -1.0], mean=with_interval(0, 0.1, 0.2), name=name)


def bars(name: str = "vector") -> Drawing:
    series = [BarSeries(name, with_interval(0.5, 0.4)), BarSeries("random", Estimates([0.5, NAN]))]
    return draw_interval_bars(
        ["accuracy", name], series, value_label="share", n="n = 20", reference=0.25, reference_name="chance"
    )


DRAW = [violins, scatter, trade_off, pareto, heat_map, variance, curves, bars]
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("draw", DRAW)
def test_the_same_numbers_give_the_same_svg_which_keeps_text_as_text(
    draw: Callable[[], Drawing], tmp_path: Path
) -> None:
    first, second = (draw().save(tmp_path / name) for name in ("a", "b"))
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[1].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    root = ElementTree.parse(first[0]).getroot()
    words = [text for element in root.iter("{http://www.w3.org/2000/svg}text") if (text := "".join(element.itertext()))]
    assert len(words) > 4


@pytest.mark.parametrize("draw", DRAW)
def test_names_from_data_can_hold_anything(draw: Callable[[str], Drawing], tmp_path: Path) -> None:
    drawing = draw(HOSTILE)
    drawing.save(tmp_path / "hostile")
    ElementTree.parse(tmp_path / "hostile.svg")
    svg = drawing.inline_svg("p")
    assert "<b>" not in svg
    assert ElementTree.fromstring(svg).tag == "svg"


@functools.cache
def drawn(draw: Callable[[], Drawing]) -> Drawing:
    return draw()


@pytest.mark.parametrize("draw", DRAW)
def test_inline_svg_names_no_address_and_its_references_end_in_itself(draw: Callable[[], Drawing]) -> None:
    svg = drawn(draw).inline_svg("fig7")
    assert "http" not in svg
    root = ElementTree.fromstring(svg)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert all(name.startswith("fig7-") for name in ids if name)
    for element in root.iter():
        for name, value in element.attrib.items():
            if (name == "href" and not value.startswith("data:image/png;")) or "url(" in value:
                assert value.split("#", 1)[1].split(")")[0] in ids
    assert root.get("aria-label")


@pytest.mark.parametrize("draw", DRAW)
def test_caption_and_description_say_something(draw: Callable[[], Drawing]) -> None:
    drawing = drawn(draw)
    assert len(drawing.caption) > 40
    assert len(drawing.alt) > 40


def axes_of(drawing: Drawing) -> list:
    return drawing.figure.axes


def test_violins_show_every_item_and_mark_those_that_move_the_wrong_way() -> None:
    left, right = axes_of(violins())
    points = [len(collection.get_offsets()) for collection in left.collections if len(collection.get_offsets()) > 1]
    assert sum(points) == 82
    assert len(right.patches) == 2
    assert [bar.get_width() for bar in right.patches] == [0.25, 0.5]
    assert [label.get_text() for label in left.get_yticklabels()] == ["boldness\nn = 41", "random\nn = 41"]


def test_items_that_could_not_be_measured_are_counted_in_the_caption() -> None:
    group = SlopeGroup("few", np.array([1.0, NAN, -1.0]), Estimates(0.5))
    drawing = draw_slope_violins([group])
    assert "n = 2 items" in drawing.caption
    assert "1 items could not be measured" in drawing.caption


def test_one_item_is_one_point_without_a_violin() -> None:
    left, _ = axes_of(draw_slope_violins([SlopeGroup("one", np.array([0.7]), Estimates(0.0))]))
    assert [len(collection.get_offsets()) for collection in left.collections] == [1, 0]


def test_scatter_has_a_marker_for_each_data_set_the_diagonal_and_the_correlation() -> None:
    axes = axes_of(scatter())[0]
    diagonal = next(line for line in axes.lines if str(line.get_label()).startswith("y = x"))
    assert list(diagonal.get_xdata()) == list(diagonal.get_ydata())
    assert "ρ = 0.3 [−0.4, 0.8]" in axes.get_legend().get_texts()[1].get_text()


def test_trade_off_has_a_panel_for_each_curve_and_breaks_the_line_where_nothing_was_measured() -> None:
    drawing = trade_off()
    behaviour, cost = axes_of(drawing)
    drawn = next(line for line in cost.lines if len(line.get_xdata()) == 3)
    assert np.isnan(drawn.get_ydata()[2])
    assert "Hatched: not measured." in drawing.caption
    assert "Shaded: recommended, 0 to 1." in drawing.caption
    assert any(text.get_text() == "recommended" for text in behaviour.texts)


def test_heat_map_writes_every_number_and_hatches_what_was_not_measured() -> None:
    drawing = heat_map()
    axes = axes_of(drawing)[0]
    assert sorted(text.get_text() for text in axes.texts) == sorted(["−1", "0", "1", "0", "2"])
    assert [patch.get_hatch() for patch in axes.patches] == ["xxxx"]
    assert "not measured (1 of 6 cells)" in drawing.caption


def test_heat_map_with_no_number_at_all_is_all_hatched() -> None:
    table = np.full((1, 2), NAN)
    facts = {"row_label": "layer", "column_label": "coefficient", "value_label": "change (nats)"}
    drawing = draw_heat_map(table, rows=["1"], columns=["0", "1"], n="n = 0", **facts)
    assert len(axes_of(drawing)[0].patches) == 2


def test_variance_bars_fill_the_whole_width() -> None:
    axes = axes_of(variance())[0]
    first_row = [patch for patch in axes.patches if abs(patch.get_y() + patch.get_height() / 2) < 0.01]
    assert sum(patch.get_width() for patch in first_row) == pytest.approx(1.0)


def test_propensity_curves_draw_every_item_in_the_style_of_its_sign() -> None:
    axes = axes_of(curves())[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["items that follow (n = 2)", "anti-steerable items (n = 1)", "mean (n = 3)"]


def test_bars_have_one_bar_for_each_group_and_condition() -> None:
    axes = axes_of(bars())[0]
    assert len(axes.patches) == 4
    assert any("not measured" in text.get_text() for text in axes.texts)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: draw_slope_violins([]),
        lambda: draw_slope_violins([SlopeGroup("x", np.array([NAN]), Estimates(0.5))]),
        lambda: draw_shift_scatter([]),
        lambda: draw_shift_scatter([ShiftSeries("x", Estimates([1.0]), Estimates([1.0, 2.0]))]),
        lambda: draw_trade_off([1.0, 0.0], [Curve("x", "y", Estimates([0.0, 0.0]))]),
        lambda: draw_trade_off([0.0, 1.0], []),
        lambda: draw_trade_off([0.0, 1.0], [Curve("x", "y", Estimates([0.0]))]),
        lambda: draw_heat_map(
            [[1.0]], rows=["a", "b"], columns=["c"], row_label="", column_label="", value_label="", n=""
        ),
        lambda: draw_variance_bars(["x"], [[0.9, 0.9]], factors=["a", "b"], explained=Estimates([1.0]), n=[3]),
        lambda: draw_propensity_curves(AT, np.zeros((2, 2)), slopes=[1, 1], mean=Estimates([0.0] * 3)),
        lambda: draw_interval_bars([], [], value_label="", n=""),
        lambda: draw_pareto_front([], [], cost_label="", gain_label=""),
        lambda: Estimates([1.0], [2.0], [0.0]),
        lambda: Estimates([np.inf]),
        lambda: Estimates([1.0], [0.5], [NAN]),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw: Callable[[], object]) -> None:
    with pytest.raises(MeasurementError):
        draw()


def test_a_figure_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="cannot be written"):
        bars().save(tmp_path / "none" / "figure")


def test_numbers_are_written_for_readers() -> None:
    assert (number(-0.012345), number(0.0), number(12345.6), number(NAN)) == ("−0.0123", "0", "12346", "not measured")
    assert interval(1.0, NAN, NAN) == "1"
    assert interval(NAN, NAN, NAN) == "not measured"
    assert percent(0.995) == "99.5\xa0%"
    assert percent(-0.004) == MINUS + "0.4\xa0%"
    assert percent(-0.0001) == "0.0\xa0%"
