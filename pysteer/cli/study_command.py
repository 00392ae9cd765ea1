"""``pysteer study``: published experiments run again, with a verdict on each claim."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pysteer.cli.options import (
    Computing,
    ContextOption,
    GpuLayersOption,
    JsonOption,
    KvType,
    KvTypeOption,
    SeedOption,
    ThreadsOption,
)
from pysteer.errors import PysteerError, StoreError

if TYPE_CHECKING:
    from pysteer.studies.run import StudyRun
    from pysteer.studies.running import RunState, Watcher
    from pysteer.studies.study import Study, StudyContext

STORE = "parts.sqlite"


class Preset(str, Enum):
    """How much is computed."""

    smoke = "smoke"
    quick = "quick"
    standard = "standard"
    full = "full"


def study(
    name: Annotated[str, typer.Argument(metavar="STUDY", help="See 'pysteer list studies'; 'all' runs each of them.")],
    models: Annotated[
        list[str],
        typer.Option(
            "--model", "-m", metavar="FILE", help="GGUF file, or 'demo'; several are compared.", show_default=False
        ),
    ],
    preset: Annotated[
        Preset, typer.Option("--preset", help="How much: seconds, minutes, half an hour, or all there is.")
    ] = Preset.quick,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write; one folder a study inside it.")
    ] = Path("studies"),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder of public data sets.",
            show_default="$PYSTEER_DATA, else ../shared/data, else what comes with pysteer",
        ),
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(
            "--store", metavar="FILE", help="Where finished parts are kept.", show_default=f"{STORE} in the folder"
        ),
    ] = None,
    seed: SeedOption = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be computed, and how long it would take here.")
    ] = False,
    as_json: JsonOption = False,
    n_gpu_layers: GpuLayersOption = 0,
    n_ctx: ContextOption = None,
    threads: ThreadsOption = None,
    kv_type: KvTypeOption = KvType.f16,
) -> None:
    """Run a published study again on any model: a verdict on each claim, tables, figures and a report.

    Each part is written the moment it is done: a run that was interrupted goes on where it was, and a larger preset
    takes over what is the same. Open DIR/STUDY/report.html when it has finished.
    """
    from pysteer.cli.loading import OutputError
    from pysteer.store import RunStore
    from pysteer.studies import studies
    from pysteer.studies.run import estimate_study, make_context, make_study, run_study

    chosen = list(studies) if name == "all" else [name]
    made = [(each, make_study(each)) for each in chosen]
    computing = Computing(n_gpu_layers, n_ctx, threads, kv_type)
    paths = [_model_path(model) for model in models]
    contexts = {key: _context(make_context, each, paths, preset, seed, data, computing) for key, each in made}
    outcomes = _Outcomes(is_alone=len(made) == 1)
    if dry_run:
        with RunStore(_existing(store, output)) as opened:
            for key, each in made:
                with outcomes.of(key):
                    outcomes.found[key] = estimate_study(each, contexts[key], opened)
        _show_estimates(outcomes, as_json=as_json)
        outcomes.end()
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: cannot be made: {error.strerror or error}") from error
    with RunStore(store or output / STORE) as opened:
        for key, each in made:
            command = _command(key, models, preset.value, seed, kv_type.value)
            with outcomes.of(key), _watching(key) as watcher:
                run = run_study(each, contexts[key], opened, output / key, command=command, watcher=watcher)
                outcomes.found[key] = run
                if not as_json:
                    _show_run(key, run)
    if as_json:
        _print_json({key: _run_record(run) for key, run in outcomes.found.items()}, outcomes)
    outcomes.end()


class _Outcomes:
    """What came of each study. One that cannot be run on these models does not keep the others from running.

    Parameters
    ----------
    is_alone : bool
        There is one study, and its error ends the command.
    """

    def __init__(self, *, is_alone: bool) -> None:
        self.is_alone = is_alone
        self.found: dict[str, Any] = {}
        self.errors: dict[str, str] = {}

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """Note and show the error of a study; a store that cannot be written fails for all of them."""
        from pysteer.cli.console import show_error
        from pysteer.cli.failures import sentence

        try:
            yield
        except StoreError:
            raise
        except PysteerError as error:
            if self.is_alone:
                raise
            self.errors[name] = sentence(error)
            show_error(f"{name}: {self.errors[name]}")

    def end(self) -> None:
        """Leave with exit code 1 if a study failed."""
        if self.errors:
            raise typer.Exit(1)


def _model_path(name: str) -> str:
    if name != "demo":
        return name
    from pysteer.demo import model_path

    return str(model_path())


def _context(
    make_context: Any,
    study: Study,
    paths: Sequence[str],
    preset: Preset,
    seed: int,
    data: Path | None,
    computing: Computing,
) -> StudyContext:
    from pysteer.studies.study_model import ModelOptions

    options = ModelOptions(computing.n_gpu_layers, computing.threads, computing.kv_type.value, computing.n_ctx)
    context: StudyContext = make_context(study, paths, preset=preset.value, seed=seed, data=data, options=options)
    return context


def _existing(store: Path | None, output: Path) -> Path | None:
    """Return the store where there is one; a dry run makes none."""
    path = store or output / STORE
    return path if path.exists() else None


def _command(name: str, models: Sequence[str], preset: str, seed: int, kv_type: str) -> str:
    """Return the command line for the report: names of files, not where they lie on this machine."""
    words = ["pysteer", "study", name]
    for model in models:
        words += ["--model", Path(model).name]
    words += ["--preset", preset, "--seed", str(seed)]
    return shlex.join(words if kv_type == "f16" else [*words, "--kv-type", kv_type])


@contextmanager
def _watching(name: str) -> Iterator[Watcher]:
    """Yield a watcher that draws one bar over all parts; without a terminal, one that writes a line for each part."""
    from pysteer.cli.console import show_note, stderr

    if not sys.stderr.isatty():
        shown: set[str] = set()

        def write(state: RunState) -> None:
            if state.part and state.part not in shown:
                shown.add(state.part)
                left = _duration(state.seconds_left)
                show_note(f"{name} {state.n_done + 1}/{state.n_parts} {state.part}, about {left} left")

        yield write
        return
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (
        TextColumn(name),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[left]} left  {task.fields[part]}"),
    )
    with Progress(*columns, console=stderr(), transient=True) as bar:
        task = bar.add_task(name, total=1.0, left="", part="")

        def draw(state: RunState) -> None:
            bar.update(task, completed=state.share, left=_duration(state.seconds_left), part=state.part)

        yield draw


def _duration(seconds: float) -> str:
    if seconds < 90.0:
        return f"{round(seconds)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400.0 else f"{seconds / 3600:.1f} h"


def _show_estimates(outcomes: _Outcomes, *, as_json: bool) -> None:
    from rich.text import Text

    from pysteer.cli.console import stdout

    if as_json:
        _print_json({name: vars(each) for name, each in outcomes.found.items()}, outcomes)
        return
    for name, each in outcomes.found.items():
        line = (
            f"{name}: {each.n_parts - each.n_done} of {each.n_parts} parts to compute, about "
            f"{_duration(each.seconds)}; "
            f"{each.n_tokens} tokens to read, at most {each.n_generated} to write; "
            f"about {each.memory_bytes / 1e6:.0f} MB of memory"
        )
        stdout().print(Text(line), soft_wrap=True)


def _show_run(name: str, run: StudyRun) -> None:
    from rich.table import Table
    from rich.text import Text

    from pysteer.cli.console import print_table, stdout

    styles = {"confirmed": "green", "refuted": "red", "inconclusive": "yellow"}
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for column in ("claim", "model", "verdict", "why"):
        table.add_column(column)
    for verdict in run.verdicts:
        about = str(verdict.row.labels.get("model", ""))
        table.add_row(verdict.claim, about, Text(verdict.outcome, styles[verdict.outcome]), verdict.reason)
    print_table(table)
    stdout().print(Text(f"{name}: {run.files[0]}", "bold"), soft_wrap=True)


def _run_record(run: StudyRun) -> dict[str, Any]:
    return {
        "report": str(run.files[0]),
        "verdicts": [
            {"claim": verdict.claim, "verdict": verdict.outcome, "reason": verdict.reason, **verdict.row.record()}
            for verdict in run.verdicts
        ],
    }


def _print_json(found: dict[str, dict[str, Any]], outcomes: _Outcomes) -> None:
    """Print what was found, and the errors of studies that could not be run in their place."""
    from pysteer.cli.console import print_json

    print_json({**found, **{name: {"error": message} for name, message in outcomes.errors.items()}})
