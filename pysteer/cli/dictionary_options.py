"""What the commands for dictionaries share: arguments, reading texts, and "12=4.5" as a feature and a number."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pysteer.dictionaries import SparseDictionary
    from pysteer.dictionaries.feature_labels import FeatureLabels
    from pysteer.dictionaries.feature_selection import FeatureSelection
    from pysteer.vector import SteeringVector

DictionaryArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DICTIONARY",
        help="In any format of 'pysteer list dictionary-formats', or 'demo' for the embedded model's.",
    ),
]
TextsArgument = Annotated[
    Path, typer.Argument(metavar="TEXTS", help="Plain text, a .json list of texts, or .jsonl with a 'text' each.")
]
SiteOption = Annotated[
    str | None,
    typer.Option(
        "--site",
        metavar="SITE",
        help="Where its rows come from, such as resid_post.5, for files that do not say.",
        show_default="as the file says",
    ),
]
LabelsOption = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="Labels of the features.",
        show_default="DICTIONARY.labels.json, if it is there",
    ),
]
VectorOutput = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write what is added as a vector file.")
]


def read_dictionary(path: Path, site: str | None = None) -> SparseDictionary:
    """Return a dictionary, its site as the option says or as the file does."""
    from pysteer.dictionary_file import load_dictionary
    from pysteer.site import Site

    return load_dictionary(_named(path), site=None if site is None else Site.parse(site))


def _named(path: Path) -> Path:
    """Return the file that the user means: the embedded one for the name "demo"."""
    if path != Path("demo"):
        return path
    from pysteer.demo import dictionary_path

    return dictionary_path()


def labels_path(dictionary: Path) -> Path:
    """Return where labels are written unless the user says otherwise."""
    return dictionary.with_name(f"{dictionary.stem}.labels.json")


def read_labels(dictionary: SparseDictionary, path: Path, given: Path | None) -> FeatureLabels | None:
    """Return the labels of a dictionary, or None where the user names none and none lie beside it.

    Raises
    ------
    DataError
        Labels of another dictionary, or a damaged file.
    """
    from pysteer.dictionaries.feature_labels import load_labels

    file = given or labels_path(_named(path))
    if given is None and not file.is_file():
        return None
    labels = load_labels(file)
    labels.check_belongs(dictionary)
    return labels


def read_texts(path: Path) -> list[str]:
    """Return the texts of a file; plain text is cut at blank lines.

    Raises
    ------
    DataError
        As `read_text`; no text in it.
    """
    from pysteer.cli.loading import read_text
    from pysteer.errors import DataError

    found = read_text(path)
    texts = [part for part in found.split("\n\n") if part.strip()] if isinstance(found, str) else found
    if not texts:
        raise DataError(f"{path}: holds no text")
    return texts


def parse_features(given: Sequence[str] | None, option: str) -> dict[int, float]:
    """Return {feature: number} from texts such as "12=4.5"."""
    numbers: dict[int, float] = {}
    for text in given or ():
        name, _, value = text.partition("=")
        try:
            feature, number = int(name), float(value)
        except ValueError:
            raise typer.BadParameter(
                f"expected a feature and a number, such as 12=4.5, got {text!r}", param_hint=option
            ) from None
        if feature in numbers:
            raise typer.BadParameter(f"feature {feature} is named twice", param_hint=option)
        numbers[feature] = number
    return numbers


def write_vector(vector: SteeringVector, output: Path) -> dict[str, Any]:
    """Write a vector of features, and return what is said about the file."""
    from pysteer.file_hash import file_hash
    from pysteer.vector_file import save_vector

    (site,) = vector.sites
    save_vector(vector, output, for_llama_cpp=False)  # as llama.cpp reads it, where it can
    return {"output": str(output), "sha256": file_hash(output), "norm": vector.norms()[site]}


def words_of(labels: FeatureLabels | None, feature: int, n: int = 5) -> str:
    """Return the tokens that a feature is largest on, for a table."""
    return "" if labels is None else ", ".join(repr(word)[1:-1] for word in labels[feature].words[:n])


def print_selection(selection: FeatureSelection, labels: FeatureLabels | None) -> None:
    """Print the features with their effects and weights."""
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, stdout

    stdout().print(
        Text(
            f"{selection.description}: {selection.n_with} texts with, {selection.n_without} without; "
            f"strength {selection.strength:g} of the mean norm {selection.mean_norm:.4g}"
        ),
        soft_wrap=True,
    )
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for heading in ("feature", "Cohen's d", "difference", "weight"):
        table.add_column(heading, justify="right")
    table.add_column("largest on")
    for feature, effect, difference, weight in zip(
        selection.features, selection.effect_sizes, selection.differences, selection.weights, strict=True
    ):
        numbers = (f"{effect:+.2f}", f"{difference:+.4g}", f"{weight:+.4g}")
        table.add_row(str(feature), *numbers, words_of(labels, feature))
    print_table(table)
