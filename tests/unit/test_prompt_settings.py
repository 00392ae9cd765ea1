"""Prompt settings: the five of the persona studies, the four arms, and that nothing is ever mutated."""

from __future__ import annotations

import copy
from itertools import permutations

import pytest

from pysteer.errors import DataError
from pysteer.prompt_settings import ARMS, SETTINGS, PromptSetting, persona_settings, steering_arms

DEFAULT = "You are a helpful, honest and concise assistant."
POSITIVE, NEGATIVE = "You are a sycophant.", "You are not a sycophant."


def test_the_five_settings_differ_in_the_persona_alone() -> None:
    settings = persona_settings(POSITIVE, NEGATIVE, default_system=DEFAULT)
    built = {name: [(m["role"], m["content"]) for m in settings[name].messages("Q?")] for name in SETTINGS}
    assert built == {
        "BASE": [("system", DEFAULT), ("user", "Q?")],
        "SYS_POS": [("system", POSITIVE), ("user", "Q?")],
        "SYS_NEG": [("system", NEGATIVE), ("user", "Q?")],
        "USER_POS": [("system", DEFAULT), ("user", f"{POSITIVE}\n\nQ?")],
        "USER_NEG": [("system", DEFAULT), ("user", f"{NEGATIVE}\n\nQ?")],
    }


def test_without_a_default_there_is_no_system_message() -> None:
    settings = persona_settings(POSITIVE, NEGATIVE, default_system=None)
    assert settings["BASE"].messages("Q?") == [{"role": "user", "content": "Q?"}]
    assert [m["role"] for m in settings["USER_POS"].messages("Q?")] == ["user"]


def test_a_conversation_keeps_its_turns_and_loses_its_system_message_only_to_another() -> None:
    turns = [
        {"role": "system", "content": "old"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "reply"},
        {"role": "user", "content": "second"},
    ]
    built = PromptSetting("s", "new", "prefix").messages(turns)
    assert [m["content"] for m in built] == ["new", "prefix\n\nfirst", "reply", "second"]
    assert PromptSetting("s").messages(turns) == turns


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_arms_give_the_same_prompts_in_every_order(order: tuple[int, ...]) -> None:
    """arXiv:2602.04903's code overwrites shared messages, so that an arm depends on those that ran before it."""
    arms = steering_arms("When answering, please be funny.", control_system="Think first.")
    shared = [{"role": "system", "content": "Think first."}, {"role": "user", "content": "Q?"}]
    before = copy.deepcopy(shared)
    fresh = {arm.name: arm.setting.messages(copy.deepcopy(before)) for arm in arms}
    for index in order:
        built = arms[index].setting.messages(shared)
        assert built == fresh[arms[index].name]
        built.clear()
    assert shared == before


def test_the_arms_are_prompting_and_steering_each_with_and_without_the_other() -> None:
    arms = steering_arms("Be funny.", control_system=None)
    assert tuple(arm.name for arm in arms) == ARMS
    assert [(arm.setting.system, arm.is_steered) for arm in arms] == [
        (None, False),
        ("Be funny.", False),
        (None, True),
        ("Be funny.", True),
    ]


@pytest.mark.parametrize(("positive", "negative"), [("", "b"), ("a", " "), ("a", "a")])
def test_personas_have_to_be_two(positive: str, negative: str) -> None:
    with pytest.raises(DataError, match="two different persona sentences"):
        persona_settings(positive, negative, default_system=None)


def test_a_conversation_without_a_user_message_is_an_error() -> None:
    with pytest.raises(DataError, match="user message"):
        PromptSetting("s", user_prefix="x").messages([{"role": "system", "content": "y"}])
