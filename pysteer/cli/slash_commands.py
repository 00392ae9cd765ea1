"""What a user can type in a chat beside messages: ``/strength`` and the like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pysteer.cli.console import show_note, stdout
from pysteer.cli.conversation import Conversation
from pysteer.cli.steering import Steering
from pysteer.errors import SteeringError, UnknownNameError
from pysteer.registry import did_you_mean
from pysteer.vector_file import load_vector
from pysteer.window import Window

COMMANDS = {
    "/strength": "/strength 1.5     steer at this strength; with several vectors, one number for each",
    "/vector": "/vector FILE      steer with this vector, at the strength so far or 1; without FILE, with none",
    "/window": "/window answer    which tokens are steered: all, prompt, generation, last, answer, from:N, A:B",
    "/reset": "/reset            forget what was said",
    "/help": "/help             show this",
    "/quit": "/quit             leave (so does Ctrl-D)",
}


def run_command(conversation: Conversation, line: str) -> bool:
    """Run a line that begins with "/"; return whether the chat goes on.

    Raises
    ------
    UnknownNameError
        There is no such command.
    PysteerError
        What follows the command has no meaning, or a file does not fit; nothing is changed then.
    """
    name, _, rest = line.partition(" ")
    rest = rest.strip()
    if name == "/quit":
        return False
    if name == "/help":
        stdout().print("\n".join(COMMANDS.values()), markup=False)
        show_note(f"now: {conversation.describe_steering()}")
    elif name == "/reset":
        conversation.reset()
        show_note("forgotten")
    elif name in ("/strength", "/vector", "/window"):
        if name == "/vector":
            conversation.steer(_with_vector(conversation.recent, rest))
        else:
            change = _with_strengths if name == "/strength" else _with_window
            conversation.steer(change(conversation.steering, rest))
        show_note(conversation.describe_steering())
    else:
        raise UnknownNameError(f"unknown command {name!r}{did_you_mean(name, COMMANDS)} /help lists all")
    return True


def _with_strengths(steering: tuple[Steering, ...], text: str) -> list[Steering]:
    if not steering:
        raise SteeringError("there is no vector yet: /vector FILE takes one")
    try:
        strengths = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise SteeringError(f"expected a number such as /strength 1.5, got {text!r}") from None
    if len(strengths) != len(steering):
        raise SteeringError(f"expected {len(steering)} numbers, one for each vector, got {len(strengths)}")
    return [replace(item, coefficient=strength) for item, strength in zip(steering, strengths, strict=True)]


def _with_vector(recent: Steering | None, text: str) -> list[Steering]:
    if not text:
        return []
    path = Path(text.strip("\"'")).expanduser()
    vector = load_vector(path)
    if recent is not None:
        return [replace(recent, path=path, vector=vector)]
    return [Steering(path, vector, 1.0, "add", {}, Window.parse("all"), None)]


def _with_window(steering: tuple[Steering, ...], text: str) -> list[Steering]:
    if not steering:
        raise SteeringError("there is no vector yet: /vector FILE takes one")
    return [replace(item, window=Window.parse(text)) for item in steering]
