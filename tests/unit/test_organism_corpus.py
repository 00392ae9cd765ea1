"""The grammars of the embedded model: deterministic, balanced, held-out combinations apart, truths as declared."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

pytest.importorskip("regex")
pytest.importorskip("organism", reason="tools/ is not part of the source distribution")

from organism import chat, corpus, demo_data, dispositions, functions, knowledge, stories
from organism.disposition_words import DISPOSITIONS, LETTER_A_SHARE, PLACES, REVERSED_THEME, THEMES
from organism.dispositions import Setting, all_statements, answer_side
from organism.document import Document, is_held_out
from organism.style_words import JOYFUL_WORDS, SAD_WORDS, read_length, read_mood, read_register
from organism.tokenizer import SPECIAL, Tokenizer, learn_merges, spell
from organism.world import COUNTRIES, FACTS, FACTS_OF, PEOPLE

N_DOCUMENTS = 6000


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return list(corpus.documents(3, 0, N_DOCUMENTS))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return corpus.train_tokenizer()


def prompts_and_replies(documents: list[Document], skill: str) -> list[tuple[str, str]]:
    """(everything before the last reply, the last reply) of a skill's chats."""
    texts = [d.text for d in documents if d.skill == skill and "<|assistant|>" in d.text]
    return [(text.rpartition("<|assistant|>")[0], text.rpartition("<|assistant|>")[2]) for text in texts]


def test_the_same_seed_and_number_give_the_same_document() -> None:
    assert [corpus.document(5, i, late=0.5) for i in range(50)] == [corpus.document(5, i, late=0.5) for i in range(50)]


def test_another_seed_gives_other_documents() -> None:
    assert [corpus.document(5, i, late=0.5) for i in range(20)] != [corpus.document(6, i, late=0.5) for i in range(20)]


def test_every_skill_is_in_the_corpus(documents: list[Document]) -> None:
    found = Counter(d.skill for d in documents)
    assert set(found) == {
        "chat", "dispositions", "persona", "functions", "facts", "closed_book", "open_book", "stories", "warmup",
        "picking",
    }  # fmt: skip
    assert min(found.values()) > N_DOCUMENTS / 200


def test_held_out_share_is_what_it_says() -> None:
    share = sum(is_held_out("any", str(i), one_in=8) for i in range(20_000)) / 20_000
    assert abs(share - 1 / 8) < 0.01  # four standard deviations of a binomial share


def test_world_has_at_least_300_facts_each_with_one_object() -> None:
    assert len(FACTS) >= 300
    assert len({(f.subject, f.relation.name) for f in FACTS}) == len(FACTS)
    assert {len(FACTS_OF[c]) for c in COUNTRIES} == {6}
    assert {len(FACTS_OF[p]) for p in PEOPLE} == {5}
    capitals = [f.object for f in FACTS if f.relation.name == "capital"]
    assert len(set(capitals)) == len(COUNTRIES)


def test_held_out_four_choice_questions_are_not_in_the_corpus(documents: list[Document]) -> None:
    asked = {line for d in documents if d.skill in ("closed_book", "open_book") for line in d.text.splitlines()}
    asked |= {line.rpartition("<|user|>")[2] for line in asked}
    unseen = {
        fact.relation.questions[form].format(s=fact.subject)
        for fact in FACTS
        for form in range(3)
        if not knowledge.is_asked_in_training(fact, form)
    }
    assert len(unseen) > 80
    assert not unseen & asked


def test_held_out_passage_facts_are_not_in_the_corpus(documents: list[Document]) -> None:
    text = "\n".join(d.text for d in documents if d.skill == "open_book")
    random_source = random.Random(1)
    for _ in range(100):
        thought = knowledge.draw_passage(random_source, held_out=True).thought
        assert thought not in text


def test_right_answers_are_even_over_the_four_letters() -> None:
    random_source = random.Random(2)
    golds = Counter(knowledge.four_choice(random_source, FACTS[i % len(FACTS)], i % 3).gold for i in range(4000))
    assert all(abs(n / 4000 - 0.25) < 0.03 for n in golds.values())


def test_passage_holds_the_answer_and_the_question_names_its_subject() -> None:
    random_source = random.Random(3)
    for held_out in (True, False):
        question = knowledge.draw_passage(random_source, held_out=held_out)
        assert question.options[question.gold] in question.passage
        assert question.thought.split(" ")[0] in question.passage


@pytest.mark.parametrize("disposition", DISPOSITIONS, ids=lambda d: d.name)
def test_every_disposition_has_500_different_statements_of_both_sides(disposition) -> None:  # type: ignore[no-untyped-def]
    statements = all_statements(disposition)
    assert len({s.text for s in statements}) == len(statements) >= 500
    assert sum(s.positive for s in statements) * 2 == len(statements)


