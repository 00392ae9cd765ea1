"""``pysteer dictionary select`` and ``contrast``: which features a description, or a contrast of texts, picks out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pysteer.cli.dictionary_options import DictionaryArgument, LabelsOption, SiteOption, VectorOutput
from pysteer.cli.options import GpuLayersOption, JsonOption, ModelArgument, RawOption

if TYPE_CHECKING:
    from pysteer.dictionaries import SparseDictionary
    from pysteer.dictionaries.feature_labels import FeatureLabels
    from pysteer.dictionaries.feature_selection import FeatureSelection

FeaturesOption = Annotated[int, typer.Option("--features", metavar="N", min=1, help="How many are taken.")]
StrengthOption = Annotated[
    float,
    typer.Option("--strength", metavar="X", help="Length of what is added, as a fraction of the mean norm of a row."),
]


def select(
    model: ModelArgument,
    dictionary: DictionaryArgument,
    description: Annotated[str, typer.Argument(metavar="DESCRIPTION", help='Such as "be more formal".')],
    prompts: Annotated[
        Path, typer.Argument(metavar="PROMPTS", help="What users say: a line each, or .json or .jsonl as TEXTS.")
    ],
    output: VectorOutput = None,
    features: FeaturesOption = 5,
    strength: StrengthOption = 0.5,
    place: Annotated[
        str, typer.Option("--place", metavar="PLACE", help="Where the instruction stands: system or prompt.")
    ] = "system",
    read: Annotated[
        str,
        typer.Option("--read", metavar="WHAT", help="What is read: the generated answer, or the prompt's last token."),
    ] = "answer",
    max_tokens: Annotated[int, typer.Option("--max-tokens", metavar="N", min=1, help="Of each answer.")] = 64,
    labels: LabelsOption = None,
    site: SiteOption = None,
    raw: RawOption = False,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
) -> None:
    """Pick the features that an instruction changes most, with weights by the size of its effect."""
    from pysteer.cli.console import progress_bar
    from pysteer.cli.dictionary_options import read_dictionary, read_labels
    from pysteer.cli.loading import check_output, load_model, read_text
    from pysteer.feature_contrast import select_features

    if output is not None:
        check_output(output, [model, dictionary, prompts])
    found = read_dictionary(dictionary, site)
    known = read_labels(found, dictionary, labels)
    given = read_text(prompts)
    lines = [line for line in given.split("\n") if line.strip()] if isinstance(given, str) else given
    loaded = load_model(model, n_gpu_layers)
    with progress_bar("reading answers", "texts") as report:
        selection = select_features(
            loaded,
            found,
            description,
            lines,
            n_features=features,
            strength=strength,
            place=place,
            read=read,
            max_tokens=max_tokens,
            raw=raw,
            progress=report,
        )
    _finish(selection, found, known, output, as_json)


def contrast(
    model: ModelArgument,
    dictionary: DictionaryArgument,
    with_: Annotated[Path, typer.Argument(metavar="WITH", help="Texts that have it, in a form of TEXTS.")],
    without: Annotated[Path, typer.Argument(metavar="WITHOUT", help="Texts that have it not.")],
    output: VectorOutput = None,
    features: FeaturesOption = 5,
    strength: StrengthOption = 0.5,
    labels: LabelsOption = None,
    site: SiteOption = None,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
) -> None:
    """Pick the features that set two lists of texts apart, with weights by the size of the difference."""
    from pysteer.cli.console import progress_bar
    from pysteer.cli.dictionary_options import read_dictionary, read_labels, read_texts
    from pysteer.cli.loading import check_output, load_model
    from pysteer.feature_contrast import contrast_texts

    if output is not None:
        check_output(output, [model, dictionary, with_, without])
    found = read_dictionary(dictionary, site)
    known = read_labels(found, dictionary, labels)
    sides = read_texts(with_), read_texts(without)
    loaded = load_model(model, n_gpu_layers)
    with progress_bar("reading", "texts") as report:
        selection = contrast_texts(
            loaded,
            found,
            *sides,
            description=f"{with_.stem} against {without.stem}",
            n_features=features,
            strength=strength,
            progress=report,
        )
    _finish(selection, found, known, output, as_json)


def _finish(
    selection: FeatureSelection,
    found: SparseDictionary,
    labels: FeatureLabels | None,
    output: Path | None,
    as_json: bool,
) -> None:
    from rich.text import Text

    from pysteer.cli.console import print_json, stdout
    from pysteer.cli.dictionary_options import print_selection, words_of, write_vector

    facts = {} if output is None else write_vector(selection.vector(found), output)
    if as_json:
        described = selection.to_dict()
        for item in described["features"]:
            item["words"] = words_of(labels, item["feature"])
        print_json({**described, **facts})
        return
    print_selection(selection, labels)
    if output is not None:
        stdout().print(Text(f"wrote {output}: apply it with --coefficient 1"), soft_wrap=True)
