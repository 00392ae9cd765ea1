"""What the numbers of a card say, in words: five questions, each answered from intervals, never from a value alone.

The rules stand here and in ``docs/card.md``; change both together.
"""

from __future__ import annotations

import math

from pysteer.card.vector_card import Behaviour, Finding, Quantity, VectorCard
from pysteer.report.estimates import interval, number, percent, percent_interval

FEW, MANY = 0.10, 0.25
"""Shares of anti-steerable items: below the first "few", from the second on "many"."""
SPURIOUS = 0.5
"""Share of the slopes' variance from which on position explains more than the items do."""
KEPT = 0.5
"""Share of the plain steerability that has to be left under another prompt."""


def findings_of(card: VectorCard) -> list[Finding]:
    """Return the questions with their answers."""
    effect = effect_of(card)
    return [effect, _backfires(card, effect), _position(card), _other_prompts(card, effect), _cost(card, effect)]


def has_effect(effect: Finding) -> bool:
    """Return whether the first finding says that the vector does something of its own."""
    return effect.outcome in ("yes", "in reverse")


def effect_of(card: VectorCard) -> Finding:
    """Answer whether the vector steers, more than a random direction of its norm."""
    question = "Does it steer?"
    slope = card.behaviour.steerability
    if slope.value is None or slope.low is None or slope.high is None:
        return Finding(question=question, outcome="not measured", tone="open", text=slope.reason)
    told = f"Steerability is {interval(*slope.ends)} nats per unit of coefficient (n = {slope.n} held-out items)."
    largest = largest_control(card)
    if slope.low <= 0.0 <= slope.high:
        return Finding(question=question, outcome="no effect", tone="bad", text=f"{told} The interval holds 0.")
    if math.isnan(largest):
        beaten = f"It was not compared with random directions ({card.controls_reason or 'none was measured'})."
    elif abs(slope.value) <= largest:
        return Finding(
            question=question,
            outcome="no more than a random direction",
            tone="bad",
            text=f"{told} Of {len(card.controls)} random directions of the same norm the strongest reaches "
            f"{number(largest)} in size.",
        )
    else:
        beaten = (
            f"None of {len(card.controls)} random directions of the same norm reaches that in size; the strongest has "
            f"{number(largest)}."
        )
    if slope.value < 0.0:
        text = f"{told} {beaten} It moves answers away from the wanted ones: negative coefficients do what was meant."
        return Finding(question=question, outcome="in reverse", tone="bad", text=text)
    return Finding(question=question, outcome="yes", tone="good", text=f"{told} {beaten}")


def largest_control(card: VectorCard) -> float:
    """Return the largest size of a random direction's steerability; NaN without any."""
    sizes = [abs(control.steerability.value) for control in card.controls if control.steerability.value is not None]
    return max(sizes, default=math.nan)


def _backfires(card: VectorCard, effect: Finding) -> Finding:
    question = "On how many inputs does it backfire?"
    share = card.behaviour.anti_steerable
    if share.value is None or share.low is None or share.high is None:
        return Finding(question=question, outcome="not measured", tone="open", text=share.reason)
    shares = [control.anti_steerable.value for control in card.controls if control.anti_steerable.value is not None]
    chance = f"; random directions: {percent(min(shares))} to {percent(max(shares))}" if shares else ""
    told = f"{percent_interval(*share.ends)} of the items do not move the wanted way (n = {share.n}{chance})."
    if not has_effect(effect):
        return Finding(question=question, outcome="as without an effect", tone="neutral", text=told)
    if share.high < FEW:
        return Finding(question=question, outcome="few", tone="good", text=told)
    if share.value < FEW:
        return Finding(question=question, outcome="few, not certain", tone="open", text=told)
    if share.value < MANY:
        return Finding(question=question, outcome="some", tone="open", text=told)
    return Finding(question=question, outcome="many", tone="bad", text=told)


