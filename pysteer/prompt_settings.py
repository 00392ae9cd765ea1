"""Personas and instructions around a prompt, for training and testing independently.

The five settings of "Analyzing the Generalization and Reliability of Steering Vectors" (arXiv:2407.12404): BASE has
the default system prompt; SYS_POS and SYS_NEG replace it by a persona's sentence; USER_POS and USER_NEG keep it and put
the sentence, and a blank line, before the user's prompt.

Messages are always built anew: the reference code of "Mind the Performance Gap" (arXiv:2602.04903) overwrites the
messages that its arms share, so that an arm's prompt depends on which arm ran before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pysteer.chat_template import Message
from pysteer.errors import DataError, ModelError
from pysteer.model import Model

SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "BASE": "the default system message, where there is one (base)",
        "SYS_POS": "the positive persona's sentence as system message (sys+)",
        "SYS_NEG": "the negative persona's sentence as system message (sys-)",
        "USER_POS": "the default system message, and the positive persona's sentence before the prompt (user+)",
        "USER_NEG": "the default system message, and the negative persona's sentence before the prompt (user-)",
    }
)
SETTINGS = tuple(SUMMARIES)
ARMS = ("control", "prompting", "steering", "combined")


@dataclass(frozen=True)
class PromptSetting:
    """What stands around a prompt.

    Parameters
    ----------
    name : str
        For reports.
    system : str, optional
        System message. None: none is added, and one that a conversation brings along stays.
    user_prefix : str
        Put before the first user message, with a blank line between.
    """

    name: str
    system: str | None = None
    user_prefix: str = ""

    def messages(self, prompt: str | Sequence[Message]) -> list[Message]:
        """Return the conversation in this setting, as new objects; ``prompt`` is left as it is.

        Raises
        ------
        DataError
            A conversation without a user message.
        """
        given: Sequence[Message] = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        first = next((i for i, message in enumerate(given) if message["role"] == "user"), None)
        if first is None:
            raise DataError(f"setting {self.name!r}: expected a conversation with a user message, got none")
        built: list[Message] = [{"role": "system", "content": self.system}] if self.system is not None else []
        for index, message in enumerate(given):
            if message["role"] == "system" and self.system is not None:
                continue
            prefix = f"{self.user_prefix}\n\n" if index == first and self.user_prefix else ""
            built.append({"role": message["role"], "content": prefix + message["content"]})
        return built

    def render(self, model: Model, prompt: str | Sequence[Message]) -> str:
        """Return the text that the model's chat template makes of it, ready for the answer.

        Raises
        ------
        ModelError
            The model has no chat template, or its template refuses a system message or leaves it out.
        """
        messages = self.messages(prompt)
        system = next((message["content"] for message in messages if message["role"] == "system"), None)
        if system is None:
            return model.chat(messages)
        try:
            text = model.chat(messages)
        except ModelError as error:
            try:
                model.chat([message for message in messages if message["role"] != "system"])
            except ModelError:
                raise error from None
            raise ModelError(
                f"{model.name}: {_no_system(self.name)}: its chat template refuses one ({error})"
            ) from error
        if system.strip() not in text:
            raise ModelError(f"{model.name}: {_no_system(self.name)}: its chat template leaves it out")
        return text


@dataclass(frozen=True)
class Arm:
    """One arm of a comparison between prompting and steering."""

    name: str
    setting: PromptSetting
    is_steered: bool


def persona_settings(positive: str, negative: str, *, default_system: str | None) -> Mapping[str, PromptSetting]:
    """Return the five settings of a pair of persona sentences, by the names in `SETTINGS`.

    Parameters
    ----------
    positive, negative : str
        Such as "You are politically liberal." and "You are not politically liberal."
    default_system : str or None
        System message of BASE and of the USER settings. None: no system message there.

    Raises
    ------
    DataError
        A sentence is blank, or both are the same.
    """
    if not positive.strip() or not negative.strip() or positive == negative:
        raise DataError(f"expected two different persona sentences, got {positive!r} and {negative!r}")
    base = PromptSetting("BASE", default_system)
    return MappingProxyType(
        {
            "BASE": base,
            "SYS_POS": PromptSetting("SYS_POS", positive),
            "SYS_NEG": PromptSetting("SYS_NEG", negative),
            "USER_POS": PromptSetting("USER_POS", default_system, positive),
            "USER_NEG": PromptSetting("USER_NEG", default_system, negative),
        }
    )


def steering_arms(instruction: str, *, control_system: str | None) -> tuple[Arm, ...]:
    """Return the arms control, prompting, steering and combined of arXiv:2602.04903.

    Parameters
    ----------
    instruction : str
        System message of prompting and combined, such as "When answering, please be funny."
    control_system : str or None
        System message of control and steering.
    """
    plain = PromptSetting("plain", control_system)
    instructed = PromptSetting("instructed", instruction)
    settings = {"control": plain, "prompting": instructed, "steering": plain, "combined": instructed}
    return tuple(Arm(name, settings[name], name in ("steering", "combined")) for name in ARMS)


def _no_system(setting: str) -> str:
    return f"setting {setting!r} has a system message, which this model does not take"
