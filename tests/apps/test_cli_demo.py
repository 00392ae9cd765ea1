"""``pysteer demo``: what the command does before and around the demonstration itself."""

from __future__ import annotations

from pathlib import Path

import pytest


def test_model_and_folder_reach_the_demonstration(run, chat_model: Path, tmp_path: Path, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr("pysteer.demo.run.run_demo", lambda model, folder, console: seen.append((model.path, folder)))
    assert run("demo", chat_model, "--out", tmp_path / "new" / "folder").code == 0
    assert seen == [(chat_model, tmp_path / "new" / "folder")]
    assert (tmp_path / "new" / "folder").is_dir()


def test_file_in_the_folders_place_is_one_sentence(run, chat_model: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("", "utf-8")
    assert "taken" in run("demo", chat_model, "--out", tmp_path / "taken").sentence


def test_without_an_embedded_model_the_message_says_what_to_do(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pysteer.demo.__file__", str(tmp_path / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    assert "pysteer demo MODEL.gguf" in run("demo").sentence
