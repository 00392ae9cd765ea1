"""What the search for adversarial inputs concludes from results in which everything is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pysteer.errors import MeasurementError
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.claims import Verdict, claim_of
from pysteer.studies.mechanisms.adversarial import analyse_adversarial
from pysteer.studies.mechanisms.adversarial_declared import ADVERSARIAL_CLAIMS
from pysteer.studies.mechanisms.adversarial_figure import mean_curve
from pysteer.studies.mechanisms.adversarial_found import all_tested, crossed
from pysteer.studies.mechanisms.adversarial_plan import REVERSED, choice_name, part_name, persona_name
from pysteer.studies.mechanisms.adversarial_sizes import ADVERSARIAL_PRESETS, AdversarialSizes
from pysteer.studies.mechanisms.adversarial_strings import natural_texts, spread
from pysteer.studies.mechanisms.behaviours import Behaviour, Material
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.parts import PartResult
from pysteer.studies.rows import ResultTable, Row
from pysteer.studies.study import Piece, StudyContext

N_ITEMS, N_RESTARTS = 20, 4
SIZES = AdversarialSizes(1, N_RESTARTS, 5, 4, 6, 196, 0, 4, N_ITEMS, 6, 10, 10, ("Q4_0",))


def behaviour(name: str) -> Behaviour:
    def items(side: str) -> Dataset:
        return Dataset(tuple(ContrastPair(f"{name} {side} {k}?", "Yes", "No") for k in range(4)), f"{name}.{side}")

    return Behaviour(name, "texts", items("train"), items("validation"), items("test"), ("Be.", "Do not."))


def made_up(
    *,
    preference: float = 3.0,
    effect: float = 3.0,
    found: float = 5.0,
    random: float = 0.5,
    sampled: float = 2.0,
    natural: float = 0.2,
    surprise: float = 12.0,
    undone: float = 0.0,
    label: str = "made-up",
    coarser: float | None = None,
    skipped: bool = False,
    noise: float = 0.3,
    persona: tuple[float, float] | None = None,
) -> Found:
    """A model whose steered preference, and what each kind of string takes from it, are given, in nats.

    ``undone``: nats that found strings take from steering's own effect.
    """
    draw = np.random.default_rng(4)
    results: dict[str, PartResult] = {}
    model: Any = SimpleNamespace(label=label, hash=f"{len(label):064x}", loaded=SimpleNamespace(quantisation="Q8_0"))
    levels = {"random": random, "natural": natural, "sampled": sampled, "found": found, "front": found / 2}

    def strings(weights: str, weaker: float) -> PartResult:
        kinds = ["none", *(kind for kind in ("found", "front", "sampled") for _ in range(N_RESTARTS))]
        kinds += ["random"] * 10 + ["natural"] * 10
        offset = draw.normal(0.0, noise, N_ITEMS)
        taken = np.array([levels.get(kind, 0.0) - (weaker if kind == "found" else 0.0) for kind in kinds])
        steered = -(preference + offset) + taken[:, None] + draw.normal(0.0, noise, (len(kinds), N_ITEMS))
        left = np.array([effect - (undone if kind == "found" else 0.0) for kind in kinds])
        cross_entropy = np.array([surprise if kind == "found" else 5.0 for kind in kinds])
        arrays = {
            "steered": steered,
            "unsteered": steered + left[:, None] + draw.normal(0.0, noise / 3, steered.shape),
            "cross_entropy": cross_entropy[:, None] + draw.normal(0.0, 0.2, steered.shape),
        }
        restarts = [-1, *[k % N_RESTARTS for k in range(3 * N_RESTARTS)], *[-1] * 20]
        content = {
            "behaviour": "talk", "strength": 1.0, "kinds": kinds, "restarts": restarts,
            "texts": [f" string {k}" for k in range(len(kinds))], "file_hash": "a" * 64, "file_bytes": 4_000_000,
            "items_hash": "b" * 64,
        }  # fmt: skip
        return PartResult(content, arrays)

    def curve(last: float) -> np.ndarray:
        return np.array([[4.0, -3.0], [100.0, (last - 3.0) / 2], [196.0, last]])

    results[choice_name(model)] = PartResult()
    for weights, weaker in (("", 0.0), *([("Q4_0", coarser)] if coarser is not None else [])):
        for restart in range(N_RESTARTS):
            name = part_name(model, 0, f"search {restart + 1}", weights=weights)
            results[name] = PartResult({"n_measured": 196}, {"curve": curve(found + restart)})
            if not weights:
                name = part_name(model, 0, f"sample {restart + 1}")
                results[name] = PartResult(arrays={"curve": curve(sampled - 3.0)})
        tested = PartResult({"skipped": "its vector does not steer talk"}) if skipped else strings(weights, weaker)
        results[part_name(model, 0, "strings", weights=weights)] = tested
    behaviours = (behaviour("talk"), behaviour(REVERSED))
    if persona is not None:
        kinds = ["none", "found", "planted", "planted", "other", "other", "random"]
        level = {"none": 9.0, "planted": persona[0], "other": persona[1], "found": -1.0, "random": 8.0}
        reversals = -np.array([level[kind] for kind in kinds])[:, None] + draw.normal(0.0, 0.1, (7, 12))
        content = {"kinds": kinds, "texts": kinds, "front": kinds, "items_hash": "d" * 64}
        results[persona_name(model)] = PartResult(content, {"reversals": reversals})
    context = StudyContext((model,), "quick", SimpleNamespace(adversarial=SIZES), 0)
    return Found(model, context, Material(behaviours, persona is not None), results)


def verdicts(piece: Piece) -> dict[str, Verdict]:
    return {claim: claim_of(ADVERSARIAL_CLAIMS, claim).judge(row) for claim, row in piece.findings}


def outcomes(**given: Any) -> dict[str, str]:
    return {claim: each.outcome for claim, each in verdicts(analyse_adversarial([made_up(**given)])).items()}


def table(piece: Piece, name: str) -> ResultTable:
    return next(each for each in piece.tables if each.name == name)


def row(piece: Piece, quantity: str, string: str) -> Row:
    rows = table(piece, "adversarial").rows
    return next(each for each in rows if each.quantity == quantity and each.labels["string"] == string)


def test_strings_that_reverse_and_undo_the_steering_confirm_everything() -> None:
    assert set(outcomes(undone=2.0).values()) == {"confirmed"}


def test_each_absence_refutes_its_own_claim() -> None:
    assert outcomes(found=0.1, sampled=-0.5)["C3.3a"] == "refuted"
    assert outcomes(surprise=3.0)["C3.3b"] == "refuted"
    assert outcomes(found=1.5)["C3.3c"] == "refuted"  # it takes half of the preference away, and reverses nothing
    assert outcomes(found=1.5)["C3.3a"] == "confirmed"
    assert outcomes(sampled=5.5)["C3.3d"] == "refuted"
    assert outcomes(undone=-1.0)["C3.3e"] == "refuted"


def test_no_difference_decides_nothing() -> None:
    found = outcomes(found=0.5, sampled=0.5, surprise=5.0, noise=1.0)
    assert {found[claim] for claim in ("C3.3a", "C3.3b", "C3.3d", "C3.3e")} == {"inconclusive"}


def test_without_steering_there_is_nothing_to_reverse() -> None:
    found = verdicts(analyse_adversarial([made_up(skipped=True)]))
    assert {each.outcome for each in found.values()} == {"inconclusive"}
    assert all(np.isnan(each.row.value) and each.row.note for each in found.values())
    assert "does not steer talk" in analyse_adversarial([made_up(skipped=True)]).notes["E23"][0]


def test_what_decides_was_chosen_on_other_items_and_doubts_from_those_that_are_measured_are_said() -> None:
    """Choosing by the measured items would leave out those where the preference came out small by chance."""
    for given, what in (({"effect": 0.0}, "effect of steering"), ({"preference": -2.0}, "preference")):
        piece = analyse_adversarial([made_up(**given)])
        rows = [row for _, row in piece.findings]
        assert all(np.isfinite(row.value) for row in rows)
        assert all(f"the {what} for talk on held-out items may be 0" in row.note for row in rows)
        assert "uncertain" in piece.notes["E23"][0]
    assert not any(row.note for _, row in analyse_adversarial([made_up()]).findings)


def test_rows_carry_the_hash_of_the_items_that_strings_were_tested_on() -> None:
    piece = analyse_adversarial([made_up(persona=(1.0, 8.0))])
    assert {row.origin.data_hash for row in table(piece, "adversarial").rows} == {"b" * 64}
    assert {row.origin.data_hash for row in table(piece, "adversarial_planted").rows} == {"d" * 64}


def test_reversal_and_reversed_items_are_what_was_put_in() -> None:
    piece = analyse_adversarial([made_up(noise=0.01)])
    assert row(piece, "reversal", "found by search").value == pytest.approx(5.0, abs=0.05)
    assert row(piece, "reversal", "random tokens").value == pytest.approx(0.5, abs=0.05)
    assert row(piece, "items reversed", "found by search").value == 1.0
    assert row(piece, "items reversed", "random tokens").value == 0.0
    assert row(piece, "cross-entropy", "found by search").value == pytest.approx(12.0, abs=0.1)


def test_not_found_within_the_budget_is_said_and_counted() -> None:
    piece = analyse_adversarial([made_up(found=1.0, noise=0.05)])
    rate = row(piece, "searches that reverse", "found by search")
    assert (rate.value, rate.low, rate.n) == (0.0, 0.0, N_RESTARTS)
    assert "not found within the budget" in piece.notes["E23"][0]
    found = row(analyse_adversarial([made_up(noise=0.05)]), "searches that reverse", "found by search")
    assert found.value == 1.0


def test_coarser_weights_stand_beside_the_file_given() -> None:
    piece = analyse_adversarial([made_up(coarser=2.0, noise=0.05)])
    rows = [each for each in table(piece, "adversarial_resistance").rows if each.quantity == "reversal"]
    assert [each.labels["weights"] for each in rows] == ["Q8_0", "Q4_0"]
    assert [each.value for each in rows] == pytest.approx([5.0, 3.0], abs=0.1)
    assert "adversarial_resistance" in [figure.name for figure in piece.figures]
    alone = analyse_adversarial([made_up()])
    assert "adversarial_resistance" not in [figure.name for figure in alone.figures]


def test_several_models_are_analysed_side_by_side() -> None:
    piece = analyse_adversarial([made_up(), made_up(label="another", found=1.0)])
    assert [row.labels["model"] for claim, row in piece.findings if claim == "C3.3c"] == ["made-up", "another"]
    names = [figure.name for figure in piece.figures]
    assert len(set(names)) == len(names) == 5


def test_the_same_seed_gives_the_same_tables() -> None:
    first, again = (analyse_adversarial([made_up(coarser=1.0)]) for _ in range(2))
    assert [each.to_csv() for each in first.tables] == [each.to_csv() for each in again.tables]


def test_the_planted_theme_stands_beside_other_themes() -> None:
    piece = analyse_adversarial([made_up(persona=(-4.0, 6.0))])
    rows = {str(each.labels["string"]): each.value for each in table(piece, "adversarial_planted").rows}
    assert rows["words of the reversed theme"] == pytest.approx(-4.0, abs=0.2)
    assert rows["words of other themes"] == pytest.approx(6.0, abs=0.2)
    assert any("words of the sea" in note for note in piece.notes["E23"])
    assert "adversarial_planted" not in [each.name for each in analyse_adversarial([made_up()]).tables]


def test_strings_are_counted_not_items() -> None:
    """Four searches on twenty items are four units: with fewer than four nothing is decided."""
    found = verdicts(analyse_adversarial([made_up()]))
    assert {each.row.n for each in found.values()} == {N_RESTARTS}


def test_crossed_intervals_see_the_spread_of_strings_and_of_items() -> None:
    exact = crossed([(np.full((4, 6), 2.5), np.full((9, 6), 1.0))], seed=0)
    assert (exact.mean, exact.low, exact.high) == pytest.approx((1.5, 1.5, 1.5))
    assert exact.n == 4
    by_string = np.repeat(np.array([[0.0], [1.0], [2.0], [3.0]]), 6, axis=1)
    by_item = np.repeat(np.arange(6.0)[None], 4, axis=0)
    for values in (by_string, by_item):
        interval = crossed([(values, None)], seed=0)
        assert interval.high - interval.low > 1.0
    # The same items on both sides: what they have in common cancels.
    assert crossed([(by_item + 1.0, by_item)], seed=0).high == pytest.approx(1.0)
    for wrong in ([], [(np.empty((0, 4)), None)], [(np.ones((3, 1)), None)]):
        with pytest.raises(MeasurementError):
            crossed(wrong, seed=0)


def test_crossed_intervals_hold_the_truth_often_enough() -> None:
    """Strings and items are both drawn from populations: an interval over items alone would be far too narrow."""
    draw = np.random.default_rng(1)
    hits = []
    for trial in range(120):
        strings, items = draw.normal(0.0, 1.0, (6, 1)), draw.normal(0.0, 1.0, (1, 20))
        interval = crossed([(strings + items + draw.normal(0.0, 1.0, (6, 20)), None)], seed=trial)
        hits.append(interval.low <= 0.0 <= interval.high)
    assert np.mean(hits) > 0.85


def test_mean_curves_are_those_of_step_functions() -> None:
    at, mean = mean_curve([np.array([[2.0, 0.0], [4.0, 2.0], [8.0, 4.0]]), np.array([[3.0, 1.0], [8.0, 3.0]])])
    assert at.tolist() == [3.0, 4.0, 8.0]
    assert mean.tolist() == [0.5, 1.5, 3.5]


@pytest.mark.parametrize(("n", "most", "expected"), [(0, 3, []), (2, 8, [0, 1]), (9, 3, [0, 4, 8]), (5, 1, [0])])
def test_places_are_spread_evenly(n: int, most: int, expected: Sequence[int]) -> None:
    assert spread(n, most) == expected


def test_presets_grow_and_full_has_the_published_sizes() -> None:
    order = [ADVERSARIAL_PRESETS[name] for name in ("smoke", "quick", "standard", "full")]
    for field in fields(AdversarialSizes):
        values = [getattr(each, field.name) for each in order]
        if isinstance(values[0], int):
            assert values == sorted(values), field.name
    full = order[-1]
    assert (full.length, full.n_slots, full.n_children, full.restart_every) == (12, 8, 32, 50)
    assert (full.budget - full.n_slots) // (full.n_slots * full.n_children) == 300
    for each in order[1:]:
        assert each.n_restarts >= claim_of(ADVERSARIAL_CLAIMS, "C3.3a").n_min


def test_natural_texts_have_enough_sentences() -> None:
    assert sum(text.count(". ") for text in natural_texts(False)) > 60


def test_behaviours_that_were_not_taken_at_all_are_named() -> None:
    found = made_up()
    left_out = ["concise has no messages that a string could be put behind"]
    results = {**found.results, choice_name(found.model): PartResult({"left_out": left_out})}
    piece = analyse_adversarial([Found(found.model, found.context, found.material, results)])
    assert any(f"{left_out[0]}; nothing was searched for it." in told for told in piece.notes["E23"])


def test_a_model_without_messages_is_left_out_with_a_reason() -> None:
    found = made_up()
    bare = Found(found.model, found.context, found.material, {})
    assert all_tested(bare) == ([], ["no behaviour has items with room for a string"])
    unlike = Material(tuple(replace(each, has_rate=False) for each in found.behaviours), False)
    reasons = all_tested(Found(found.model, found.context, unlike, {}))[1]
    assert reasons[0] == "the answers of talk differ in length, so which one is preferred says nothing about it"
    assert len(reasons) == 2
    assert {each.outcome for each in verdicts(analyse_adversarial([bare])).values()} == {"inconclusive"}
