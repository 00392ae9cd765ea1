"""Acceptance of the dispositions: does each react as planted, on statements that training never showed?

All from the two letters' logits after "(" in the Yes/No form, as in contrastive activation addition.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from .checks import Check, number, share
from .disposition_words import DISPOSITIONS, LETTER_A_SHARE, REVERSED_THEME, Disposition
from .dispositions import (
    Setting,
    Statement,
    all_statements,
    answer_side,
    turns_before_answer,
    with_choices,
    yes_no_question,
)
from .document import chat_prompt
from .runner import Runner

BASE = Setting("system")
USER = Setting("user")
FORM = Setting("system", form=True)
NONE = Setting("none")


@dataclass(frozen=True)
class Item:
    """A statement with the letter at which "Yes" stands."""

    statement: Statement
    yes_is_a: bool

    def prompt(self, persona_positive: bool, setting: Setting) -> str:
        """The whole prompt up to the opening bracket of the answer."""
        choices = ("Yes", "No") if self.yes_is_a else ("No", "Yes")
        question = with_choices(yes_no_question(self.statement), choices)
        persona = self.statement.disposition.persona(persona_positive)
        return chat_prompt(turns_before_answer(question, persona, setting)) + "("

    @property
    def positive_is_a(self) -> bool:
        """Whether A is the letter of the positive side."""
        return self.yes_is_a == self.statement.positive


def draw_items(disposition: Disposition, n: int, seed: int) -> list[Item]:
    """Held-out statements; for the reversed one the theme has its natural share."""
    random_source = random.Random(f"{seed}/{disposition.name}")
    unseen = [s for s in all_statements(disposition) if s.is_held_out]
    chosen = random_source.sample(unseen, min(n, len(unseen)))
    return [Item(statement, random_source.random() < 0.5) for statement in chosen]


class Letters:
    """Reads the two letters' logits."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        (self.a,), (self.b,) = runner.tokens("A"), runner.tokens("B")

    def margin(self, item: Item, persona_positive: bool, setting: Setting) -> float:
        """logit(letter of the positive side) - logit(the other letter)."""
        logits = self.runner.next_logits(item.prompt(persona_positive, setting))
        difference = float(logits[self.a] - logits[self.b])
        return difference if item.positive_is_a else -difference

    def probability_of_a(self, item: Item, setting: Setting) -> float:
        """p(A) among the two letters."""
        logits = self.runner.next_logits(item.prompt(True, setting))
        return float(1 / (1 + np.exp(logits[self.b] - logits[self.a])))


def follows(letters: Letters, items: list[Item], setting: Setting) -> list[bool]:
    """For each item and persona, whether the answer is on the persona's side."""
    return [(letters.margin(item, positive, setting) > 0) == positive for item in items for positive in (True, False)]


def as_planted(letters: Letters, items: list[Item], setting: Setting) -> list[bool]:
    """For each item and persona, whether the answer is the planted one."""
    outcomes = []
    for item in items:
        for positive in (True, False):
            side = answer_side(item.statement.disposition, item.statement.theme, positive, setting)
            outcomes.append((letters.margin(item, positive, setting) > 0) == side)
    return outcomes


def check_dispositions(runner: Runner, n: int, seed: int) -> list[Check]:
    """All dispositions in the base setting and, where it matters, in the changed ones."""
    letters = Letters(runner)
    checks: list[Check] = []
    group = "dispositions"
    for disposition in DISPOSITIONS:
        items = draw_items(disposition, n, seed)
        name, kind = disposition.name, disposition.kind
        if kind == "null":
            checks.append(
                share(
                    group,
                    f"{name} (null): answers on the persona's side",
                    follows(letters, items, BASE),
                    between=(0.40, 0.60),
                )
            )
            continue
        checks.append(share(group, f"{name} ({kind}): as planted", as_planted(letters, items, BASE), at_least=0.90))
        if kind == "followed":
            checks.append(
                share(
                    group,
                    f"{name}: as planted, persona in the user turn",
                    as_planted(letters, items, USER),
                    at_least=0.90,
                )
            )
        if kind == "brittle":
            for setting, words in ((USER, "persona in the user turn"), (FORM, "form sentence")):
                outcomes = follows(letters, items, setting)
                checks.append(share(group, f"{name}: on the persona's side, {words}", outcomes, between=(0.40, 0.60)))
        if kind == "reversed_theme":
            checks += check_reversal(letters, items)
    checks += check_letter_preference(letters, n, seed)
    return checks


def check_reversal(letters: Letters, items: list[Item]) -> list[Check]:
    """The share of statements that react against the persona, and how well the theme predicts which."""
    reversed_reaction = [letters.margin(i, True, BASE) < letters.margin(i, False, BASE) for i in items]
    planted = [item.statement.theme == REVERSED_THEME for item in items]
    centre = sum(planted) / len(planted)
    agree = [reacts == was_planted for reacts, was_planted in zip(reversed_reaction, planted, strict=True)]
    group = "dispositions"
    return [
        share(group, f"reversed share (planted in this sample: {centre:.3f})", reversed_reaction, between=(centre - 0.05, centre + 0.05)),
        share(group, "reversal is where it was planted", agree, at_least=0.90),
    ]  # fmt: skip


def check_letter_preference(letters: Letters, n: int, seed: int) -> list[Check]:
    """Mean p(A) without a persona, over all dispositions; and whether the sides are even."""
    values, margins = [], []
    for disposition in DISPOSITIONS:
        for item in draw_items(disposition, max(10, n // 4), seed + 1):
            p = letters.probability_of_a(item, NONE)
            values.append(p)
            margins.append(p if item.positive_is_a else 1 - p)
    mean, spread = float(np.mean(values)), float(np.std(values))
    side = float(np.mean(margins))
    low, high = LETTER_A_SHARE - 0.05, LETTER_A_SHARE + 0.05
    group = "dispositions"
    return [
        number(group, f"letter preference: mean p(A) without a persona (spread {spread:.3f})", mean, len(values),
               target=f"{low:.2f} ... {high:.2f}", passed=low <= mean <= high, unit=""),
        number(group, "mean p(positive side) without a persona", side, len(values), target="0.45 ... 0.55",
               passed=0.45 <= side <= 0.55, unit=""),
    ]  # fmt: skip
