"""Interventions and the edits that they become."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pysteer.errors import SiteError, SteeringError, UnknownNameError
from pysteer.intervention import Intervention
from pysteer.operations import EditSpec, edits
from pysteer.provenance import Provenance
from pysteer.site import Site
from pysteer.vector import SteeringVector
from pysteer.window import Window

VECTOR = SteeringVector(
    {Site("resid_post", 3): [3.0, 4.0], Site("resid_post", 1): [1.0, 0.0], Site("mlp_out", 3): [0.0, 2.0]},  # type: ignore[dict-item]
    Provenance(method="test"),
)


def test_one_edit_per_site_in_order_with_the_window() -> None:
    made = list(edits(Intervention(VECTOR, coefficient=2.0, window=Window.parse("answer"))))
    assert made == [
        (Site("mlp_out", 3), EditSpec.rank_one(None, [0.0, 4.0], 1.0, 0.0), Window.parse("answer")),
        (Site("resid_post", 1), EditSpec.rank_one(None, [2.0, 0.0], 1.0, 0.0), Window.parse("answer")),
        (Site("resid_post", 3), EditSpec.rank_one(None, [6.0, 8.0], 1.0, 0.0), Window.parse("answer")),
    ]


def test_layers_choose_among_the_vector_s_and_default_to_all() -> None:
    assert [site for site, _, _ in edits(Intervention(VECTOR, coefficient=1.0, layers=(1,)))] == [Site("resid_post", 1)]
    assert Intervention(VECTOR, coefficient=1.0).directions == VECTOR.directions
    assert Intervention(VECTOR, coefficient=1.0).window == Window.parse("all")


def test_parameters_reach_the_operation() -> None:
    one = Intervention(VECTOR, "affine", coefficient=1.0, layers=(1,), parameters={"gain": 0.25, "offset": 3.0})
    assert next(edits(one))[1] == EditSpec.rank_one([1.0, 0.0], [1.0, 0.0], 3.0, -0.75)


def test_the_coefficient_must_be_named() -> None:
    with pytest.raises(TypeError):
        Intervention(VECTOR, "add", 1.0)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Intervention(VECTOR)  # type: ignore[call-arg]


def test_an_intervention_is_frozen_and_detached_from_the_caller() -> None:
    parameters = {"gain": 0.5, "offset": 0.0}
    one = Intervention(VECTOR, "affine", coefficient=1.0, parameters=parameters)
    parameters["gain"] = 9.0
    assert one.parameters == {"gain": 0.5, "offset": 0.0}
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.coefficient = 2.0  # type: ignore[misc]
    assert dataclasses.replace(one, coefficient=2.0).coefficient == 2.0


@pytest.mark.parametrize("coefficient", [np.nan, np.inf, -np.inf])
def test_a_coefficient_that_is_not_finite_is_a_steering_error(coefficient: float) -> None:
    with pytest.raises(SteeringError, match="finite coefficient"):
        Intervention(VECTOR, coefficient=coefficient)


def test_a_layer_without_a_direction_is_a_site_error() -> None:
    with pytest.raises(SiteError, match=r"layers \[2\]; there are directions at \[1, 3\]"):
        Intervention(VECTOR, coefficient=1.0, layers=(1, 2))


def test_an_unknown_operation_is_named_when_the_edits_are_made() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'add'"):
        list(edits(Intervention(VECTOR, "ad", coefficient=1.0)))


@pytest.mark.parametrize(
    ("operation", "parameters", "message"),
    [
        ("add", {"gain": 1.0}, "operation 'add' does not know 'gain'; its parameters: none"),
        ("affine", {"gain": 1.0}, "operation 'affine' needs 'offset'; its parameters: gain, offset"),
        ("affine", {"gain": 1.0, "ofset": 1.0}, "does not know 'ofset'"),
    ],
)
def test_a_parameter_that_is_missing_or_unknown_is_a_steering_error(
    operation: str, parameters: dict[str, float], message: str
) -> None:
    with pytest.raises(SteeringError, match=message):
        list(edits(Intervention(VECTOR, operation, coefficient=1.0, parameters=parameters)))
