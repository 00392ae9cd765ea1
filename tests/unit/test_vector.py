"""What a steering vector accepts, refuses and remembers."""

from __future__ import annotations

import numpy as np
import pytest

from pysteer.errors import ShapeError, SiteError, SteeringError
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.vector_comparison import cosine_table

ORIGIN = Provenance(method="mean_difference", model_name="tiny", data_name="rain", n_pairs=4)
SITE = Site("resid_post", 3)


def at(layer: int, *numbers: float, component: str = "resid_post") -> SteeringVector:
    return SteeringVector({Site(component, layer): np.array(numbers, np.float32)}, ORIGIN)


V = at(3, 3.0, 4.0)
ZERO = at(3, 0.0, 0.0)


def test_directions_are_read_only_float32_copies_in_order_of_the_sites() -> None:
    given = np.array([1.0, 2.0])
    vector = SteeringVector({Site("resid_post", 10): given, Site("resid_post", 9): given}, ORIGIN)
    given[:] = 0.0
    assert vector.layers == (9, 10)
    for direction in vector.directions.values():
        assert direction.dtype == np.float32
        assert direction.tolist() == [1.0, 2.0]
        with pytest.raises(ValueError, match="read-only"):
            direction[0] = 1.0
    with pytest.raises(TypeError):
        vector.directions[SITE] = given  # type: ignore[index]


@pytest.mark.parametrize(
    "directions",
    [
        {},
        {SITE: []},
        {SITE: 3.0},
        {SITE: [[1.0, 2.0]]},
        {SITE: [1.0, np.nan]},
        {SITE: [1.0, np.inf]},
        {SITE: [1.0, 1e39]},
        {SITE: ["1.0"]},
        {SITE: [True]},
        {SITE: [1.0 + 0j]},
        {SITE: [[1.0], [1.0, 2.0]]},
        {SITE: [1.0, 2.0], Site("resid_post", 4): [1.0]},
        {SITE: [1.0, 2.0], Site("mlp_out", 3): [1.0]},
    ],
    ids=str,
)
def test_what_is_no_set_of_directions_is_a_shape_error(directions: dict[Site, object]) -> None:
    with pytest.raises(ShapeError):
        SteeringVector(directions, ORIGIN)  # type: ignore[arg-type]


def test_a_site_given_as_text_is_a_site_error() -> None:
    with pytest.raises(SiteError, match=r"Site\.parse"):
        SteeringVector({"resid_post.3": np.ones(2, np.float32)}, ORIGIN)  # type: ignore[dict-item]


def test_heads_may_have_another_width_than_the_residual_stream() -> None:
    vector = V + at(3, 1.0, 2.0, 3.0, component="head_out")
    assert vector.d_model == 2
    assert at(3, 1.0, component="head_out").d_model is None


@pytest.mark.parametrize("combine", ["__add__", "__sub__", "dot", "cosine", "orthogonal_to"])
def test_vectors_of_different_width_do_not_combine(combine: str) -> None:
    with pytest.raises(ShapeError, match=r"2 entries at resid_post\.3, 3 at resid_post\.3"):
        getattr(V, combine)(at(3, 1.0, 2.0, 3.0))


def test_vectors_of_different_width_do_not_combine_even_without_a_common_site() -> None:
    with pytest.raises(ShapeError):
        V + at(4, 1.0, 2.0, 3.0)


@pytest.mark.parametrize("compare", ["dot", "cosine", "orthogonal_to"])
def test_vectors_without_a_common_site_cannot_be_compared(compare: str) -> None:
    with pytest.raises(SiteError, match="no site in common"):
        getattr(V, compare)(at(4, 1.0, 2.0))


