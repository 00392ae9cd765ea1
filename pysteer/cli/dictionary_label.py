"""``pysteer dictionary label``: the tokens on which each feature is largest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pysteer.cli.dictionary_options import DictionaryArgument, SiteOption, TextsArgument
from pysteer.cli.options import GpuLayersOption, JsonOption, ModelArgument, ThreadsOption


def label(
    model: ModelArgument,
    dictionary: DictionaryArgument,
    texts: TextsArgument,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="JSON file to write.", show_default="DICTIONARY.labels.json"
        ),
    ] = None,
    examples: Annotated[int, typer.Option("--examples", metavar="N", min=1, help="Kept for each feature.")] = 10,
    before: Annotated[int, typer.Option("--before", metavar="N", min=0, help="Tokens kept before an example.")] = 12,
    after: Annotated[int, typer.Option("--after", metavar="N", min=0, help="Tokens kept after an example.")] = 6,
    site: SiteOption = None,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Find the texts in which each feature is largest, and write them beside the dictionary."""
    from rich.text import Text

    from pysteer.cli.console import print_json, progress_bar, stdout
    from pysteer.cli.dictionary_options import labels_path, read_dictionary, read_texts
    from pysteer.cli.loading import check_output, load_model
    from pysteer.dictionaries.feature_labels import save_labels
    from pysteer.feature_labelling import label_features
    from pysteer.session import session_for_texts

    file = output or labels_path(dictionary)
    check_output(file, [model, dictionary, texts])
    loaded_dictionary, documents = read_dictionary(dictionary, site), read_texts(texts)
    loaded = load_model(model, n_gpu_layers)
    longest = min(loaded.n_ctx_train, 1024)
    with (
        session_for_texts(loaded, longest, n_ctx=max(1024, 2 * longest), n_threads=threads) as session,
        progress_bar(f"reading {texts.name}", "texts") as report,
    ):
        labels = label_features(
            loaded,
            loaded_dictionary,
            documents,
            n_examples=examples,
            context=(before, after),
            session=session,
            progress=report,
        )
    save_labels(labels, file)
    facts = {
        "output": str(file),
        "n_features": len(labels.features),
        "n_dead": labels.n_dead,
        "n_tokens": labels.n_tokens,
        "dictionary_hash": labels.dictionary_hash,
        "model_hash": labels.model_hash,
    }
    if as_json:
        print_json(facts)
    else:
        summary = f"{len(labels.features)} features over {labels.n_tokens} tokens, {labels.n_dead} of them never active"
        stdout().print(Text(f"{summary}\nwrote {file}"), soft_wrap=True)
