"""Training a dictionary: planted features are found, dead ones revived, a stopped run goes on bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pysteer.dictionaries import TrainingPlan, train_dictionary
from pysteer.errors import DataError, ShapeError

PLAN = TrainingPlan(24, 2, seed=3, n_epochs=3, batch_size=128, revive_every=10, checkpoint_every=4)


def planted(n: int, *, n_features: int = 12, d: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are sums of 2 of some unit directions, and the directions."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n_features, d)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    features = np.zeros((n, n_features), dtype=np.float32)
    places = rng.random((n, n_features)).argsort(axis=1)[:, :2]
    np.put_along_axis(features, places, rng.uniform(1.0, 3.0, (n, 2)).astype(np.float32), axis=1)
    return features @ directions, directions


def test_planted_features_are_recovered() -> None:
    rows, directions = planted(8192)
    plan = TrainingPlan(24, 2, seed=1, n_epochs=30, batch_size=256, learning_rate=3e-3, revive_every=50)
    found = train_dictionary(rows + 5.0, plan).dictionary
    cosines = (directions @ found.w_dec.T).max(axis=1)
    assert np.median(cosines) > 0.97
    assert found.fvu(rows + 5.0) < 0.1
    np.testing.assert_allclose(found.feature_norms(), 1.0, atol=1e-5)


def test_loss_falls_and_the_same_seed_gives_the_same_dictionary() -> None:
    rows, _ = planted(2048)
    first, second = train_dictionary(rows, PLAN), train_dictionary(rows, PLAN)
    assert np.mean(first.losses[-5:]) < 0.7 * np.mean(first.losses[:5])
    np.testing.assert_array_equal(first.dictionary.w_dec, second.dictionary.w_dec)
    other = train_dictionary(rows, TrainingPlan(24, 2, seed=4, n_epochs=3, batch_size=128)).dictionary
    assert not np.array_equal(first.dictionary.w_dec, other.w_dec)


def test_training_begins_below_the_mean_and_not_with_an_overshoot() -> None:
    rows = np.random.default_rng(0).normal(size=(512, 32)).astype(np.float32)
    plan = TrainingPlan(256, 16, seed=1, n_epochs=1, batch_size=128)
    assert train_dictionary(rows, plan).losses[0] < 0.5  # 16 of 256 random directions, untrained, overshoot to above 1


@pytest.mark.parametrize("stop", [1, 7, 20])
def test_a_stopped_training_goes_on_bit_for_bit(tmp_path: Path, stop: int) -> None:
    rows, _ = planted(2048)
    path = tmp_path / "training.npz"

    def interrupt(done: int, total: int) -> None:
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_dictionary(rows, PLAN, checkpoint=path, progress=interrupt)
    seen: list[int] = []
    resumed = train_dictionary(rows, PLAN, checkpoint=path, progress=lambda done, total: seen.append(done))
    straight = train_dictionary(rows, PLAN)
    assert seen[0] == stop
    assert resumed.losses == straight.losses
    assert resumed.n_revived == straight.n_revived
    for name in ("w_enc", "b_enc", "w_dec", "b_dec"):
        np.testing.assert_array_equal(getattr(resumed.dictionary, name), getattr(straight.dictionary, name))


def test_dead_features_are_revived() -> None:
    rows, _ = planted(4096, n_features=40)
    settings = {"n_features": 256, "k": 2, "seed": 0, "n_epochs": 10, "batch_size": 256}
    left_alone = train_dictionary(rows, TrainingPlan(**settings, revive_every=0))  # type: ignore[arg-type]
    revived = train_dictionary(rows, TrainingPlan(**settings, revive_every=16))  # type: ignore[arg-type]
    assert left_alone.n_revived == 0 < revived.n_revived

    def n_used(training: object) -> int:
        return int((training.dictionary.encode(rows) > 0).any(axis=0).sum())  # type: ignore[attr-defined]

    assert n_used(revived) > n_used(left_alone)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    rows, _ = planted(512)
    path = tmp_path / "training.npz"
    train_dictionary(rows, PLAN, checkpoint=path)
    with pytest.raises(DataError, match="different rows"):
        train_dictionary(rows + 1, PLAN, checkpoint=path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match="not the checkpoint"):
        train_dictionary(rows, PLAN, checkpoint=path)


def test_rows_that_cannot_be_trained_on_are_refused() -> None:
    rows, _ = planted(256)
    with pytest.raises(DataError, match="fewer than a batch"):
        train_dictionary(rows[:10], PLAN)
    with pytest.raises(DataError, match="do not differ"):
        train_dictionary(np.ones((256, 4), dtype=np.float32), PLAN)
    with pytest.raises(ShapeError, match="float32"):
        train_dictionary(rows.astype(np.float64), PLAN)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="k <= n_features"):
        TrainingPlan(4, 5, seed=0)
