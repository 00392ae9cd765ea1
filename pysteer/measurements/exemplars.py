"""Worked examples from a file, for measurements that are described by a line of text."""

from __future__ import annotations

from pathlib import Path

from pysteer.file_hash import file_hash
from pysteer.question_files import load_questions
from pysteer.questions import QuestionSet


def with_exemplars(data: QuestionSet, path: str | None) -> QuestionSet:
    """Return the questions with those of a file as exemplars, or (None) with their own.

    Raises
    ------
    DataError
        The file holds no questions, or one that is measured.
    """
    return data if path is None else data.with_exemplars(load_questions(path))


def exemplars_key(path: str | None) -> str | None:
    """Return what stands for the file in a key: the SHA-256 of what it holds, wherever it lies."""
    return None if path is None else file_hash(Path(path))
