"""The study of function vectors and in-context vectors on made-up results with known answers, in both directions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_icl import N_ITEMS, Chance, behaviour, fold, planted_model

from pysteer.errors import MeasurementError
from pysteer.formats.word_pairs import WordPairs
from pysteer.studies.icl import EXPERIMENTS, InContextLearning
from pysteer.studies.icl.behavioural_tasks import above_random, advantage, analyse_behaviours
from pysteer.studies.icl.demonstrations import analyse_demonstrations
from pysteer.studies.icl.functional_tasks import analyse_functional, functional_findings
from pysteer.studies.icl.heads_and_layers import analyse_places, best_depth
from pysteer.studies.icl.layer_sets import analyse_sets
from pysteer.studies.icl.means import mean_by_word, mean_known
from pysteer.studies.icl.measuring import choose_heads, choose_in_context, grid_columns
from pysteer.studies.icl.plan import TEMPLATES
from pysteer.studies.icl.planted_truths import analyse_planted
from pysteer.studies.icl.portability import analyse_portability
from pysteer.studies.icl.rewriting import MEASURES, METHODS, choose_strengths, is_fluent
from pysteer.studies.icl.text_means import stratified_mean
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study import Piece


def flat(kind: str, arm: str) -> float:
    return 0.3


def works(kind: str, arm: str) -> float:
    """The function vector does the task, with more heads still better; examples do it always."""
    if kind in ("few", "many"):
        return 1.0
    return {"function vector, more heads": 0.9}.get(arm, 0.75 if arm.startswith("function vector") else 0.25)


def verdicts(piece: Piece) -> dict[str, str]:
    claims = {claim.id: claim for claim in InContextLearning.claims}
    return {claim: claims[claim].judge(row).outcome for claim, row in piece.findings}


def value(piece: Piece, claim: str) -> float:
    return next(row.value for name, row in piece.findings if name == claim)


def compared(right: Chance, **options: Any) -> Piece:
    """Return the findings of the functional tasks alone: tables and figures take longer."""
    return Piece([], functional_findings(planted_model(right, **options)))


# E11


def test_a_planted_function_vector_wins_against_every_other_arm() -> None:
    piece = compared(works)
    found = verdicts(piece)
    assert {found[f"C2.1{letter}"] for letter in "abcdefg"} == {"confirmed"}
    assert value(piece, "C2.1a") == pytest.approx(0.5)
    assert value(piece, "C2.1g") == pytest.approx(0.65)
    assert found["C2.3a"] == "inconclusive"  # the entropy is the same in all arms


def test_an_in_context_vector_that_wins_refutes_and_arms_alike_decide_nothing() -> None:
    def reverse(kind: str, arm: str) -> float:
        return 0.9 if arm in ("in-context vector", "mean hidden state") else 0.3

    found = verdicts(compared(reverse))
    assert (found["C2.1a"], found["C2.1b"], found["C2.1e"]) == ("refuted", "refuted", "refuted")
    assert (found["C2.1c"], found["C2.1d"]) == ("inconclusive", "inconclusive")
    nothing = compared(lambda kind, arm: 0.0)
    assert verdicts(nothing)["C2.1a"] == "inconclusive"
    assert value(nothing, "C2.1a") == 0.0


def test_few_tasks_decide_nothing_however_large_the_difference() -> None:
    found = verdicts(compared(works, n_tasks=5))
    assert found["C2.1a"] == "inconclusive"


def test_an_effect_on_one_task_of_ten_is_no_effect_on_tasks() -> None:
    found = planted_model(flat)
    part = found.results["made-up / task0 0 / arms"]
    place = part.content["arms"].index("function vector")
    part.arrays["zero"][0, :, place] = 1.0
    assert verdicts(Piece([], functional_findings(found)))["C2.1c"] == "inconclusive"


def test_tasks_that_are_left_out_are_named_with_their_reason() -> None:
    found = planted_model(works)
    reasons = {"a": "no file", "b": "no file", "c 1": "too short"}
    found = replace(found, material=replace(found.material, missing_tasks=reasons))
    assert "Left out: a, b: no file; c 1: too short." in analyse_functional([found]).notes["E11"][0]
    assert "Left out" not in analyse_functional([planted_model(works)]).notes["E11"][0]


def test_a_task_without_a_number_is_not_counted_in_captions() -> None:
    found = planted_model(works)
    found.part("task0 0", "arms").arrays["zero"][:] = np.nan
    captions = [figure.drawing.caption for figure in analyse_functional([found]).figures]
    assert any("mean over 9 to 10 tasks" in caption for caption in captions)


def test_a_choice_at_the_end_of_what_was_tried_is_told() -> None:
    found = planted_model(works)  # 5 heads of up to 5, alpha 2.5 of up to 2.5, 5 demonstrations of up to 20
    (told,) = analyse_functional([found]).notes["E11"]
    assert "5 heads (the largest that was tried)" in told
    assert "alpha 2.5 (the largest that was tried) and 5 demonstrations." in told
    (text,) = (note for note in analyse_behaviours([found]).notes["E12"] if "toxic to neutral: 20 pairs" in note)
    assert text.count("(the largest that was tried)") == 2


def test_a_model_with_one_task_has_no_other_tasks_vector() -> None:
    found = planted_model(works, n_tasks=2)
    arms = found.part("task0 0", "arms").content["arms"]  # one list for all parts
    arms[arms.index("another task's vector")] = "gone"
    row = dict(functional_findings(found))["C2.1f"]
    assert "one task only" in row.note
    piece = analyse_functional([found])
    assert "another task's vector" not in {row.labels["arm"] for table in piece.tables for row in table.rows}


def test_without_functional_tasks_every_claim_on_them_says_why(tmp_path: Path) -> None:
    found = planted_model(works, n_tasks=1)
    material = replace(found.material, folds=(), missing_tasks={"antonym": "too short"})
    found = replace(found, material=material)
    findings = {claim: row for analyse in EXPERIMENTS for claim, row in analyse([found]).findings}
    claims = {claim.id: claim.experiment for claim in InContextLearning.claims if claim.experiment != "P00"}
    assert set(findings) == set(claims)
    notes = {row.note for claim, row in findings.items() if claims[claim] != "E12"}
    assert notes == {"no functional task fits: antonym: too short"}
    assert np.isfinite(findings["C2.2a"].value)


def test_fluency_that_a_function_vector_costs_is_found() -> None:
    def bits(kind: str, arm: str) -> float:
        return 2.5 if arm.startswith("function") else 3.0

    piece = compared(works, entropy=bits)
    assert verdicts(piece)["C2.3a"] == "confirmed"
    assert value(piece, "C2.3a") == pytest.approx(-0.5, abs=0.02)


def test_texts_without_an_entropy_are_failures_not_zeros() -> None:
    found = planted_model(works)
    for name, part in found.results.items():
        if name.endswith("arms"):
            part.arrays["zero"][5, :7] = np.nan
    row = next(row for claim, row in functional_findings(found) if claim == "C2.3a")
    assert row.failures == 7 * 10
    assert abs(row.value) < 0.05


def test_texts_that_could_not_be_finished_are_counted_and_told_and_no_zeros() -> None:
    found = planted_model(works)
    for name, part in found.results.items():
        if name.endswith("arms"):
            part.arrays["zero"][:, :4] = np.nan
            part.content["left_out"]["stopped at the model's context"] = 4
    piece = analyse_functional([found])
    assert "40 texts could not be finished" in piece.notes["E11"][0]
    assert "could not be finished" not in analyse_functional([planted_model(works)]).notes["E11"][0]
    mine = [
        row
        for table in piece.tables
        for row in table.rows
        if row.labels.get("arm") == "function vector, more heads" and row.labels.get("prompt") == "no example"
    ]
    assert {row.failures for row in mine if row.quantity in ("first word", "top-1", "top-3")} == {40, 4}
    (top,) = (row for row in mine if row.quantity == "top-1")
    assert top.value == pytest.approx(0.9, abs=0.06)


# E12


def only_in_context(method: str, strength: float) -> float:
    return 2.0 * strength if method == METHODS[1] else 0.0


def test_a_planted_shift_by_in_context_vectors_is_confirmed_and_its_reverse_refuted() -> None:
    piece = analyse_behaviours([planted_model(flat, text_shift=only_in_context)])
    assert set(verdicts(piece).values()) == {"confirmed"}
    assert value(piece, "C2.2a") == pytest.approx(5.0, abs=0.3)
    reverse = analyse_behaviours(
        [planted_model(flat, text_shift=lambda method, c: 1.0 * c if method == METHODS[0] else 0.0)]
    )
    assert (verdicts(reverse)["C2.2a"], verdicts(reverse)["C2.2b"]) == ("refuted", "refuted")
    assert verdicts(reverse)["C2.2c"] == "inconclusive"


def test_the_note_shows_what_was_written_at_the_chosen_strengths() -> None:
    chosen = {METHODS[0]: None, METHODS[1]: 1.0}
    told = analyse_behaviours([planted_model(flat, chosen=chosen)]).notes["E12"][-1]
    assert "without steering: “text 0”; function vector: “text 0”; in-context vector: “text 3”" in told


def test_random_directions_that_shift_as_much_are_noticed() -> None:
    piece = analyse_behaviours([planted_model(flat, text_shift=only_in_context, text_random=5.0)])
    assert verdicts(piece)["C2.2c"] == "inconclusive"


def test_a_method_without_a_fluent_setting_counts_as_no_steering() -> None:
    chosen = {METHODS[0]: 1.0, METHODS[1]: None}
    piece = analyse_behaviours([planted_model(flat, text_shift=only_in_context, chosen=chosen)])
    assert verdicts(piece)["C2.2a"] == "inconclusive"
    assert value(piece, "C2.2c") == 0.0
    labels = {row.labels["strength"] for row in piece.tables[0].rows if row.labels["vector"] == METHODS[1]}
    assert labels == {"none helps"}


def test_forms_of_one_source_are_not_counted_as_two_samples() -> None:
    both = (behaviour("one form", "same"), behaviour("another form", "same"))
    piece = analyse_behaviours([planted_model(flat, text_shift=only_in_context, behaviours=both)])
    row = next(row for claim, row in piece.findings if claim == "C2.2a")
    assert row.n == 20


def test_a_stratified_mean_counts_behaviours_alike_and_draws_inside_them() -> None:
    generator = np.random.default_rng(0)
    few, many = generator.normal(2.0, 1.0, 10), generator.normal(0.0, 1.0, 1000)
    found = stratified_mean([few, many], seed=0)
    assert found.mean == pytest.approx((few.mean() + many.mean()) / 2)
    assert found.n == 1010
    half = 1.96 * 0.5 * few.std() / np.sqrt(10)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.15)
    with pytest.raises(MeasurementError, match="at least two"):
        stratified_mean([np.array([1.0])], seed=0)


def test_texts_that_share_a_predicate_count_as_one() -> None:
    groups = tuple(f"predicate {place % 4}" for place in range(N_ITEMS))
    several = replace(behaviour("one"), groups=groups)
    alone, shared = (
        planted_model(flat, text_shift=only_in_context, behaviours=(each,)) for each in (behaviour("one"), several)
    )
    shift = MEASURES.index("shift")
    for found in (alone, shared):  # what a text gains is decided by its predicate
        part = found.part("one", "rewritten").arrays["found"]
        part[shift] = 0.0
        part[shift, :, -1] = [float(place % 4) for place in range(N_ITEMS)]
    one, few = (advantage(found, "shift") for found in (alone, shared))
    assert (one.n, few.n, one.value, few.value) == (N_ITEMS, 4, 1.5, 1.5)
    assert few.high - few.low > 1.8 * (one.high - one.low)
    (table,) = (table for table in analyse_behaviours([shared]).tables if table.name == "equal_fluency")
    assert {row.n for row in table.rows} == {4}
    assert "20 test texts in 4 independent groups" in analyse_behaviours([shared]).notes["E12"][0]


def test_random_directions_are_drawn_in_the_interval_of_what_is_above_them() -> None:
    found = planted_model(flat, text_shift=only_in_context, behaviours=(behaviour("one"),))
    random = found.part("one", "random").arrays["found"][MEASURES.index("shift")]
    clean = found.part("one", "rewritten").arrays["found"][MEASURES.index("shift"), :, 0]
    random[:, 1] = clean[:, None]
    alike = above_random(found)
    random[:, 1] += np.array([-3.0, 0.0, 3.0])  # the same mean, but it rests on three directions
    apart = above_random(found)
    assert apart.value == pytest.approx(alike.value)
    assert apart.high - apart.low > 4 * (alike.high - alike.low)
    assert apart.n == alike.n == N_ITEMS


def test_a_stratified_mean_leaves_out_what_is_missing() -> None:
    table = np.arange(12.0).reshape(4, 3)
    table[0], table[1, 0] = np.nan, np.nan
    found = stratified_mean([table], seed=0)
    assert found.mean == pytest.approx(np.nanmean(table))
    assert found.n == 3
    assert found.low < found.mean < found.high


def test_a_behaviour_that_is_left_out_is_named_and_none_at_all_gives_no_number() -> None:
    found = planted_model(flat, behaviours=())
    reason = {"toxic to neutral": "too few pairs fit the context of 256 tokens"}
    found = replace(found, material=replace(found.material, missing_behaviours=reason))
    piece = analyse_behaviours([found])
    assert "left out: toxic to neutral: too few pairs fit" in piece.notes["E12"][0]
    assert {row.note for _, row in piece.findings} == {
        f"no behaviour fits: toxic to neutral: {reason['toxic to neutral']}"
    }


def test_strengths_are_chosen_among_the_fluent_ones_by_their_shift() -> None:
    found = np.ones((len(MEASURES), 6, 5))
    found[MEASURES.index("empty")] = 0.0
    found[MEASURES.index("shift")] = [0.0, 1.0, 0.5, 3.0, 9.0]
    found[MEASURES.index("surprise")] = [1.0, 1.2, 1.3, 1.4, 2.0]

    def chosen(values: np.ndarray) -> dict[str, float | None]:
        tried = PartResult({"strengths": [1.0, 4.0], "alphas": [1.0, 2.5]}, {"found": values})
        return dict(choose_strengths(Task({}, {}, {"tried": tried})).content["chosen"])

    assert chosen(found) == {METHODS[0]: 1.0, METHODS[1]: 1.0}  # alpha 2.5 shifts most, and is not fluent
    worse = found.copy()
    worse[MEASURES.index("shift"), :, 1:3] = -1.0
    assert chosen(worse)[METHODS[0]] is None


def test_fluency_has_three_bounds() -> None:
    one = np.array([1.0, 1.4, 1.6, 1.0, 1.0, np.nan])
    entropy = np.array([3.0, 2.5, 3.0, 2.3, 3.0, 3.0])
    empty = np.array([0.0, 0.1, 0.0, 0.0, 0.3, 0.0])
    assert is_fluent(one, entropy, empty) == [True, True, False, False, False, False]
    no_entropy = np.full(6, np.nan)
    assert is_fluent(one, no_entropy, empty) == [True, True, False, True, False, False]


# E13


def early(layer: int) -> float:
    return 0.5 if layer in (1, 2) else 0.4 if layer == 3 else 0.0


def test_a_peak_in_the_first_half_is_found_and_the_last_quarter_is_clean() -> None:
    piece = analyse_places([planted_model(flat, layers=early)])
    assert verdicts(piece) == {"C2.4a": "confirmed", "C2.4b": "confirmed"}
    assert value(piece, "C2.4a") in (1 / 8, 2 / 8)
    assert value(piece, "C2.4b") == 0.0


def test_a_late_peak_refutes_both() -> None:
    piece = analyse_places([planted_model(flat, layers=lambda layer: 0.5 if layer > 5 else 0.0)])
    assert verdicts(piece) == {"C2.4a": "refuted", "C2.4b": "refuted"}


def test_without_an_effect_there_is_no_peak_and_nothing_to_lose() -> None:
    piece = analyse_places([planted_model(flat)])
    assert verdicts(piece) == {"C2.4a": "inconclusive", "C2.4b": "inconclusive"}
    assert all(np.isnan(row.value) for _, row in piece.findings)


def test_the_planted_head_has_the_largest_indirect_effect() -> None:
    piece = analyse_places([planted_model(flat, best_head=(5, 1))])
    first = next(table for table in piece.tables if table.name == "heads").rows[0]
    assert (first.labels["layer"], first.labels["head"]) == (5, 1)
    assert first.value == pytest.approx(0.3, abs=0.01)


def test_indirect_effects_stand_for_the_words_that_were_asked_and_leave_blank_trials_out() -> None:
    found = planted_model(flat, best_head=(5, 1))
    for fold_of in found.material.folds:
        part = found.part(fold_of.name, "vectors")
        part.arrays["cie"][0], part.arrays["clean"][0] = np.nan, np.nan
        part.content["n_blank"] = 1
    piece = analyse_places([found])
    table = next(table for table in piece.tables if table.name == "heads")
    assert table.rows[0].value == pytest.approx(0.3, abs=0.01)
    assert table.rows[0].failures == 10
    assert table.rows[0].origin.data_hash != found.functional.data_hash
    tested = replace(found.material.folds[0], test=found.material.folds[0].valid)
    other = replace(found, material=replace(found.material, folds=(tested, *found.material.folds[1:])))
    again = next(table for table in analyse_places([other]).tables if table.name == "heads").rows[0]
    assert again.origin == table.rows[0].origin  # other test words change nothing
    assert "10 trials had an answer" in piece.notes["E13"][0]
    assert any("40 trials together" in figure.drawing.caption for figure in piece.figures)


def test_a_scan_at_the_ceiling_is_not_to_be_trusted_and_says_so() -> None:
    assert "nothing to restore" in analyse_places([planted_model(flat, clean_probability=0.99)]).notes["E13"][0]
    assert "nothing to restore" not in analyse_places([planted_model(flat)]).notes["E13"][0]


def test_equal_accuracies_are_decided_by_probability() -> None:
    accuracy = np.array([[0.5, 0.5, 0.1, 0.0]])
    probability = np.array([[0.2, 0.3, 0.9, 0.9]])
    assert best_depth([accuracy, probability], np.array([0])) == 0.25


# E14


def test_entropy_that_falls_with_strength_is_confirmed_and_one_that_rises_refuted() -> None:
    piece = analyse_demonstrations([planted_model(works)])
    assert verdicts(piece)["C2.3b"] == "confirmed"
    assert value(piece, "C2.3b") == pytest.approx(-0.5, abs=0.02)
    rising = planted_model(works, grid_entropy=lambda n, alpha: 3.0 + 0.2 * alpha)
    assert verdicts(analyse_demonstrations([rising]))["C2.3b"] == "refuted"


def test_the_best_setting_in_hindsight_is_named() -> None:
    found = planted_model(works, grid=lambda n, alpha: 0.6 if (n, alpha) == (20, 1.0) else 0.1)
    piece = analyse_demonstrations([found])
    assert "alpha 1, 20 demonstrations" in piece.notes["E14"][0]
    row = piece.tables[1].rows[1]
    assert row.value == pytest.approx(0.75 - 0.6)


def test_settings_are_chosen_on_validation_words_and_counted_by_task() -> None:
    """One task has two folds; counted by fold, its preference would win."""
    from pysteer.studies.icl.answers import MEASURES as ANSWERS

    def grid(best: int) -> PartResult:
        values = np.zeros((len(ANSWERS), 4, 3))
        values[0, :, best] = 0.6 if best == 1 else 1.0
        return PartResult({"n_demos": [5]}, {"valid": values, "test": np.full(values.shape, np.nan)})

    inputs = {"a 0": grid(1), "a 1": grid(1), "b 0": grid(2)}
    task = Task({"alphas": [1.0, 2.0], "n_demos": [5]}, {}, inputs)
    chosen = choose_in_context(task).content
    assert (chosen["n_demos"], chosen["alpha"]) == (5, 2.0)


def test_a_task_with_few_demonstrations_is_measured_once_and_its_row_says_how_many() -> None:
    assert grid_columns([5, 30], [5, 50, 150], 2) == [0, 1, 2, 3, 4, 3, 4]
    found = planted_model(works)
    for name, part in found.results.items():  # 30 training words: what was wanted with 150 was measured with these
        if name.endswith("in-context choice"):
            part.content["tried"]["n_demos"] = (5, 150)
        elif name.endswith("in-context grid"):
            part.content["n_demos"] = (5, 30)
    rows = analyse_demonstrations([found]).tables[0].rows
    assert {row.labels["demonstrations"] for row in rows} == {"5", "30"}
    short = replace(found.material.folds[0], train=WordPairs("short", found.material.folds[0].train.pairs[:12]))
    found = planted_model(works, folds=(short, *found.material.folds[1:]))
    assert [found.demonstrations(n) for n in (5, 20, 150)] == ["5", "12 to 20", "12 to 30"]


def test_a_question_without_a_text_does_not_decide_the_choice() -> None:
    from pysteer.studies.icl.answers import MEASURES as ANSWERS

    values = np.zeros((len(ANSWERS), 4, 3))
    values[:2, :, 1], values[0, :, 2] = 0.5, 1.0
    values[:, 0] = np.nan
    task = Task({"alphas": [1.0, 2.0], "n_demos": [5]}, {}, {"a 0": PartResult({"n_demos": [5]}, {"valid": values})})
    assert choose_in_context(task).content["alpha"] == 2.0


# Several splits of one task


def test_a_word_of_several_splits_counts_once_however_often_it_is_asked() -> None:
    """Four splits that ask the same words the same way know as much as one."""
    one = planted_model(works, folds=tuple(fold(f"task{i}") for i in range(8)))
    four = planted_model(works, folds=tuple(fold(f"task{i}", k) for i in range(8) for k in range(4)))
    for name, part in four.results.items():
        if "task" in name:
            first = "".join((name[: name.index("task") + 6], "0", name[name.index("task") + 7 :]))
            part.arrays.update(one.results[first].arrays)
    a, b = (dict(functional_findings(found))["C2.1c"] for found in (one, four))
    assert (a.value, a.low, a.high) == (b.value, b.low, b.high)
    assert [len(words) for words in four.words] == [4 * N_ITEMS] * 8
    texts = [
        table.to_csv() for found in (one, four) for table in analyse_functional([found]).tables if table.name == "tasks"
    ]
    assert [line.split(",")[4:8] for line in texts[0].splitlines()] == [
        line.split(",")[4:8] for line in texts[1].splitlines()
    ]
    assert "questions are about 160 words" in analyse_functional([four]).notes["E11"][0]
    assert "questions are about" not in analyse_functional([one]).notes["E11"][0]


def test_numbers_of_a_word_are_averaged_without_what_is_missing() -> None:
    values = np.array([[1.0, 0.0], [0.0, np.nan], [np.nan, 4.0], [0.5, np.nan]])
    found = mean_by_word(values, ["a", "b", "a", "b"])
    np.testing.assert_array_equal(found, [[1.0, 2.0], [0.25, np.nan]])
    assert np.isnan(mean_known(np.array([np.nan]), axis=0))


def test_the_number_of_heads_is_the_smallest_of_the_best() -> None:
    table = np.zeros((2, 6, 3))
    table[0, :, 1:] = 0.5
    found = choose_heads(Task({}, {}, {"a 0": PartResult({"n_heads": [1, 5, 9]}, {"heads": table})}))
    assert found.content["n_heads"] == 5
    blank = np.concatenate([table, np.full((2, 3, 3), np.nan)], axis=1)
    assert (
        choose_heads(Task({}, {}, {"a 0": PartResult({"n_heads": [1, 5, 9]}, {"heads": blank})})).content["n_heads"]
        == 5
    )


# E15, E16


def test_a_vector_that_works_as_trained_only_is_not_portable() -> None:
    def only_trained(name: str, arm: int) -> float:
        return 0.8 if arm == 1 and name == "as trained" else 0.2

    piece = analyse_portability([planted_model(works, templates=only_trained)])
    assert verdicts(piece) == {"C2.5a": "inconclusive", "C2.5b": "confirmed", "C2.5c": "inconclusive"}
    assert value(piece, "C2.5b") == pytest.approx(0.6)


def test_a_vector_that_works_everywhere_is_portable_and_loses_nothing() -> None:
    found = planted_model(
        works, templates=lambda name, arm: 0.8 if arm == 1 else 0.2, sentences=lambda arm: 0.5 if arm == 1 else 0.1
    )
    piece = analyse_portability([found])
    assert (verdicts(piece)["C2.5a"], verdicts(piece)["C2.5c"]) == ("confirmed", "confirmed")
    assert verdicts(piece)["C2.5b"] == "inconclusive"
    better = planted_model(
        works, templates=lambda name, arm: (0.5 if name == "as trained" else 0.9) if arm == 1 else 0.2
    )
    assert verdicts(analyse_portability([better]))["C2.5b"] == "refuted"


def test_no_drop_is_told_where_there_is_no_effect_to_lose() -> None:
    piece = analyse_portability([planted_model(flat)])
    row = next(row for claim, row in piece.findings if claim == "C2.5b")
    assert "no clear effect" in row.note


def test_questions_without_a_first_token_are_told() -> None:
    found = planted_model(works)
    assert "first token" not in analyse_portability([found]).notes["E15"][0]
    found.part("task0 0", "templates").arrays["templates"][:, :3, list(TEMPLATES).index("arrow")] = np.nan
    assert "bare blank, left out: arrow: 3." in analyse_portability([found]).notes["E15"][0]


def test_every_set_of_layers_has_a_row() -> None:
    (table,) = analyse_sets([planted_model(works)]).tables
    blocks = {row.labels["set"]: row.labels["blocks"] for row in table.rows}
    assert blocks["middle4"] == "2, 3, 4, 5"
    assert (blocks["first"], blocks["last"], blocks["middle2"]) == ("0", "7", "3, 4")
    assert blocks["all"] == "0, 1, 2, 3, 4, 5, 6, 7"


# P00


def planted_files(folder: Path) -> tuple[str, ...]:
    names = tuple(f"task{i}" for i in range(18))
    truths = {"functions": {name: {"domain": "verb"} for name in names}, "zero_shot_chance": {"verb": 0.25}}
    (folder / "planted_truths.json").write_text(json.dumps(truths))
    return names


def test_planted_truths_are_found_where_they_are_and_missed_where_they_are_not(tmp_path: Path) -> None:
    names = planted_files(tmp_path)
    good = planted_model(works, is_embedded=True, folder=tmp_path, names=names)
    found = verdicts(analyse_planted([good]))
    assert (found["P1"], found["P2"]) == ("confirmed", "confirmed")
    assert good.functional not in {
        row.origin for _, row in analyse_planted([good]).findings
    }  # all words, not the test's
    bad = planted_model(lambda kind, arm: 0.7, is_embedded=True, folder=tmp_path, names=names)
    assert verdicts(analyse_planted([bad])) == {"P1": "refuted", "P2": "refuted", "P3": "refuted"}
    solved = planted_model(
        lambda kind, arm: 1.0 if kind == "few" else 0.05, is_embedded=True, folder=tmp_path, names=names
    )
    assert verdicts(analyse_planted([solved]))["P3"] == "confirmed"
    assert not analyse_planted([planted_model(works)]).findings
    part = solved.results[f"made-up / {names[0]} / all words"]
    part.arrays["few"][:, :3] = np.nan
    part.content["left_out"]["stopped at the model's context"] = 3
    piece = analyse_planted([solved])
    assert {claim: row.failures for claim, row in piece.findings} == {"P1": 3, "P2": 0, "P3": 3}
    assert verdicts(piece)["P3"] == "confirmed"
    assert "3 texts could not be finished" in piece.notes["P00"][0]


# All of it


def test_every_experiment_and_claim_is_declared_and_every_piece_belongs_to_one(tmp_path: Path) -> None:
    ids = {experiment.id for experiment in InContextLearning.experiments}
    assert {f"E{number}" for number in range(11, 17)} <= ids
    names = planted_files(tmp_path)
    models = [
        planted_model(works, label=label, is_embedded=label == "one", folder=tmp_path, names=names[:3])
        for label in ("one", "two")
    ]
    pieces = [analyse(models) for analyse in EXPERIMENTS]
    claims = {claim.id for claim in InContextLearning.claims}
    assert {name for piece in pieces for name, _ in piece.findings} == claims
    assert {claim.experiment for claim in InContextLearning.claims} <= ids
    assert {part.experiment for piece in pieces for part in (*piece.tables, *piece.figures)} <= ids
    tables = [table.name for piece in pieces for table in piece.tables]
    figures = [figure.name for piece in pieces for figure in piece.figures]
    assert len(set(tables)) == len(tables)
    assert len(set(figures)) == len(figures)
    assert all(row.labels["model"] in ("one", "two") for piece in pieces for _, row in piece.findings)


def test_the_same_results_give_the_same_tables() -> None:
    def tables() -> list[str]:
        found = planted_model(works, n_tasks=2)
        return [table.to_csv() for analyse in (analyse_functional, analyse_places) for table in analyse([found]).tables]

    assert tables() == tables()
