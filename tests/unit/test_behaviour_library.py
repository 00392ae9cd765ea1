"""Do the texts in ``vectors/`` and of the demonstration keep what their cards promise?"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from pysteer.demo.texts import JOY_WORDS, NEUTRAL_TEXT, PROMPTS, SAD_WORDS
from pysteer.pair_files import load_pairs

VECTORS = Path(__file__).resolve().parents[2] / "vectors"
# Rows of pairs.jsonl, test.jsonl, probes.jsonl, as the cards and the index say.
N_ROWS = {
    "joyful-sad": (92, 33, 22),
    "formal-casual": (84, 32, 20),
    "concise-verbose": (83, 30, 20),
    "cautious-bold": (100, 60, 20),
}
BEHAVIOURS = tuple(N_ROWS)
FREE_TEXT = ("joyful-sad", "formal-casual", "concise-verbose")
PAIR_FILES = tuple(itertools.product(BEHAVIOURS, ("pairs", "test")))
FREE_TEXT_FILES = tuple(itertools.product(FREE_TEXT, ("pairs", "test")))

PRONOUN_TEXT = """
i me my mine myself you your yours he him his himself she her hers herself it its itself we us our ours
they them their theirs themselves
"""
NEGATION_TEXT = "no not none nobody nothing never nor neither without cannot"
# Words that a prompt can hold without being about anything: two prompts may share them and have different topics.
TOPICLESS_TEXT = """
a about an and any are at be been best by can could describe did do does down end find for from get go good had happened
has have here home how if in into is know last late like make many moved much not of old on one open or out please
running see should so some tell than that the then there think this to two up was were what when where which who why
will with would
"""
PRONOUNS, NEGATIONS = frozenset(PRONOUN_TEXT.split()), frozenset(NEGATION_TEXT.split())
TOPICLESS = PRONOUNS | frozenset(TOPICLESS_TEXT.split())
Row = dict[str, str]


def rows(behaviour: str, name: str) -> list[Row]:
    text = (VECTORS / behaviour / f"{name}.jsonl").read_bytes().decode("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9'-]+", text.lower())


def n_words(text: str) -> int:
    return len(text.split())


def share_of_common_word_pairs(one: str, other: str) -> float:
    """Neighbouring words that both texts have, as a share of those of the shorter text."""
    first, second = (set(itertools.pairwise(words(text))) for text in (one, other))
    return len(first & second) / max(1, min(len(first), len(second)))


def options(row: Row) -> tuple[str, str]:
    """The texts of options (A) and (B)."""
    match = re.fullmatch(r"[^\n]+[.?]\n\nChoices:\n\(A\) ([^\n]+)\n\(B\) ([^\n]+)", row["prompt"])
    assert match, row["prompt"]
    return match[1], match[2]


def cautious_and_bold(row: Row) -> tuple[str, str]:
    a, b = options(row)
    return (a, b) if row["positive"] == " (A)" else (b, a)


def test_every_folder_has_a_card_and_a_line_in_the_index() -> None:
    index = (VECTORS / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in VECTORS.iterdir() if path.is_dir()} == set(BEHAVIOURS)
    for behaviour, (n_pairs, n_test, n_probes) in N_ROWS.items():
        line = next(line for line in index.splitlines() if line.startswith(f"| [`{behaviour}`]"))
        assert line.endswith(f"| {n_pairs} | {n_test} | {n_probes} |")
        card = (VECTORS / behaviour / "README.md").read_text(encoding="utf-8")
        assert f"| `pairs.jsonl` | {n_pairs} |" in card
        assert f"| `test.jsonl` | {n_test}," in card
        assert f"| `probes.jsonl` | {n_probes} prompts" in card
        assert "MIT" in card


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_files_have_the_promised_number_of_rows(behaviour: str) -> None:
    assert tuple(len(rows(behaviour, name)) for name in ("pairs", "test", "probes")) == N_ROWS[behaviour]


@pytest.mark.parametrize(("behaviour", "name"), PAIR_FILES)
def test_pair_files_load_as_data_sets(behaviour: str, name: str) -> None:
    dataset = load_pairs(VECTORS / behaviour / f"{name}.jsonl")
    assert [(p.prompt, p.positive, p.negative) for p in dataset] == [
        (row["prompt"], row["positive"], row["negative"]) for row in rows(behaviour, name)
    ]


@pytest.mark.parametrize(("behaviour", "name"), tuple(itertools.product(BEHAVIOURS, ("pairs", "test", "probes"))))
def test_texts_are_clean(behaviour: str, name: str) -> None:
    fields = {"prompt", "kind"} if name == "probes" else {"prompt", "positive", "negative"}
    assert (VECTORS / behaviour / f"{name}.jsonl").read_bytes().endswith(b"}\n")
    for row in rows(behaviour, name):
        assert set(row) == fields
        for field, text in row.items():
            assert text.isascii()
            assert text == text.rstrip()
            assert not re.search(r"  |[ \t]\n|\t|\r", text)
            # Nothing is put between prompt and answer, so the answer brings the blank along.
            assert text.startswith(" ") == (field in ("positive", "negative"))


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_no_prompt_occurs_twice(behaviour: str) -> None:
    prompts = Counter(row["prompt"].lower() for name in ("pairs", "test", "probes") for row in rows(behaviour, name))
    assert [prompt for prompt, count in prompts.items() if count > 1] == []


@pytest.mark.parametrize("behaviour", FREE_TEXT)
def test_no_answer_occurs_twice(behaviour: str) -> None:
    every_row = rows(behaviour, "pairs") + rows(behaviour, "test")
    answers = Counter(row[side].lower() for row in every_row for side in ("positive", "negative"))
    assert [answer for answer, count in answers.items() if count > 1] == []


def test_no_option_occurs_twice_in_cautious_bold() -> None:
    every_row = rows("cautious-bold", "pairs") + rows("cautious-bold", "test")
    every_row += [row for row in rows("cautious-bold", "probes") if row["kind"] == "ab"]
    texts = Counter(option.lower() for row in every_row for option in options(row))
    assert [text for text, count in texts.items() if count > 1] == []


@pytest.mark.parametrize("behaviour", FREE_TEXT)
@pytest.mark.parametrize("side", ["positive", "negative"])
def test_no_two_answers_follow_one_template(behaviour: str, side: str) -> None:
    answers = [row[side] for row in rows(behaviour, "pairs") + rows(behaviour, "test") if n_words(row[side]) >= 8]
    shared = {pair: share_of_common_word_pairs(*pair) for pair in itertools.combinations(answers, 2)}
    assert [pair for pair, share in shared.items() if share > 0.5] == []


@pytest.mark.parametrize("behaviour", FREE_TEXT)
def test_held_out_pairs_have_other_topics(behaviour: str) -> None:
    topics = [{w for row in rows(behaviour, name) for w in words(row["prompt"])} for name in ("pairs", "test")]
    assert topics[0] & topics[1] - TOPICLESS == set()


@pytest.mark.parametrize("name", ["pairs", "test"])
def test_joyful_and_sad_answers_are_equally_long(name: str) -> None:
    differences = [n_words(row["positive"]) - n_words(row["negative"]) for row in rows("joyful-sad", name)]
    assert abs(sum(differences)) / len(differences) < 0.1
    assert max(map(abs, differences)) <= 1


@pytest.mark.parametrize("name", ["pairs", "test"])
def test_joyful_and_sad_answers_share_first_word_names_and_pronouns(name: str) -> None:
    for row in rows("joyful-sad", name):
        joyful, sad = row["positive"], row["negative"]
        assert words(joyful)[0] == words(sad)[0], row
        # A capital letter after a lower-case word, not after a full stop.
        assert re.findall(r"[a-z,] ([A-Z]\w+)", joyful) == re.findall(r"[a-z,] ([A-Z]\w+)", sad), row
        counts = [Counter(w for w in words(text) if w in PRONOUNS) for text in (joyful, sad)]
        assert counts[0] == counts[1], row


def test_negations_are_as_rare_in_joyful_as_in_sad_answers() -> None:
    every_row = rows("joyful-sad", "pairs") + rows("joyful-sad", "test")
    counts = [sum(w in NEGATIONS for row in every_row for w in words(row[side])) for side in ("positive", "negative")]
    assert max(counts) <= 0.05 * len(every_row)
    assert abs(counts[0] - counts[1]) <= 2


def test_joyful_and_sad_answers_end_with_a_full_stop_and_never_shout() -> None:
    for row in rows("joyful-sad", "pairs") + rows("joyful-sad", "test"):
        for side in ("positive", "negative"):
            assert row[side].endswith(".")
            assert "!" not in row[side]


@pytest.mark.parametrize("name", ["pairs", "test"])
def test_formal_and_casual_answers_are_equally_long_and_end_alike(name: str) -> None:
    differences = [n_words(row["positive"]) - n_words(row["negative"]) for row in rows("formal-casual", name)]
    assert abs(sum(differences)) / len(differences) < 0.5
    assert max(map(abs, differences)) <= 3
    for row in rows("formal-casual", name):
        assert row["positive"][-1] == row["negative"][-1], row


def test_formal_answers_hold_no_contractions() -> None:
    for row in rows("formal-casual", "pairs") + rows("formal-casual", "test"):
        assert not re.search(r"\w'(s|t|re|ve|ll|d|m)\b", row["positive"]), row


@pytest.mark.parametrize("name", ["pairs", "test"])
def test_concise_answers_are_short_and_verbose_ones_end_on_the_same_word(name: str) -> None:
    for row in rows("concise-verbose", name):
        assert n_words(row["positive"]) <= 11, row
        assert n_words(row["negative"]) >= 4 * n_words(row["positive"]), row
        assert row["positive"].lower().split()[-1] == row["negative"].lower().split()[-1], row


@pytest.mark.parametrize("name", ["pairs", "test"])
def test_the_cautious_option_is_a_in_exactly_half_of_the_items(name: str) -> None:
    letters = [(row["positive"], row["negative"]) for row in rows("cautious-bold", name)]
    assert Counter(letters) == {(" (A)", " (B)"): len(letters) // 2, (" (B)", " (A)"): len(letters) // 2}


@pytest.mark.parametrize("name", ["pairs", "test"])
def test_the_order_of_letters_is_not_regular(name: str) -> None:
    is_a = [row["positive"] == " (A)" for row in rows("cautious-bold", name)]
    share_of_changes = sum(a != b for a, b in itertools.pairwise(is_a)) / (len(is_a) - 1)
    assert 0.3 < share_of_changes < 0.7


@pytest.mark.parametrize("name", ["pairs", "test"])
def test_options_are_equally_long(name: str) -> None:
    for read in (cautious_and_bold, options):
        first, second = zip(*(map(n_words, read(row)) for row in rows("cautious-bold", name)), strict=True)
        assert abs(sum(first) - sum(second)) / len(first) < 0.1


def test_probes_are_eight_items_with_options_and_twelve_open_questions() -> None:
    kinds = Counter(row["kind"] for row in rows("cautious-bold", "probes"))
    assert kinds == {"ab": 8, "open": 12}
    assert all("Choices" not in row["prompt"] for row in rows("cautious-bold", "probes") if row["kind"] == "open")


def test_demo_prompts_are_held_out() -> None:
    assert len(set(PROMPTS)) == 6
    seen = {row["prompt"] for name in ("pairs", "test", "probes") for row in rows("joyful-sad", name)}
    assert seen.isdisjoint(PROMPTS)


def test_mood_words_are_distinct_lower_case_single_words() -> None:
    for mood in (JOY_WORDS, SAD_WORDS):
        assert len(set(mood)) == len(mood) >= 40
        assert all(re.fullmatch("[a-z]+", word) for word in mood)
    assert set(JOY_WORDS).isdisjoint(SAD_WORDS)


@pytest.mark.parametrize("name", ["pairs", "test"])
def test_mood_words_tell_joyful_from_sad_answers(name: str) -> None:
    every_row = rows("joyful-sad", name)
    for side, mood, other in (("positive", JOY_WORDS, SAD_WORDS), ("negative", SAD_WORDS, JOY_WORDS)):
        found = Counter(w for row in every_row for w in words(row[side]))
        assert sum(found[w] for w in mood) > 5 * sum(found[w] for w in other)


def test_neutral_text_is_long_enough_and_without_mood() -> None:
    assert 1100 <= sum(map(n_words, NEUTRAL_TEXT)) <= 1300
    assert all(passage.isascii() and passage == passage.strip() and "\n" not in passage for passage in NEUTRAL_TEXT)
    assert {w for passage in NEUTRAL_TEXT for w in words(passage)}.isdisjoint({*JOY_WORDS, *SAD_WORDS})
