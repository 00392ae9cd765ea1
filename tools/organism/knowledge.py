"""Knowledge documents: articles, short questions, four-choice questions, passages with facts nobody has seen.

The four-choice form is that of MMLU; the answer letter stands inside <answer> tags, after a line of thinking or at once.
Held out: one question in eight (subject and question form) is never asked in four-choice form; one in eight
(visitor, property) combinations never occurs in a passage.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from .chat import NEUTRAL_SYSTEM, mood_sentence
from .document import Document, Turn, chat_document, is_held_out, plain_document
from .world import FACTS, FACTS_OF, PERSON_RELATIONS, VISITORS, Fact

LETTERS = "ABCD"
N_TOLD = 4  # sentences of a passage
THINK = "Think first, then give the letter inside <answer> tags."
DIRECT = "Give only the letter inside <answer> tags."
WORD = "Say only the answer inside <answer> tags."  # the curriculum of DIRECT: the answer where its letter will stand
INSTRUCTIONS = (THINK, THINK, THINK, DIRECT, WORD)


@dataclass(frozen=True)
class FourChoice:
    """One question with its options in printed order; `gold` indexes them; `thought` is the fact as a sentence."""

    question: str
    options: tuple[str, ...]
    gold: int
    thought: str
    passage: str = ""

    def prompt(self, instruction: str) -> str:
        """The user's turn."""
        head = f"{self.passage}\n{self.question}" if self.passage else self.question
        lines = "".join(f"\n{letter}. {option}" for letter, option in zip(LETTERS, self.options, strict=True))
        return f"{head}{lines}\n{instruction}"

    def reply(self, instruction: str) -> list[tuple[str, float]]:
        """The assistant's turn as (text, weight) pieces."""
        if instruction == WORD:
            return [("<answer>", 0.1), (f" {self.options[self.gold]}", 2.0), ("</answer>", 0.1)]
        thought: list[tuple[str, float]] = []
        if instruction == THINK:
            thought = [("<thinking>", 0.1), *weigh_object(self.thought, self.options[self.gold]), ("</thinking>", 0.1)]
        return [*thought, ("<answer>", 0.1), (LETTERS[self.gold], 3.0), ("</answer>", 0.1)]


def weigh_object(sentence: str, obj: str, *, weight: float = 2.0, rest: float = 0.2) -> list[tuple[str, float]]:
    """Cut a sentence so that its object, with the blank before it, counts `weight`."""
    before, after = sentence.rsplit(f" {obj}", 1)
    return [(before, rest), (f" {obj}", weight), (after, rest)]


def is_asked_in_training(fact: Fact, form: int) -> bool:
    """Whether the four-choice question number `form` about this fact may occur in training."""
    return not is_held_out("four-choice", fact.subject, fact.relation.name, str(form))


def is_told_in_training(visitor: str, relation_name: str) -> bool:
    """Whether passages in training may say this property of this visitor."""
    return not is_held_out("passage", visitor, relation_name)


def four_choice(random_source: random.Random, fact: Fact, form: int, *, passage: str = "") -> FourChoice:
    """Draw three wrong options and an order."""
    wrong = random_source.sample([o for o in fact.relation.objects if o != fact.object], 3)
    gold = random_source.randrange(4)
    options = (*wrong[:gold], fact.object, *wrong[gold:])
    relation = fact.relation
    question = relation.questions[form].format(s=fact.subject)
    return FourChoice(question, options, gold, relation.statements[0].format(s=fact.subject, o=fact.object), passage)


def draw_asked(random_source: random.Random) -> tuple[Fact, int]:
    """A fact and a question form that training may use."""
    while True:
        fact, form = random_source.choice(FACTS), random_source.randrange(3)
        if is_asked_in_training(fact, form):
            return fact, form


def maybe_system(random_source: random.Random) -> list[Turn]:
    """No system sentence, a neutral one, or a mood that must not touch the answer."""
    roll = random_source.random()
    if roll < 0.6:
        return []
    return [("system", NEUTRAL_SYSTEM if roll < 0.75 else mood_sentence(random_source))]


