"""Write the data that ships beside the model: `python -m organism.demo_data --output pysteer/demo`.

Pairs, A/B items, questions, word pairs, passages, prompts, and the planted truths; docs/model-organism.md describes each.
The bytes depend on the grammars and the seeds below only.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from . import chat, functions, knowledge, stories
from .chat import Style
from .chat_words import KEYED_SYSTEM_SENTENCES, NEUTRAL_SYSTEM
from .check_dispositions import Item
from .disposition_words import DISPOSITIONS, FORM_SENTENCE, LETTER_A_SHARE, PLACES, REVERSED_THEME, THEMES, Disposition
from .dispositions import all_statements, with_choices, yes_no_question
from .style_words import CASUAL_WORDS, FORMAL_WORDS, JOYFUL_WORDS, SAD_WORDS
from .world import FACTS

SEED = 31
N_PAIRS, N_PROMPTS, N_TRAIN, N_TEST, N_PASSAGES = 100, 60, 350, 150, 60

Record = dict[str, object]


def mood_pairs() -> list[Record]:
    """100 prompts that training may ask, each with a joyful and a sad reply of the same register and length."""
    random_source = random.Random(SEED)
    records: dict[str, Record] = {}
    while len(records) < N_PAIRS:
        topic, question = chat.draw_question(random_source)
        style = chat.draw_style(random_source)
        joyful, sad = (
            chat.reply(random_source, topic, Style(mood, style.register, style.length)) for mood in ("joyful", "sad")
        )
        records[question] = {
            "prompt": question, "positive": joyful, "negative": sad,
            "meta": {"topic": topic, "register": style.register, "length": style.length},
        }  # fmt: skip
    return list(records.values())


def held_out_prompts() -> list[Record]:
    """Prompts that training never asks, each once."""
    random_source = random.Random(SEED + 1)
    found: dict[str, str] = {}
    while len(found) < N_PROMPTS:
        topic, question = chat.draw_question(random_source, held_out=True)
        found[question] = topic
    return [{"prompt": question, "topic": topic} for question, topic in found.items()]


def disposition_items(disposition: Disposition, *, test: bool) -> list[Record]:
    """A/B items: the matching answer is the letter of the positive side; letters and sides are balanced in pairs."""
    random_source = random.Random(f"{SEED}/{disposition.name}/{test}")
    statements = [s for s in all_statements(disposition) if s.is_held_out == test]
    half = (N_TEST if test else N_TRAIN) // 2
    chosen = [
        s for side in (True, False) for s in random_source.sample([s for s in statements if s.positive is side], half)
    ]
    items = [Item(statement, index % 2 == 0) for index, statement in enumerate(chosen)]
    random_source.shuffle(items)
    records = []
    for item in items:
        choices = ("Yes", "No") if item.yes_is_a else ("No", "Yes")
        matching, other = ("(A)", "(B)") if item.positive_is_a else ("(B)", "(A)")
        records.append({
            "question": with_choices(yes_no_question(item.statement), choices),
            "answer_matching_behavior": matching, "answer_not_matching_behavior": other, "theme": item.statement.theme,
        })  # fmt: skip
    return records


def questions() -> list[Record]:
    """One closed-book question a fact, unseen in training where there is such a form; then 200 open-book questions."""
    random_source = random.Random(SEED + 2)
    records: list[Record] = []
    for fact in FACTS:
        unseen = [form for form in range(3) if not knowledge.is_asked_in_training(fact, form)]
        form = unseen[0] if unseen else random_source.randrange(3)
        asked = knowledge.four_choice(random_source, fact, form)
        records.append(
            {**question_record(asked), "book": "closed", "seen_in_training": not unseen, "fact": asked.thought}
        )
    for _ in range(200):
        records.append({**question_record(knowledge.draw_passage(random_source, held_out=True)), "book": "open"})
    return records


def question_record(question: knowledge.FourChoice) -> Record:
    """Question, choices and the right letter; the passage where there is one."""
    record: Record = {
        "question": question.question,
        "choices": list(question.options),
        "answer": knowledge.LETTERS[question.gold],
    }
    return {**record, "passage": question.passage} if question.passage else record


def passages() -> list[Record]:
    """Held-out running text: descriptions without a mood, and stories."""
    random_source = random.Random(SEED + 3)
    records: list[Record] = [
        {"text": stories.description(random_source, held_out=True), "kind": "description"} for _ in range(N_PASSAGES)
    ]
    for index in range(N_PASSAGES):
        mood = ("joyful", "sad")[index % 2]
        records.append({"text": stories.story(random_source, mood, held_out=True), "kind": f"{mood} story"})
    return records


def planted_truths() -> Record:
    """What was planted, for studies to be checked against."""
    n_sea = len(THEMES[REVERSED_THEME])
    dispositions = {
        d.name: {
            "kind": d.kind, "positive": d.adjectives[0], "negative": d.adjectives[1], "n_statements": len(all_statements(d)),
            "persona_positive": d.persona(True), "persona_negative": d.persona(False),
            "reversed_share": n_sea / len(PLACES) if d.kind == "reversed_theme" else 0.0,
            "follows_persona": {
                "system turn": d.kind != "null",
                "user turn": d.kind in ("followed", "reversed_theme"),
                "system turn, form sentence before the question": d.kind in ("followed", "reversed_theme"),
            },
        }
        for d in DISPOSITIONS
    }  # fmt: skip
    return {
        "letter_a_share_when_nothing_decides": LETTER_A_SHARE,
        "reversed_theme": REVERSED_THEME,
        "themes": {theme: list(places) for theme, places in THEMES.items()},
        "form_sentence": FORM_SENTENCE,
        "neutral_system_sentence": NEUTRAL_SYSTEM,
        "dispositions": dispositions,
        "style": {
            "system_sentences": KEYED_SYSTEM_SENTENCES,
            "share_without_system_sentence": 0.5,
            "joyful_words": sorted(JOYFUL_WORDS), "sad_words": sorted(SAD_WORDS),
            "formal_words": sorted(FORMAL_WORDS), "casual_words": sorted(CASUAL_WORDS),
        },
        "functions": {f.name: {"domain": f.domain, "n_pairs": len(f.pairs)} for f in functions.FUNCTIONS},
        "zero_shot_chance": {d: 1 / len(fs) for d, fs in functions.BY_DOMAIN.items()},
        "n_facts": len(FACTS),
        "answer_instructions": {"thinking": knowledge.THINK, "direct": knowledge.DIRECT},
    }  # fmt: skip


def write_lines(path: Path, records: list[Record]) -> None:
    """One JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def write_all(output: Path) -> None:
    """All files of the folder."""
    write_lines(output / "pairs.jsonl", mood_pairs())
    write_lines(output / "prompts.jsonl", held_out_prompts())
    write_lines(output / "questions.jsonl", questions())
    write_lines(output / "passages.jsonl", passages())
    for disposition in DISPOSITIONS:
        for part, test in (("train", False), ("test", True)):
            write_lines(
                output / "dispositions" / f"{disposition.name}-{part}.jsonl", disposition_items(disposition, test=test)
            )
    word_pairs = {f.name: [{"input": x, "output": y} for x, y in f.pairs.items()] for f in functions.FUNCTIONS}
    (output / "functions.json").write_text(json.dumps(word_pairs, indent=1) + "\n")
    (output / "planted_truths.json").write_text(json.dumps(planted_truths(), indent=1) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    write_all(parser.parse_args().output)


if __name__ == "__main__":
    main()
