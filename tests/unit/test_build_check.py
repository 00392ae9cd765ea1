"""A checkout that is not built, another llama.cpp, a second one: each is noticed on import, with what to do."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import llama_cpp
import pytest

import pysteer
from pysteer.build_check import LLAMA_CPP_PYTHON, check_build
from pysteer.errors import BuildError
from pysteer.native import core

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = Path(pysteer.__file__).parent


def run_in(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run Python in ``folder`` and without site-packages (-S), so that no other pysteer can be found."""
    return subprocess.run([sys.executable, "-S", "-c", script], cwd=folder, capture_output=True, text=True, check=False)


def copy_without_core(folder: Path) -> None:
    shutil.copytree(PACKAGE, folder / "pysteer", ignore=shutil.ignore_patterns("_core.*", "__pycache__"))


def test_a_checkout_without_the_core_says_how_to_build_it(tmp_path: Path) -> None:
    copy_without_core(tmp_path)
    (tmp_path / "CMakeLists.txt").touch()
    done = run_in(tmp_path, "import pysteer")
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith(f"pysteer.errors.BuildError: {tmp_path / 'pysteer'} is a source checkout")
    assert "'pip install .'" in message
    assert "'make dev'" in message
    assert "another folder" in message


def test_an_installation_without_the_core_says_to_install_again(tmp_path: Path) -> None:
    copy_without_core(tmp_path)
    done = run_in(tmp_path, "import pysteer")
    assert done.returncode == 1
    assert "incomplete" in done.stderr
    assert "pip install --force-reinstall --no-deps pysteer-gguf" in done.stderr


def test_a_build_error_is_an_import_error(tmp_path: Path) -> None:
    copy_without_core(tmp_path)
    script = "\ntry:\n    import pysteer\nexcept ImportError:\n    print('caught')"
    assert run_in(tmp_path, script).stdout == "caught\n"


@pytest.mark.parametrize("command", ["-m pysteer list operations", "bin/pysteer --version"])
def test_on_the_command_line_a_missing_core_is_one_sentence(tmp_path: Path, command: str) -> None:
    copy_without_core(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pysteer").write_text("from pysteer.cli import main\nmain()\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-S", *command.split()],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the installation in ")
    assert done.stderr.count("\n") == 1


def test_another_module_run_by_name_is_no_command_line(tmp_path: Path) -> None:
    copy_without_core(tmp_path)
    (tmp_path / "other.py").write_text("import pysteer\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-S", "-m", "other"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "BuildError" in done.stderr.splitlines()[-1]


def test_another_llama_cpp_python_is_refused_with_both_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.2.90")
    with pytest.raises(BuildError, match=rf"{re.escape(LLAMA_CPP_PYTHON)}.* has 0\.2\.90: run 'pip install"):
        check_build()


def test_a_missing_llama_cpp_python_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_version(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", no_version)
    with pytest.raises(
        BuildError, match=f"has none: run 'pip install llama-cpp-python=={re.escape(LLAMA_CPP_PYTHON)}'"
    ):
        check_build()


def test_build_and_run_time_pin_the_version_that_is_checked() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    assert re.findall(r'"llama-cpp-python==([^"]+)"', text) == [LLAMA_CPP_PYTHON, LLAMA_CPP_PYTHON]


def test_the_package_has_the_version_of_the_project_file() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text("utf-8")
    assert re.findall(r'^version = "([^"]+)"', text, flags=re.MULTILINE) == [pysteer.__version__]


# Prints the files that are mapped into the process: on Linux from /proc, on macOS from the dynamic loader.
MAPPED_FILES = """
import ctypes, sys
import pysteer.native
if sys.platform == "darwin":
    loader = ctypes.CDLL(None)
    loader._dyld_get_image_name.restype = ctypes.c_char_p
    files = [loader._dyld_get_image_name(i).decode() for i in range(loader._dyld_image_count())]
else:
    files = [line.split(maxsplit=5)[-1].strip() for line in open("/proc/self/maps")]
print(*sorted(set(files)), sep="\\n")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="lists mapped files as Linux and macOS do")
def test_one_copy_of_each_llama_cpp_library_is_mapped() -> None:
    done = subprocess.run([sys.executable, "-c", MAPPED_FILES], capture_output=True, text=True, check=True)
    files = [Path(line) for line in done.stdout.splitlines()]
    for library in ("libllama", "libggml", "libggml-base", "libggml-cpu"):
        assert len([file for file in files if file.name.split(".")[0] == library]) == 1, library
    homes = {file.parent for file in files if file.name.startswith(("libllama", "libggml"))}
    assert [home.parts[-2:] for home in homes] == [("llama_cpp", "lib")]


@pytest.mark.skipif(sys.platform != "linux", reason="patches the version inside a copy of libllama.so")
def test_another_llama_cpp_behind_llama_cpp_lib_path_is_refused(tmp_path: Path) -> None:
    version = core.llama_version().encode()
    libraries = shutil.copytree(Path(llama_cpp.__file__).parent / "lib", tmp_path / "lib")
    for file in libraries.glob("libllama.so*"):
        content = file.read_bytes()
        assert content.count(version + b"\0") == 1
        file.write_bytes(content.replace(version + b"\0", b"9" + version[1:] + b"\0"))
    environment = os.environ | {"LLAMA_CPP_LIB_PATH": str(libraries)}
    command = [sys.executable, "-c", "import pysteer.native"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    message = done.stderr.splitlines()[-1]
    assert message.startswith("pysteer.errors.BuildError: ")
    assert f"compiled against llama.cpp {version.decode()}, and llama.cpp 9{version[1:].decode()} is in" in message
    assert "LLAMA_CPP_LIB_PATH" in message
