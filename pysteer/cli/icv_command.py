"""``pysteer icv``: pairs of texts in, an in-context vector out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.options import (
    ContextOption,
    GpuLayersOption,
    JsonOption,
    KvType,
    KvTypeOption,
    ModelArgument,
    PairsArgument,
    ThreadsOption,
)

if TYPE_CHECKING:
    from pysteer.vector import SteeringVector


def icv(
    model: ModelArgument,
    pairs: PairsArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Vector file to write.")],
    variant: Annotated[
        str,
        typer.Option("--variant", metavar="NAME", help="code (PC1 + mean, as the authors' code), pc1 or mean."),
    ] = "code",
    token: Annotated[
        str, typer.Option("--token", metavar="RULE", help="last, or last:4 for the mean of the last four.")
    ] = "last",
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Make an in-context vector from pairs of plain texts, and write it to a file.

    It points from the negative texts to the positive ones. Apply it with --operation in_context and --coefficient 0.1:
    it turns the MLP outputs of all blocks, at every token, and keeps their lengths.
    """
    from pysteer.cli.console import print_json, progress_bar
    from pysteer.cli.loading import check_output, load_model
    from pysteer.in_context_vectors import in_context_vector, variants
    from pysteer.pair_files import load_pairs
    from pysteer.session import session_for_texts
    from pysteer.vector_file import save_vector

    variants.get(variant)
    check_output(output, [model, pairs])
    data = load_pairs(pairs)
    loaded = load_model(model, n_gpu_layers)
    texts = [text for pair in data for text in (pair.positive_text, pair.negative_text)]
    longest = max(len(loaded.tokenize(text, parse_special=False)) for text in texts)
    with (
        session_for_texts(loaded, longest, n_ctx=n_ctx, n_threads=threads, kv_type=kv_type.value) as session,
        progress_bar(f"reading {pairs.name}", "texts") as report,
    ):
        vector = in_context_vector(loaded, data, variant=variant, token=token, session=session, progress=report)
    save_vector(vector, output, for_llama_cpp=False)
    facts = _facts(vector, output)
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts, pairs)


def _facts(vector: SteeringVector, output: Path) -> dict[str, Any]:
    from pysteer.file_hash import file_hash

    origin = vector.provenance
    return {
        "output": str(output),
        "sha256": file_hash(output),
        "method": origin.method,
        "variant": origin.extra["variant"],
        "cosine_to_mean": origin.extra["cosine_to_mean"],
        "token_rule": origin.token_rule,
        "n_pairs": origin.n_pairs,
        "data_name": origin.data_name,
        "data_hash": origin.data_hash,
        "model_name": origin.model_name,
        "model_hash": origin.model_hash,
        "sites": [{"site": str(site), "layer": site.layer, "norm": norm} for site, norm in vector.norms().items()],
    }


def _print_facts(facts: dict[str, Any], pairs: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, stdout

    console = stdout()
    summary = (
        f"in-context vector ({facts['variant']}) of {facts['n_pairs']} pairs in {pairs}, token rule "
        f"{facts['token_rule']}; cosine to the mean difference {facts['cosine_to_mean']:.4f}"
    )
    console.print(Text(summary), soft_wrap=True)
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("site")
    table.add_column("norm", justify="right")
    for site in facts["sites"]:
        table.add_row(site["site"], f"{site['norm']:.4g}")
    print_table(table)
    console.print(Text(f"wrote {facts['output']}: only pysteer can read these sites"), soft_wrap=True)
