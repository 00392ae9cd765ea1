"""What a model of a study can be given: prompt settings with and without personas, and layers to try."""

from __future__ import annotations

import numpy as np

from pysteer.chat_template import Message
from pysteer.errors import ModelError
from pysteer.prompt_settings import persona_settings
from pysteer.studies.study_model import StudyModel

DEFAULT_SYSTEM = "You are a helpful, honest and concise assistant."
"""The default system message of arXiv:2407.12404; the embedded model has one of its own."""

Settings = dict[str, list[str | None]]
"""By name: system message and what is put before the user's message."""


def settings_of(model: StudyModel, personas: tuple[str, str], default_system: str) -> Settings:
    """Return the prompt settings that the model can take, BASE first.

    Without a chat template: only BASE, prompts as they are. Without a system message: BASE, USER_POS and USER_NEG.
    """
    if model.raw:
        return {"BASE": []}
    takes_system = _takes_system(model.loaded.chat)
    found = persona_settings(*personas, default_system=default_system if takes_system else None)
    names = [name for name in found if takes_system or not name.startswith("SYS")]
    return {name: [found[name].system, found[name].user_prefix] for name in names}


def _takes_system(chat: object) -> bool:
    """Return whether the chat template shows a system message."""
    messages: list[Message] = [{"role": "system", "content": "Zyx."}, {"role": "user", "content": "?"}]
    try:
        return "Zyx." in chat(messages)  # type: ignore[operator]
    except ModelError:
        return False


def layers_to_sweep(model: StudyModel, n_most: int | None) -> list[int]:
    """Return the layers to try: all, or evenly spread ones with the first and the last."""
    n_layers = model.loaded.n_layers
    if n_most is None or n_layers <= n_most:
        return list(range(n_layers))
    return sorted(set(np.linspace(0, n_layers - 1, n_most).round().astype(int).tolist()))