@pytest.mark.parametrize(
    "undefined",
    [
        lambda: ZERO.normalised(),
        lambda: ZERO.cosine(V),
        lambda: V.cosine(ZERO),
        lambda: V.orthogonal_to(ZERO),
        lambda: V.scaled_to(ZERO),
        lambda: V.scaled_to(0.0),
        lambda: V.scaled_to(-1.0),
        lambda: V.scaled_to(float("nan")),
        lambda: V / 0,
    ],
)
def test_what_is_undefined_is_a_steering_error_and_no_nan(undefined: object) -> None:
    with pytest.raises(SteeringError):
        undefined()  # type: ignore[operator]


@pytest.mark.parametrize("factor", [float("nan"), float("inf"), 1e39, 1e38])
def test_a_product_that_is_not_finite_is_a_shape_error(factor: float) -> None:
    with pytest.raises(ShapeError, match="NaN or infinite"):
        V * factor


def test_division_by_what_float32_rounds_to_zero_is_an_error() -> None:
    with pytest.raises(ShapeError, match="NaN or infinite"):
        V / 1e-60


@pytest.mark.parametrize("other", [1.0, "v", None, np.ones(2)])
def test_only_vectors_add_up(other: object) -> None:
    with pytest.raises(TypeError):
        V + other  # type: ignore[operator]


@pytest.mark.parametrize("factor", ["2", None, True, V])
def test_only_numbers_scale(factor: object) -> None:
    with pytest.raises(TypeError):
        V * factor  # type: ignore[operator]


def test_equality_is_about_numbers_and_sites_only() -> None:
    assert SteeringVector(V.directions, Provenance(method="other")) == V
    assert at(4, 3.0, 4.0) != V
    assert at(3, 3.0, 4.5) != V
    assert V != "V"
    with pytest.raises(TypeError):
        hash(V)


def test_known_numbers() -> None:
    w = at(3, 4.0, 3.0)
    assert V.norms() == {SITE: 5.0}
    assert V.dot(w) == {SITE: 24.0}
    assert V.cosine(w) == {SITE: pytest.approx(0.96)}
    assert V.scaled_to(10.0) == at(3, 6.0, 8.0)
    assert at(3, 1.0, 1.0).orthogonal_to(at(3, 0.0, 7.0)) == at(3, 1.0, 0.0)


def test_a_missing_site_or_layer_is_a_site_error_that_says_what_there_is() -> None:
    with pytest.raises(SiteError, match=r"there are directions at resid_post\.3"):
        V[Site("resid_post", 4)]
    with pytest.raises(SiteError, match=r"layers \[4\]; there are directions at \[3\]"):
        V.select([3, 4])
    with pytest.raises(SiteError):
        V.select([])
    with pytest.raises(SiteError, match="the same sites"):
        V.interpolate(at(4, 1.0, 2.0), 0.5)


def test_repr_says_method_sites_width_and_norm() -> None:
    assert repr(V) == "<SteeringVector 'mean_difference' at resid_post.3: d_model=2, norm 5>"
    many = SteeringVector({Site("resid_post", i): np.full(4, 1.0 + i) for i in range(6)}, ORIGIN)
    assert "6 sites from resid_post.0 to resid_post.5: d_model=4, norm 2 to 12>" in repr(many)


def test_scaling_is_remembered_and_keeps_the_origin() -> None:
    origin = (V * 2.0).select([3]).scaled_to(1.0).provenance
    assert origin.method == "mean_difference"
    assert origin.extra["history"] == ["* 2.0", "scaled to norm 1.0"]


def test_a_combination_keeps_what_both_agree_on_and_names_both() -> None:
    other = SteeringVector(V.directions, Provenance(method="pca", model_name="tiny", data_name="snow", n_pairs=4))
    origin = (V * 2.0 - other).provenance
    assert (origin.method, origin.model_name, origin.n_pairs, origin.data_name) == ("combined", "tiny", 4, None)
    assert origin.extra["history"] == ["* 2.0", "-: mean_difference of rain, pca of snow"]


def test_a_cosine_table_needs_vectors_with_a_common_site() -> None:
    with pytest.raises(ShapeError):
        cosine_table({})
    with pytest.raises(SiteError):
        cosine_table({"v": V, "w": at(4, 1.0, 2.0)})
