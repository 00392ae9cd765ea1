"""The study of trade-offs on made-up results with known answers (E17, E18, E19, E25, mitigations), and its material."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from planted_tradeoff import CONTROL, PAPER, STYLES, Numbers, falling, planted_model

from pysteer.errors import DataError
from pysteer.questions import Question, QuestionSet
from pysteer.statistics import Interval
from pysteer.studies.study import Piece
from pysteer.studies.tradeoff import (
    EXPERIMENTS,
    Tradeoff,
    compared_arms,
    ladder,
    mitigations,
    more_strength,
    side_panel,
)
from pysteer.studies.tradeoff.arms import ARMS, Prompting, question_prompt, request_prompt
from pysteer.studies.tradeoff.compared_arms import analyse_arms
from pysteer.studies.tradeoff.found import Found, widened
from pysteer.studies.tradeoff.ladder import analyse_ladder
from pysteer.studies.tradeoff.matched import accuracy_at, bootstrap_two
from pysteer.studies.tradeoff.mitigations import analyse_mitigations
from pysteer.studies.tradeoff.more_strength import analyse_strength
from pysteer.studies.tradeoff.planted import analyse_planted
from pysteer.studies.tradeoff.search import best_settings, choose_written
from pysteer.studies.tradeoff.side_panel import analyse_side_effects
from pysteer.studies.tradeoff.side_tasks import guessing
from pysteer.studies.tradeoff.styles import MATERIAL, Style, load_embedded_styles, load_styles, shows_style, word_score
from pysteer.studies.tradeoff.tasks import embedded_tasks, public_tasks

DEMO = Path(__file__).resolve().parents[2] / "pysteer" / "demo"


@pytest.fixture(autouse=True)
def without_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing out, which takes most of the time, but in the test of the figures."""
    if "figures" in request.node.name:
        return
    drawn = {
        compared_arms: ("draw_heat_map", "draw_arm_violins", "turn_names"),
        more_strength: ("draw_trade_off", "draw_pareto_front"),
        mitigations: ("draw_rows",),
        side_panel: ("draw_rows",),
        ladder: ("draw_rows",),
    }
    for module, names in drawn.items():
        for name in names:
            monkeypatch.setattr(module, name, lambda *_, **__: None)


def verdicts(piece: Piece) -> dict[str, str]:
    claims = {claim.id: claim for claim in Tradeoff.claims}
    return {claim: claims[claim].judge(row).outcome for claim, row in piece.findings}


def value(piece: Piece, claim: str) -> float:
    return next(row.value for name, row in piece.findings if name == claim)


def reason(piece: Piece, claim: str) -> str:
    return next(row.note for name, row in piece.findings if name == claim)


# E17


def test_results_as_in_the_paper_confirm_its_signs() -> None:
    piece = analyse_arms([planted_model(judge_gap=1.0)])
    found = verdicts(piece)
    assert {claim for claim, outcome in found.items() if outcome != "confirmed"} == set()
    assert value(piece, "C0.1g") == pytest.approx(-0.4, abs=0.03)
    assert value(piece, "C0.1a") == pytest.approx(0.4, abs=0.02)
    assert value(piece, "C0.1i") == pytest.approx(1.2, abs=0.03)
    assert value(piece, "C0.3c") == pytest.approx(0.2, abs=0.05)


def test_the_opposite_of_the_paper_refutes_it() -> None:
    good, bad = Numbers(1.0, -0.4, 0.5, 0.3), Numbers(0.4, 0.4, 2.0, 0.8)
    steered = {name: good for name in PAPER if "vector" in name or "features" in name}
    arms = {**PAPER, **steered, "prompting": bad, "features + prompting": Numbers(0.7, -0.6, 0.5, 0.0)}
    found = verdicts(analyse_arms([planted_model(arms, judge_gap=-1.0)]))
    for claim in ("C0.1a", "C0.1b", "C0.1c", "C0.1d", "C0.1e", "C0.1f", "C0.1g", "C0.1h", "C0.1i", "C0.1j", "C0.2a"):
        assert found[claim] == "refuted", claim
    for claim in ("C0.2b", "C0.3a", "C0.3b", "C0.3c", "I2"):
        assert found[claim] == "refuted", claim


