"""Questionnaires of studies: balance, splits, what is left out, what is planted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pysteer.errors import DataError
from pysteer.metrics.answer_factors import answer_is_a, answer_is_yes
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.balanced import balanced
from pysteer.studies.own_questionnaires import has_planted_truths
from pysteer.studies.persona_sentences import PERSONAS
from pysteer.studies.questionnaires import load_questionnaires, theme_mask
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel


def item(index: int, *, letter: str, yes: bool) -> ContrastPair:
    first = "Yes" if yes == (letter == "A") else "No"
    second = "No" if first == "Yes" else "Yes"
    other = "B" if letter == "A" else "A"
    return ContrastPair(f"Item {index}?\n\nChoices:\n(A): {first}\n(B): {second}", f"({letter})", f"({other})")


def lopsided() -> Dataset:
    """90 items: two in three want A, and of those most say Yes."""
    kinds = [("A", True)] * 45 + [("A", False)] * 15 + [("B", True)] * 15 + [("B", False)] * 15
    return Dataset(tuple(item(i, letter=letter, yes=yes) for i, (letter, yes) in enumerate(kinds)), "lopsided")


@pytest.mark.parametrize("n", [8, 20, 60])
def test_balanced_items_have_each_letter_and_each_word_equally_often(n: int) -> None:
    chosen = balanced(lopsided(), n, seed=0)
    letters = answer_is_a([pair.positive for pair in chosen])
    yes = answer_is_yes([pair.prompt for pair in chosen], [pair.positive for pair in chosen])
    assert len(chosen) == n
    assert letters.sum() == n / 2
    assert yes.sum() == n / 2
    assert (letters & yes).sum() == n / 4
    assert balanced(lopsided(), n, seed=0).content_hash == chosen.content_hash
    assert balanced(lopsided(), n, seed=1).content_hash != chosen.content_hash or n == 60


def test_no_more_items_are_taken_than_keep_the_letters_balanced() -> None:
    chosen = balanced(lopsided(), 500, seed=0)
    assert len(chosen) == 60
    assert answer_is_a([pair.positive for pair in chosen]).sum() == 30


def write_persona(folder: Path, name: str, n: int = 40) -> None:
    rows = [
        {
            "question": f'Is the following statement something you would say?\n"{name} {i}"',
            "statement": f"{name} {i}",
            "label_confidence": 0.9,
            "answer_matching_behavior": " Yes" if i % 2 else " No",
            "answer_not_matching_behavior": " No" if i % 2 else " Yes",
        }
        for i in range(n)
    ]
    (folder / "mwe" / "persona").mkdir(parents=True, exist_ok=True)
    (folder / "mwe" / "persona" / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")


def test_public_questionnaires_are_split_without_overlap_and_get_their_personas(tmp_path: Path) -> None:
    for name in ("openness", "narcissism", "not-a-known-one"):
        write_persona(tmp_path, name)
    found, planted, _ = load_questionnaires(
        tmp_path, None, n_items=(100, 100, 100), n_most=None, seed=0, fits=lambda pair, personas: True
    )
    assert planted is None
    assert [each.name for each in found] == ["narcissism", "openness"]
    assert found[1].personas == PERSONAS["openness"]
    sides = [{pair.prompt for pair in side} for side in (found[0].train, found[0].validation, found[0].test)]
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert 8 <= len(sides[0]) <= 16
    assert found[0].is_a().mean() == 0.5


def test_items_that_no_model_can_read_are_left_out_and_counted(tmp_path: Path) -> None:
    write_persona(tmp_path, "openness")
    found, _, _ = load_questionnaires(
        tmp_path,
        None,
        n_items=(8, 4, 8),
        n_most=None,
        seed=0,
        fits=lambda pair, personas: "openness 1" not in pair.prompt,
    )
    assert found[0].n_left_out == 11  # 1 and 10 to 19
    with pytest.raises(DataError, match=r"no questionnaire is left: of 1, .* longer contexts"):
        load_questionnaires(tmp_path, None, n_items=(8, 4, 8), n_most=None, seed=0, fits=lambda *_: False)


@pytest.mark.parametrize("last", [0, 1, 2, 7, 12])
def test_a_questionnaire_of_which_hardly_an_item_can_be_read_is_left_out_and_named(tmp_path: Path, last: int) -> None:
    write_persona(tmp_path, "narcissism")
    write_persona(tmp_path, "openness")

    def fits(pair: ContrastPair, personas: tuple[str, str]) -> bool:
        name, number = pair.prompt.split('"')[1].split()
        return name == "narcissism" or int(number) < last

    found, _, too_long = load_questionnaires(tmp_path, None, n_items=(8, 4, 8), n_most=None, seed=0, fits=fits)
    assert ([each.name for each in found], too_long) == (["narcissism"], ["openness"])


def test_without_data_the_error_says_where_to_get_some(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        with pytest.raises(DataError, match=r"--data DIR.*--model demo"):
            load_questionnaires(folder, None, n_items=(1, 1, 1), n_most=None, seed=0, fits=lambda *_: True)


def test_planted_questionnaires_come_first_and_know_their_themes(tmp_path: Path) -> None:
    folder = tmp_path / "dispositions"
    folder.mkdir()
    kinds = {"a": "followed", "b": "followed", "c": "null", "d": "brittle", "e": "reversed_theme"}
    facts = {
        name: {
            "kind": kind,
            "persona_positive": "Be.",
            "persona_negative": "Be not.",
            "reversed_share": 0.25 * (name == "e"),
        }
        for name, kind in kinds.items()
    }
    truths = {
        "dispositions": facts,
        "letter_a_share_when_nothing_decides": 0.7,
        "reversed_theme": "sea",
        "neutral_system_sentence": "Help.",
    }
    (tmp_path / "planted_truths.json").write_text(json.dumps(truths))
    for name in kinds:
        for side in ("train", "test"):
            pairs = [item(i, letter="AB"[i % 2], yes=bool(i // 2 % 2)) for i in range(24)]
            rows = [
                {
                    "question": f"{name} {side} {pair.prompt}",
                    "answer_matching_behavior": pair.positive,
                    "answer_not_matching_behavior": pair.negative,
                    "theme": "sea" if index % 4 == 0 else "home",
                }
                for index, pair in enumerate(pairs)
            ]
            (folder / f"{name}-{side}.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    found, planted, _ = load_questionnaires(
        None, folder, n_items=(8, 4, 24), n_most=4, seed=0, fits=lambda pair, personas: True
    )
    assert planted is not None
    assert (planted.letter_a_share, planted.reversed_share) == (0.7, 0.25)
    assert [each.name for each in found] == ["a", "c", "d", "e"]
    assert theme_mask(found[-1], "sea").sum() == 6
    (folder / "a-train.jsonl").write_text('{"question": "?"}')
    with pytest.raises(DataError, match="line 1"):
        load_questionnaires(None, folder, n_items=(8, 4, 24), n_most=4, seed=0, fits=lambda *_: True)


def test_planted_truths_are_those_of_the_model_beside_its_questionnaires_not_of_others(tmp_path: Path) -> None:
    own, other, data = tmp_path / "own", tmp_path / "other", tmp_path / "data"
    for folder in (own / "dispositions", other, data / "dispositions"):
        folder.mkdir(parents=True)
    models = tuple(StudyModel(folder / "model.gguf", folder.name) for folder in (own, other))
    context = StudyContext(models, "smoke", None, 0)
    assert [has_planted_truths(context, model) for model in models] == [True, False]
    given = StudyContext(models, "smoke", None, 0, data)  # whoever gives them says that they belong to the models
    assert [has_planted_truths(given, model) for model in models] == [True, True]
