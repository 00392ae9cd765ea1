"""``pysteer extract``: contrast pairs in, a vector file out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.options import (
    Computing,
    ContextOption,
    FormatOption,
    GpuLayersOption,
    JsonOption,
    KvType,
    KvTypeOption,
    ModelArgument,
    PairsArgument,
    RawOption,
    ThreadsOption,
)
from pysteer.cli.setting_options import (
    DefaultSystemOption,
    NegativePersonaOption,
    PositivePersonaOption,
    SettingOption,
)

if TYPE_CHECKING:
    from pysteer.model import Model
    from pysteer.pairs import Dataset
    from pysteer.prompt_settings import PromptSetting
    from pysteer.session import Session
    from pysteer.site import Site
    from pysteer.vector import SteeringVector

N_NORM_PAIRS = 8
"""Pairs from which the usual norm of the rows is taken: enough for a ratio, and cheap beside the extraction."""


def extract(
    model: ModelArgument,
    pairs: PairsArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Vector file to write, such as joyful.gguf.")
    ],
    method: Annotated[
        str, typer.Option("--method", metavar="NAME", help="See 'pysteer list methods'.")
    ] = "mean_difference",
    layers: Annotated[
        str | None,
        typer.Option(
            "--layers",
            metavar="LAYERS",
            help="8:20 (half-open), 3,5,8, 14 or all.",
            show_default="all but layer 0, which llama.cpp's control vectors cannot reach",
        ),
    ] = None,
    component: Annotated[
        str, typer.Option("--component", metavar="NAME", help="See 'pysteer list components'.")
    ] = "resid_post",
    token: Annotated[
        str,
        typer.Option(
            "--token",
            metavar="RULE",
            help="Where activations are read: see 'pysteer list token-rules'. auto fits the data: the letter of A/B "
            "answers, else the whole answer, or the last token of texts without prompts.",
        ),
    ] = "auto",
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="Of the methods that draw at random (controls).", show_default=False),
    ] = None,
    setting: SettingOption = None,
    positive_persona: PositivePersonaOption = None,
    negative_persona: NegativePersonaOption = None,
    default_system: DefaultSystemOption = None,
    format: FormatOption = None,
    raw: RawOption = False,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Extract a steering vector from contrast pairs, and write it to a control-vector file.

    llama.cpp and others load the file as it is, unless it has layer 0 or another component than resid_post.
    """
    from pysteer.cli.console import print_json, progress_bar
    from pysteer.cli.loading import check_output, load_model, open_session_for_pairs
    from pysteer.cli.setting_options import read_setting
    from pysteer.extraction import extract as extract_vector
    from pysteer.extractors import extractors
    from pysteer.pair_files import load_pairs
    from pysteer.token_rules import parse_token_rule
    from pysteer.vector_file import save_vector

    extractors.get(method)
    around = read_setting(setting, positive_persona, negative_persona, default_system)
    if token != "auto":
        parse_token_rule(token)
    check_output(output, [model, pairs])
    data = load_pairs(pairs, format=format)
    loaded = load_model(model, n_gpu_layers)
    computing = Computing(n_gpu_layers, n_ctx, threads, kv_type)
    with open_session_for_pairs(loaded, data, computing, raw=raw, settings=(around,)) as session:
        with progress_bar(f"extracting from {pairs.name}", "pairs") as report:
            vector = extract_vector(
                loaded,
                data,
                method=method,
                layers=_chosen_layers(layers, component, loaded),
                component=component,
                token=token,
                raw=raw,
                setting=around,
                seed=seed,
                session=session,
                progress=report,
            )
        usual = usual_norms(loaded, data, vector, session, raw=raw, setting=around)
    is_for_llama_cpp = all(site.component == "resid_post" and site.layer >= 1 for site in vector.sites)
    save_vector(vector, output, for_llama_cpp=is_for_llama_cpp)
    facts = _facts(vector, usual, output, is_for_llama_cpp)
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts, pairs)


def _chosen_layers(layers: str | None, component: str, model: Model) -> str | list[int]:
    """Return what the user named, or all layers but 0; final_norm comes once."""
    if component == "final_norm":
        if layers is not None:
            raise typer.BadParameter("final_norm comes once in a model: leave --layers out", param_hint="--layers")
        return [model.n_layers - 1]
    if layers is not None:
        return layers
    return list(range(1, model.n_layers)) or "all"


def usual_norms(
    model: Model,
    data: Dataset,
    vector: SteeringVector,
    session: Session,
    *,
    raw: bool,
    setting: PromptSetting | None = None,
) -> dict[Site, float]:
    """Return the mean norm of the rows that the first pairs have where the vector was read, by site."""
    import numpy as np

    from pysteer.pair_text import answer_pair
    from pysteer.recording import record
    from pysteer.token_rules import parse_token_rule

    rule = parse_token_rule(vector.provenance.token_rule or "last")
    texts = [
        answered
        for pair in data.pairs[:N_NORM_PAIRS]
        for answered in answer_pair(model, pair, raw=raw, setting=setting)
    ]
    recorded = record(
        model,
        [[int(token) for token in answered.tokens.ids] for answered in texts],
        vector.sites,
        positions=[rule(answered) for answered in texts],
        session=session,
    )
    return {
        site: float(np.linalg.norm(np.concatenate([rows[site] for rows in recorded]), axis=1).mean())
        for site in vector.sites
    }


def _facts(vector: SteeringVector, usual: dict[Site, float], output: Path, is_for_llama_cpp: bool) -> dict[str, Any]:
    from pysteer.file_hash import file_hash

    origin = vector.provenance
    return {
        "output": str(output),
        "sha256": file_hash(output),
        "method": origin.method,
        "token_rule": origin.token_rule,
        "setting": origin.extra.get("setting"),
        "n_pairs": origin.n_pairs,
        "data_name": origin.data_name,
        "data_hash": origin.data_hash,
        "model_name": origin.model_name,
        "model_hash": origin.model_hash,
        "is_for_llama_cpp": is_for_llama_cpp,
        "sites": [
            {
                "site": str(site),
                "component": site.component,
                "layer": site.layer,
                "norm": norm,
                "row_norm": usual[site],
                "relative_norm": norm / usual[site] if usual[site] else math.nan,
            }
            for site, norm in vector.norms().items()
        ],
    }


def _print_facts(facts: dict[str, Any], pairs: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, stdout

    console = stdout()
    console.print(Text(f"{facts['method']} of {facts['n_pairs']} pairs in {pairs}, token rule {facts['token_rule']}"))
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("site")
    table.add_column("norm", justify="right")
    table.add_column("of a row's norm there", justify="right")
    for site in facts["sites"]:
        table.add_row(site["site"], f"{site['norm']:.4g}", f"{site['relative_norm']:.1%}")
    print_table(table)
    readers = "llama.cpp loads it, too" if facts["is_for_llama_cpp"] else "only pysteer can read these sites"
    console.print(Text(f"wrote {facts['output']}: {readers}"), soft_wrap=True)
