"""Sites and layer lists."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.errors import SiteError
from pysteer.site import COMPONENTS, Site, parse_layers


@pytest.mark.parametrize("component", [name for name in COMPONENTS if name != "final_norm"])
def test_text_of_a_site_parses_back_to_it(component: str) -> None:
    assert Site.parse(str(Site(component, 14))) == Site(component, 14)


def test_final_norm_prints_without_a_layer_and_parses_with_the_number_of_blocks() -> None:
    assert str(Site("final_norm", 23)) == "final_norm"
    assert Site.parse("final_norm", n_layers=24) == Site("final_norm", 23)
    assert Site.parse("final_norm.23") == Site("final_norm", 23)


def test_negative_layers_count_from_the_last_block() -> None:
    assert Site.parse(" resid_post.-1 ", n_layers=24) == Site("resid_post", 23)


def test_sites_sort_by_component_and_then_by_layer_number() -> None:
    sites = [Site("resid_post", 10), Site("resid_post", 9), Site("mlp_out", 11)]
    assert sorted(sites) == [Site("mlp_out", 11), Site("resid_post", 9), Site("resid_post", 10)]


def test_numpy_integers_become_plain_ones() -> None:
    assert type(Site("resid_post", np.int64(3)).layer) is int  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "n_layers", "message"),
    [
        ("resid_pst.3", None, "did you mean 'resid_post'"),
        ("resid_post", None, r"such as 'resid_post\.14'"),
        ("resid_post.", None, "such as"),
        ("resid_post.three", None, "such as"),
        ("resid_post.3.4", None, "such as"),
        ("resid_post." + "9" * 5000, None, "such as"),
        ("resid_post.-1", None, "counted from 0"),
        ("resid_post.24", 24, "layers run from 0 to 23"),
        ("resid_post.-25", 24, "layers run from 0 to 23"),
        ("final_norm", None, "number of blocks"),
        ("", None, "unknown component"),
    ],
)
def test_a_text_that_is_no_site_is_a_site_error(text: str, n_layers: int | None, message: str) -> None:
    with pytest.raises(SiteError, match=message):
        Site.parse(text, n_layers=n_layers)


@pytest.mark.parametrize("layer", [-1, True, 1.0, "3", None])
def test_a_layer_that_is_no_count_is_a_site_error(layer: object) -> None:
    with pytest.raises(SiteError):
        Site("resid_post", layer)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ("8:20", tuple(range(8, 20))),
        ("3,5,8", (3, 5, 8)),
        ("8, 3 ,5", (3, 5, 8)),
        ("14", (14,)),
        ("all", tuple(range(24))),
        ("-1", (23,)),
        ("-4:", (20, 21, 22, 23)),
        (":2", (0, 1)),
        ("22:24", (22, 23)),
        ("-4:-2", (20, 21)),
        ("0:2,-1", (0, 1, 23)),
        (14, (14,)),
        (-1, (23,)),
        ([5, 3], (3, 5)),
        (range(2), (0, 1)),
        (np.array([1, -1]), (1, 23)),
    ],
)
def test_layers_parse(layers: object, expected: tuple[int, ...]) -> None:
    assert parse_layers(layers, 24) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "layers",
    [
        "",
        ",",
        "8:8",
        "20:8",
        "24",
        "-25",
        "8:25",
        "3,3",
        "0:4,3",
        "a",
        "1:2:3",
        "1.5",
        "8-20",
        "9" * 5000,
        [],
        [24],
        [1, 1],
        ["3"],
        [True],
        1.5,
        None,
        True,
    ],
)
def test_layers_that_the_model_does_not_have_or_that_make_no_sense_are_site_errors(layers: object) -> None:
    with pytest.raises(SiteError):
        parse_layers(layers, 24)  # type: ignore[arg-type]


def test_a_model_without_blocks_has_no_layers() -> None:
    with pytest.raises(SiteError, match="at least one block"):
        parse_layers("all", 0)
