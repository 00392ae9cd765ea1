"""Features of a dictionary, changed inside a model, have exactly the values that were asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from python_runs import exact_session

from pysteer.dictionaries import SparseDictionary
from pysteer.dictionaries.feature_edits import FeatureEdit, feature_changes
from pysteer.errors import SteeringError
from pysteer.feature_steering import feature_vector, interventions_on_text
from pysteer.provenance import Provenance
from pysteer.recording import record
from pysteer.site import Site

SITE = Site("resid_post", 1)
TOKENS = [5, 40, 77, 12, 90, 33]


def dictionary(site: Site | None = SITE) -> SparseDictionary:
    rng = np.random.default_rng(0)
    w_dec = rng.normal(size=(256, 64)).astype(np.float32) / 8
    return SparseDictionary(w_dec.T, np.zeros(256), w_dec, np.zeros(64), "topk", Provenance("example"), site=site, k=16)


def test_closed_forms() -> None:
    d = dictionary()
    rows = np.random.default_rng(1).normal(size=(7, 64)).astype(np.float32)
    f = d.encode(rows)
    j = int(f.sum(axis=0).argmax())
    for action, value, step in [
        ("add", 2.0, np.full(7, 2.0)),
        ("clamp", 3.0, 3.0 - f[:, j]),
        ("scale", 0.5, 0.5 * f[:, j]),
        ("ablate", 0.0, -f[:, j]),
    ]:
        changes = feature_changes(d, rows, [FeatureEdit(j, action, value)])
        np.testing.assert_allclose(changes, step[:, None] * d.w_dec[j], atol=1e-5)
    same = feature_changes(d, rows[:1], [FeatureEdit(j, "clamp", float(f[0, j]))])
    assert not same.any()


@pytest.mark.parametrize("action", ["clamp", "scale", "ablate"])
def test_edits_arrive_in_the_model(tiny_llama: Path, action: str) -> None:
    d = dictionary()
    value = {"clamp": 4.0, "scale": 1.5, "ablate": 0.0}[action]
    with exact_session(tiny_llama) as session:
        plain = record(session.model, [TOKENS], [SITE], session=session)[0][SITE]
        feature = int(d.encode(plain).sum(axis=0).argmax())
        edits = [FeatureEdit(feature, action, value)]
        before = session.logits(TOKENS)
        steering = interventions_on_text(session, d, TOKENS, edits)
        with session.steer(steering):
            changed = record(session.model, [TOKENS], [SITE], session=session)[0][SITE]
            after = session.logits(TOKENS)
    np.testing.assert_allclose(changed, plain + feature_changes(d, plain, edits), atol=1e-4)
    assert np.abs(after - before).max() > 1e-3


def test_clamping_an_absent_feature_to_zero_changes_nothing(tiny_llama: Path) -> None:
    d = dictionary()
    with exact_session(tiny_llama) as session:
        plain = record(session.model, [TOKENS], [SITE], session=session)[0][SITE]
        absent = int(np.flatnonzero(~(d.encode(plain) > 0).any(axis=0))[0])
        assert interventions_on_text(session, d, TOKENS, [FeatureEdit(absent, "clamp", 0.0)]) == ()


def test_adding_features_is_a_vector_and_wrong_edits_are_refused() -> None:
    d = dictionary()
    np.testing.assert_allclose(feature_vector(d, {3: 2.0, 5: -1.0})[SITE], 2 * d.w_dec[3] - d.w_dec[5], rtol=1e-6)
    with pytest.raises(SteeringError, match="does not say where"):
        feature_vector(dictionary(None), {3: 2.0})
    with pytest.raises(SteeringError, match="expected one of"):
        FeatureEdit(0, "double", 1.0)
    with pytest.raises(SteeringError, match="different features"):
        feature_changes(d, np.ones((1, 64), dtype=np.float32), [FeatureEdit(1, "ablate"), FeatureEdit(1, "ablate")])