def _position(card: VectorCard) -> Finding:
    question = "Does it steer the meaning, or the letter and the Yes?"
    if not card.factors:
        return Finding(question=question, outcome="does not arise", tone="neutral", text=_sentence(card.factors_reason))
    plain = card.factors[0]
    explained = plain.explained
    if explained.value is None or explained.low is None or explained.high is None:
        return Finding(question=question, outcome="not measured", tone="open", text=explained.reason)
    told = (
        f"Where and how the answer is written explains {percent_interval(*explained.ends)} of the spread between "
        f"items (n = {explained.n}): the letter {_share(plain.letter_share)}, Yes or No beyond it "
        f"{_share(plain.yes_no_share)}."
    )
    if explained.low >= SPURIOUS:
        return Finding(question=question, outcome="mostly the letter or the Yes", tone="bad", text=told)
    if explained.high < SPURIOUS:
        return Finding(question=question, outcome="more than the letter", tone="good", text=told)
    return Finding(question=question, outcome="cannot be told", tone="open", text=told)


def _share(value: float | None) -> str:
    return "not measured" if value is None else percent(value)


def _other_prompts(card: VectorCard, effect: Finding) -> Finding:
    question = "Does it also work under other prompts?"
    if not card.settings:
        reason = card.settings_reason or "no other prompt was given"
        return Finding(question=question, outcome="not measured", tone="open", text=f"{reason}.")
    base = card.behaviour.steerability.value
    told = "; ".join(f"{one.name}: {interval(*one.steerability.ends)}" for one in card.settings)
    told = f"Steerability {told}; plain: {interval(*card.behaviour.steerability.ends)}."
    if card.settings_reason:
        told += " Some prompts could not be measured, see below."
    if not has_effect(effect) or base is None:
        return Finding(question=question, outcome="nothing to keep", tone="neutral", text=told)
    states = [_kept(one, base) for one in card.settings]
    if all(state == "kept" for state in states):
        return Finding(question=question, outcome="yes", tone="good", text=told)
    if any(state == "lost" for state in states):
        lost = [one.name for one, state in zip(card.settings, states, strict=True) if state == "lost"]
        outcome = "no" if len(lost) == len(states) else "not under all"
        return Finding(
            question=question, outcome=outcome, tone="bad", text=f"{told} No certain effect: {', '.join(lost)}."
        )
    return Finding(question=question, outcome="weaker", tone="open", text=told)


def _kept(shifted: Behaviour, base: float) -> str:
    """Return "kept", "weaker" (a certain effect, less than half), "lost" (no certain effect of the plain sign)."""
    slope: Quantity = shifted.steerability
    if slope.value is None or slope.low is None or slope.high is None:
        return "lost"
    is_certain = slope.low > 0.0 if base > 0.0 else slope.high < 0.0
    if not is_certain:
        return "lost"
    return "kept" if slope.value / base >= KEPT else "weaker"


def _cost(card: VectorCard, effect: Finding) -> Finding:
    question = "At which strength, and what does it cost?"
    towards = next(one for one in card.recommended if one.towards == "towards")
    if not has_effect(effect):
        text = "There is no effect of its own to pay for, so no strength is recommended."
        return Finding(question=question, outcome="nothing to recommend", tone="neutral", text=text)
    if towards.low is None or towards.high is None or towards.best is None:
        return Finding(
            question=question,
            outcome="no strength passes the guard",
            tone="bad",
            text=f"{_sentence(towards.reason)} Guard: {card.guard}.",
        )
    ratio = card.cost_at(towards.high).perplexity_ratio
    span = span_text(towards.low, towards.high)
    text = (
        f"Coefficient {span}. At {number(towards.high)} the perplexity of other text is {interval(*ratio.ends)} times "
        f"the unsteered one (n = {ratio.n} texts). The range {towards.reason}."
    )
    return Finding(question=question, outcome=span, tone="good", text=text)


def span_text(low: float, high: float) -> str:
    """Return "0.5 to 2", or "0.5" where both are the same."""
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
