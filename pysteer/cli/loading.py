"""Opening what the command line names: models, sessions, text files, output files."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pysteer.cli.console import progress_bar
from pysteer.cli.options import Computing
from pysteer.errors import DataError, PysteerError

if TYPE_CHECKING:
    from pysteer.model import Model
    from pysteer.pairs import Dataset
    from pysteer.prompt_settings import PromptSetting
    from pysteer.session import Session


class OutputError(PysteerError):
    """A file cannot be written where the user wants it."""


def load_model(name: str, n_gpu_layers: int) -> Model:
    """Return the model in a file, or the embedded one for the name "demo"."""
    from pysteer.model import Model

    if name == "demo":
        from pysteer.demo import model_path

        path = model_path()
    else:
        path = Path(name)
    with progress_bar(f"loading {path.name}", "%") as report:
        return Model.load(path, n_gpu_layers=n_gpu_layers, progress=lambda share: report(round(100 * share), 100))


def open_session(model: Model, computing: Computing, *, n_ctx: int, n_sequences: int) -> Session:
    """Return a session with ``n_ctx`` tokens of memory, unless the user wants another number."""
    from pysteer.session import Session

    size = computing.n_ctx or n_ctx
    return Session(
        model,
        n_ctx=size,
        n_sequences=n_sequences,
        n_threads=computing.threads,
        kv_type=computing.kv_type.value,
    )


def open_session_for_pairs(
    model: Model, pairs: Dataset, computing: Computing, *, raw: bool, settings: Sequence[PromptSetting | None] = (None,)
) -> Session:
    """Return a session for many short texts at once, in which the longest text of the pairs fits in each setting."""
    from pysteer.pair_text import answer_pair
    from pysteer.session import session_for_texts

    longest = max(
        len(answered.tokens)
        for setting in settings
        for pair in pairs
        for answered in answer_pair(model, pair, raw=raw, setting=setting)
    )
    return session_for_texts(
        model, longest, n_ctx=computing.n_ctx, n_threads=computing.threads, kv_type=computing.kv_type.value
    )


def read_text(path: Path) -> str | list[str]:
    """Return one text, or for a ``.json`` or ``.jsonl`` file the list of its documents.

    Raises
    ------
    DataError
        Not UTF-8, not JSON, or JSON of another form than a list of texts (``.json``) or objects with a ``text`` each
        (``.jsonl``), or no text at all.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: expected UTF-8, got byte {error.object[error.start]:#04x} at {error.start}"
        ) from error
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
        documents = [_text_field(_parsed(line, f"{path}, line {number}"), path, number) for number, line in lines]
    elif suffix == ".json":
        found = _parsed(text, str(path))
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise DataError(f"{path}: expected a JSON list of texts, got {type(found).__name__}")
        documents = found
    else:
        return text
    if not documents:
        raise DataError(f"{path}: holds no text")
    return documents


def _parsed(text: str, where: str) -> object:
    try:
        found: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    return found


def _text_field(record: object, path: Path, number: int) -> str:
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise DataError(f"{path}, line {number}: expected a JSON object with a text in the field 'text'")
    return str(record["text"])


def check_output(path: Path, inputs: Sequence[str | Path]) -> None:
    """Raise OutputError now, before long work, when a file cannot be written to ``path``.

    Parameters
    ----------
    inputs : sequence of str or Path
        Files that the command reads, which must not be replaced.
    """
    folder = path.absolute().parent
    if path.is_dir():
        raise OutputError(f"{path}: expected a file to write, this is a folder")
    if not folder.is_dir():
        raise OutputError(f"{path}: cannot be written: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{path}: cannot be written: the folder {folder} is write-protected")
    for given in inputs:
        if path.exists() and Path(given).exists() and path.samefile(given):
            raise OutputError(f"{path}: is an input of this command and would be replaced; choose another name")