def test_arms_that_change_nothing_confirm_no_effect() -> None:
    found = verdicts(analyse_arms([planted_model(dict.fromkeys(PAPER, CONTROL))]))
    assert found.pop("C0.2a") == "confirmed"  # prompting that does nothing costs nothing
    assert found.pop("I1") == "confirmed"
    assert list(found.values()).count("confirmed") <= 1  # of 16 claims at 95 %, one may be confirmed by chance


def test_a_model_at_chance_has_nothing_to_lose_and_no_claim_about_a_loss_is_decided() -> None:
    arms = {name: replace(numbers, right=0.25) for name, numbers in PAPER.items()}
    model = planted_model(arms, letters=dict.fromkeys(PAPER, 0.25), sweep=lambda *_: replace(CONTROL, right=0.25))
    piece = analyse_arms([model])
    found = verdicts(piece)
    assert {found[claim] for claim in ("C0.1g", "C0.1h", "C0.2a", "C0.3c", "C0.6")} == {"inconclusive"}
    assert "nothing to lose" in reason(piece, "C0.2a")
    assert found["C0.1a"] == "confirmed"
    assert set(verdicts(analyse_mitigations([model])).values()) == {"inconclusive"}
    assert verdicts(analyse_strength([model]))["C0.5c"] == "inconclusive"


def test_letters_decide_where_writing_is_at_chance() -> None:
    arms = {name: replace(numbers, right=0.0) for name, numbers in PAPER.items()}
    letters = {name: numbers.right for name, numbers in PAPER.items()}
    model = planted_model(arms, letters=letters)
    assert model.capability_kind == "letters"
    assert verdicts(analyse_arms([model]))["C0.1h"] == "confirmed"


def test_a_likelihood_ratio_that_cannot_tell_contrast_texts_apart_decides_nothing() -> None:
    piece = analyse_arms([planted_model(ratio_check=0.0)])
    found = verdicts(piece)
    assert {found[claim] for claim in ("I1", "C0.1a", "C0.1b", "C0.1c", "C0.1d")} == {"inconclusive"}
    assert "does not tell" in reason(piece, "C0.1a")


def test_published_and_paired_tests_stand_side_by_side() -> None:
    table = next(table for table in analyse_arms([planted_model()]).tables if table.name == "arm_tests")
    chosen = {
        row.quantity: row
        for row in table.rows
        if (row.labels["table"], row.labels["first"], row.labels["second"]) == ("coherence", "control", "features")
    }
    assert chosen["difference"].value == pytest.approx(1.2, abs=0.03)
    assert chosen["Cohen's d"].value == pytest.approx(1.2 / 0.05, rel=0.2)
    assert chosen["p, Student, Bonferroni"].value < 1e-10
    assert chosen["p, paired"].value < 1e-10


def test_shares_without_any_spread_admit_what_was_not_seen() -> None:
    ones, nothing = Interval(1.0, 1.0, 1.0, 20, 0.95), Interval(0.0, 0.0, 0.0, 20, 0.95)
    most = 3.84 / (20 + 3.84)
    assert widened(ones, is_change=False).low == pytest.approx(1.0 - most, abs=1e-3)
    assert widened(ones, is_change=False).high == 1.0
    both = widened(nothing, is_change=True)
    assert (both.low, both.high) == (pytest.approx(-most, abs=1e-3), pytest.approx(most, abs=1e-3))
    assert widened(nothing, is_change=False).low == 0.0
    known = Interval(0.5, 0.4, 0.6, 20, 0.95)
    assert widened(known, is_change=True) is known


# E18


def test_a_planted_trade_off_is_monotone_and_a_random_direction_is_not() -> None:
    piece = analyse_strength([planted_model()])
    assert set(verdicts(piece).values()) == {"confirmed"}
    assert value(piece, "C0.5a") == pytest.approx(1.0)
    assert value(piece, "C0.5c") == pytest.approx(-0.6, abs=0.08)
    rows = next(table for table in piece.tables if table.name == "price").rows
    costs = {
        str(row.labels["kind"]): row
        for row in rows
        if row.quantity == "accuracy lost per unit of behaviour" and row.labels["strength"] == 1.0
    }
    assert costs["vector"].value == pytest.approx(0.75, abs=0.1)
    assert np.isnan(costs["random"].value)


def test_an_onset_is_found_where_it_was_planted() -> None:
    def late(kind: str, strength: float) -> Numbers:
        return replace(falling(kind, strength), right=1.0 if strength <= 0.5 else 1.0 - 1.6 * (strength - 0.5))

    rows = next(
        table for table in analyse_strength([planted_model(sweep=late)]).tables if table.name == "over_steering"
    )
    [onset] = [
        r for r in rows.rows if r.quantity == "onset of over-steering, accuracy" and r.labels["kind"] == "vector"
    ]
    assert onset.value == pytest.approx(0.5, abs=0.1)


