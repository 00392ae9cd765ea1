"""Options that say for which prompts, or at which rows, a vector steers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_PANEL = "Conditional steering"

ConditionsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--condition",
        metavar="FILE",
        help="Steer only where this direction is met; once, or once for each --vector. 'pysteer condition' makes one.",
        show_default=False,
        rich_help_panel=_PANEL,
    ),
]
ConditionThresholdsOption = Annotated[
    list[float] | None,
    typer.Option(
        "--condition-threshold",
        metavar="T",
        help="What the direction's value is compared with.",
        show_default="as the file says",
        rich_help_panel=_PANEL,
    ),
]
ConditionLayersOption = Annotated[
    list[int] | None,
    typer.Option(
        "--condition-layer",
        metavar="N",
        help="Layer of the condition's file at which prompts are read.",
        show_default="its only one",
        rich_help_panel=_PANEL,
    ),
]
ConditionWordsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--condition-how",
        metavar="WORDS",
        help="Commas between them: above or below; cosine or projection; prompt (decided once) or token (at each row); "
        "mean, max, min or last over the prompt. See 'pysteer list conditions'.",
        show_default="as the file says, else above,cosine,prompt,mean",
        rich_help_panel=_PANEL,
    ),
]
