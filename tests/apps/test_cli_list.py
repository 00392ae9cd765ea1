"""``pysteer list``."""

from __future__ import annotations

from pathlib import Path

import pytest

from pysteer.cli.list_command import KINDS
from pysteer.condition import COMPARISONS, MEASURES, REDUCTIONS, SCOPES
from pysteer.extractors import extractors
from pysteer.function_vectors import KINDS as FUNCTION_VECTORS
from pysteer.in_context_vectors import variants
from pysteer.metrics import metrics
from pysteer.operations import operations
from pysteer.prompt_settings import SETTINGS
from pysteer.site import COMPONENTS
from pysteer.token_rules import RULES, parse_token_rule


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("operations", operations.names()),
        ("methods", extractors.names()),
        ("metrics", metrics.names()),
        ("components", COMPONENTS),
        ("token-rules", RULES),
        ("function-vectors", FUNCTION_VECTORS),
        ("icv-variants", variants.names()),
        ("settings", SETTINGS),
        ("conditions", [*MEASURES, *COMPARISONS, *SCOPES, *REDUCTIONS]),
    ],
)
def test_every_name_is_listed_with_a_summary(run, kind: str, names) -> None:
    entries = run("list", kind, "--json").json
    assert [entry["name"] for entry in entries] == list(names)
    assert all(entry["summary"] for entry in entries)
    lines = run("list", kind).out.splitlines()
    assert [line.split()[0] for line in lines] == list(names)


@pytest.mark.parametrize("kind", KINDS)
def test_singular_is_accepted(run, kind: str) -> None:
    if kind != "behaviours":
        assert run("list", kind.removesuffix("s")).out == run("list", kind).out


def test_operations_name_their_parameters(run) -> None:
    parameters = {entry["name"]: entry["parameters"] for entry in run("list", "operations", "--json").json}
    assert parameters["add"] == []
    assert parameters["affine"] == ["gain", "offset"]
    assert "Parameters: gain, offset." in run("list", "operations").out


def test_every_listed_token_rule_exists() -> None:
    for rule in RULES:
        parse_token_rule(rule.replace("K", "2"))


def test_behaviours_are_found_in_the_current_folder(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "vectors" / "warm-cold"
    folder.mkdir(parents=True)
    (tmp_path / "vectors" / "README.md").write_text("# Library\n", "utf-8")
    (folder / "README.md").write_text("# warm-cold\n\n**Positive**: warm. **Negative**:\ncold. More.\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pysteer.cli.list_command.__file__", str(tmp_path / "elsewhere" / "cli" / "pysteer" / "x.py"))
    assert run("list", "behaviors", "--json").json == [
        {"name": "warm-cold", "summary": "Positive: warm. Negative: cold.", "folder": str(folder)}
    ]


def test_without_a_checkout_behaviours_are_one_sentence(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "pysteer.cli.list_command.__file__", str(tmp_path / "site-packages" / "pysteer" / "cli" / "x.py")
    )
    assert "source checkout" in run("list", "behaviours").sentence


def test_unknown_kind_says_what_was_meant(run) -> None:
    assert "did you mean 'metrics'?" in run("list", "metrix").usage_error
    assert "KIND" in run("list").usage_error
