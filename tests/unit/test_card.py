"""Cards from plain numbers: JSON and back, verdicts that follow from intervals, the recommended range, the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from card_samples import STRENGTHS, card, cost_at, quantity

from pysteer.card.card_page import card_page
from pysteer.card.guard import Guard, recommend
from pysteer.card.presets import preset_named
from pysteer.card.texts import everyday_questions
from pysteer.card.training_data import held_out
from pysteer.card.vector_card import Quantity, VectorCard
from pysteer.card.verdicts import findings_of
from pysteer.errors import DataError, MeasurementError, UnknownNameError
from pysteer.library import load_behaviour
from pysteer.pairs import ContrastPair, Dataset
from pysteer.provenance import Provenance

HOSTILE = "<script>alert(1)</script>$\\x{{7*7}}"


def test_json_gives_the_card_back(tmp_path: Path) -> None:
    made = card()
    (tmp_path / "card.json").write_text(made.to_json(), "utf-8")
    assert VectorCard.load(tmp_path / "card.json") == made
    assert VectorCard.from_json(made.to_json()).to_json() == made.to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"new_field": 1}, "new_field"),
        ({"seed": "many"}, "seed"),
        ({"confidence": None}, "confidence"),
    ],
)
def test_json_of_another_form_is_refused(change: dict[str, object], message: str) -> None:
    values = {**json.loads(card().to_json()), **change}
    with pytest.raises(DataError, match=message):
        VectorCard.from_json(json.dumps(values))


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_what_is_no_card_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="no vector card"):
        VectorCard.from_json(text)


def test_nan_never_gets_into_a_card() -> None:
    with pytest.raises(ValueError, match="finite"):
        Quantity(value=float("nan"))


def outcomes(made: VectorCard) -> list[str]:
    return [found.outcome for found in made.findings]


def test_a_vector_that_works_is_told_so() -> None:
    made = card()
    assert outcomes(made) == ["yes", "few", "more than the letter", "yes", "0.5 to 2"]
    assert {found.tone for found in made.findings} == {"good"}


def test_an_interval_that_holds_zero_is_no_effect_and_nothing_is_recommended() -> None:
    made = card(mean=0.1)
    assert outcomes(made)[0] == "no effect"
    assert outcomes(made)[1] == "as without an effect"
    assert outcomes(made)[-1] == "nothing to recommend"


def test_an_effect_that_a_random_direction_also_has_does_not_count() -> None:
    assert outcomes(card(mean=1.0, random_means=(0.1, -1.2)))[0] == "no more than a random direction"


def test_a_vector_that_moves_answers_the_other_way_is_told_so() -> None:
    assert outcomes(card(mean=-1.0))[0] == "in reverse"


@pytest.mark.parametrize(
    ("share", "outcome"), [(0.02, "few"), (0.08, "few, not certain"), (0.15, "some"), (0.4, "many")]
)
def test_the_share_of_items_that_backfire_is_named(share: float, outcome: str) -> None:
    assert outcomes(card(share=share))[1] == outcome


@pytest.mark.parametrize(
    ("explained", "outcome"),
    [(0.2, "more than the letter"), (0.5, "cannot be told"), (0.8, "mostly the letter or the Yes")],
)
def test_position_is_judged_by_the_whole_interval(explained: float, outcome: str) -> None:
    assert outcomes(card(explained=explained))[2] == outcome


@pytest.mark.parametrize(
    ("shifted", "outcome"),
    [((0.9, 0.8), "yes"), ((0.9, 0.4), "weaker"), ((0.9, 0.1), "not under all"), ((0.1, -0.9), "no")],
)
def test_other_prompts_are_judged_one_by_one(shifted: tuple[float, ...], outcome: str) -> None:
    assert outcomes(card(shifted=shifted))[3] == outcome


def test_what_was_not_measured_is_said_with_its_reason() -> None:
    made = card(settings=[], settings_reason="no chat template", factors=[], factors_reason="no letters", controls=[])
    findings = findings_of(made)
    assert "no chat template" in findings[3].text
    assert findings[2].text == "No letters."
    assert "not compared with random directions" in findings[0].text


def test_the_recommended_range_ends_before_the_guard_is_crossed() -> None:
    # 1 + 0.04 c^2, half width 0.02: upper ends 1.06 at 1, 1.11 at 1.5, 1.18 at 2, 1.38 at 3
    found = recommend([cost_at(strength) for strength in STRENGTHS], Guard(1.2), "towards")
    assert (found.low, found.high, found.best) == (0.5, 2.0, 2.0)
    assert "at 3 the perplexity ratio is 1.36 [1.34, 1.38]" in found.reason
    tight = recommend([cost_at(strength) for strength in STRENGTHS], Guard(1.17), "towards")
    assert (tight.low, tight.high) == (0.5, 1.5)


def test_the_upper_end_of_the_interval_decides_and_not_the_value() -> None:
    costs = [cost_at(1.0, ratio=1.19)]
    assert recommend(costs, Guard(1.2), "towards").low is None
    assert recommend(costs, Guard(1.22), "towards").low == 1.0


def test_negative_strengths_are_recommended_for_the_other_direction() -> None:
    found = recommend([cost_at(strength) for strength in STRENGTHS], Guard(1.2), "away")
    assert (found.low, found.high, found.best) == (-2.0, -0.5, -2.0)


def test_nothing_behind_a_strength_that_failed_is_recommended() -> None:
    costs = [cost_at(1.0), cost_at(2.0, ratio=1.5), cost_at(3.0, ratio=1.0)]
    assert recommend(costs, Guard(1.2), "towards").high == 1.0


def test_a_weak_strength_without_a_certain_effect_does_not_end_the_search() -> None:
    weak = cost_at(0.5).model_copy(update={"gain": quantity(0.05, 0.1)})
    found = recommend([weak, cost_at(1.0)], Guard(1.2), "towards")
    assert (found.low, found.high) == (1.0, 1.0)


def test_a_certain_loss_of_accuracy_ends_the_range() -> None:
    found = recommend([cost_at(1.0), cost_at(2.0, change=-0.2)], Guard(1.2), "towards")
    assert found.high == 1.0
    assert "accuracy changes by −0.2" in found.reason


def test_strengths_that_could_not_be_measured_are_not_recommended() -> None:
    broken = cost_at(1.0).model_copy(update={"perplexity_ratio": Quantity(reason="overflow")})
    found = recommend([broken], Guard(1.2), "towards")
    assert found.low is None
    assert "overflow" in found.reason


@pytest.mark.parametrize("bound", [1.0, 0.5, float("nan")])
def test_a_guard_that_the_unsteered_model_fails_is_refused(bound: float) -> None:
    with pytest.raises(MeasurementError, match="above 1"):
        Guard(bound)


def test_the_page_is_made_from_the_json_alone_and_says_everything() -> None:
    made = card()
    text = card_page(made).to_html()
    assert card_page(VectorCard.from_json(made.to_json())).to_html() == text
    assert text.count("<svg") == 5
    for found in made.findings:
        assert found.question in text
    for digest in ("cd" * 32, "12" * 32, "ab" * 32, "34" * 32, "56" * 32, "ef" * 32):
        assert digest in text
    assert "http:" not in text
    assert "https:" not in text


def test_names_from_data_do_not_become_markup() -> None:
    text = card_page(card(name=HOSTILE)).to_html()
    assert "<script>alert" not in text
    assert "{{7*7}}" in text


def test_a_card_without_questions_settings_letters_and_controls_has_a_page() -> None:
    missing = Quantity(reason="no questions were given")
    costs = [cost_at(s).model_copy(update={"accuracy": missing, "accuracy_change": missing}) for s in STRENGTHS]
    made = card(
        controls=[], settings=[], factors=[], questions=None, question_chance=None, costs=costs,
        factors_reason="the answers are no letters", settings_reason="no chat template", controls_reason="zero",
    )  # fmt: skip
    text = card_page(made).to_html()
    assert "no questions were given" in text
    assert "no chat template" in text


def test_accuracy_at_chance_is_said_to_show_nothing() -> None:
    costs = [cost_at(s).model_copy(update={"accuracy": quantity(0.27, 0.1, 30)}) for s in STRENGTHS]
    assert "cannot be told from chance" in card_page(card(costs=costs)).to_html()
    assert "cannot be told from chance" not in card_page(card()).to_html()


def pairs(*numbers: int) -> Dataset:
    return Dataset(tuple(ContrastPair(f"Question {i}?", " Yes.", " No.") for i in numbers), "some")


def test_the_training_data_themselves_are_refused() -> None:
    data = pairs(1, 2, 3)
    with pytest.raises(DataError, match="held-out"):
        held_out(Provenance("mean_difference", data_hash=data.content_hash), data)


def test_items_of_the_training_data_are_left_out_and_counted() -> None:
    train = pairs(1, 2, 3)
    found = held_out(Provenance("mean_difference", data_hash=train.content_hash), pairs(3, 4, 5), train)
    assert [pair.prompt for pair in found.data] == ["Question 4?", "Question 5?"]
    assert found.note.startswith("checked: 1 of 3 items")
    with pytest.raises(DataError, match="2 of 3 items"):
        held_out(Provenance("mean_difference"), pairs(2, 3, 4), train)


def test_training_data_of_the_library_are_found_by_their_hash() -> None:
    train, test = load_behaviour("joyful-sad")
    found = held_out(Provenance("mean_difference", data_hash=train.content_hash), test)
    assert found.data == test
    assert found.note.startswith("checked: no item shares")


def test_unknown_training_data_are_said_to_be_unknown() -> None:
    assert held_out(Provenance("x", data_name="mine", data_hash="ff"), pairs(1, 2)).note.startswith("not checked")


def test_everyday_questions_have_their_answers_at_every_letter_equally_often() -> None:
    letters = [question.letter for question in everyday_questions()]
    assert {letter: letters.count(letter) for letter in "ABCD"} == dict.fromkeys("ABCD", 10)


def test_an_unknown_preset_is_an_error_that_helps() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'quick'"):
        preset_named("quik")