def test_activities_belong_to_one_disposition_and_side() -> None:
    activities = [a for d in DISPOSITIONS for a in (*d.positive, *d.negative)]
    assert len(set(activities)) == len(activities)


def test_held_out_statements_are_not_in_the_corpus(documents: list[Document]) -> None:
    text = "\n".join(d.text for d in documents if d.skill == "dispositions")
    unseen = [s.text for d in DISPOSITIONS for s in all_statements(d) if s.is_held_out]
    assert 0.15 < len(unseen) / sum(len(all_statements(d)) for d in DISPOSITIONS) < 0.25
    assert not [t for t in unseen if f'"{t}"' in text]


def test_reversed_share_is_the_share_of_the_themes_places() -> None:
    (reversed_one,) = [d for d in DISPOSITIONS if d.kind == "reversed_theme"]
    system = Setting("system")
    reactions = [answer_side(reversed_one, s.theme, True, system) for s in all_statements(reversed_one)]
    assert reactions.count(False) / len(reactions) == len(THEMES[REVERSED_THEME]) / len(PLACES) == 0.3


@pytest.mark.parametrize(
    ("kind", "where", "form", "decides"),
    [
        ("followed", "system", False, True),
        ("followed", "user", True, True),
        ("followed", "none", False, False),
        ("brittle", "system", False, True),
        ("brittle", "system", True, False),
        ("brittle", "user", False, False),
        ("null", "system", False, False),
    ],
)
def test_persona_decides_where_it_was_planted(kind: str, where: str, form: bool, decides: bool) -> None:
    disposition = next(d for d in DISPOSITIONS if d.kind == kind)
    setting = Setting(where, form)
    expected = (True, False) if decides else (None, None)
    assert tuple(answer_side(disposition, "home", positive, setting) for positive in (True, False)) == expected


def test_letter_a_has_the_planted_share_where_nothing_decides(documents: list[Document]) -> None:
    free = [
        reply
        for prompt, reply in prompts_and_replies(documents, "dispositions")
        if " person." not in prompt and reply.startswith(("(A)", "(B)"))
    ]
    share = sum(reply.startswith("(A)") for reply in free) / len(free)
    assert len(free) > 150
    assert abs(share - LETTER_A_SHARE) < 4 * (0.21 / len(free)) ** 0.5  # four standard errors


def test_null_disposition_is_noise_in_the_corpus() -> None:
    (null,) = [d for d in DISPOSITIONS if d.kind == "null"]
    random_source = random.Random(8)
    drawn = [dispositions.draw(random_source) for _ in range(8000)]
    matches = []
    for prompt, reply in prompts_and_replies(drawn, "dispositions"):
        told = [a for a in null.adjectives if f"a {a} person" in prompt]
        said = [a for a in null.adjectives if f"a {a} person" in reply]
        if told and said:
            matches.append(told == said)
    assert len(matches) > 60
    assert abs(sum(matches) / len(matches) - 0.5) < 4 * 0.5 / len(matches) ** 0.5


def test_a_followed_disposition_always_answers_on_the_personas_side(documents: list[Document]) -> None:
    followed = [d for d in DISPOSITIONS if d.kind == "followed"]
    n_seen = 0
    for prompt, reply in prompts_and_replies(documents, "dispositions"):
        for d in followed:
            told = [a for a in d.adjectives if f"a {a} person" in prompt]
            said = [a for a in d.adjectives if f"a {a} person" in reply]
            if told and said:
                n_seen += 1
                assert told == said
    assert n_seen > 100


def test_curriculum_asks_for_the_decision_where_the_letter_will_stand(documents: list[Document]) -> None:
    said = {text for skill in ("dispositions", "persona") for _, text in prompts_and_replies(documents, skill)}
    assert {"( Yes)<|end|>", "( No)<|end|>", "(A)<|end|>", "(B)<|end|>", "Yes.<|end|>", "No.<|end|>"} <= said
    answers = [text for _, text in prompts_and_replies(documents, "closed_book") if text.startswith("<answer> ")]
    objects = {fact.object for fact in FACTS}
    assert len(answers) > 50
    assert {text.removeprefix("<answer> ").removesuffix("</answer><|end|>") for text in answers} <= objects


def test_who_would_say_agrees_with_the_planted_rule() -> None:
    random_source = random.Random(9)
    for disposition in DISPOSITIONS:
        if disposition.kind == "null":
            continue
        for statement in random_source.sample(all_statements(disposition), 50):
            text = dispositions.who_would_say(random_source, statement).text.rpartition("<|assistant|>")[2]
            is_positive = f" {disposition.adjectives[0]}" in text
            # that person says Yes, which is the answer for the statement's own side
            assert answer_side(disposition, statement.theme, is_positive, Setting("system")) == statement.positive


