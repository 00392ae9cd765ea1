"""``pysteer inspect``."""

from __future__ import annotations

import hashlib
from pathlib import Path


def test_json_holds_every_fact_with_its_type(run, chat_model: Path) -> None:
    outcome = run("inspect", chat_model, "--json")
    facts = outcome.json
    assert outcome.err == ""
    assert (facts["n_layers"], facts["d_model"], facts["n_heads"], facts["n_heads_kv"]) == (4, 64, 4, 2)
    assert (facts["architecture"], facts["n_ctx_train"], facts["path"]) == ("llama", 256, str(chat_model))
    assert facts["has_chat_template"] is True
    assert facts["chat_example"] == "<user>Hi\n<assistant>"
    assert facts["sha256"] == hashlib.sha256(chat_model.read_bytes()).hexdigest()
    assert facts["file_size"] == chat_model.stat().st_size
    assert facts["n_parameters"] > 0
    assert facts["n_vocab"] > 0
    assert any(site.startswith("resid_post") for site in facts["sites"])
    assert facts["quantisation"]


def test_table_has_every_fact_on_its_own_line(run, chat_model: Path) -> None:
    lines = run("inspect", chat_model).out.splitlines()
    for name in ("name", "architecture", "quantisation", "parameters", "blocks", "d_model", "heads", "vocabulary"):
        assert any(line.startswith(name) for line in lines)
    assert any(line.startswith("SHA-256") and len(line.split()[-1]) == 64 for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_model_without_a_chat_template_says_what_to_do(run, plain_model: Path) -> None:
    assert run("inspect", plain_model, "--json").json["chat_example"] is None
    assert "no: use --raw" in run("inspect", plain_model).out