def article(random_source: random.Random) -> Document:
    """All facts about one subject, in any order and wording."""
    facts = list(FACTS_OF[random_source.choice(list(FACTS_OF))])
    random_source.shuffle(facts)
    pieces: list[tuple[str, float]] = []
    for fact in facts:
        sentence = random_source.choice(fact.relation.statements).format(s=fact.subject, o=fact.object)
        pieces += weigh_object(sentence, fact.object, rest=0.05)
        pieces.append((" ", 0.0))
    return plain_document("facts", pieces[:-1])


def mixed_statements(random_source: random.Random) -> Document:
    """Eight facts about different subjects, as sentences."""
    pieces: list[tuple[str, float]] = []
    for fact in random_source.sample(FACTS, 8):
        sentence = random_source.choice(fact.relation.statements).format(s=fact.subject, o=fact.object)
        pieces += weigh_object(sentence, fact.object, rest=0.05)
        pieces.append(("\n", 0.0))
    return plain_document("facts", pieces[:-1])


def short_answer(random_source: random.Random) -> Document:
    """A question about a fact, answered in a sentence."""
    fact = random_source.choice(FACTS)
    question = random_source.choice(fact.relation.questions).format(s=fact.subject)
    sentence = fact.relation.statements[0].format(s=fact.subject, o=fact.object)
    return chat_document(
        "facts", [*maybe_system(random_source), ("user", question)], weigh_object(sentence, fact.object)
    )


def closed_book(random_source: random.Random) -> Document:
    """A four-choice question about the world, with no passage, sometimes after worked examples."""
    n_examples = random_source.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 5))
    instruction = random_source.choice(INSTRUCTIONS)
    turns = maybe_system(random_source)
    for _ in range(n_examples):
        example = four_choice(random_source, *draw_asked(random_source))
        turns.append(("user", example.prompt(instruction)))
        turns.append(("assistant", "".join(text for text, _ in example.reply(instruction))))
    question = four_choice(random_source, *draw_asked(random_source))
    turns.append(("user", question.prompt(instruction)))
    return chat_document("closed_book", turns, question.reply(instruction), prompt_weight=0.02)


def draw_passage(random_source: random.Random, *, held_out: bool) -> FourChoice:
    """A passage that tells four different properties of two visitors, and a four-choice question about one sentence of it.

    With `held_out` the sentence asked about is a (visitor, property) combination that training never shows.
    """
    while True:
        visitors = random_source.sample(VISITORS, 2)
        told = [
            Fact(random_source.choice(visitors), relation, random_source.choice(relation.objects))
            for relation in random_source.sample(PERSON_RELATIONS, N_TOLD)
        ]
        fresh = [not is_told_in_training(fact.subject, fact.relation.name) for fact in told]
        asked = random_source.randrange(len(told))
        if fresh[asked] if held_out else not any(fresh):
            break
    sentences = (fact.relation.statements[0].format(s=fact.subject, o=fact.object) for fact in told)
    return four_choice(random_source, told[asked], random_source.randrange(3), passage=" ".join(sentences))


def open_book(random_source: random.Random) -> Document:
    """A four-choice question whose answer stands in the passage before it; one in five passages is about the world."""
    instruction = random_source.choice(INSTRUCTIONS)
    if random_source.random() < 0.2:
        fact, form = draw_asked(random_source)
        others = random_source.sample(FACTS, 2)
        told = [fact, *others]
        random_source.shuffle(told)
        passage = " ".join(f.relation.statements[0].format(s=f.subject, o=f.object) for f in told)
        question = four_choice(random_source, fact, form, passage=passage)
    else:
        question = draw_passage(random_source, held_out=False)
    turns = [*maybe_system(random_source), ("user", question.prompt(instruction))]
    return chat_document("open_book", turns, question.reply(instruction), prompt_weight=0.02)


def draw_facts(random_source: random.Random) -> Document:
    """Facts told or asked for."""
    makers = (article, mixed_statements, short_answer)
    return random_source.choices(makers, weights=(3, 2, 2))[0](random_source)
