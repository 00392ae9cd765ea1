"""Messages to text, by the Jinja template that travels in the model file.

The template's output begins with the BOS token where the model wants one. Where the tokenizer adds one, too, there
would be two, which ruins generation. So a leading BOS is cut off for such a tokenizer; for one that adds none, it
stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from jinja2 import Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pysteer.errors import ModelError

Message = Mapping[str, str]
"""``{"role": "system" | "user" | "assistant", "content": "..."}``."""


def render_chat(
    template: str,
    messages: Sequence[Message],
    *,
    bos: str,
    eos: str,
    tokenizer_adds_bos: bool,
    add_generation_prompt: bool = True,
) -> str:
    """Return the text of a conversation.

    Parameters
    ----------
    template : str
        ``tokenizer.chat_template`` of the model file.
    bos, eos : str
        Text of the special tokens ("" where the model has none).
    tokenizer_adds_bos : bool
        Leave out the BOS that the template begins with.
    add_generation_prompt : bool
        End with the opening of the assistant's turn.

    Raises
    ------
    ModelError
        The template is broken, or refuses these messages (many refuse a system message, or roles out of turn).
    """
    try:
        text = _compiled(template).render(
            messages=[dict(message) for message in messages],
            bos_token=bos,
            eos_token=eos,
            add_generation_prompt=add_generation_prompt,
        )
    except Exception as error:  # a template can raise anything
        raise ModelError(f"the model's chat template does not take these messages: {error}") from error
    return text.removeprefix(bos) if tokenizer_adds_bos else text


@lru_cache(maxsize=16)
def _compiled(template: str) -> Template:
    """Return the template ready to be rendered: compiling takes milliseconds, rendering microseconds."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return environment.from_string(template)


def _refuse(message: str) -> str:
    raise TemplateError(message)


def join_answer(prompt: str, answer: str) -> str:
    """Return prompt and answer with one blank between them where running text would have one.

    Templates that end with a control token or a line break ("<|im_start|>assistant\\n") take the answer as it is; those
    that end with a word, a colon or a bracket ("Bot:", "[/INST]") take it after a blank.

    Examples
    --------
    >>> join_answer("User: Hi\\nBot:", "Hello."), join_answer("<|assistant|>", "Hello.")
    ('User: Hi\\nBot: Hello.', '<|assistant|>Hello.')
    """
    if not prompt or not answer or prompt[-1].isspace() or answer[0].isspace():
        return prompt + answer
    return prompt + (" " if prompt[-1].isalnum() or prompt[-1] in ":])" else "") + answer
