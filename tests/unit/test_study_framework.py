"""The framework of studies on a toy: keys, resume, kill, estimate, report, choice of studies, models and data."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import toy_study
from toy_study import DATA, ToyStudy

from pysteer.errors import DataError, MeasurementError, ModelError, UnknownNameError
from pysteer.store import RunStore
from pysteer.studies import StudyContext
from pysteer.studies.code_version import code_version
from pysteer.studies.parts import Part, PartResult, Task, keys_of
from pysteer.studies.rows import Origin, Row
from pysteer.studies.run import data_folder, estimate_study, make_context, make_study, run_study
from pysteer.studies.running import Speed, estimate, run_parts
from pysteer.studies.study_files import write_study
from pysteer.studies.study_model import StudyModel, study_models

HASH = "0" * 64
ORIGIN = Origin(0, HASH, HASH)


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "toy-model.gguf"
    path.write_bytes(b"not a model: the toy never loads it")
    return path


def context_of(model: Path, *, preset: str = "quick", seed: int = 0) -> StudyContext:
    return make_context(ToyStudy(), [model], preset=preset, seed=seed)


def row(value: float, low: float, high: float, n: int = 10) -> Row:
    return Row({"model": "toy"}, "mean", value, low, high, n, "toys", ORIGIN)


# Parts and their keys


def test_a_second_run_computes_nothing_and_finds_the_same(model_file: Path) -> None:
    study, context = ToyStudy(), context_of(model_file)
    with RunStore(None) as store:
        first = run_parts(study.parts(context), store)
        before = toy_study.N_COMPUTED
        second = run_parts(study.parts(context), store)
    assert before == toy_study.N_COMPUTED
    assert {name: found.arrays for name, found in first.items()}.keys() == second.keys()
    tables = [study.analyse(context, results).tables[0].to_csv() for results in (first, second)]
    assert tables[0] == tables[1]


def test_a_killed_run_goes_on_and_writes_the_same_files_as_an_undisturbed_one(tmp_path: Path, model_file: Path) -> None:
    python_path = os.pathsep.join(sys.path)

    def run(store: str, folder: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                sys.executable,
                "-c",
                "import toy_study; toy_study.main()",
                model_file,
                tmp_path / store,
                tmp_path / folder,
                "3",
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": python_path, **environment},
        )

    killed = run("killed.sqlite", "killed", TOY_STUDY_KILL_AT="group 2")
    assert killed.returncode == -9
    assert not (tmp_path / "killed").exists()
    resumed, whole = run("killed.sqlite", "killed"), run("whole.sqlite", "whole")
    assert (resumed.returncode, whole.returncode) == (0, 0), resumed.stderr + whole.stderr
    assert (resumed.stdout.strip(), whole.stdout.strip()) == ("2", "4")  # groups 2 and 3; all four
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.*"))
    assert Path("tables/means.csv") in files
    assert Path("report.html") in files
    for file in files:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes(), file


def test_an_interrupt_keeps_what_was_finished(model_file: Path) -> None:
    study, context = ToyStudy(), context_of(model_file)

    def interrupt(state: object) -> None:
        if getattr(state, "part", "") == "group 1":
            raise KeyboardInterrupt

    with RunStore(None) as store:
        with pytest.raises(KeyboardInterrupt):
            run_parts(study.parts(context), store, watcher=interrupt)
        assert len(store) == 1


def test_another_seed_size_or_model_is_another_key(tmp_path: Path, model_file: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"another file")

    def keys(context: StudyContext) -> list[str]:
        models = [Part("with a model", toy_study.draw_numbers, model=context.models[0])]
        return list(keys_of([*ToyStudy().parts(context), *models]).values())

    base = keys(context_of(model_file))
    assert keys(context_of(model_file)) == base
    assert not set(keys(context_of(model_file, seed=1))[:5]) & set(base[:5])  # the last of them needs the others
    assert not set(keys(context_of(model_file, preset="smoke"))[:3]) & set(base[:5])
    assert keys(context_of(other))[-1] != base[-1]


def test_the_key_changes_with_the_code_but_not_with_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    sources = {
        "study_code_one": "def f():\n    '''Says one.'''\n    return 1\n",
        "study_code_same": "def f():\n    # a remark\n    return 1\n",
        "study_code_two": "def f():\n    return 2\n",
    }
    from pysteer.studies import code_version as module

    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    one, same, two = (module._version(name) for name in sources)
    assert one == same != two
    assert code_version(["pysteer.window", "pysteer.operations"]) == code_version(
        ["pysteer.operations", "pysteer.window"]
    )
    with pytest.raises(MeasurementError, match="cannot be found"):
        code_version(["no_such_module"])


def test_parts_that_cannot_be_keyed_or_ordered_are_refused() -> None:
    def nested(task: Task) -> PartResult:
        return PartResult()

    with pytest.raises(MeasurementError, match="top level"):
        Part("nested", nested)
    draw = Part("draw", toy_study.draw_numbers)
    with pytest.raises(MeasurementError, match="two parts are called 'draw'"):
        keys_of([draw, draw])
    with pytest.raises(MeasurementError, match="does not come before it"):
        keys_of([Part("early", toy_study.average, needs={"a": "draw"}), draw])
    with pytest.raises(MeasurementError, match="without a model"):
        Task({}, {}, {}).model  # noqa: B018


def test_a_part_that_fails_says_which_one_it_was(model_file: Path) -> None:
    parts = [Part("broken", broken, data={"toy": DATA})]
    with RunStore(None) as store, pytest.raises(DataError, match="broken: no such luck"):
        run_parts(parts, store)


def broken(task: Task) -> PartResult:
    raise DataError("no such luck")


def test_the_estimate_counts_what_is_missing_and_time_left_falls_to_zero(model_file: Path) -> None:
    study, context = ToyStudy(), context_of(model_file)
    parts = study.parts(context)
    states = []
    with RunStore(None) as store:
        before = estimate(parts, store, {})
        run_parts(parts, store, speeds={"toy-model": Speed(100.0, 10.0)}, watcher=states.append)
        after = estimate(parts, store, {})
    assert (before.n_parts, before.n_done) == (5, 0)
    assert before.seconds > 0.0
    assert (after.n_parts, after.n_done, after.seconds) == (5, 5, 0.0)
    shares = [state.share for state in states]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert states[-1].seconds_left == 0.0
    assert states[1].share == pytest.approx(0.1)  # half of the first of five parts


# Report, choice of studies, models, data


def test_the_report_shows_verdicts_numbers_figures_limits_and_hashes(tmp_path: Path, model_file: Path) -> None:
    study, context = ToyStudy(), context_of(model_file)
    with RunStore(None) as store:
        analysis = study.analyse(context, run_parts(study.parts(context), store))
    write_study(tmp_path, study, context, analysis, command="pysteer study toy --seed 0", n_parts=5)
    html = (tmp_path / "report.html").read_text()
    for piece in (
        "1 confirmed, 1 refuted, 1 inconclusive",
        "made up",
        "There is no number: it cannot",
        "It is a toy.",
        "pysteer study toy --seed 0",
        context.models[0].hash,
        "<svg",
        "tables/means.csv",
    ):
        assert piece.lower() in html.lower(), piece
    assert "http://" not in html.replace("http://www.w3.org", "")


def test_tables_and_figures_of_an_earlier_run_do_not_stay(tmp_path: Path, model_file: Path) -> None:
    study, context = ToyStudy(), context_of(model_file)
    with RunStore(None) as store:
        analysis = study.analyse(context, run_parts(study.parts(context), store))
    stale = [tmp_path / name for name in ("tables/old.csv", "tables/old.parquet", "figures/old.svg", "figures/old.png")]
    own = [tmp_path / name for name in ("notes.md", "figures/mine.pdf", "tables/readme.txt", "old.csv")]
    for path in (*stale, *own):
        path.parent.mkdir(exist_ok=True)
        path.write_text("old")
    files = write_study(tmp_path, study, context, analysis, command="pysteer study toy", n_parts=5)
    assert not any(path.exists() for path in stale)
    assert all(path.exists() for path in (*own, *files))


@pytest.mark.parametrize("missing", ["quikc", "huge"])
def test_an_unknown_preset_is_answered_with_those_that_exist(missing: str) -> None:
    with pytest.raises(MeasurementError, match="Available: smoke, quick"):
        ToyStudy().sizes(missing)


def test_an_unknown_study_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'reliability'"):
        make_study("reliabilty")


def test_models_get_short_different_names(tmp_path: Path) -> None:
    files = [tmp_path / "a" / "m.gguf", tmp_path / "b" / "m.gguf", tmp_path / "c.gguf"]
    for index, file in enumerate(files):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes([index]))
    assert [model.label for model in study_models(files)] == ["a/m", "b/m", "c"]
    files[2].write_bytes(bytes([0]))
    with pytest.raises(MeasurementError, match="the same model"):
        study_models(files)
    with pytest.raises(ModelError, match="no such model file"):
        study_models([tmp_path / "none.gguf"])
    with pytest.raises(MeasurementError, match="needs a model"):
        study_models([])


def test_the_data_folder_is_the_one_given_or_the_variable_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYSTEER_DATA", raising=False)
    assert data_folder() is None  # tests run in an empty folder
    monkeypatch.setenv("PYSTEER_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    with pytest.raises(DataError, match="no such folder"):
        data_folder(tmp_path / "none")


def test_a_context_says_which_data_is_missing(tmp_path: Path, model_file: Path) -> None:
    (tmp_path / "mwe").mkdir()
    context = make_context(ToyStudy(), [model_file], preset="smoke", seed=0, data=tmp_path)
    assert context.data_file("mwe") == tmp_path / "mwe"
    assert context.data_file("caa") is None
    with pytest.raises(DataError, match=r"caa/test .*--data DIR"):
        context.needed_file("caa", "test")


@pytest.mark.parametrize("what", ["parts", "analyse", ""])
def test_models_are_closed_whether_a_study_ends_well_or_not(
    model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    closed: list[str] = []
    monkeypatch.setattr(StudyModel, "close", lambda model: closed.append(model.label))
    monkeypatch.setattr("pysteer.studies.run.probe_speed", lambda model: Speed(1.0, 1.0))

    def refuse(*_: object) -> None:
        raise MeasurementError("no")

    study, context = ToyStudy(), context_of(model_file)
    if what:
        monkeypatch.setattr(study, what, refuse)
    with RunStore(None) as store, pytest.raises(MeasurementError) if what else nullcontext():
        run_study(study, context, store, tmp_path / "out", command="pysteer")
    assert closed == ["toy-model"]
    with RunStore(None) as store, pytest.raises(MeasurementError) if what == "parts" else nullcontext():
        estimate_study(study, context, store)
    assert closed == ["toy-model", "toy-model"]
