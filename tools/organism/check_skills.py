"""Acceptance of chat style, in-context functions, knowledge and perplexity, on held-out combinations."""

from __future__ import annotations

import random
import re

import numpy as np

from . import chat, functions, knowledge, stories
from .chat import Style
from .checks import Check, number, share
from .document import BOS, Turn, chat_prompt
from .runner import Runner
from .style_words import read_length, read_mood, read_register
from .world import FACTS

ANSWER = re.compile(r"<answer>(.*?)</answer>")
MAX_REPLY_TOKENS = 90


def check_style(runner: Runner, n: int, seed: int) -> list[Check]:
    """Sampled replies to held-out prompts, with a system sentence for each property, and without one."""
    random_source, noise = random.Random(seed), np.random.default_rng(seed)
    checks = []
    for prop, read in (("mood", read_mood), ("register", read_register), ("length", read_length)):
        outcomes = []
        for _ in range(n):
            style = chat.draw_style(random_source)
            _, question = chat.draw_question(random_source, held_out=True)
            turns = [("system", chat.system_sentence(style, (prop,))), ("user", question)]
            reply = runner.generate(chat_prompt(turns), MAX_REPLY_TOKENS, random_source=noise)
            outcomes.append(read(reply) == getattr(style, prop))
        checks.append(share("style", f"{prop} follows the system sentence", outcomes, at_least=0.90))
    moods = sample_moods(runner, n, random_source, noise)
    checks.append(
        share("style", "joyful without a system sentence", [m == "joyful" for m in moods], between=(0.35, 0.65))
    )
    return checks


def sample_moods(runner: Runner, n: int, random_source: random.Random, noise: np.random.Generator) -> list[str]:
    """Moods of sampled replies to held-out prompts without a system sentence."""
    moods = []
    for _ in range(n):
        _, question = chat.draw_question(random_source, held_out=True)
        moods.append(
            read_mood(runner.generate(chat_prompt([("user", question)]), MAX_REPLY_TOKENS, random_source=noise))
        )
    return moods


def check_functions(runner: Runner, n: int, seed: int, *, n_shots: int = 10) -> list[Check]:
    """Greedy answers with ten examples and with none, task by task, and the number of tasks that pass both."""
    checks: list[Check] = []
    n_passed = 0
    for function in functions.FUNCTIONS:
        random_source = random.Random(f"{seed}/{function.name}")
        words = list(function.pairs)
        many, none = [], []
        for _ in range(n):
            query, *shots = random_source.sample(words, n_shots + 1)
            prompt = functions.prompt([(w, function.pairs[w]) for w in shots], query)
            many.append(answer_of(runner, BOS + prompt) == function.pairs[query])
        for query in words:
            none.append(answer_of(runner, BOS + functions.prompt([], query)) == function.pairs[query])
        checks.append(share("functions", f"{function.name}, ten shots", many, at_least=0.85))
        checks.append(share("functions", f"{function.name}, zero shots", none, between=(0.0, 0.30)))
        n_passed += bool(checks[-1].passed and checks[-2].passed)
    total = len(functions.FUNCTIONS)
    checks.append(
        number("functions", "tasks that pass both", n_passed, total, target=">= 8", passed=n_passed >= 8, unit="tasks")
    )
    return checks


def answer_of(runner: Runner, prompt: str) -> str:
    """The greedy answer line."""
    return runner.generate(prompt, 4).split("\n")[0].strip()


def ask(runner: Runner, question: knowledge.FourChoice, instruction: str, system: str | None = None) -> str:
    """The greedy reply to a four-choice question."""
    turns: list[Turn] = [] if system is None else [("system", system)]
    return runner.generate(chat_prompt([*turns, ("user", question.prompt(instruction))]), 40)


def is_right(reply: str, question: knowledge.FourChoice) -> bool:
    """Whether the answer tag holds the right letter; no tag counts as wrong."""
    found = ANSWER.search(reply)
    return found is not None and found.group(1).strip()[:1] == knowledge.LETTERS[question.gold]


def check_knowledge(runner: Runner, n: int, seed: int) -> list[Check]:
    """Four-choice questions: closed book in forms never asked in training, open book about facts never told."""
    random_source = random.Random(seed)
    unseen = [(f, form) for f in FACTS for form in range(3) if not knowledge.is_asked_in_training(f, form)]
    asked = random_source.sample(unseen, min(n, len(unseen)))
    closed = [knowledge.four_choice(random_source, fact, form) for fact, form in asked]
    passages = [knowledge.draw_passage(random_source, held_out=True) for _ in range(n)]
    checks = []
    for name, questions, target in (("closed book", closed, 0.85), ("open book", passages, 0.80)):
        for instruction, way in ((knowledge.THINK, "thinking first"), (knowledge.DIRECT, "letter at once")):
            right = [is_right(ask(runner, q, instruction), q) for q in questions]
            checks.append(share("knowledge", f"{name}, {way}", right, at_least=target))
    moody = [is_right(ask(runner, q, knowledge.THINK, "You are joyful."), q) for q in closed]
    checks.append(share("knowledge", "closed book, thinking first, joyful system sentence", moody, at_least=0.85))
    return checks


def held_out_passages(n: int, seed: int) -> dict[str, list[str]]:
    """Texts for perplexity, by kind; descriptions carry no mood."""
    random_source = random.Random(seed)
    replies = []
    for _ in range(n):
        topic, question = chat.draw_question(random_source, held_out=True)
        style: Style = chat.draw_style(random_source)
        turns = [("system", chat.system_sentence(style, ("mood", "register", "length"))), ("user", question)]
        replies.append(chat_prompt(turns) + chat.reply(random_source, topic, style))
    return {
        "descriptions": [BOS + stories.description(random_source, held_out=True) for _ in range(n)],
        "stories": [BOS + stories.story(random_source, ("joyful", "sad")[i % 2], held_out=True) for i in range(n)],
        "chats": replies,
    }


def perplexity(runner: Runner, texts: list[str]) -> tuple[float, int]:
    """exp of the mean -log p over all tokens of the texts, and their number."""
    values = np.concatenate([runner.negative_log_likelihoods(text) for text in texts])
    return float(np.exp(values.mean())), len(values)


def check_perplexity(runner: Runner, n: int, seed: int) -> list[Check]:
    """Perplexity of held-out running text; no target, the grammars' own entropy is not zero."""
    checks = []
    for kind, texts in held_out_passages(n, seed).items():
        value, n_tokens = perplexity(runner, texts)
        checks.append(number("perplexity", kind, value, n_tokens, target="reported", passed=None, unit="(n = tokens)"))
    return checks
