"""What all commands share: help, exit codes, stdout and stderr kept apart, errors as sentences, warnings as lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import pysteer
import pysteer.cli
from pysteer.cli.app import EXAMPLES
from pysteer.cli.failures import sentence

COMMANDS = ("demo", "inspect", "extract", "generate", "chat", "perplexity", "evaluate", "list")


def in_a_process(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run ``python -m pysteer`` from this checkout or installation."""
    search = os.pathsep.join(
        path for path in (str(Path(pysteer.__file__).parent.parent), os.environ.get("PYTHONPATH")) if path
    )
    return subprocess.run(
        [sys.executable, "-m", "pysteer", *map(str, arguments)],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": search},
        **options,
    )


def test_help_names_every_command(run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    assert all(command in outcome.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run, command: str) -> None:
    outcome = run(command, "--help")
    assert outcome.code == 0
    assert f"pysteer {command}" in outcome.out
    assert "Example:" in outcome.out
    assert EXAMPLES[command].split()[-1] in " ".join(outcome.out.split())


def test_without_a_command_help_is_shown(run) -> None:
    outcome = run()
    assert outcome.code == 2
    assert "generate" in outcome.out + outcome.err


def test_version_is_that_of_the_package(run) -> None:
    assert run("--version").out == f"pysteer {pysteer.__version__}\n"


def test_help_loads_neither_numpy_nor_the_native_core() -> None:
    code = (
        "import sys, pysteer.cli\n"
        "try: pysteer.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'jinja2', 'pysteer._core', 'pysteer.model'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    root = str(Path(pysteer.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=60, check=True
    )
    assert done.stderr.strip() == "[]"


def test_module_and_process_give_the_exit_code_of_the_command(tmp_path: Path) -> None:
    done = in_a_process("inspect", tmp_path / "missing model.gguf")
    assert done.returncode == 1
    assert done.stdout == b""
    assert done.stderr.startswith(b"error: ")
    assert b"missing model.gguf" in done.stderr


def test_unknown_command_and_option_are_usage_errors(run) -> None:
    assert "generat" in run("generat").usage_error
    assert "--nonsense" in run("list", "operations", "--nonsense").usage_error


def test_missing_file_is_one_sentence(run, tmp_path: Path) -> None:
    assert "nowhere.gguf" in run("inspect", tmp_path / "nowhere.gguf").sentence


def test_file_that_is_no_model_is_one_sentence(run, tmp_path: Path) -> None:
    path = tmp_path / "text.gguf"
    path.write_text("not a model", "utf-8")
    assert "text.gguf" in run("inspect", path).sentence


def test_folder_as_model_is_one_sentence(run, tmp_path: Path) -> None:
    assert run("inspect", tmp_path).sentence


@pytest.mark.parametrize("place", ["before", "behind"])
def test_debug_shows_the_traceback_at_either_place(run, tmp_path: Path, place: str) -> None:
    path = tmp_path / "nowhere.gguf"
    outcome = run("--debug", "inspect", path) if place == "before" else run("inspect", path, "--debug")
    assert outcome.code == 1
    assert "Traceback" in outcome.err
    assert outcome.err.splitlines()[-1].startswith("error: ")


def test_debug_behind_two_dashes_is_an_argument(run) -> None:
    assert "--debug" in run("list", "--", "--debug").usage_error


def test_bug_shows_a_traceback_and_asks_for_a_report(run, monkeypatch: pytest.MonkeyPatch, chat_model: Path) -> None:
    monkeypatch.setattr("pysteer.cli.inspect_command.describe", lambda model: 1 / 0)
    outcome = run("inspect", chat_model)
    assert (outcome.code, outcome.out) == (1, "")
    assert "Traceback" in outcome.err
    assert "ZeroDivisionError" in outcome.err
    assert "report" in outcome.err.splitlines()[-1]


def test_ctrl_c_is_exit_code_130_and_one_line(run, monkeypatch: pytest.MonkeyPatch, chat_model: Path) -> None:
    def interrupt(model: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pysteer.cli.inspect_command.describe", interrupt)
    outcome = run("inspect", chat_model)
    assert (outcome.code, outcome.out, outcome.err) == (130, "", "interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.parametrize("arguments", [("list", "operations"), ("list", "operations", "--json")])
def test_reader_that_is_gone_is_not_an_error(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    root = str(Path(pysteer.__file__).parent.parent)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "pysteer", *arguments],
            stdout=closed,
            stderr=subprocess.PIPE,
            cwd=root,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_output_survives_a_terminal_that_cannot_show_it(chat_model: Path) -> None:
    done = in_a_process("inspect", chat_model.parent / "Ĝis-→.gguf")
    assert done.returncode == 1
    ascii_only = subprocess.run(
        [sys.executable, "-c", "import pysteer.cli; pysteer.cli.main(['inspect', '\\u2192.gguf'])"],
        capture_output=True,
        cwd=str(Path(pysteer.__file__).parent.parent),
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=60,
        check=False,
    )
    assert ascii_only.returncode == 1
    assert b"\\u2192.gguf" in ascii_only.stderr
    assert b"Traceback" not in ascii_only.stderr


def test_error_of_the_system_names_the_file_first() -> None:
    assert sentence(FileNotFoundError(2, "No such file or directory", "a.txt")) == "a.txt: No such file or directory"


def test_message_of_several_lines_becomes_one_line() -> None:
    assert sentence(pysteer.PysteerError("one\n   two")) == "one two"


def test_model_of_another_architecture_is_one_warning_line(run, gpt2_model: Path, vector_file: Path) -> None:
    outcome = run(
        "generate",
        gpt2_model,
        "Hi",
        "--raw",
        "--vector",
        vector_file,
        "--coefficients=1,2",
        "--max-tokens",
        2,
        "--json",
    )
    assert outcome.code == 0
    assert outcome.json["generations"]
    assert outcome.err.count("warning: ") == 1
    assert "gpt2" in outcome.err


def test_vector_for_another_width_is_one_sentence_that_names_the_file(run, wide_model: Path, vector_file: Path) -> None:
    message = run("generate", wide_model, "Hi", "--vector", vector_file, "--coefficient", 1).sentence
    assert "good.gguf" in message
    assert "64" in message
    assert "128" in message
