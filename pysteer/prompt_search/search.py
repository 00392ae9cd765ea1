"""The evolutionary search: children of every slot, the best prompt for every slot, restarts, a budget.

Source: Thompson et al. 2024, "Fluent dreaming for language models", arXiv:2402.01702, whose defaults these are: prompts
of 12 tokens, 8 slots, 32 children a slot, 300 rounds, a restart every 50 rounds from the prompt that is best under a
penalty drawn between 2/3 and 6. Different here: no gradients, so that tokens are drawn by `Mutation`s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.prefix_tree import Int32Array
from pysteer.progress import Progress, silent
from pysteer.prompt_search.mutations import Mutation
from pysteer.prompt_search.objective import Evaluated, Objective
from pysteer.prompt_search.search_state import SearchState, load_state, save_state
from pysteer.prompt_search.slots import costs, frontier, penalties, select


@dataclass(frozen=True)
class SearchSettings:
    """How to search.

    Parameters
    ----------
    length : int
        Tokens of a prompt.
    n_slots, n_children : int
        Population, and children of each slot a round.
    n_rounds : int
        At most.
    budget : int
        Prompts to measure at most; the search ends before the round that would exceed it.
    restart_every : int
        Rounds between restarts; 0: never.
    restart_penalty, restart_range : float
        The drawn penalty is ``restart_penalty * restart_range ** u`` with u uniform in [-1, 1].
    seed : int
    """

    length: int = 12
    n_slots: int = 8
    n_children: int = 32
    n_rounds: int = 300
    budget: int = 100_000
    low_penalty: float = 0.1
    high_penalty: float = 10.0
    restart_every: int = 50
    restart_penalty: float = 2.0
    restart_range: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("length", "n_slots", "n_children", "n_rounds"):
            if getattr(self, name) < 1:
                raise MeasurementError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.budget < self.n_slots:
            raise MeasurementError(
                f"budget: expected at least {self.n_slots} prompts (one a slot), got {self.budget}; raise the budget"
            )
        if self.restart_every < 0 or self.restart_penalty <= 0 or self.restart_range < 1:
            raise MeasurementError("expected restart_every >= 0, restart_penalty > 0 and restart_range >= 1")

    @property
    def n_planned(self) -> int:
        """Prompts that will be measured at most, for an estimate."""
        children = self.n_slots * self.n_children
        return self.n_slots + children * min(self.n_rounds, (self.budget - self.n_slots) // children)


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What was found.

    Parameters
    ----------
    population : Evaluated
        The prompt in each slot at the end (restarts change them).
    best : Evaluated
        The best prompt that each slot ever held, by its own penalty.
    frontier : Evaluated
        All prompts that none beats in both target and cross-entropy, by rising cross-entropy.
    slot_costs : float64, shape (n_rounds, n_slots)
        ``-target + X * cross_entropy`` of the slots' prompts after each round.
    restarts : list of (round, penalty)
    n_measured : int
        Prompts measured.
    """

    population: Evaluated
    best: Evaluated
    frontier: Evaluated
    slot_costs: Float64Array
    restarts: tuple[tuple[int, float], ...]
    n_measured: int


