"""``pysteer function-vector``: a word-pair task in, its function vector out."""

from __future__ import annotations

from contextlib import ExitStack
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
    SeedOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from pysteer.formats.word_pairs import WordPairs
    from pysteer.function_vectors import Comparison, Study

_TOP_K = (1, 3)
"""Ranks whose accuracy is shown."""


def function_vector(
    model: ModelArgument,
    task: Annotated[
        Path, typer.Argument(metavar="TASK", help='Word pairs: a JSON list of {"input": ..., "output": ...}.')
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Vector file to write.")],
    layer: Annotated[
        int | None,
        typer.Option("--layer", metavar="N", help="Block after which it is added.", show_default="a third of the way"),
    ] = None,
    heads: Annotated[
        int | None,
        typer.Option("--heads", metavar="K", min=1, help="Heads that are summed.", show_default="all / 51.2"),
    ] = None,
    shots: Annotated[int, typer.Option("--shots", metavar="N", min=2, help="Examples in a prompt.")] = 10,
    mean_prompts: Annotated[
        int, typer.Option("--mean-prompts", metavar="N", min=1, help="Prompts for the mean head activations.")
    ] = 100,
    trials: Annotated[
        int, typer.Option("--trials", metavar="N", min=2, help="Prompts with shuffled labels, for the scan.")
    ] = 25,
    seed: SeedOption = 42,
    solved_only: Annotated[
        bool, typer.Option("--solved-only", help="Average only over prompts that the model answers rightly.")
    ] = False,
    screen: Annotated[
        int | None,
        typer.Option(
            "--screen",
            metavar="N",
            min=1,
            help="Scan only the N heads that a quick look at what they write ranks first, and say how many of the best "
            "they are.",
            show_default="all heads",
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint", metavar="FILE", help="Keep the scan's trials here, and go on from them.", show_default=False
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option("--figure", metavar="FILE", help="Heat map of AIE, as .svg and .png.", show_default=False),
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(
            "--baseline", metavar="FILE", help="Write the mean hidden state, too: the baseline.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f32,
) -> None:
    """Find the heads that carry a word-pair task by causal mediation, and write the sum of what they add.

    The vector is then compared with the model as it is, with the mean hidden state and with the examples themselves,
    by the first token of the answers on a test side that nothing else was drawn from. Ctrl-C ends the scan early and
    uses the trials that are done. Apply it with --window last or answer and --coefficient 1.
    """
    from pysteer.cli.console import print_json, progress_bar
    from pysteer.cli.loading import check_output, load_model
    from pysteer.formats.word_pairs import load_word_pairs
    from pysteer.function_vectors import StudyPlan, check_architecture, compare_on_task, session_for_study, study_task
    from pysteer.vector_file import save_vector

    inputs: list[str | Path] = [model, task]
    for file in (output, checkpoint, figure, baseline):
        if file is not None:
            check_output(file, inputs)
    pairs = load_word_pairs(task)
    loaded = load_model(model, n_gpu_layers)
    check_architecture(loaded)
    plan = StudyPlan(shots, mean_prompts, trials, seed, heads, layer, solved_only, screen)
    with ExitStack() as stack:
        session = stack.enter_context(
            session_for_study(loaded, pairs, plan, n_ctx=n_ctx, n_threads=threads, kv_type=kv_type.value)
        )
        with progress_bar(f"scanning heads for {pairs.name}", "trials") as report:
            study = study_task(loaded, pairs, plan, session=session, checkpoint=checkpoint, progress=report)
        save_vector(study.vector, output, for_llama_cpp=study.vector.layers[0] >= 1)
        if baseline is not None:
            save_vector(study.baseline, baseline, for_llama_cpp=study.vector.layers[0] >= 1)
        vectors = {"function vector": study.vector, "mean hidden state": study.baseline}
        with progress_bar("comparing on the test side", "kinds of prompt") as report:
            compared = compare_on_task(
                loaded, pairs, vectors, n_shots=shots, seed=seed, session=session, progress=report
            )
    if figure is not None:
        from pysteer.function_vectors.heat_map import save_heat_map

        save_heat_map(study.effects.aie, figure, title=f"{pairs.name}, {loaded.name}", heads=study.heads)
    facts = _facts(study, compared, pairs, output, seed)
    if as_json:
        print_json(facts)
    else:
        _print_facts(facts)


def _facts(study: Study, compared: list[Comparison], pairs: WordPairs, output: Path, seed: int) -> dict[str, Any]:
    from pysteer.file_hash import file_hash

    origin, effects = study.vector.provenance, study.effects
    low, high = effects.intervals(seed=seed) if effects.n_trials > 1 else (effects.aie, effects.aie)
    return {
        "output": str(output),
        "sha256": file_hash(output),
        "task": pairs.name,
        "data_hash": pairs.content_hash,
        "model_name": origin.model_name,
        "model_hash": origin.model_hash,
        "site": str(study.vector.sites[0]),
        "norm": next(iter(study.vector.norms().values())),
        "baseline_norm": next(iter(study.baseline.norms().values())),
        "n_mean_prompts": study.means.n_prompts,
        "n_trials": effects.n_trials,
        "n_trials_wanted": effects.n_wanted,
        "n_blank_answers": effects.n_blank,
        "n_screened": origin.extra["n_screened"],
        "screening_recall": study.recall,
        "mean_clean_probability": float(effects.clean.mean()),
        "heads": [
            {
                "layer": head[0],
                "head": head[1],
                "aie": float(effects.aie[head]),
                "low": float(low[head]),
                "high": float(high[head]),
            }
            for head in study.heads
        ],
        "first_token": [_accuracies(one) for one in compared],
    }


def _accuracies(one: Comparison) -> dict[str, Any]:
    found: dict[str, Any] = {
        "prompts": one.prompts,
        "steering": one.steering,
        "n": len(one.result.rank),
        "n_blank_answers": one.result.n_blank,
        "mean_probability": float(one.result.probability.mean()),
    }
    for k in _TOP_K:
        interval = one.result.accuracy(k)
        found[f"top_{k}"] = {"mean": interval.mean, "low": interval.low, "high": interval.high}
    return found


def _print_facts(facts: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, show_warning, stdout

    console = stdout()
    console.print(
        Text(
            f"{facts['task']}: heads by average indirect effect on p(answer) in {facts['n_trials']} trials, "
            f"where it is {facts['mean_clean_probability']:.3g} without replacement"
        )
    )
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for heading in ("layer", "head", "AIE", "95 % interval"):
        table.add_column(heading, justify="right")
    for head in facts["heads"]:
        interval = f"{head['low']:+.2g} to {head['high']:+.2g}"
        table.add_row(str(head["layer"]), str(head["head"]), f"{head['aie']:+.3g}", interval)
    print_table(table)
    table = Table(box=None, padding=(0, 2), header_style="bold")
    table.add_column("prompts")
    table.add_column("added")
    for heading in ("n", *(f"top-{k} accuracy" for k in _TOP_K), "mean p"):
        table.add_column(heading, justify="right")
    for one in facts["first_token"]:
        accuracies = (one[f"top_{k}"] for k in _TOP_K)
        cells = [f"{a['mean']:.1%} ({a['low']:.1%} to {a['high']:.1%})" for a in accuracies]
        table.add_row(one["prompts"], one["steering"], str(one["n"]), *cells, f"{one['mean_probability']:.3g}")
    print_table(table)
    n_blank = facts["first_token"][0]["n_blank_answers"] + facts["n_blank_answers"]
    if n_blank:
        show_warning(f"{n_blank} answers begin with a token that is a bare blank: their numbers say nothing")
    if facts["n_screened"] is not None:
        console.print(
            Text(
                f"only {facts['n_screened']} heads were scanned: they hold {facts['screening_recall']:.0%} of the best "
                f"{len(facts['heads'])} of an exact scan in two trials"
            ),
            soft_wrap=True,
        )
    if facts["n_trials"] < facts["n_trials_wanted"]:
        show_warning(f"the scan was ended after {facts['n_trials']} of {facts['n_trials_wanted']} trials")
    console.print(Text(f"wrote {facts['output']}: {facts['site']}, norm {facts['norm']:.4g}"), soft_wrap=True)
