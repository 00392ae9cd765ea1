"""What the study of trade-offs asks: arms and their prompts, styles, questions."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pysteer.errors import DataError
from pysteer.questions import Question
from pysteer.studies.tradeoff.arms import ARMS, Prompting, question_prompt, request_prompt
from pysteer.studies.tradeoff.styles import (
    MATERIAL,
    N_VALIDATION,
    Style,
    load_embedded_styles,
    load_styles,
    shows_style,
    word_score,
)
from pysteer.studies.tradeoff.tasks import embedded_tasks, public_tasks, without_repeats

DEMO = Path(__file__).resolve().parents[2] / "pysteer" / "demo"


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


@pytest.mark.parametrize("seed", range(4))
def test_no_request_of_the_embedded_models_styles_is_trained_on_and_held_out(seed: int) -> None:
    """Some styles have two pairs a request: both go to one side."""
    for style in load_embedded_styles(DEMO, 6, 40, seed=seed):
        held, trained = ({pair.prompt for pair in side} for side in (style.validation, style.train))
        assert len(held) == N_VALIDATION
        assert not held & trained
        expected = 24 if style.name in ("formal", "casual", "brief", "wordy") else 40
        assert len(style.train) == expected


def test_questions_of_the_embedded_model_are_disjoint_and_passages_state_the_answer() -> None:
    tasks = embedded_tasks(DEMO, (6, 12, 4, 5), 2, seed=0, fits=lambda *_: True)
    assert (len(tasks.asked), len(tasks.scored), len(tasks.validation)) == (6, 12, 4)
    assert [q.prompt for q in tasks.scored][:6] == [q.prompt for q in tasks.asked]
    shown = {exemplar.prompt for exemplar in tasks.asked.exemplars}
    assert not shown & {q.prompt for q in (*tasks.scored, *tasks.validation)}
    assert set(tasks.thoughts) == shown
    for question in tasks.scored:
        assert question.choices[question.answer] in question.passage
        assert len(question.passage.split(". ")) == 3


def test_questions_that_do_not_fit_are_counted_and_too_few_are_an_error(tmp_path: Path) -> None:
    lines = [f"Question {i}?,one {i},two {i},three {i},four {i},{'ABCD'[i % 4]}" for i in range(30)]
    (tmp_path / "x_test.csv").write_text("\n".join(lines) + "\n")
    files = [tmp_path / "x_test.csv"]
    tasks = public_tasks(files, (3, 5, 2, 3), 2, seed=1, fits=lambda question, *_: "1" not in question.prompt)
    assert all("1" not in question.prompt for question in tasks.scored)
    assert tasks.n_left_out > 0
    assert "handbook says" in tasks.asked[0].passage
    assert len(tasks.asked.exemplars) == 2
    few = public_tasks(files, (100, 100, 2, 50), 2, seed=1, fits=lambda *_: True)
    assert (len(few.asked), len(few.scored), len(few.validation), len(few.capability)) == (21, 21, 2, 7)
    with pytest.raises(DataError, match="questions fit"):
        public_tasks(files, (3, 5, 2, 3), 2, seed=1, fits=lambda *_: False)


def test_a_question_that_two_files_hold_is_asked_once(tmp_path: Path) -> None:
    lines = [f"Question {i}?,one {i},two {i},three {i},four {i},{'ABCD'[i % 4]}" for i in range(30)]
    files = [tmp_path / "x_test.csv", tmp_path / "y_test.csv"]
    files[0].write_text("\n".join(lines[:20]) + "\n")
    files[1].write_text("\n".join(lines[10:]) + "\n")
    tasks = public_tasks(files, (30, 30, 2, 30), 2, seed=0, fits=lambda *_: True)
    prompts = [q.prompt for q in (*tasks.scored, *tasks.validation, *tasks.capability)]
    assert len(prompts) == len(set(prompts)) == 30
    same = [Question("So?", ("a", "b"), 0), Question("So?", ("a", "c"), 0), Question("So?", ("a", "b"), 0, passage="p")]
    assert without_repeats(same) == same[:2]


def test_own_exemplars_are_right_and_think_the_answer() -> None:
    records = json.loads((MATERIAL / "exemplars.json").read_text("utf-8"))["questions"]
    letters = [record["answer"] for record in records]
    assert set(letters) == set("ABCD")
    for record in records:
        answer = record["choices"]["ABCD".index(record["answer"])]
        assert answer.split()[-1] in record["thought"], record


def test_questions_for_judging_capability_are_used_for_nothing_else() -> None:
    tasks = embedded_tasks(DEMO, (6, 12, 4, 5), 2, seed=0, fits=lambda *_: True)
    other = {q.prompt for q in (*tasks.asked, *tasks.scored, *tasks.validation, *tasks.asked.exemplars)}
    assert len(tasks.capability) == 5
    assert not {q.prompt for q in tasks.capability} & other
    without = embedded_tasks(DEMO, (6, 12, 4, 9), 2, seed=0, fits=lambda *_: True)
    assert [q.prompt for q in tasks.scored] == [q.prompt for q in without.scored]
    assert [q.prompt for q in tasks.validation] == [q.prompt for q in without.validation]
