"""Arguments and options that several commands share, each written once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class KvType(str, Enum):
    """Type of keys and values."""

    f16 = "f16"
    f32 = "f32"


class Propensity(str, Enum):
    """How preference is measured."""

    auto = "auto"
    letter = "letter"
    full_response = "full_response"


_MODEL, _STEERING, _SAMPLING = "Model", "Steering", "Generation"

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="GGUF file, or 'demo' for the embedded model.")]
PairsArgument = Annotated[
    Path,
    typer.Argument(metavar="PAIRS", help="Contrast pairs, in any of the formats of 'pysteer list formats'."),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Format of PAIRS; see 'pysteer list formats'.",
        show_default="recognised by its first record",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document, numbers in full precision.")]
RawOption = Annotated[bool, typer.Option("--raw", help="Take prompts as they are, without the chat template.")]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Of whatever is random.")]

GpuLayersOption = Annotated[
    int,
    typer.Option("--n-gpu-layers", metavar="N", help="Blocks on the GPU; -1 puts all.", rich_help_panel=_MODEL),
]
ContextOption = Annotated[
    int | None,
    typer.Option(
        "--n-ctx",
        metavar="N",
        min=1,
        help="Tokens that fit into memory, over all texts computed at once.",
        show_default="as many as needed",
        rich_help_panel=_MODEL,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        help="Threads to compute with.",
        show_default="all cores",
        rich_help_panel=_MODEL,
    ),
]
KvTypeOption = Annotated[
    KvType,
    typer.Option(
        "--kv-type",
        metavar="TYPE",
        help="Keys and values as f16, or as f32 where batched and single runs should agree closest.",
        rich_help_panel=_MODEL,
    ),
]

VectorsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--vector",
        metavar="FILE",
        help="Steering vector; may be given several times, each with its --coefficient.",
        show_default=False,
        rich_help_panel=_STEERING,
    ),
]
CoefficientsOption = Annotated[
    list[float] | None,
    typer.Option(
        "--coefficient",
        metavar="C",
        help="Strength, for add in multiples of the direction; one for each --vector, in their order.",
        show_default=False,
        rich_help_panel=_STEERING,
    ),
]
LayersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layers",
        metavar="LAYERS",
        help="Only these of the vector's layers: 8:20 (half-open), 3,5,8 or 14.",
        show_default="all of the vector's",
        rich_help_panel=_STEERING,
    ),
]
OperationOption = Annotated[
    list[str] | None,
    typer.Option(
        "--operation",
        metavar="NAME",
        help="What is done to a row; parameters follow a colon: affine:gain=0,offset=1. See 'pysteer list operations'.",
        show_default="add",
        rich_help_panel=_STEERING,
    ),
]
WindowOption = Annotated[
    list[str] | None,
    typer.Option(
        "--window",
        metavar="WINDOW",
        help="Which tokens: all, prompt, generation, last, answer, from:N or A:B.",
        show_default="all",
        rich_help_panel=_STEERING,
    ),
]
LayerShiftOption = Annotated[
    int | None,
    typer.Option(
        "--layer-shift",
        metavar="N",
        help="Added to the layers of a vector file; -1 for files of llama.cpp's own generator.",
        show_default="0, with a warning where it looks wrong",
        rich_help_panel=_STEERING,
    ),
]

MaxTokensOption = Annotated[
    int,
    typer.Option("--max-tokens", metavar="N", min=1, help="End after this many tokens.", rich_help_panel=_SAMPLING),
]
TemperatureOption = Annotated[
    float,
    typer.Option(
        "--temperature",
        metavar="T",
        min=0.0,
        help="0 takes the most probable token and ignores --top-k, --top-p, --min-p and --seed.",
        rich_help_panel=_SAMPLING,
    ),
]
TopKOption = Annotated[
    int,
    typer.Option(
        "--top-k",
        metavar="K",
        min=0,
        help="Draw among the K most probable tokens; 0 keeps all.",
        rich_help_panel=_SAMPLING,
    ),
]
TopPOption = Annotated[
    float,
    typer.Option(
        "--top-p",
        metavar="P",
        min=0.0,
        max=1.0,
        help="Draw among the most probable tokens that together have this share; 1 keeps all.",
        rich_help_panel=_SAMPLING,
    ),
]
MinPOption = Annotated[
    float,
    typer.Option(
        "--min-p",
        metavar="P",
        min=0.0,
        max=1.0,
        help="Draw among tokens with at least this share of the best one's probability; 0 keeps all.",
        rich_help_panel=_SAMPLING,
    ),
]
RepetitionPenaltyOption = Annotated[
    float,
    typer.Option(
        "--repetition-penalty",
        metavar="X",
        help="Divides the logits of tokens seen lately; 1 is off.",
        rich_help_panel=_SAMPLING,
    ),
]
StopOption = Annotated[
    list[str] | None,
    typer.Option(
        "--stop",
        metavar="TEXT",
        help="End before this text; may be given several times.",
        show_default=False,
        rich_help_panel=_SAMPLING,
    ),
]
SystemOption = Annotated[
    str | None,
    typer.Option("--system", metavar="TEXT", help="System message.", show_default=False, rich_help_panel=_SAMPLING),
]


@dataclass(frozen=True)
class Computing:
    """How a model is loaded and computed; the options of the panel "Model"."""

    n_gpu_layers: int
    n_ctx: int | None
    threads: int | None
    kv_type: KvType