def search(
    objective: Objective,
    mutations: Mapping[str, tuple[Mutation, float]],
    vocabulary: Int32Array,
    settings: SearchSettings | None = None,
    *,
    start: Int32Array | None = None,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> SearchResult:
    """Search for prompts with a large target and a small cross-entropy.

    Parameters
    ----------
    mutations : mapping of name to (Mutation, weight)
        Each child's is drawn by weight.
    vocabulary : int32, shape (n,)
        Of the first prompts, drawn alike.
    settings : SearchSettings, optional
    start : int32, shape (n, length), optional
        Prompts to begin with instead of random ones.
    checkpoint : Path, optional
        Written after every round, atomically; if it exists, the search goes on from there and gives the same result as
        one that was never stopped.
    progress : Progress
        Counts measured prompts.

    Raises
    ------
    MeasurementError
        No mutation with a positive weight, or start prompts of another length.
    DataError
        The checkpoint belongs to another search.
    """
    chosen = settings or SearchSettings()
    names = [name for name, (_, weight) in mutations.items() if weight > 0]
    if not names:
        raise MeasurementError("expected at least one mutation with a positive weight")
    weights = np.array([mutations[name][1] for name in names], dtype=np.float64)
    slots = penalties(chosen.n_slots, chosen.low_penalty, chosen.high_penalty)
    fingerprint = f"{objective.fingerprint} {chosen} {list(zip(names, weights.tolist(), strict=True))}"

    state = load_state(checkpoint, fingerprint)
    if state is None:
        generator = np.random.default_rng(chosen.seed)
        first = _first(chosen, vocabulary, start, generator)
        pool = objective.evaluate(first)
        population = pool.take(select(pool, slots))
        state = SearchState(population, population, pool.take(frontier(pool)), generator, len(first))
        save_state(checkpoint, fingerprint, state)

    per_round = chosen.n_slots * chosen.n_children
    while state.round < chosen.n_rounds and state.n_measured + per_round <= chosen.budget:
        progress(state.n_measured, chosen.n_planned)
        children = _children(state, chosen, [mutations[name][0] for name in names], weights / weights.sum())
        measured = objective.evaluate(children)
        pool = state.population.joined(measured)
        state.population = pool.take(select(pool, slots))
        state.best = _better(state.best, state.population, slots)
        seen = state.frontier.joined(measured)
        state.frontier = seen.take(frontier(seen))
        state.slot_costs.append(np.diagonal(costs(state.population, slots)).copy())
        state.n_measured += len(children)
        state.round += 1
        if chosen.restart_every and state.round % chosen.restart_every == 0 and state.round < chosen.n_rounds:
            _restart(state, chosen)
        save_state(checkpoint, fingerprint, state)
    progress(chosen.n_planned, chosen.n_planned)
    return SearchResult(
        state.population,
        state.best,
        state.frontier,
        np.array(state.slot_costs, dtype=np.float64).reshape(-1, chosen.n_slots),
        tuple(state.restarts),
        state.n_measured,
    )


def _first(
    settings: SearchSettings, vocabulary: Int32Array, start: Int32Array | None, generator: np.random.Generator
) -> Int32Array:
    if start is None:
        return generator.choice(vocabulary, size=(settings.n_slots, settings.length)).astype(np.int32)
    if start.ndim != 2 or start.shape[1] != settings.length or not len(start):
        raise MeasurementError(f"expected start prompts of shape (n, {settings.length}), got {start.shape}")
    return np.ascontiguousarray(start, dtype=np.int32)


def _children(state: SearchState, settings: SearchSettings, draws: list[Mutation], shares: Float64Array) -> Int32Array:
    """Return n_slots * n_children copies of the slots' prompts, each with one token drawn anew."""
    children = np.repeat(state.population.tokens, settings.n_children, axis=0)
    positions = state.generator.integers(settings.length, size=len(children)).astype(np.int32)
    kinds = state.generator.choice(len(draws), size=len(children), p=shares)
    for kind, draw in enumerate(draws):
        chosen = np.flatnonzero(kinds == kind)
        if chosen.size:
            children[chosen, positions[chosen]] = draw(children[chosen], positions[chosen], state.generator)
    return children


def _better(best: Evaluated, population: Evaluated, slots: Float64Array) -> Evaluated:
    """Return slot by slot the better of two prompts, of equals the older."""
    n = len(slots)
    now_better = np.diagonal(costs(population, slots)) < np.diagonal(costs(best, slots))
    indices = np.where(now_better, n + np.arange(n), np.arange(n)).astype(np.int32)
    return best.joined(population).take(indices)


def _restart(state: SearchState, settings: SearchSettings) -> None:
    """Go on from one prompt alone: the best of the population under a penalty that is drawn."""
    penalty = settings.restart_penalty * settings.restart_range ** state.generator.uniform(-1.0, 1.0)
    chosen = select(state.population, np.array([penalty]))
    state.population = state.population.take(np.repeat(chosen, settings.n_slots).astype(np.int32))
    state.restarts.append((state.round, float(penalty)))