def test_more_strength_that_makes_text_better_is_refuted() -> None:
    def better(kind: str, strength: float) -> Numbers:
        return Numbers(0.5 + 0.4 * strength, 0.1, 3.0 - strength, 0.5)

    found = verdicts(analyse_strength([planted_model(sweep=better)]))
    assert set(found.values()) == {"refuted"}


# E19


def ladder_of(*losses: float) -> list[Found]:
    """Models of 1, 10, 100 ... million parameters that lose so much accuracy at full strength, for the same gain."""

    def sweep(loss: float) -> Any:
        return lambda kind, strength: replace(falling(kind, strength), right=1.0 - loss * strength)

    return [
        planted_model(label=f"model {k}", sweep=sweep(loss), n_parameters=10 ** (6 + k))
        for k, loss in enumerate(losses)
    ]


def test_larger_models_that_lose_less_confirm_and_that_lose_more_refute() -> None:
    piece = analyse_ladder(ladder_of(0.9, 0.5, 0.1))
    assert verdicts(piece)["C0.4"] == "confirmed"
    assert value(piece, "C0.4") == pytest.approx(-0.2, abs=0.05)  # 0.4 per tenfold size at full gain, half of it here
    assert verdicts(analyse_ladder(ladder_of(0.1, 0.5, 0.9)))["C0.4"] == "refuted"


def test_one_model_or_two_are_no_ladder() -> None:
    for models in (ladder_of(0.9), ladder_of(0.9, 0.1)):
        assert verdicts(analyse_ladder(models))["C0.4"] == "inconclusive"


def test_coarser_weights_are_compared_at_the_gain_that_all_of_them_reach() -> None:
    def worse(kind: str, strength: float) -> Numbers:
        return replace(falling(kind, strength), right=0.8 - 0.75 * strength, ratio=0.4 * strength)

    piece = analyse_ladder([planted_model(coarser={"Q4_0": worse})])
    rows = {(row.labels["rung"], row.quantity): row for row in piece.tables[0].rows}
    loss = "accuracy lost at the same behaviour gain"
    assert float(rows["as given", loss].note.split()[4]) == pytest.approx(0.2, abs=0.02)  # "at a gain of 0.2 nats ..."
    assert rows["as given", loss].value == pytest.approx(0.15, abs=0.06)
    assert rows["Q4_0", loss].value == pytest.approx(0.375, abs=0.06)
    assert rows["Q4_0", "largest behaviour gain"].value == pytest.approx(0.4, abs=0.05)


# E25


def test_a_loss_that_carries_over_is_found_and_tasks_at_chance_do_not_count() -> None:
    sides = {"known": (0.9, {"vector": 0.6}), "guessed": (0.5, {"vector": 0.9})}
    piece = analyse_side_effects([planted_model(sides=sides)])
    assert verdicts(piece) == {"C0.8": "confirmed", "C0.9": "confirmed"}
    assert value(piece, "C0.8") == pytest.approx(-0.3, abs=0.02)


def test_a_vector_that_helps_elsewhere_and_moves_less_than_chance_is_refuted() -> None:
    piece = analyse_side_effects([planted_model(sides={"known": (0.8, {"vector": 1.0})}, kl=(0.1, 0.5))])
    assert verdicts(piece) == {"C0.8": "refuted", "C0.9": "refuted"}


def test_without_a_task_above_chance_nothing_can_be_lost() -> None:
    piece = analyse_side_effects([planted_model(sides={"guessed": (0.5, {"vector": 0.1})})])
    assert verdicts(piece)["C0.8"] == "inconclusive"


def test_guessing_counts_each_questions_own_choices() -> None:
    mixed = QuestionSet((Question("a?", ("x", "y"), 0), Question("b?", ("w", "x", "y", "z"), 0)), "mixed")
    assert guessing(mixed) == pytest.approx(0.375)


# Mitigations


