"""Runs the command line in this process, on tiny random models that are written on the spot."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tiny_gguf

import pysteer
from pysteer.cli import main

WriteTiny = Callable[[tiny_gguf.TinyModel, str], Path]
N_PAIRS = 6


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout; fails on anything before or behind it."""
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))

    @property
    def sentence(self) -> str:
        """The message of a command that failed in the expected way: exit code 1, one line on stderr, no result."""
        assert (self.code, self.out) == (1, ""), self.err
        assert self.err.startswith("error: "), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err.removeprefix("error: ").rstrip()

    @property
    def usage_error(self) -> str:
        """The message of a command line that is not understood, its box and line breaks taken away."""
        assert (self.code, self.out) == (2, ""), self.err
        return " ".join(self.err.replace("│", " ").split())


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYSTEER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """``run("list", "operations")``: exit code and output of a command."""

    def invoke(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(int(left.value.code or 0), captured.out, captured.err)

    return invoke


@pytest.fixture(scope="session")
def chat_model(write_tiny: WriteTiny) -> Path:
    """Llama, F32: 4 blocks, d_model 64, context 256, with a chat template."""
    return write_tiny(dataclasses.replace(tiny_gguf.TINY_LLAMA, chat_template=tiny_gguf.CHAT_TEMPLATE), "F32")


@pytest.fixture(scope="session")
def plain_model(write_tiny: WriteTiny) -> Path:
    """As `chat_model`, without a chat template: another file of the same shape."""
    return write_tiny(tiny_gguf.TINY_LLAMA, "F32")


@pytest.fixture(scope="session")
def wide_model(write_tiny: WriteTiny) -> Path:
    """As `chat_model`, with d_model 128."""
    return write_tiny(
        dataclasses.replace(tiny_gguf.TINY_LLAMA, d_model=128, chat_template=tiny_gguf.CHAT_TEMPLATE), "F32"
    )


@pytest.fixture(scope="session")
def gpt2_model(write_tiny: WriteTiny) -> Path:
    """GPT-2, 4 blocks, d_model 64: the shape of `chat_model`, another architecture."""
    return write_tiny(tiny_gguf.TINY_GPT2, "F32")


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contrast pairs with whole answers; the path has blanks in it."""
    path = tmp_path_factory.mktemp("contrast pairs") / "good and bad.jsonl"
    rows = [
        {"prompt": f"How is day {i}?", "positive": f" Good, {i} times.", "negative": f" Bad, {i} times."}
        for i in range(N_PAIRS)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


@pytest.fixture(scope="session")
def letters_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Contrast pairs whose answers are letters."""
    path = tmp_path_factory.mktemp("letters") / "letters.jsonl"
    rows = [
        {
            "prompt": f"Is {i} odd?\n(A) Yes\n(B) No",
            "positive": " (A)" if i % 2 else " (B)",
            "negative": " (B)" if i % 2 else " (A)",
        }
        for i in range(N_PAIRS)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


@pytest.fixture(scope="session")
def vector_file(chat_model: Path, pairs_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mean difference of `pairs_file` on `chat_model`, layers 1 to 3."""
    path = tmp_path_factory.mktemp("vectors") / "good.gguf"
    model = pysteer.Model.load(chat_model)
    pysteer.save_vector(pysteer.extract(model, pysteer.load_pairs(pairs_file), layers="1:4"), path)
    return path
