"""``pysteer dictionary train``: texts in, a TopK dictionary out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.dictionary_options import TextsArgument
from pysteer.cli.options import GpuLayersOption, JsonOption, ModelArgument, SeedOption, ThreadsOption

if TYPE_CHECKING:
    from pysteer.arrays import Float32Array
    from pysteer.dictionaries import DictionaryTraining

HELD_OUT = 0.1
"""Share of the texts that the dictionary is measured on and not trained on."""


def train(
    model: ModelArgument,
    texts: TextsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Dictionary to write, .npz.")],
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="Whose rows, such as resid_post.5.")],
    features: Annotated[int, typer.Option("--features", metavar="N", min=1, help="How many there are to be.")],
    k: Annotated[int, typer.Option("--k", metavar="K", min=1, help="How many a row has.")] = 32,
    tokens: Annotated[
        int | None,
        typer.Option("--tokens", metavar="N", min=1, help="Tokens to train on.", show_default="all of nine tenths"),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", min=1, help="Times that each row is seen.")] = 5,
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="N", min=1, help="Rows a step.")] = 1024,
    learning_rate: Annotated[float, typer.Option("--learning-rate", metavar="X", help="Of Adam.")] = 3e-3,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="Kept while training; a run that was stopped goes on from it."
        ),
    ] = None,
    half: Annotated[bool, typer.Option("--half", help="Write the matrices as float16.")] = False,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    threads: ThreadsOption = None,
) -> None:
    """Train a dictionary of sparse features (TopK) on what a model computes over texts.

    A tenth of the texts is kept apart, and the dictionary measured on it. Ctrl-C keeps the checkpoint.
    """
    from pysteer.cli.console import print_json, progress_bar
    from pysteer.cli.dictionary_options import read_texts
    from pysteer.cli.loading import check_output, load_model
    from pysteer.dictionaries import TrainingPlan, train_dictionary
    from pysteer.dictionary_file import save_dictionary
    from pysteer.file_hash import file_hash
    from pysteer.provenance import Provenance
    from pysteer.session import session_for_texts
    from pysteer.site import Site
    from pysteer.site_rows import record_rows

    check_output(output, [model, texts])
    plan = TrainingPlan(
        features, k, seed=seed, n_epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
    )  # fmt: skip
    documents = read_texts(texts)
    n_apart = round(HELD_OUT * len(documents))
    loaded = load_model(model, n_gpu_layers)
    where = Site.parse(site, n_layers=loaded.n_layers)
    longest = min(loaded.n_ctx_train, 1024)
    with session_for_texts(loaded, longest, n_ctx=max(1024, 2 * longest), n_threads=threads) as session:
        with progress_bar("recording", "tokens" if tokens else "texts") as report:
            rows = record_rows(
                loaded,
                documents[: len(documents) - n_apart],
                where,
                n_rows=tokens,
                session=session,
                progress=report,
            )
        apart = record_rows(loaded, documents[-n_apart:], where, session=session) if n_apart else None
    origin = Provenance(
        "topk_dictionary",
        model_name=loaded.name,
        model_hash=loaded.hash,
        architecture=loaded.architecture,
        quantisation=loaded.quantisation,
        data_name=texts.name,
        data_hash=file_hash(texts),
        seed=seed,
    )
    with progress_bar("training", "steps") as report:
        training = train_dictionary(rows, plan, site=where, provenance=origin, checkpoint=checkpoint, progress=report)
    save_dictionary(training.dictionary, output, half=half)
    facts = _facts(training, rows, apart, output)
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts)


def _facts(
    training: DictionaryTraining, rows: Float32Array, apart: Float32Array | None, output: Path
) -> dict[str, Any]:  # fmt: skip
    from pysteer.file_hash import file_hash

    found = training.dictionary
    return {
        "output": str(output),
        "sha256": file_hash(output),
        "site": str(found.site),
        "n_features": found.n_features,
        "k": found.k,
        "n_tokens": len(rows),
        "n_held_out": 0 if apart is None else len(apart),
        "fvu": found.fvu(rows),
        "fvu_held_out": None if apart is None else found.fvu(apart),
        "l0_held_out": None if apart is None else found.l0(apart),
        "n_revived": training.n_revived,
        "n_dead": training.n_dead,
        "model_hash": found.provenance.model_hash,
        "data_hash": found.provenance.data_hash,
    }


def _print_facts(facts: dict[str, Any]) -> None:
    from rich.text import Text

    from pysteer.cli.console import stdout

    apart = "no text was kept apart: its FVU there is unknown"
    if facts["n_held_out"]:
        apart = f"{facts['fvu_held_out']:.4f} on {facts['n_held_out']} tokens kept apart, L0 {facts['l0_held_out']:.1f}"
    lines = (
        f"{facts['n_features']} features, {facts['k']} a row, at {facts['site']}, of {facts['n_tokens']} tokens",
        f"unexplained variance (FVU): {facts['fvu']:.4f}; {apart}",
        f"features: {facts['n_revived']} begun again while training, {facts['n_dead']} unused at its end",
        f"wrote {facts['output']}",
    )
    stdout().print(Text("\n".join(lines)), soft_wrap=True)
