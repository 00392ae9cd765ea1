"""``pysteer dictionary inspect``, ``vector`` and ``convert``: what needs no model, or one only to measure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.dictionary_options import DictionaryArgument, LabelsOption, SiteOption
from pysteer.cli.options import JsonOption

if TYPE_CHECKING:
    from pysteer.dictionaries import SparseDictionary
    from pysteer.dictionaries.feature_labels import FeatureLabel, FeatureLabels


def inspect(
    dictionary: DictionaryArgument,
    feature: Annotated[
        list[int] | None,
        typer.Option("--feature", metavar="J", min=0, help="Show where it is largest.", show_default=False),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option("--search", metavar="WORD", help="Show features that are largest on it.", show_default=False),
    ] = None,
    labels: LabelsOption = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Measure it on --texts.", show_default=False)
    ] = None,
    texts: Annotated[
        Path | None, typer.Option("--texts", metavar="TEXTS", help="Texts to measure it on.", show_default=False)
    ] = None,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a dictionary is, what its features stand for, and how much of a model's activations it explains."""
    from pysteer.cli.console import print_json
    from pysteer.cli.dictionary_options import read_dictionary, read_labels

    if (model is None) != (texts is None):
        raise typer.BadParameter("a measurement needs both --model and --texts", param_hint="--model")
    found = read_dictionary(dictionary, site)
    known = read_labels(found, dictionary, labels)
    if known is None and (feature or search):
        raise typer.BadParameter("needs labels; make them with 'pysteer dictionary label'", param_hint="--labels")
    facts = {**_facts(found, dictionary, known), **(_measured(found, model, texts) if model and texts else {})}
    shown = [] if known is None else [known[j] for j in feature or ()]
    shown += [] if known is None or search is None else list(known.search(search))
    if as_json:
        from dataclasses import asdict

        print_json({**facts, "features": [asdict(one) for one in shown]})
    else:
        _print(facts, shown)


def vector(
    dictionary: DictionaryArgument,
    features: Annotated[
        list[str], typer.Argument(metavar="J=C...", help="Features, and how much of each is added: 12=4 7=-1.5.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Vector file to write.")],
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the sum of features as a steering vector, for --vector of all commands with --coefficient 1."""
    from rich.text import Text

    from pysteer.cli.console import print_json, stdout
    from pysteer.cli.dictionary_options import parse_features, read_dictionary, write_vector
    from pysteer.cli.loading import check_output
    from pysteer.dictionaries.feature_selection import feature_vector

    weights = parse_features(features, "J=C")
    check_output(output, [dictionary])
    made = feature_vector(read_dictionary(dictionary, site), weights)
    facts = write_vector(made, output)
    if as_json:
        print_json({**facts, "site": str(made.sites[0]), "features": weights})
    else:
        listed = ", ".join(f"{value:g} of feature {feature}" for feature, value in weights.items())
        stdout().print(Text(f"{listed} at {made.sites[0]}, norm {facts['norm']:.4g}\nwrote {output}"), soft_wrap=True)


def convert(
    dictionary: DictionaryArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Dictionary to write, .npz.")],
    half: Annotated[bool, typer.Option("--half", help="Write the matrices as float16.")] = False,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a dictionary of another tool as .npz."""
    from rich.text import Text

    from pysteer.cli.console import print_json, stdout
    from pysteer.cli.dictionary_options import read_dictionary
    from pysteer.cli.loading import check_output
    from pysteer.dictionary_file import save_dictionary

    check_output(output, [dictionary])
    found = read_dictionary(dictionary, site)
    save_dictionary(found, output, half=half)
    facts = _facts(found, output, None)
    if as_json:
        print_json(facts)
    else:
        stdout().print(Text(f"wrote {output}: {found!r}"), soft_wrap=True)


def _facts(found: SparseDictionary, path: Path, labels: FeatureLabels | None) -> dict[str, Any]:
    norms = found.feature_norms()
    return {
        "file": str(path),
        "n_features": found.n_features,
        "width": found.width,
        "activation": found.activation,
        "k": found.k,
        "site": None if found.site is None else str(found.site),
        "norm_min": float(norms.min()),
        "norm_max": float(norms.max()),
        "content_hash": found.content_hash,
        "provenance": found.provenance.to_dict(),
        "n_labelled_tokens": None if labels is None else labels.n_tokens,
        "n_never_active": None if labels is None else labels.n_dead,
    }


def _measured(found: SparseDictionary, model: str, texts: Path) -> dict[str, Any]:
    from pysteer.cli.console import progress_bar
    from pysteer.cli.dictionary_options import read_texts
    from pysteer.cli.loading import load_model
    from pysteer.errors import SteeringError
    from pysteer.site_rows import record_rows

    if found.site is None:
        raise SteeringError("this dictionary does not say where its rows come from: give it a --site")
    documents, loaded = read_texts(texts), load_model(model, 0)
    with progress_bar(f"reading {texts.name}", "texts") as report:
        rows = record_rows(loaded, documents, found.site, progress=report)
    return {"n_tokens": len(rows), "fvu": found.fvu(rows), "l0": found.l0(rows), "model_hash": loaded.hash}


def _print(facts: dict[str, Any], shown: list[FeatureLabel]) -> None:
    from rich.text import Text

    from pysteer.cli.console import stdout

    kind = f"topk {facts['k']}" if facts["k"] else facts["activation"]
    lines = [
        f"{facts['n_features']} features of width {facts['width']}, {kind}, at {facts['site'] or 'an unknown site'}",
        f"lengths of their directions {facts['norm_min']:.4g} to {facts['norm_max']:.4g}",
        f"origin: {facts['provenance']['method']}, model {facts['provenance']['model_name'] or 'unknown'}",
    ]
    if facts["n_labelled_tokens"] is not None:
        lines.append(
            f"labels over {facts['n_labelled_tokens']} tokens; {facts['n_never_active']} features never active"
        )
    if "fvu" in facts:
        lines.append(
            f"on {facts['n_tokens']} tokens: unexplained variance (FVU) {facts['fvu']:.4f}, L0 {facts['l0']:.1f}"
        )
    console = stdout()
    console.print(Text("\n".join(lines)), soft_wrap=True)
    for one in shown:
        console.print(Text(f"\nfeature {one.feature}: on {one.frequency:.2%} of tokens, mean {one.mean:.4g}", "bold"))
        for example in one.examples:
            text = Text.assemble(f"{example.value:8.3f}  {_line(example.before)}", (_line(example.token), "reverse"))
            console.print(text.append(_line(example.after)), soft_wrap=True)


def _line(text: str) -> str:
    return repr(text)[1:-1]
