"""The evolutionary prompt search on objectives whose best prompts are known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from pysteer.errors import DataError, MeasurementError, ShapeError
from pysteer.prompt_search.mutations import neighbours, uniform
from pysteer.prompt_search.objective import Evaluated
from pysteer.prompt_search.search import SearchSettings, search
from pysteer.prompt_search.slots import costs, frontier, penalties, select

VOCABULARY = np.arange(40, dtype=np.int32)
SETTINGS = SearchSettings(length=5, n_slots=4, n_children=16, n_rounds=60, restart_every=0, seed=3)


@dataclass
class PlantedToken:
    """One token reverses (+5), rare tokens cost: token 7 is worth it under a small penalty, not under a large one."""

    fingerprint: str = "planted"
    calls: int = 0
    stop_after: int = 10**9
    seen: list[int] = field(default_factory=list)

    def evaluate(self, tokens: np.ndarray) -> Evaluated:
        self.calls += 1
        if self.calls > self.stop_after:
            raise KeyboardInterrupt
        self.seen.append(len(tokens))
        target = 5.0 * (tokens == 7).any(axis=1) - 0.01 * tokens.sum(axis=1) / tokens.shape[1]
        return Evaluated(tokens, target.astype(np.float64), (tokens == 7).sum(axis=1) * 2.0 + tokens.mean(axis=1) / 40)


DRAW = {"uniform": (uniform(VOCABULARY), 1.0)}


def made(target: list[float], cross_entropy: list[float]) -> Evaluated:
    tokens = np.arange(len(target), dtype=np.int32)[:, None]
    return Evaluated(tokens, np.array(target), np.array(cross_entropy))


def test_penalties_are_even_in_their_logarithm() -> None:
    values = penalties(8)
    assert values[0] == pytest.approx(0.1)
    assert values[-1] == pytest.approx(10.0)
    np.testing.assert_allclose(np.diff(np.log(values)), np.log(100.0) / 7)
    with pytest.raises(MeasurementError, match="at least one slot"):
        penalties(0)


def test_each_slot_takes_the_least_cost_of_a_table() -> None:
    pool = made([3.0, 2.0, 0.0, 2.0], [4.0, 1.0, 0.1, 1.0])
    # -3 + .1*4 = -2.6 | -3 + 4 = 1, -2 + 1 = -1 | 0 + 1 = 1 of -3 + 40, -2 + 10, 0 + 1
    assert select(pool, np.array([0.1, 1.0, 10.0])).tolist() == [0, 1, 2]
    assert costs(pool, np.array([1.0])).tolist() == [[1.0, -1.0, 0.1, -1.0]]


def test_frontier_leaves_out_what_another_one_beats_in_both() -> None:
    pool = made([1.0, 3.0, 2.0, 3.0, 0.5], [1.0, 4.0, 5.0, 3.0, 1.0])
    assert frontier(pool).tolist() == [0, 3]


def test_it_finds_the_planted_token_where_it_is_worth_its_cost() -> None:
    result = search(PlantedToken(), DRAW, VOCABULARY, SETTINGS)
    has = (result.best.tokens == 7).any(axis=1)
    assert has[0]
    assert not has[-1]
    assert (result.frontier.tokens == 7).any(axis=1)[-1]
    assert result.n_measured == SETTINGS.n_planned == 4 + 60 * 64


def test_no_slot_gets_worse_from_round_to_round() -> None:
    result = search(PlantedToken(), DRAW, VOCABULARY, SETTINGS)
    assert result.slot_costs.shape == (60, 4)
    assert (np.diff(result.slot_costs, axis=0) <= 0).all()
    assert (result.slot_costs[-1] < result.slot_costs[0]).all()


def test_a_restart_goes_on_from_the_best_under_the_drawn_penalty() -> None:
    settings = replace(SETTINGS, n_rounds=11, restart_every=10, restart_penalty=2.0, restart_range=3.0)
    before = search(PlantedToken(), DRAW, VOCABULARY, replace(settings, n_rounds=10))
    after = search(PlantedToken(), DRAW, VOCABULARY, replace(settings, n_children=1, n_rounds=10))
    assert before.restarts == ()
    assert after.restarts == ()
    result = search(PlantedToken(), DRAW, VOCABULARY, settings)
    ((at, penalty),) = result.restarts
    assert at == 10
    assert 2 / 3 <= penalty <= 6
    chosen = before.population.tokens[select(before.population, np.array([penalty]))[0]]
    # One round later every slot holds that prompt or a child of it, which differs in one place at most.
    assert ((result.population.tokens != chosen).sum(axis=1) <= 1).all()


def test_the_budget_is_not_exceeded() -> None:
    objective = PlantedToken()
    result = search(objective, DRAW, VOCABULARY, replace(SETTINGS, budget=200))
    assert sum(objective.seen) == result.n_measured == 4 + 3 * 64 <= 200
    with pytest.raises(MeasurementError, match="raise the budget"):
        replace(SETTINGS, budget=3)


def test_the_same_seed_gives_the_same_result_and_another_one_does_not() -> None:
    first, again = (search(PlantedToken(), DRAW, VOCABULARY, SETTINGS) for _ in range(2))
    np.testing.assert_array_equal(first.frontier.tokens, again.frontier.tokens)
    other = search(PlantedToken(), DRAW, VOCABULARY, replace(SETTINGS, seed=4))
    assert not np.array_equal(first.slot_costs, other.slot_costs)


def test_a_search_that_was_stopped_goes_on_and_gives_the_same(tmp_path: Path) -> None:
    settings = replace(SETTINGS, restart_every=7)
    whole = search(PlantedToken(), DRAW, VOCABULARY, settings)
    checkpoint = tmp_path / "search.npz"
    for stop_after in (5, 20):
        with pytest.raises(KeyboardInterrupt):
            search(PlantedToken(stop_after=stop_after), DRAW, VOCABULARY, settings, checkpoint=checkpoint)
    resumed = search(PlantedToken(), DRAW, VOCABULARY, settings, checkpoint=checkpoint)
    np.testing.assert_array_equal(resumed.slot_costs, whole.slot_costs)
    np.testing.assert_array_equal(resumed.best.tokens, whole.best.tokens)
    np.testing.assert_array_equal(resumed.frontier.tokens, whole.frontier.tokens)
    assert resumed.restarts == whole.restarts
    assert resumed.n_measured == whole.n_measured
    assert [path.name for path in tmp_path.iterdir()] == ["search.npz"]


def test_the_checkpoint_of_another_search_is_refused_and_kept(tmp_path: Path) -> None:
    checkpoint = tmp_path / "search.npz"
    search(PlantedToken(), DRAW, VOCABULARY, replace(SETTINGS, n_rounds=2), checkpoint=checkpoint)
    content = checkpoint.read_bytes()
    with pytest.raises(DataError, match="another search"):
        search(PlantedToken("other model"), DRAW, VOCABULARY, replace(SETTINGS, n_rounds=2), checkpoint=checkpoint)
    assert checkpoint.read_bytes() == content
    for broken in (b"", b"text", content[: len(content) // 2]):
        checkpoint.write_bytes(broken)
        with pytest.raises(DataError, match="not the checkpoint of a prompt search"):
            search(PlantedToken(), DRAW, VOCABULARY, SETTINGS, checkpoint=checkpoint)


def test_neighbours_are_the_nearest_and_never_the_token_itself() -> None:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    draw = neighbours(circle, VOCABULARY, n_near=2)
    parents = np.tile(np.int32([0, 10, 39]), (200, 1))
    generator = np.random.default_rng(0)
    for position, near in ((0, {39, 1}), (1, {9, 11}), (2, {38, 0})):
        assert set(draw(parents, np.full(200, position, np.int32), generator).tolist()) == near
    with pytest.raises(MeasurementError, match="n_near"):
        neighbours(circle, VOCABULARY, n_near=40)


def test_uniform_draws_reach_every_token_of_the_vocabulary() -> None:
    draw = uniform(np.int32([3, 5, 8]))
    drawn = draw(np.zeros((300, 4), np.int32), np.zeros(300, np.int32), np.random.default_rng(0))
    assert set(drawn.tolist()) == {3, 5, 8}
    with pytest.raises(MeasurementError, match="at least two"):
        uniform(np.int32([3]))


def test_what_cannot_be_ranked_is_refused() -> None:
    with pytest.raises(MeasurementError, match="not finite"):
        made([1.0, np.nan], [0.0, 0.0])
    with pytest.raises(ShapeError, match="expected"):
        Evaluated(np.zeros((2, 3), np.int32), np.zeros(3), np.zeros(2))
    with pytest.raises(MeasurementError, match="positive weight"):
        search(PlantedToken(), {"uniform": (uniform(VOCABULARY), 0.0)}, VOCABULARY, SETTINGS)
    with pytest.raises(MeasurementError, match="start prompts"):
        search(PlantedToken(), DRAW, VOCABULARY, SETTINGS, start=np.zeros((1, 4), np.int32))