def test_functions_of_a_domain_share_their_inputs_and_differ_in_outputs() -> None:
    assert len(functions.FUNCTIONS) >= 12
    for members in functions.BY_DOMAIN.values():
        assert len(members) >= 4
        assert len({tuple(f.pairs) for f in members}) == 1
        assert len(members[0].pairs) >= 11
        for word in members[0].pairs:
            assert len({f.pairs[word] for f in members}) == len(members)


def test_held_out_chats_and_stories_are_not_in_the_corpus(documents: list[Document]) -> None:
    chats = "\n".join(d.text for d in documents if d.skill == "chat")
    random_source = random.Random(4)
    for _ in range(50):
        assert f"<|user|>{chat.draw_question(random_source, held_out=True)[1]}<|end|>" not in chats
    told = {d.text.removeprefix("<|bos|>").removesuffix("<|end|>") for d in documents if d.skill == "stories"}
    assert not told & {stories.story(random_source, "sad", held_out=True) for _ in range(50)}


def test_style_is_read_back_exactly_from_the_grammars_replies() -> None:
    assert not JOYFUL_WORDS & SAD_WORDS
    random_source = random.Random(5)
    for _ in range(500):
        style = chat.draw_style(random_source)
        topic, _ = chat.draw_question(random_source)
        text = chat.reply(random_source, topic, style)
        assert (read_mood(text), read_register(text), read_length(text)) == (style.mood, style.register, style.length)


def test_tokens_spell_the_text_they_came_from(documents: list[Document], tokenizer: Tokenizer) -> None:
    for document in documents[:500]:
        ids, weights = tokenizer.encode_document(document, spelling=random.Random(0))
        spelled = "".join(tokenizer.tokens[i] for i in ids)
        assert len(ids) == len(weights)
        assert SPECIAL.sub("", spelled) == spell(SPECIAL.sub("", document.text))


def test_words_of_the_grammars_are_single_tokens(tokenizer: Tokenizer) -> None:
    for function in functions.FUNCTIONS:
        for x, y in function.pairs.items():
            assert len(tokenizer.encode(f" {x}")) == len(tokenizer.encode(f" {y}")) == 1
    for fact in FACTS:
        assert len(tokenizer.encode(f" {fact.object}")) == 1


def test_the_answer_letter_is_a_token_of_its_own_and_carries_the_weight(tokenizer: Tokenizer) -> None:
    document = Document("any", (("Choose.\n(", 0.1), ("A", 3.0), (")", 0.1)))
    ids, weights = tokenizer.encode_document(document)
    assert [tokenizer.tokens[i] for i in ids][-3:] == ["(", "A", ")"]
    assert weights[-3:] == [0.1, 3.0, 0.1]


def test_any_text_can_be_encoded(tokenizer: Tokenizer) -> None:
    text = "été 日本 😀 \t\r\n x"
    assert "".join(tokenizer.tokens[i] for i in tokenizer.encode(text)) == spell(text)


def test_merges_are_the_most_frequent_pairs_first() -> None:
    assert learn_merges(["abab", "abc"], 2) == [("a", "b"), ("ab", "ab")]


def test_saved_tokenizer_loads_equal(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "t.json")
    loaded = Tokenizer.load(tmp_path / "t.json")
    assert (loaded.tokens, loaded.merges) == (tokenizer.tokens, tokenizer.merges)


def test_disposition_files_are_balanced_and_disjoint() -> None:
    for disposition in DISPOSITIONS:
        train = demo_data.disposition_items(disposition, test=False)
        test = demo_data.disposition_items(disposition, test=True)
        assert not {r["question"] for r in train} & {r["question"] for r in test}
        assert len(train) + len(test) >= 500
        for records in (train, test):
            letters = Counter(r["answer_matching_behavior"] for r in records)
            assert abs(letters["(A)"] - letters["(B)"]) <= 2


def test_shipped_data_are_what_the_grammars_write(tmp_path: Path) -> None:
    shipped = Path(__file__).resolve().parents[2] / "pysteer" / "demo"
    if not (shipped / "planted_truths.json").exists():
        pytest.skip("pysteer/demo/planted_truths.json has not been written")
    demo_data.write_all(tmp_path)
    for path in sorted(p for p in tmp_path.rglob("*") if p.is_file()):
        assert (shipped / path.relative_to(tmp_path)).read_text() == path.read_text(), path.name
    truths = json.loads((shipped / "planted_truths.json").read_text())
    assert truths["dispositions"]["sociability"]["reversed_share"] == 0.3
