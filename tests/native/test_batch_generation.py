"""Many prompts under many steerings: each text is the one that is written alone, whatever the rounds."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from python_runs import CountedDecodes, add, exact_session, random_vector
from tiny_gguf import CHAT_TEMPLATE, TINY_GPT2, TINY_LLAMA

from pysteer.batch_generation import WritingPlan, check_finished, item_seed, write_texts, writing_room
from pysteer.condition import Condition
from pysteer.errors import DataError, MeasurementError
from pysteer.generation import Generation, Request
from pysteer.generation_queue import generate_queued
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.prompt_conditions import condition_values
from pysteer.prompt_settings import PromptSetting
from pysteer.sampling import Sampling

VECTOR = random_vector(1, 2)
PROMPTS = ("Hello there, you", "Hello there, he", "the thing in the", "Hello there, you are", "q")
STEERINGS = ([], [add(VECTOR, 1.0)], [add(VECTOR, -2.0, "answer")], [add(VECTOR, 0.0)])
RAW = WritingPlan(12, raw=True)
WriteTiny = Callable[..., Path]


@pytest.fixture(scope="module")
def model(write_tiny: WriteTiny) -> Model:
    return Model.load(write_tiny(replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE + "Bot:"), "F32"))


def alone(model: Model, prompt: str, place: int, sampling: Sampling, n: int = 12) -> Generation:
    with exact_session(model) as session, session.steer([*STEERINGS[place]]):
        return session.generate(prompt, raw=True, max_tokens=n, sampling=sampling)


@pytest.mark.parametrize("room", [(16, 512), (2, 512), (7, 60), (16, 40)], ids=str)
@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_each_text_is_the_one_that_is_written_alone(model: Model, room: tuple[int, int], temperature: float) -> None:
    n_sequences, n_ctx = room
    plan = replace(RAW, sampling=Sampling(temperature=temperature, seed=5))
    with exact_session(model, n_sequences=n_sequences, n_ctx=n_ctx) as session:
        texts = write_texts(model, PROMPTS, STEERINGS, plan=plan, session=session)
    for item, prompt in enumerate(PROMPTS):
        for place in range(len(STEERINGS)):
            sampling = replace(plan.sampling, seed=item_seed(5, item))
            assert texts[item][place] == alone(model, prompt, place, sampling)


def test_steering_that_changes_nothing_is_the_unsteered_text_itself(model: Model) -> None:
    plan = replace(RAW, sampling=Sampling(temperature=2.0, seed=1))
    with exact_session(model) as session:
        texts = write_texts(model, PROMPTS, STEERINGS, plan=plan, session=session)
    assert all(row[3] is row[0] for row in texts)
    assert sum(row[1].text != row[0].text for row in texts) >= 3


def test_a_prompts_seed_does_not_depend_on_its_company(model: Model) -> None:
    plan = replace(RAW, sampling=Sampling(temperature=2.0, seed=1))
    with exact_session(model) as session:
        both = write_texts(model, PROMPTS[:2], [[]], plan=plan, session=session)
        five = write_texts(model, PROMPTS, [[]], plan=plan, session=session)
        other = write_texts(model, PROMPTS, [[]], plan=replace(plan, sampling=Sampling(2.0, seed=2)), session=session)
    assert five[:2] == both
    assert sum(a != b for a, b in zip(five, other, strict=True)) >= 4


def test_chats_settings_and_begun_answers_are_rendered(model: Model) -> None:
    setting = PromptSetting("s", "Be brief.")
    plan = WritingPlan(6, setting=setting, begin="<answer>")
    assert plan.prompt_text(model, "Hi") == "<system>Be brief.\n<user>Hi\n<assistant>Bot: <answer>"
    with exact_session(model) as session:
        [[text]] = write_texts(model, ["Hi"], [[]], plan=plan, session=session)
        expected = session.generate("<system>Be brief.\n<user>Hi\n<assistant>Bot: <answer>", raw=True, max_tokens=6)
    assert text == expected
    messages = [{"role": "user", "content": "Hi"}]
    assert WritingPlan(6).prompt_text(model, messages) == WritingPlan(6).prompt_text(model, "Hi")
    with pytest.raises(DataError, match="must be a text"):
        RAW.prompt_text(model, messages)
    with pytest.raises(DataError, match="raw prompts are taken as they are"):
        WritingPlan(6, setting=setting, raw=True)


def test_stop_strings_end_a_text(model: Model) -> None:
    with exact_session(model) as session:
        [[whole]] = write_texts(model, PROMPTS[:1], [[]], plan=RAW, session=session)
        stop = whole.text[4:6]
        [[text]] = write_texts(model, PROMPTS[:1], [[]], plan=replace(RAW, stop=(stop,)), session=session)
    assert (text.text, text.stop_reason) == (whole.text[: whole.text.index(stop)], "stop")


def test_the_models_context_ends_a_text_and_can_leave_no_room(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(replace(TINY_GPT2, n_ctx=64), "F32"))  # learned positions: there is no 65th
    plan = WritingPlan(40, raw=True)
    prompts = ["q", "x" * 50, "x" * 64, "x" * 90]
    with exact_session(model) as session:
        texts = write_texts(model, prompts, [[], [add(VECTOR)]], plan=plan, session=session)
    assert [row[0].stop_reason for row in texts] == ["length", "context", "too long", "too long"]
    assert [row[1].stop_reason for row in texts] == ["length", "context", "too long", "too long"]
    assert [len(row[0].tokens) for row in texts] == [40, 14, 0, 0]
    assert texts[3][0].n_prompt == 90


def test_texts_are_handed_over_as_they_are_finished(model: Model) -> None:
    taken: dict[tuple[int, int], Generation] = {}
    seen: list[tuple[int, int]] = []
    with exact_session(model, n_sequences=4) as session:
        texts = write_texts(
            model, PROMPTS, STEERINGS, plan=RAW, session=session,
            progress=lambda done, total: seen.append((done, total)),
            on_text=lambda item, place, text: taken.update({(item, place): text}),
        )  # fmt: skip
    assert taken == {(i, k): texts[i][k] for i in range(5) for k in range(4)}
    assert (seen[0], seen[-1]) == ((0, 20), (20, 20))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) >= 5


class _Sampling:
    """A native session with another `sample`."""

    def __init__(self, real: object, sample: Callable[..., int]) -> None:
        self._real, self.sample = real, sample

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@pytest.mark.parametrize("place", ["while writing", "between texts"])
def test_ctrl_c_keeps_what_is_finished(model: Model, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, int]] = []

    def interrupt(item: int, steering: int, text: Generation) -> None:
        taken.append((item, steering))
        if place == "between texts" and len(taken) == 3:
            signal.raise_signal(signal.SIGINT)

    with exact_session(model, n_sequences=2) as session:
        if place == "while writing":
            decodes, original = count(), session.native.sample

            def sample(*arguments: object) -> int:
                if next(decodes) == 40:
                    signal.raise_signal(signal.SIGINT)
                return original(*arguments)  # type: ignore[arg-type]

            monkeypatch.setattr(session, "_native", _Sampling(session.native, sample))
        texts = write_texts(model, PROMPTS, [[], [add(VECTOR)]], plan=RAW, session=session, on_text=interrupt)
    assert [len(row) for row in texts] == [2] * 5
    finished = [(i, k) for i, row in enumerate(texts) for k, text in enumerate(row) if text.stop_reason == "length"]
    assert finished == taken[: len(finished)]
    assert 2 <= len(finished) < 10
    assert len(finished) == len(taken)
    assert texts[4][1].stop_reason == "interrupted"
    with pytest.raises(KeyboardInterrupt):
        check_finished(texts)
    check_finished(texts[:1])


def test_a_free_sequence_is_filled_at_once(model: Model) -> None:
    """Texts of 3 and 20 tokens in turn, four sequences: rounds would take 20 steps each."""
    requests = [Request(PROMPTS[0], max_tokens=(3, 20)[k % 2], raw=True) for k in range(12)]
    with exact_session(model, n_sequences=4) as session:
        rounds = CountedDecodes(session)
        expected = session.generate_many(requests)
    with exact_session(model, n_sequences=4) as session:
        queue = CountedDecodes(session)
        written = dict(generate_queued(session, requests))
    assert [written[index] for index in range(12)] == expected
    n_steps = [sum(n <= 4 for n in counted.n_tokens) for counted in (rounds, queue)]
    assert n_steps[0] == 3 * 20
    assert n_steps[1] <= 45
    assert sum(queue.n_tokens) <= sum(rounds.n_tokens) + 12


def test_conditions_on_the_prompt_are_decided_for_each_request(model: Model) -> None:
    read, prompts = random_vector(2, seed=7), PROMPTS[:4]
    with exact_session(model) as session:
        values = condition_values(session, [model.tokenize(p).ids for p in prompts], [Condition(read, threshold=0.0)])
        ordered = np.sort(values[:, 0])
        met = Condition(read, threshold=float(ordered[1:3].mean()))
        steering = [Intervention(VECTOR, coefficient=2.0, condition=met)]
        rows = write_texts(model, prompts, [[], steering, [add(VECTOR, 2.0)]], plan=RAW, session=session)
    for value, (plain, conditional, steered) in zip(values[:, 0], rows, strict=True):
        assert conditional == (steered if met.is_met(value) else plain)
        assert plain.tokens != steered.tokens


def test_the_room_is_full_but_for_long_texts(model: Model) -> None:
    assert writing_room(model, 20, 44, n_texts=100) == (64 * 32, 32)
    assert writing_room(model, 20, 44, n_texts=3) == (64 * 3, 3)
    assert writing_room(model, 200, 900, n_texts=100) == (256 * 32, 32)  # the model was trained for 256 tokens


def test_nothing_to_write_is_refused(model: Model) -> None:
    with pytest.raises(MeasurementError, match="nothing to write"):
        write_texts(model, [], [[]], plan=RAW)
    with pytest.raises(MeasurementError, match="nothing to write"):
        write_texts(model, PROMPTS, [], plan=RAW)
    with pytest.raises(MeasurementError, match="max_tokens is 0"):
        WritingPlan(0)