def test_mitigations_that_win_back_are_confirmed_with_their_share() -> None:
    piece = analyse_mitigations([planted_model()])
    assert set(verdicts(piece).values()) == {"confirmed"}
    assert value(piece, "M1") == pytest.approx(0.3, abs=0.06)  # 0.8 against 0.5, where the vector's gain is 0.4
    shares = {row.quantity: row.value for row in piece.tables[0].rows if row.quantity.startswith("share")}
    assert shares["share of the loss won back, few-shot + vector"] == pytest.approx(0.75, abs=0.08)


def test_mitigations_that_make_it_worse_are_refuted() -> None:
    worse = {name: replace(PAPER[name], right=0.0) for name in ("few-shot + vector", "open book + vector", "optimised")}
    assert set(verdicts(analyse_mitigations([planted_model({**PAPER, **worse})])).values()) == {"refuted"}


def test_a_weaker_setting_wins_nothing_back_at_the_same_gain() -> None:
    weaker = falling("vector", 0.25)
    arms = {**PAPER, "optimised": weaker}
    piece = analyse_mitigations([planted_model(arms)])
    assert verdicts(piece)["M1"] == "inconclusive"
    assert abs(value(piece, "M1")) < 0.05


def test_where_the_vector_costs_nothing_there_is_nothing_to_win_back() -> None:
    arms = {**PAPER, "vector": replace(PAPER["vector"], right=0.8)}
    free = planted_model(arms, sweep=lambda kind, strength: replace(falling(kind, strength), right=0.8))
    assert set(verdicts(analyse_mitigations([free])).values()) == {"inconclusive"}


@pytest.mark.parametrize(("gain", "expected"), [(-1.0, 1.0), (0.0, 1.0), (0.25, 0.95), (1.0, 0.8)])
def test_curves_are_read_where_they_first_reach_a_gain(gain: float, expected: float) -> None:
    gains, accuracies = np.array([0.0, 0.5, 0.3, 1.0]), np.array([1.0, 0.9, 0.1, 0.8])
    assert accuracy_at(gain, gains, accuracies) == pytest.approx(expected)
    assert np.isnan(accuracy_at(1.1, gains, accuracies))


def test_the_interval_of_two_kinds_of_items_covers_the_truth() -> None:
    generator, n_hit = np.random.default_rng(2), 0
    for seed in range(20):
        first, second = generator.normal(1.0, 1.0, 30), generator.normal(0.0, 1.0, 30)
        found = bootstrap_two(lambda a, b, x=first, y=second: float(x[a].mean() - y[b].mean()), 30, 30, seed=seed)
        n_hit += found.low <= 1.0 <= found.high
    assert n_hit >= 16


# Planted truths


def test_planted_truths_are_recovered_and_their_absence_is_noticed() -> None:
    def moods(kind: str, strength: float) -> Numbers:
        return Numbers(1.0, strength, 1.0 if strength < 1.0 else 9.0, min(1.0, 0.5 + strength))

    knows = {**PAPER, "control": Numbers(1.0, 0.0, 1.0, 0.5), "prompting": Numbers(1.0, 0.2, 1.0, 1.0)}
    letters = {**dict.fromkeys(PAPER, 0.25), "open book": 1.0}
    piece = analyse_planted([planted_model(knows, letters=letters, sweep=moods, is_embedded=True)])
    assert set(verdicts(piece).values()) == {"confirmed"}
    assert value(piece, "P4") == pytest.approx(0.5)
    lacks = {**PAPER, "control": replace(CONTROL, right=0.3), "prompting": replace(CONTROL, shows=0.5)}
    still = planted_model(lacks, letters=dict.fromkeys(PAPER, 0.25), sweep=lambda *_: CONTROL, is_embedded=True)
    assert set(verdicts(analyse_planted([still])).values()) == {"refuted"}
    assert analyse_planted([planted_model()]).findings == []


# The whole


def test_every_claim_is_judged_and_the_same_results_give_the_same_tables() -> None:
    models = [planted_model(is_embedded=True)]
    first, second = ([analyse(models) for analyse in EXPERIMENTS] for _ in range(2))
    assert {claim for piece in first for claim, _ in piece.findings} == {claim.id for claim in Tradeoff.claims}
    assert len({claim.id for claim in Tradeoff.claims}) == len(Tradeoff.claims)
    assert [table.to_csv() for piece in first for table in piece.tables] == [
        table.to_csv() for piece in second for table in piece.tables
    ]
    used = {claim.experiment for claim in Tradeoff.claims}
    assert used == {experiment.id for experiment in Tradeoff.experiments}


