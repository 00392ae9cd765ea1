"""Options that put a system message or a persona around every prompt: the settings of arXiv:2407.12404."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pysteer.prompt_settings import PromptSetting

_PANEL = "Prompt setting"
_ALIASES = {
    "base": "BASE",
    "sys+": "SYS_POS",
    "sys-": "SYS_NEG",
    "user+": "USER_POS",
    "user-": "USER_NEG",
}

SettingOption = Annotated[
    str | None,
    typer.Option(
        "--setting",
        metavar="NAME",
        help="What stands around each prompt: base, sys+, sys-, user+ or user-. See 'pysteer list settings'.",
        show_default="nothing",
        rich_help_panel=_PANEL,
    ),
]
TestSettingOption = Annotated[
    str | None,
    typer.Option(
        "--test-setting",
        metavar="NAME",
        help="The same, for the pairs to choose and to test on.",
        show_default="as --setting",
        rich_help_panel=_PANEL,
    ),
]
PositivePersonaOption = Annotated[
    str | None,
    typer.Option(
        "--positive-persona",
        metavar="TEXT",
        help='Sentence of sys+ and user+, such as "You are politically liberal."',
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
NegativePersonaOption = Annotated[
    str | None,
    typer.Option(
        "--negative-persona",
        metavar="TEXT",
        help="Sentence of sys- and user-.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
DefaultSystemOption = Annotated[
    str | None,
    typer.Option(
        "--default-system",
        metavar="TEXT",
        help="System message of base, user+ and user-.",
        show_default="none",
        rich_help_panel=_PANEL,
    ),
]


def read_setting(
    name: str | None, positive: str | None, negative: str | None, default_system: str | None
) -> PromptSetting | None:
    """Return the setting of a name such as "sys+" or "SYS_POS"; None for None.

    Raises
    ------
    UnknownNameError
        No such setting.
    DataError
        The setting's persona sentence is missing or blank.
    """
    from pysteer.errors import DataError, UnknownNameError
    from pysteer.prompt_settings import PromptSetting
    from pysteer.registry import did_you_mean

    if name is None:
        return None
    known = _ALIASES.get(name.lower(), name.upper())
    if known not in _ALIASES.values():
        choices = tuple(_ALIASES)
        raise UnknownNameError(
            f"unknown setting {name!r}{did_you_mean(name.lower(), choices)} Available: {', '.join(choices)}"
        )
    if known == "BASE":
        return PromptSetting("BASE", default_system)
    is_positive = known.endswith("POS")
    sentence = positive if is_positive else negative
    if sentence is None or not sentence.strip():
        option = "--positive-persona" if is_positive else "--negative-persona"
        raise DataError(f"setting {name!r} needs a persona's sentence: give {option}")
    if known.startswith("SYS"):
        return PromptSetting(known, sentence)
    return PromptSetting(known, default_system, sentence)
