"""The study of mechanisms on made-up results with known answers: price, layers, overdose, sizes, pairs, queries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_mechanisms import N_PAIRS, behaviour, planted_model

from pysteer.metrics.sample_efficiency import crossing
from pysteer.studies.mechanisms import EXPERIMENTS, Mechanisms
from pysteer.studies.mechanisms.behaviours import CHOSEN, Behaviour
from pysteer.studies.mechanisms.best_layer import analyse_layers
from pysteer.studies.mechanisms.contrasts import (
    HIGH_LEVEL,
    LENGTH,
    MOOD,
    PAST,
    POLITE,
    REGISTER,
    SCENES,
    THINKING,
    length_pairs,
    register_pairs,
    thinking_pairs,
    written_pairs,
)
from pysteer.studies.mechanisms.corpora import KINDS, prompts, queries
from pysteer.studies.mechanisms.larger_models import analyse_larger
from pysteer.studies.mechanisms.measuring import scaled_slopes
from pysteer.studies.mechanisms.overdose import analyse_overdose
from pysteer.studies.mechanisms.pair_numbers import analyse_numbers, knee_of
from pysteer.studies.mechanisms.plan import map_layers, pair_counts
from pysteer.studies.mechanisms.planted_truths import analyse_planted
from pysteer.studies.mechanisms.pooling import bootstrap_crossed, bootstrap_nested
from pysteer.studies.mechanisms.price import analyse_price
from pysteer.studies.mechanisms.single_pairs import analyse_single
from pysteer.studies.mechanisms.user_queries import analyse_queries
from pysteer.studies.rows import Row
from pysteer.studies.study import Piece

FOUR = [behaviour("joyful-sad", kind="texts"), *(behaviour(name) for name in CHOSEN[:3])]
CLAIMS = {claim.id: claim for claim in Mechanisms.claims}


def verdicts(piece: Piece) -> dict[str, str]:
    return {claim: CLAIMS[claim].judge(row).outcome for claim, row in piece.findings}


def value(piece: Piece, claim: str) -> float:
    return next(row.value for name, row in piece.findings if name == claim)


def note(piece: Piece, claim: str) -> str:
    return next(row.note for name, row in piece.findings if name == claim)


# E20: price


def test_a_planted_price_is_found_with_its_sign_growth_and_excess_over_random_directions() -> None:
    piece = analyse_price([planted_model(FOUR)])
    assert verdicts(piece) == dict.fromkeys(("C3.4a", "C3.4b", "C3.4c", "C3.4d", "C3.4e"), "confirmed")
    assert value(piece, "C3.4a") == 1.0
    assert value(piece, "C3.4b") == pytest.approx(0.08, abs=0.002)  # 0.02 times the square of 2
    assert value(piece, "C3.4e") == pytest.approx(0.06, abs=0.002)
    rows = [
        row for row in piece.tables[2].rows if row.quantity == "perplexity_ratio" and row.labels["strength"] == -2.0
    ]
    ratios = [row.value for row in rows if row.labels["direction"] == "vector"]
    assert ratios == pytest.approx([np.exp(0.08)] * len(FOUR), abs=0.003)
    assert [row.value for row in piece.tables[1].rows] == pytest.approx([0.25] * len(FOUR), rel=0.05)  # length 1 over 4


def test_a_vector_that_improves_the_text_refutes_the_price() -> None:
    found = verdicts(analyse_price([planted_model(FOUR, loss=lambda each, strength: -0.02 * abs(strength))]))
    assert found == dict.fromkeys(("C3.4a", "C3.4b", "C3.4c", "C3.4d", "C3.4e"), "refuted")


def test_only_one_sign_hurting_is_seen_as_that() -> None:
    piece = analyse_price([planted_model(FOUR, loss=lambda each, strength: 0.03 * strength)])
    found = verdicts(piece)
    assert (found["C3.4b"], found["C3.4c"]) == ("confirmed", "refuted")
    assert value(piece, "C3.4a") == pytest.approx(0.5, abs=0.02)
    assert found["C3.4d"] == "inconclusive"  # up on one side, down on the other


def test_a_push_as_costly_as_a_random_one_is_no_cost_of_the_direction() -> None:
    def drawn(strength: float) -> float:
        return 0.02 * strength**2

    piece = analyse_price([planted_model(FOUR, random_loss=drawn)])
    assert verdicts(piece)["C3.4e"] != "confirmed"
    assert value(piece, "C3.4e") == pytest.approx(0.0, abs=0.001)


def test_random_directions_that_differ_widen_the_interval_of_the_excess_over_them() -> None:
    """The mean of three directions is not that of all directions: another three would have given another number."""

    def excess(spread: float) -> Row:
        piece = analyse_price([planted_model(FOUR, random_spread=spread)])
        return next(row for claim, row in piece.findings if claim == "C3.4e")

    alike, different = excess(0.0), excess(0.9)
    assert different.value == pytest.approx(alike.value, abs=0.001)
    assert alike.high - alike.low < 0.003
    assert different.low == pytest.approx(
        0.06 - 0.9 * 0.02, abs=0.008
    )  # all three drawn are the costliest one, or nearly
    rows = [
        row
        for row in analyse_price([planted_model(FOUR[:1], random_spread=0.9)]).tables[2].rows
        if row.labels["direction"] == "random" and row.quantity == "perplexity_ratio"
    ]
    assert [row.labels["strength"] for row in rows] == [-3.0, -2.0, 2.0, 3.0]
    assert {row.n for row in rows} == {3}
    assert rows[1].value == pytest.approx(np.exp(0.02), abs=0.002)
    assert rows[1].low < np.exp(0.012)
    assert rows[1].high > np.exp(0.028)


def test_what_is_steered_is_judged_on_other_items_than_those_that_are_measured() -> None:
    unlucky = planted_model(FOUR, judged=lambda each: -1.0 if each is FOUR[0] else 1.0)
    assert FOUR[0] not in unlucky.steered
    lucky = planted_model(FOUR, effect=lambda each: 0.0, judged=lambda each: 1.0 if each is FOUR[0] else -1.0)
    assert lucky.steered == (FOUR[0],)
    rows = [row for row in analyse_price([lucky]).tables[3].rows if row.labels["behaviour"] == FOUR[0].name]
    assert [(row.n, row.note) for row in rows] == [(8, "steered"), (40, "")]
    assert rows[0].low > 0.5
    assert abs(rows[1].value) < 0.2


def test_behaviours_that_are_not_steered_decide_nothing_about_the_price_of_steering() -> None:
    def one_steers(each: Behaviour) -> float:
        return 1.0 if each.name in ("joyful-sad", "openness") else 0.0

    def one_costs(each: Behaviour, strength: float) -> float:
        return 0.02 * strength**2 if one_steers(each) else -0.05 * strength**2

    piece = analyse_price([planted_model(FOUR, effect=one_steers, loss=one_costs, noise=0.02)])
    assert verdicts(piece) == dict.fromkeys(("C3.4a", "C3.4b", "C3.4c", "C3.4d", "C3.4e"), "confirmed")
    pooled = {(row.labels["behaviours"], row.quantity): row for row in piece.tables[0].rows}
    assert pooled["all", "mean log ratio at 2"].value < 0.0 < pooled["steered", "mean log ratio at 2"].value
    nothing = planted_model(FOUR, effect=lambda each: 0.0, noise=0.02)
    assert set(verdicts(analyse_price([nothing])).values()) == {"inconclusive"}
    assert verdicts(analyse_overdose([nothing]))["C3.7c"] == "inconclusive"


# E20: layers


@pytest.mark.parametrize(("best", "outcome"), [(3, "confirmed"), (7, "refuted"), (0, "refuted")])
def test_the_layer_that_was_planted_is_found(best: int, outcome: str) -> None:
    piece = analyse_layers([planted_model(FOUR, best=best)])
    assert value(piece, "C3.6") == best / 8
    assert verdicts(piece)["C3.6"] == outcome


def test_behaviours_in_other_units_weigh_alike_and_noise_weighs_little() -> None:
    at = np.array([-1.0, 0.0, 1.0])
    slopes = np.array([[1.0, 2.0]] * 6)
    values = slopes[:, :, None] * at
    np.testing.assert_allclose(scaled_slopes(at, values), scaled_slopes(at, 1000.0 * values))
    noise = np.random.default_rng(0).normal(0.0, 1.0, (400, 2))[:, :, None] * at
    assert np.abs(scaled_slopes(at, noise)).max() < 0.2 < scaled_slopes(at, values).min()
    assert (scaled_slopes(at, np.zeros((3, 2, 3))) == 0.0).all()


# E20: too much


def test_moderate_strengths_that_work_and_large_ones_that_break_texts_are_found() -> None:
    piece = analyse_overdose([planted_model(FOUR)])
    assert verdicts(piece) == {"C3.7a": "confirmed", "C3.7b": "confirmed", "C3.7c": "confirmed"}
    onsets = [row.value for row in piece.tables[0].rows if row.quantity == "over_steering_onset"]
    assert all(3.0 <= onset <= 8.0 for onset in onsets)


def test_texts_that_break_at_once_and_vectors_that_backfire_are_found() -> None:
    found = verdicts(analyse_overdose([planted_model(FOUR, breaks_at=1.0)]))
    assert (found["C3.7a"], found["C3.7b"], found["C3.7c"]) == ("confirmed", "refuted", "confirmed")
    backwards = verdicts(analyse_overdose([planted_model(FOUR, effect=lambda each: -1.0)]))
    assert (backwards["C3.7a"], backwards["C3.7b"], backwards["C3.7c"]) == ("refuted", "inconclusive", "inconclusive")


def test_texts_that_never_break_refute_the_gibberish() -> None:
    piece = analyse_overdose([planted_model(FOUR, breaks_at=99.0)])
    assert verdicts(piece)["C3.7c"] == "refuted"
    onset = next(row for row in piece.tables[0].rows if row.quantity == "over_steering_onset")
    assert np.isnan(onset.value)
    assert "does not set in" in onset.note


def test_a_loop_is_a_broken_text_although_it_surprises_nobody() -> None:
    found = planted_model(FOUR, breaks_at=99.0)
    for each in FOUR:
        for row in found.part(each, "texts").content["texts"]:
            row[-1] = "la la la " * 20
    assert verdicts(analyse_overdose([found]))["C3.7c"] == "confirmed"


# E20: larger models, coarser weights


def test_a_larger_model_that_resists_is_found_and_one_that_does_not_is_refuted() -> None:
    small = planted_model(FOUR, label="small", n_parameters=1000)
    sturdy = planted_model(FOUR, label="large", n_parameters=9000, loss=lambda each, strength: 0.005 * strength**2)
    fragile = planted_model(FOUR, label="large", n_parameters=9000, loss=lambda each, strength: 0.1 * strength**2)
    piece = analyse_larger([sturdy, small])  # the order in which they are given does not matter
    assert verdicts(piece)["C3.5"] == "confirmed"
    assert value(piece, "C3.5") == pytest.approx(0.06, abs=0.003)
    assert verdicts(analyse_larger([small, fragile]))["C3.5"] == "refuted"


def test_the_difference_between_models_draws_the_windows_that_both_have_read() -> None:
    small = planted_model(FOUR, label="small", n_parameters=1000)
    large = planted_model(FOUR, label="large", n_parameters=9000)
    assert analyse_larger([small, large]).findings[0][1].value == 0.0
    for each in FOUR:  # one window is far worse under steering, in the small model only
        small.part(each, "perplexity").arrays["nll"][0, 1:3] += 3.0
    row = analyse_larger([small, large]).findings[0][1]
    assert row.value == pytest.approx(3.0 / 2 / 12, abs=0.001)
    assert row.low == pytest.approx(0.0, abs=0.001)  # a draw without that window
    assert row.high > 0.3
    assert "the same 12 texts" in row.note


def test_models_with_as_many_parameters_are_not_ranked() -> None:
    same = [planted_model(FOUR, label=label, n_parameters=1000) for label in ("fine", "coarse")]
    assert "none of them is larger" in note(analyse_larger(same), "C3.5")


def test_one_model_says_nothing_about_size() -> None:
    piece = analyse_larger([planted_model(FOUR)])
    assert verdicts(piece)["C3.5"] == "inconclusive"
    assert "several models" in note(piece, "C3.5")


def test_coarser_weights_that_cost_more_are_found() -> None:
    assert verdicts(analyse_larger([planted_model(FOUR)]))["C3.5b"] == "confirmed"
    piece = analyse_larger([planted_model(FOUR, coarse_loss=0.2)])
    assert verdicts(piece)["C3.5b"] == "refuted"
    assert value(piece, "C3.5b") == pytest.approx(0.2, abs=0.003)


# E21


def test_a_planted_knee_is_found_by_scatter_and_by_effect() -> None:
    # With r the noise ratio, cosine 0.95 needs r * 0.9025 / 0.0975 pairs: 39 of 4.2 and 85 of 9.2.
    piece = analyse_numbers([planted_model(FOUR, noise_ratio=9.2)])
    assert value(piece, "C3.2b") == pytest.approx(85.0, rel=0.15)
    assert verdicts(piece) == {"C3.2a": "confirmed", "C3.2b": "confirmed", "C3.2c": "confirmed"}
    # The measured knee is one against the vector of all pairs, of which a subset is a part: it comes earlier.
    assert 40.0 < value(piece, "C3.2a") < 85.0


def test_vectors_that_settle_at_once_refute_the_knee() -> None:
    piece = analyse_numbers([planted_model(FOUR, noise_ratio=0.4)])
    found = verdicts(piece)
    assert (found["C3.2a"], found["C3.2b"]) == ("refuted", "refuted")
    assert value(piece, "C3.2b") == pytest.approx(3.7, rel=0.2)


def test_without_an_effect_there_is_no_knee_of_it_but_one_of_the_direction() -> None:
    piece = analyse_numbers([planted_model(FOUR, effect=lambda each: 0.0)])
    found = verdicts(piece)
    assert (found["C3.2a"], found["C3.2c"]) == ("inconclusive", "confirmed")
    assert "no behaviour is steered" in note(piece, "C3.2a")
    assert np.isfinite(value(piece, "C3.2b"))


def test_a_knee_above_half_of_the_pairs_is_censored() -> None:
    found = planted_model(FOUR, noise_ratio=60.0)
    assert np.isposinf(knee_of(found, FOUR[0]))
    piece = analyse_numbers([found])
    assert verdicts(piece)["C3.2a"] == "inconclusive"
    assert any("no knee below half" in told for told in piece.notes["E21"])
    assert value(piece, "C3.2b") > N_PAIRS / 2


def test_crossings_are_interpolated_over_the_logarithm() -> None:
    assert crossing([1, 10, 100], np.array([0.0, 0.5, 1.0]), 0.75) == pytest.approx(10**1.5)
    assert crossing([1, 10], np.array([0.9, 1.0]), 0.5) == 1.0
    assert np.isnan(crossing([1, 10], np.array([0.1, 0.2]), 0.5))


# E22


def test_an_effect_that_is_lost_on_user_queries_is_found() -> None:
    piece = analyse_queries([planted_model(FOUR, outside=lambda each: 0.0, noise=0.05)])
    assert verdicts(piece) == dict.fromkeys(("C3.1a", "C3.1b", "C3.1c", "C3.1d"), "confirmed")
    assert value(piece, "C3.1c") == pytest.approx(0.0, abs=0.05)


def test_an_effect_that_stays_refutes_its_loss() -> None:
    piece = analyse_queries([planted_model(FOUR)])
    found = verdicts(piece)
    assert (found["C3.1a"], found["C3.1b"], found["C3.1c"]) == ("confirmed", "refuted", "refuted")
    assert value(piece, "C3.1c") == pytest.approx(1.0, abs=0.15)
    assert found["C3.1d"] != "confirmed"


def test_without_an_effect_in_distribution_there_is_no_ratio() -> None:
    piece = analyse_queries([planted_model(FOUR, effect=lambda each: 0.0, noise=0.02)])
    found = verdicts(piece)
    assert (found["C3.1a"], found["C3.1c"]) == ("inconclusive", "inconclusive")
    assert "no effect to lose" in note(piece, "C3.1c")
    ratios = [row for row in piece.tables[0].rows if row.quantity.startswith("gain on user queries over")]
    assert len(ratios) == len(FOUR)
    assert all(np.isnan(row.value) for row in ratios)


def test_one_behaviour_that_steers_is_named_where_it_alone_decides() -> None:
    piece = analyse_queries([planted_model(FOUR, effect=lambda each: 2.0 * (each.name == "joyful-sad"))])
    assert note(piece, "C3.1c") == "of joyful-sad"
    assert value(piece, "C3.1c") == pytest.approx(1.0, abs=0.2)


def test_what_is_left_on_queries_is_that_of_behaviours_judged_on_other_items() -> None:
    """A behaviour that gains on the items measured by luck is not one that is steered, and the other way round."""
    piece = analyse_queries([planted_model(FOUR, judged=lambda each: 1.0 if each in FOUR[:2] else -1.0)])
    assert note(piece, "C3.1c") == "of joyful-sad, openness"
    lucky = planted_model(FOUR, judged=lambda each: -1.0)
    assert "no effect to lose" in note(analyse_queries([lucky]), "C3.1c")


def test_a_contrast_of_unlike_lengths_has_slopes_and_no_part_in_claims_about_rates() -> None:
    """Of a short and a long reply the short one is more probable at every strength: its rate says nothing."""
    without = [replace(FOUR[0], has_rate=False), *FOUR[1:]]
    piece, whole = (analyse_queries([planted_model(behaviours)]) for behaviours in (without, FOUR))
    assert [row.n for _, row in piece.findings] == [3, 3, 3, 3]
    assert [row.n for _, row in whole.findings] == [4, 4, 4, 4]
    mine = [row for row in piece.tables[0].rows if row.labels["behaviour"] == FOUR[0].name]
    assert {row.quantity for row in mine} == {"slope", "gain of the behaviour rate from -2 to 2"}
    assert all(np.isnan(row.value) == (row.quantity != "slope") for row in mine)
    assert "over 1.5 times as long" in mine[0].note
    assert any("joyful-sad: slopes only, and no part in the claims" in told for told in piece.notes["E22"])
    nothing = analyse_queries([planted_model([without[0]])])
    assert all(np.isnan(row.value) for _, row in nothing.findings)


# E24


def test_single_pairs_that_steer_less_and_differ_are_found() -> None:
    piece = analyse_single([planted_model(FOUR)])
    assert verdicts(piece) == {"C3.8a": "confirmed", "C3.8b": "confirmed", "C3.8c": "refuted"}
    assert value(piece, "C3.8a") == pytest.approx(0.5)
    assert value(piece, "C3.8b") == pytest.approx(0.3 * np.sqrt(16 / 15))  # shares are 0.2 and 0.8 in turn
    assert value(piece, "C3.8c") == pytest.approx(0.2)


def test_single_pairs_as_good_as_all_refute_that_many_are_needed() -> None:
    piece = analyse_single([planted_model(FOUR, single=lambda pair: 1.0, written=1.0)])
    assert verdicts(piece) == {"C3.8a": "refuted", "C3.8b": "refuted", "C3.8c": "confirmed"}


def test_pairs_that_steer_either_way_are_counted() -> None:
    piece = analyse_single([planted_model(FOUR, single=lambda pair: 1.5 if pair % 2 else -1.0)])
    assert verdicts(piece)["C3.8b"] == "confirmed"
    shares = {row.value for row in piece.tables[0].rows if row.quantity == "single pairs that steer the wrong way"}
    assert shares == {0.5}


def test_where_nothing_steers_single_pairs_are_not_compared() -> None:
    piece = analyse_single([planted_model(FOUR, effect=lambda each: 0.0, noise=0.02)])
    assert set(verdicts(piece).values()) == {"inconclusive"}


# P20


EMBEDDED = [behaviour("mood", kind="texts", planted="mood"), behaviour("mysticism", planted="null")]


def test_planted_truths_are_confirmed_where_they_are_found_and_refuted_where_not() -> None:
    def only_mood(each: Behaviour) -> float:
        return 1.0 if each.name == "mood" else 0.0

    piece = analyse_planted([planted_model(EMBEDDED, effect=only_mood, is_embedded=True, noise=0.01)])
    assert verdicts(piece) == dict.fromkeys(("P1", "P2", "P3", "P4"), "confirmed")
    other = planted_model(
        EMBEDDED, is_embedded=True, joyful=(1.0, 0.5, 0.0), loss=lambda each, strength: 0.2 * strength**2
    )
    assert verdicts(analyse_planted([other])) == dict.fromkeys(("P1", "P2", "P3", "P4"), "refuted")


def test_other_models_have_no_planted_truths() -> None:
    assert not analyse_planted([planted_model(EMBEDDED)]).findings


# Material


def test_every_query_has_a_matching_and_another_reply_and_letters_are_balanced() -> None:
    n_queries, texts = 0, set()
    for name in (*CHOSEN, "joyful-sad"):
        found = queries(behaviour(name), is_embedded=False, n=100)
        if not found:
            continue
        assert set(found) == set(KINDS)
        letters = [pair.positive for pair in found["choice"]]
        assert letters.count(" (A)") == letters.count(" (B)")
        assert all(pair.prompt and not pair.positive.startswith(" (") for pair in found["open"])
        n_queries += sum(map(len, found.values()))
        texts |= {pair.prompt for kind in found.values() for pair in kind}
    assert len(texts) == n_queries >= 60
    assert queries(behaviour("no such behaviour"), is_embedded=False, n=9) == {}


def test_matching_replies_are_not_longer_than_the_others() -> None:
    lengths = []
    for name in (*CHOSEN, "joyful-sad"):
        for kind in queries(behaviour(name), is_embedded=False, n=100).values():
            lengths += [len(pair.positive) - len(pair.negative) for pair in kind]
    assert abs(np.mean(lengths)) < 3.0  # a longer reply is less probable, whatever it says


def test_queries_of_the_embedded_model_are_in_its_words() -> None:
    found = queries(behaviour("mood", kind="texts"), is_embedded=True, n=12)
    assert len(found["choice"]) == len(found["open"]) == 12
    assert all("{topic}" not in pair.positive + pair.prompt for kind in found.values() for pair in kind)
    assert len(prompts(is_embedded=True, n=60)) == 60
    assert len(prompts(is_embedded=False, n=60)) == 40


def test_contrasts_differ_in_their_replies_and_ask_everything_once() -> None:
    made = [*(written_pairs(name, 0) for name in (POLITE, PAST)), register_pairs(0), length_pairs(0)]
    both = [[*train, *rest] for train, rest in made]
    for pairs in (*both, thinking_pairs()):
        assert len(pairs) >= 60
        assert all(pair.prompt and pair.positive.strip() != pair.negative.strip() for pair in pairs)
        assert len({pair.prompt for pair in pairs}) == len(pairs)
    assert all(len(pair.positive) > 1.5 * len(pair.negative) for pair in both[3])
    assert all(pair.positive.endswith(pair.negative) for pair in thinking_pairs())


def test_every_contrast_has_a_hand_written_pair_and_user_queries() -> None:
    assert queries(behaviour(SCENES, kind="texts"), is_embedded=False, n=8) == {}  # those of joyful-sad count once
    assert queries(behaviour(THINKING, kind="texts"), is_embedded=True, n=8) == {}  # it answers questions, and no more
    for name in set(HIGH_LEVEL) - {THINKING, SCENES}:
        found = queries(behaviour(name, kind="texts"), is_embedded=name in (MOOD, REGISTER, LENGTH), n=8)
        assert [len(found[kind]) for kind in KINDS] == [8, 8], name


# The whole


def test_every_claim_belongs_to_an_experiment_and_all_experiments_analyse_made_up_results_alike_twice() -> None:
    known = {experiment.id for experiment in Mechanisms.experiments}
    assert {claim.experiment for claim in Mechanisms.claims} <= known
    assert len(CLAIMS) == len(Mechanisms.claims)
    found = planted_model(FOUR)
    again = planted_model(FOUR)
    own = [analyse for analyse in EXPERIMENTS if analyse.__name__ != "analyse_adversarial"]
    for analyse in own:
        first, second = analyse([found]), analyse([again])
        assert [table.to_csv() for table in first.tables] == [table.to_csv() for table in second.tables]
        assert {claim for claim, _ in first.findings} <= set(CLAIMS)
        assert {figure.experiment for figure in first.figures} <= known


def test_sizes_of_subsets_stay_below_the_number_of_pairs_and_layers_are_spread() -> None:
    assert pair_counts(320) == [1, 2, 5, 10, 20, 40, 80, 160]
    assert pair_counts(2) == [1]
    assert map_layers(list(range(32)), 5) == [0, 8, 16, 23, 31]
    assert map_layers([0, 1], 5) == [0, 1]


def test_intervals_draw_behaviours_and_what_lies_within_them() -> None:
    table = np.array([[0.0, 0.0], [10.0, 10.0]])
    found = bootstrap_crossed(lambda rows, columns: float(table[rows][:, columns].mean()), 2, 2, seed=0)
    assert (found.mean, found.low, found.high, found.n) == (5.0, 0.0, 10.0, 2)
    items = [np.array([0.0, 2.0]), np.array([1.0, 1.0])]
    nested = bootstrap_nested(
        lambda chosen, drawn: float(np.mean([items[i][d].mean() for i, (d,) in zip(chosen, drawn, strict=True)])),
        [[2], [2]],
        seed=0,
    )
    assert bootstrap_crossed(lambda rows, *others: float(len(others)), 2, 3, 4, seed=0).mean == 2.0
    assert nested.mean == 1.0
    assert nested.low < 1.0 < nested.high