def test_figures_have_names_of_their_own_and_say_what_they_show() -> None:
    models = [planted_model(coarser={"Q4_0": falling})]
    figures = [figure for analyse in EXPERIMENTS for figure in analyse(models).figures]
    assert len({figure.name for figure in figures}) == len(figures) == 9
    assert all(len(figure.drawing.caption) > 40 and len(figure.drawing.alt) > 20 for figure in figures)
    violins = next(figure for figure in figures if figure.name.startswith("arms_"))
    assert [text.get_text() for text in violins.drawing.figure.axes[0].get_yticklabels()] == [arm.name for arm in ARMS]


def test_a_style_without_features_leaves_the_arm_out_and_says_so() -> None:
    arms = {name: numbers for name, numbers in PAPER.items() if "features" not in name}
    piece = analyse_arms([planted_model(arms)])
    assert verdicts(piece)["C0.1a"] == "inconclusive"
    assert "no feature" in reason(piece, "C0.1g")
    assert verdicts(piece)["C0.1b"] == "confirmed"


# Arms and prompts


class FakeModel:
    """Renders a chat as text, and counts what was asked of it."""

    name = "fake"

    def chat(self, messages: Any) -> str:
        return "".join(f"<{message['role']}>{message['content']}" for message in messages) + "<assistant>"


SHOTS = (Question("Seen?", ("a", "b", "c", "d"), 2, passage="Seen notes."),)
ASKED = Question("Which?", ("w", "x", "y", "z"), 1, passage="It is x.")


def prompts_in_order(order: tuple[int, ...], place: str = "system") -> dict[str, str]:
    model: Any = FakeModel()
    prompting, found = Prompting(place), {}
    for index in order:
        arm = ARMS[index]
        said = "When answering, please be funny." if arm.is_prompted else ""
        found[arm.name] = question_prompt(
            model, prompting, ASKED, instruction=said, context=arm.context, shots=SHOTS, thoughts={"Seen?": "I saw c."}
        )
    return found


def test_prompts_do_not_depend_on_the_order_of_the_arms() -> None:
    expected = prompts_in_order(tuple(range(len(ARMS))))
    published = tuple(index for index, arm in enumerate(ARMS) if arm.name in ("control", "prompting", "features"))
    published = (*published, [arm.name for arm in ARMS].index("features + prompting"))
    for order in permutations(published):
        assert prompts_in_order(order) == {name: expected[name] for name in prompts_in_order(order)}
    for order in (tuple(reversed(range(len(ARMS)))), tuple(np.random.default_rng(0).permutation(len(ARMS)).tolist())):
        assert prompts_in_order(order) == expected


@pytest.mark.parametrize("place", ["system", "user", "raw"])
def test_steered_arms_are_asked_exactly_what_the_control_is(place: str) -> None:
    prompts = prompts_in_order(tuple(range(len(ARMS))), place)
    for name in ("vector", "features", "optimised", "random direction", "shuffled labels"):
        assert prompts[name] == prompts["control"]
    assert prompts["features + prompting"] == prompts["prompting"] != prompts["control"]
    assert "be funny" not in prompts["control"]
    assert prompts["prompting"].count("be funny") == 1
    assert prompts["open book"].count("It is x.") == 1
    assert "It is x." not in prompts["few-shot"]
    assert "<thinking>I saw c.</thinking><answer>C</answer>" in prompts["few-shot"]
    assert all("<answer>B" not in prompt for prompt in prompts.values())


def test_requests_carry_the_instruction_only_when_asked_to() -> None:
    model: Any = FakeModel()
    assert request_prompt(model, Prompting("system"), "Hi?") == "<user>Hi?<assistant>"
    assert request_prompt(model, Prompting("user"), "Hi?", "Be sad.") == "<user>Be sad.\n\nHi?<assistant>"
    assert request_prompt(model, Prompting("raw"), "Hi?", "Be sad.") == "Be sad.\n\nHi?\n"


# The search


def test_settings_within_the_guard_write_first_and_the_best_that_keeps_the_answers_is_taken() -> None:
    gain, cost = np.array([1.0, 3.0, 2.0, 0.5]), np.array([0.0, 9.0, 0.1, 5.0])
    assert best_settings(gain, cost, 0.2, 3) == [2, 0, 3]
    written = np.array([[0.0, 1.0, 1.0], [0.9, 1.1, 0.5], [0.6, 2.0, 1.0], [0.3, 1.1, 1.0], [0.2, 1.0, 1.0]])
    assert choose_written(written, 0.3) == 2
    assert choose_written(written[:3], 0.3) == 1  # nothing is allowed: the one that keeps most


