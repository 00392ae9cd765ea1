"""Prompt settings through real chat templates, and in extraction and evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from python_runs import exact_session
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA, TinyModel

from pysteer.errors import DataError, ModelError
from pysteer.evaluation import measure_steerability
from pysteer.extraction import extract
from pysteer.model import Model
from pysteer.pairs import ContrastPair, Dataset
from pysteer.prompt_settings import SETTINGS, PromptSetting, persona_settings

LLAMA = replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE)
REFUSING = "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
REFUSING += "{{ m['content'] }}{% endfor %}"
IGNORING = "{% for m in messages %}{% if m['role'] != 'system' %}{{ m['content'] }}{% endif %}{% endfor %}"
PAIRS = Dataset(tuple(ContrastPair(f"Tell {k}.", f"Gladly {k}", f"No {k}") for k in range(4)), "told")
PERSONAS = persona_settings("You are kind.", "You are unkind.", default_system="You are a bot.")
WriteTiny = Callable[[TinyModel, str], Path]


def test_rendered_prompts_of_two_settings_differ_in_one_line(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(replace(LLAMA, chat_template=LINES), "F32"))
    prompts = {name: PERSONAS[name].render(model, "Tell me.").split("\n") for name in SETTINGS}
    for one, other in (("BASE", "SYS_POS"), ("BASE", "SYS_NEG"), ("SYS_POS", "SYS_NEG"), ("USER_POS", "USER_NEG")):
        assert len(prompts[one]) == len(prompts[other])
        assert sum(a != b for a, b in zip(prompts[one], prompts[other], strict=True)) == 1
    base, prefixed = prompts["BASE"], prompts["USER_POS"]
    at = base.index("Tell me.")
    assert prefixed == [*base[:at], "You are kind.", "", *base[at:]]


LINES = "{% for m in messages %}<{{ m['role'] }}>\n{{ m['content'] }}\n{% endfor %}<assistant>\n"


@pytest.mark.parametrize(
    ("template", "message"),
    [(REFUSING, "its chat template refuses one"), (IGNORING, "its chat template leaves it out")],
)
def test_a_template_without_system_messages_is_named_as_the_reason(
    write_tiny: WriteTiny, template: str, message: str
) -> None:
    model = Model.load(write_tiny(replace(TINY_LLAMA, chat_template=template), "F32"))
    with pytest.raises(ModelError, match=f"setting 'BASE' has a system message.*{message}"):
        extract(model, PAIRS, layers=[1], setting=PERSONAS["BASE"])
    bare = persona_settings("You are kind.", "You are unkind.", default_system=None)
    extract(model, PAIRS, layers=[1], setting=bare["USER_POS"])


def test_training_and_testing_take_settings_independently(write_tiny: WriteTiny) -> None:
    with exact_session(write_tiny(LLAMA, "F32")) as session:
        model = session.model

        def explicit(name: str) -> Dataset:
            pairs = [
                ContrastPair(PERSONAS[name].render(model, pair.prompt), pair.positive, pair.negative) for pair in PAIRS
            ]
            return Dataset(tuple(pairs), "rendered")

        vector = extract(model, PAIRS, layers=[2], token="last", setting=PERSONAS["SYS_POS"], session=session)
        rendered = extract(model, explicit("SYS_POS"), layers=[2], token="last", raw=True, session=session)
        (cosine,) = vector.cosine(rendered).values()
        assert cosine > 1 - 1e-6
        assert vector.provenance.extra["setting"]["name"] == "SYS_POS"
        plain = extract(model, PAIRS, layers=[2], token="last", session=session)
        assert vector != plain
        there = measure_steerability(model, vector, PAIRS, setting=PERSONAS["USER_NEG"], session=session)
        same = measure_steerability(model, vector, explicit("USER_NEG"), raw=True, session=session)
        assert there.propensities == pytest.approx(same.propensities, abs=1e-4)
        assert there.propensities != pytest.approx(
            measure_steerability(model, vector, PAIRS, setting=PERSONAS["BASE"], session=session).propensities, abs=1e-4
        )


def test_a_setting_needs_a_chat_to_go_into(write_tiny: WriteTiny) -> None:
    model = Model.load(write_tiny(LLAMA, "F32"))
    with pytest.raises(DataError, match="taken as they are"):
        extract(model, PAIRS, layers=[1], raw=True, setting=PERSONAS["BASE"])
    whole = Dataset((ContrastPair("", "good", "bad"),), "whole")
    with pytest.raises(DataError, match="pair 0: setting 'p' cannot be applied: the pair has no prompt"):
        extract(model, whole, layers=[1], setting=PromptSetting("p", user_prefix="x"))
