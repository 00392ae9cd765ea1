"""Messages to text: BOS, roles, what templates may and may not do."""

from __future__ import annotations

import pytest

from pysteer.chat_template import Message, join_answer, render_chat
from pysteer.errors import ModelError

USER: list[Message] = [{"role": "user", "content": "Hi"}]
SYSTEM: list[Message] = [{"role": "system", "content": "Be kind."}, *USER]
# The shape of Llama 2's template: it wraps a system message, and refuses roles out of turn.
STRICT = (
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] %}{% set rest = messages[1:] %}"
    "{% else %}{% set rest = messages %}{% endif %}"
    "{{ bos_token }}{% for m in rest %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}[INST] {% if loop.first and system %}<<{{ system }}>> {% endif %}{{ m['content'] }} "
    "[/INST]{% else %} {{ m['content'] }} {{ eos_token }}{% endif %}{% endfor %}"
)


def render(template: str, messages: list[Message], *, adds_bos: bool = True, prompt: bool = True) -> str:
    return render_chat(
        template, messages, bos="<s>", eos="</s>", tokenizer_adds_bos=adds_bos, add_generation_prompt=prompt
    )


def test_a_bos_that_the_tokenizer_adds_is_cut_off() -> None:
    assert render(STRICT, USER) == "[INST] Hi [/INST]"


def test_a_bos_that_only_the_template_writes_stays() -> None:
    assert render(STRICT, USER, adds_bos=False) == "<s>[INST] Hi [/INST]"


def test_only_the_first_bos_is_cut_off() -> None:
    assert render("{{ bos_token }}a{{ bos_token }}b", USER) == "a<s>b"


def test_a_system_message_reaches_the_template() -> None:
    assert render(STRICT, SYSTEM) == "[INST] <<Be kind.>> Hi [/INST]"


def test_a_conversation_of_several_turns_keeps_its_order() -> None:
    messages: list[Message] = [*USER, {"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Bye"}]
    assert render(STRICT, messages) == "[INST] Hi [/INST] Hello. </s>[INST] Bye [/INST]"


def test_what_a_template_refuses_is_a_model_error_with_its_words() -> None:
    with pytest.raises(ModelError, match="Roles must alternate"):
        render(STRICT, [*USER, *USER])


@pytest.mark.parametrize(
    "template", ["{% for %}", "{{ messages[7].content }}", "{{ 1 / 0 }}", "{{ nothing.at.all }}", "{% include 'x' %}"]
)
def test_a_broken_template_is_a_model_error(template: str) -> None:
    with pytest.raises(ModelError, match="chat template"):
        render(template, USER)


@pytest.mark.parametrize(
    "template",
    ["{{ messages.__class__.__mro__[1].__subclasses__() }}", "{{ messages.append(1) }}", "{{ ''.__class__ }}"],
)
def test_a_template_cannot_reach_out_of_its_sandbox(template: str) -> None:
    try:
        text = render(template, USER)
    except ModelError:
        return
    assert "class" not in text  # the sandbox gives an undefined value, which prints as nothing


def test_a_template_cannot_change_the_callers_messages() -> None:
    messages: list[dict[str, str]] = [{"role": "user", "content": "Hi"}]
    with pytest.raises(ModelError):
        render("{{ messages[0].update({'content': 'No'}) }}", list(messages))
    assert messages == [{"role": "user", "content": "Hi"}]


def test_the_generation_prompt_is_the_templates_choice() -> None:
    template = "{{ messages[0].content }}{% if add_generation_prompt %} Bot:{% endif %}"
    assert render(template, USER) == "Hi Bot:"
    assert render(template, USER, prompt=False) == "Hi"


def test_blocks_leave_no_line_breaks_behind_and_loops_can_be_left() -> None:
    template = (
        "{% for m in messages %}\n  {% if loop.index0 == 1 %}{% break %}{% endif %}\n{{ m.content }}\n{% endfor %}"
    )
    assert render(template, [*USER, *USER]) == "Hi\n"


def test_a_template_can_ask_for_the_date() -> None:
    assert render("{{ strftime_now('%Y') | length }}", USER) == "4"


@pytest.mark.parametrize(
    ("prompt", "answer", "joined"),
    [
        ("User: Hi\nBot:", "Hello.", "User: Hi\nBot: Hello."),
        ("[INST] Hi [/INST]", "Hello.", "[INST] Hi [/INST] Hello."),
        ("Answer (A)", "Yes", "Answer (A) Yes"),
        ("word", "Hello.", "word Hello."),
        ("<|assistant|>", "Hello.", "<|assistant|>Hello."),
        ("<|im_start|>assistant\n", "Hello.", "<|im_start|>assistant\nHello."),
        ("Bot: ", "Hello.", "Bot: Hello."),
        ("Bot:", " Hello.", "Bot: Hello."),
        ("Bot:", "\nHello.", "Bot:\nHello."),
        ("", "Hello.", "Hello."),
        ("Bot:", "", "Bot:"),
    ],
)
def test_an_answer_is_joined_as_running_text_would_be(prompt: str, answer: str, joined: str) -> None:
    assert join_answer(prompt, answer) == joined