# Material


def test_the_fourteen_styles_have_rubrics_and_texts_that_their_words_tell_apart() -> None:
    styles = load_styles(14, seed=0)
    assert len(styles) == len({style.name for style in styles}) == 14
    for style in styles:
        assert sum(points for points, _ in style.criteria) == 5
        pairs = (*style.train, *style.validation)
        assert len(pairs) == 12
        assert not {pair.prompt for pair in style.train} & {pair.prompt for pair in style.validation}
        assert max(len(pair.positive.split()) for pair in pairs) <= 45
        if style.words:
            with_style, without = (
                [word_score(text, style.words, style.against) for text in texts]
                for texts in ([p.positive for p in pairs], [p.negative for p in pairs])
            )
            assert min(with_style) > 0.0, style.name
            assert np.mean(with_style) > 3 * np.mean(without), style.name
    requests = json.loads((MATERIAL / "requests.json").read_text("utf-8"))["requests"]
    assert len(set(requests)) == len(requests) >= 16
    assert not set(requests) & {pair.prompt for style in styles for pair in style.train}


def test_another_seed_holds_out_other_texts() -> None:
    held = [{pair.prompt for pair in load_styles(1, seed=seed)[0].validation} for seed in range(4)]
    assert len({frozenset(each) for each in held}) > 1


def test_the_embedded_models_styles_come_in_pairs_that_differ_in_nothing_else() -> None:
    styles: dict[str, Style] = {style.name: style for style in load_embedded_styles(DEMO, 6, 12, seed=0)}
    assert list(styles) == ["joyful", "sad", "formal", "casual", "brief", "wordy"]
    for name, style in styles.items():
        assert len(style.train) >= 12
        for pair in style.train:
            lists = (style.words, style.against, style.length)
            if name in ("joyful", "sad", "brief", "wordy"):
                assert (shows_style(pair.positive, *lists), shows_style(pair.negative, *lists)) == (1.0, 0.0)
    assert styles["joyful"].instruction == "You are joyful."


def test_questions_of_the_embedded_model_are_disjoint_and_passages_state_the_answer() -> None:
    tasks = embedded_tasks(DEMO, (6, 12, 4), 2, seed=0, fits=lambda *_: True)
    assert (len(tasks.asked), len(tasks.scored), len(tasks.validation)) == (6, 12, 4)
    assert [q.prompt for q in tasks.scored][:6] == [q.prompt for q in tasks.asked]
    shown = {exemplar.prompt for exemplar in tasks.asked.exemplars}
    assert not shown & {q.prompt for q in (*tasks.scored, *tasks.validation)}
    assert set(tasks.thoughts) == shown
    for question in tasks.scored:
        assert question.choices[question.answer] in question.passage
        assert len(question.passage.split(". ")) == 3


def test_questions_that_do_not_fit_are_counted_and_too_few_are_an_error(tmp_path: Path) -> None:
    lines = [f"Question {i}?,one {i},two {i},three {i},four {i},{'ABCD'[i % 4]}" for i in range(20)]
    (tmp_path / "x_test.csv").write_text("\n".join(lines) + "\n")
    files = [tmp_path / "x_test.csv"]
    tasks = public_tasks(files, (3, 5, 2), 2, seed=1, fits=lambda question, *_: "1" not in question.prompt)
    assert all("1" not in question.prompt for question in tasks.scored)
    assert tasks.n_left_out > 0
    assert "handbook says" in tasks.asked[0].passage
    assert len(tasks.asked.exemplars) == 2
    few = public_tasks(files, (100, 100, 2), 2, seed=1, fits=lambda *_: True)
    assert (len(few.asked), len(few.scored), len(few.validation)) == (18, 18, 2)
    with pytest.raises(DataError, match="questions fit"):
        public_tasks(files, (3, 5, 2), 2, seed=1, fits=lambda *_: False)


def test_own_exemplars_are_right_and_think_the_answer() -> None:
    records = json.loads((MATERIAL / "exemplars.json").read_text("utf-8"))["questions"]
    letters = [record["answer"] for record in records]
    assert set(letters) == set("ABCD")
    for record in records:
        answer = record["choices"]["ABCD".index(record["answer"])]
        assert answer.split()[-1] in record["thought"], record
    assert STYLES[0] == "joyful"
