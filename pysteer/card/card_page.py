"""A card as one HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from pysteer.card import card_figures
from pysteer.card.vector_card import Behaviour, Quantity, Recommended, VectorCard
from pysteer.card.verdicts import FEW, KEPT, MANY, SPURIOUS, span_text
from pysteer.report.blocks import (
    Block,
    Bullets,
    Cell,
    Command,
    Details,
    Facts,
    Figure,
    Hash,
    Number,
    Outcome,
    Paragraph,
    Section,
    Table,
    Verdict,
)
from pysteer.report.drawing import Drawing
from pysteer.report.estimates import number, percent
from pysteer.report.page import Page


def card_page(card: VectorCard) -> Page:
    """Return the page; the same card gives the same page."""
    sections = [
        Section("Verdict", _verdicts(card)),
        Section("Behaviour", _behaviour(card)),
        Section("Answer position", _position(card)),
        Section("Other prompts", _other_prompts(card)),
        Section("Costs and recommended strength", _costs(card)),
        Section("How to read this card", _reading(card)),
        Section("What was measured, and with what", _origin(card)),
    ]
    lead = (
        f"Does the vector work on {card.model.name}, on which inputs does it backfire, and what does it cost? Measured "
        f"on {card.behaviour.steerability.n} held-out items; preset {card.preset}."
    )
    return Page(
        f"Vector card: {card.vector.name}", sections, lead, f"Made by pysteer {card.pysteer_version}, {card.created}."
    )


def _verdicts(card: VectorCard) -> list[Block]:
    blocks: list[Block] = [
        Verdict(Outcome(f"{found.question} {_capital(found.outcome)}.", found.tone), found.text)
        for found in card.findings
    ]
    if not card.training.startswith("checked"):
        text = f"Were the items seen in training? {_capital(card.training)}."
        blocks.append(Verdict(Outcome("Held out? Not certain.", "open"), text))
    return blocks


def _behaviour(card: VectorCard) -> list[Block]:
    rows = [_behaviour_row("this vector", card.behaviour), *(_behaviour_row(c.name, c) for c in card.controls)]
    columns = ["direction", "steerability", "anti-steerable items", "straightness (R²)", "monotonicity"]
    shown, folded = rows[:4], rows[4:]
    note = "nats per unit of coefficient; random directions have the vector's norm at every site"
    blocks: list[Block] = [Table(f"Slope of the preference over the coefficient ({note})", columns, shown)]
    if folded:
        blocks.append(
            Details(f"{len(folded)} more random directions", [Table("The other random directions", columns, folded)])
        )
    if card.controls_reason:
        blocks.append(Paragraph(f"{_capital(card.controls_reason)}."))
    blocks += _figure(card_figures.violins(card), "Which items follow, and which backfire?")
    blocks += _figure(card_figures.curves(card), "Every item over the coefficient.")
    blocks += _figure(card_figures.layer_map(card), "Each layer of the vector alone.")
    return blocks


def _both(one: Behaviour) -> tuple[Cell, Cell]:
    return _cell(one.steerability, unit=""), _cell(one.anti_steerable, unit="share")


def _behaviour_row(name: str, one: Behaviour) -> list[Cell]:
    label = name if one.seed is None else f"random direction, seed {one.seed}"
    return [
        label,
        *_both(one),
        _cell(one.fit_r_squared, unit="", digits=2),
        _cell(one.monotonicity, unit="", digits=2),
    ]


def _position(card: VectorCard) -> list[Block]:
    if not card.factors:
        return [Paragraph(f"Not asked: {card.factors_reason}.")]
    rows: list[list[Cell]] = [
        [
            one.setting,
            _cell(one.explained, unit="share"),
            "" if one.letter_share is None else percent(one.letter_share),
            "" if one.yes_no_share is None else percent(one.yes_no_share),
            _cell(one.letter_bias, unit=""),
        ]
        for one in card.factors
    ]
    columns = ["prompt", "explained by both", "by the letter", "by Yes or No beyond it", "slope at A minus slope at B"]
    table = Table("How much of the slopes' variance comes from where and how the answer is written", columns, rows)
    return [table, *_figure(card_figures.position_bars(card), "Meaning or position?")]


def _other_prompts(card: VectorCard) -> list[Block]:
    if not card.settings:
        return [Paragraph(f"Not measured: {card.settings_reason or 'no other prompt was given'}.")]
    rows: list[list[Cell]] = [["plain", *_both(card.behaviour), ""]]
    rows += [[one.name, *_both(one), _cell(one.correlation, unit="", digits=2)] for one in card.settings]
    columns = ["prompt", "steerability", "anti-steerable items", "rank correlation with plain, over items"]
    blocks: list[Block] = [Table("The same items under other prompts (nats per unit of coefficient)", columns, rows)]
    told = [f"{one.name}: {_prompt(one)}" for one in card.settings]
    blocks.append(Bullets(told))
    if card.settings_reason:
        blocks.append(Paragraph(f"Not all could be measured: {card.settings_reason}."))
    return blocks + _figure(card_figures.shifts(card), "Do the same items follow?")


def _prompt(one: Behaviour) -> str:
    parts = []
    if one.system is not None:
        parts.append(f"system message “{one.system}”")
    if one.user_prefix:
        parts.append(f"before the user's prompt “{one.user_prefix}”")
    return ", ".join(parts) or "as plain"


def _costs(card: VectorCard) -> list[Block]:
    blocks: list[Block] = [_recommended_table(card.recommended), Paragraph(f"Guard: {card.guard}.")]
    blocks += _figure(card_figures.trade_off(card), "What it does, and what it costs.")
    rows: list[list[Cell]] = [
        [
            number(cost.strength),
            _cell(cost.gain, unit=""),
            _cell(cost.perplexity_ratio, unit=""),
            _cell(cost.kl, unit=""),
            _cell(cost.top1_agreement, unit="share"),
            _cell(cost.accuracy, unit="share"),
        ]
        for cost in card.costs
    ]
    columns = [
        "coefficient",
        "change of propensity (nats)",
        "perplexity / unsteered",
        "KL (nats a token)",
        "same most probable token",
        "accuracy on questions",
    ]
    blocks.append(Details("All numbers, strength by strength", [Table("Behaviour and costs", columns, rows)]))
    unsteered = next((cost for cost in card.costs if cost.strength == 0.0), None)
    if card.questions is None or unsteered is None or unsteered.accuracy.value is None:
        reason = (
            unsteered.accuracy.reason if unsteered is not None else "the unsteered model was not among the strengths"
        )
        blocks.append(Paragraph(f"Accuracy on questions was not measured: {reason}."))
    elif card.question_chance is not None and (unsteered.accuracy.low or 0.0) <= card.question_chance:
        blocks.append(
            Paragraph(
                f"Without steering the model answers {percent(unsteered.accuracy.value)} of the questions right, which "
                f"cannot be told from chance ({percent(card.question_chance)}): its accuracy can show no loss. Give "
                "questions that it can answer."
            )
        )
    return blocks


def _recommended_table(recommended: Sequence[Recommended]) -> Table:
    rows: list[list[Cell]] = []
    for one in recommended:
        span: Cell = Outcome("none", "bad")
        if one.low is not None and one.high is not None:
            span = Outcome(span_text(one.low, one.high), "good")
        best = "" if one.best is None else number(one.best)
        name = "towards the wanted answer" if one.towards == "towards" else "away from it"
        rows.append([name, span, best, _capital(one.reason), _cell(one.onset, unit="")])
    columns = ["direction", "coefficients", "strongest effect at", "why it ends", "text begins to suffer at"]
    return Table("Recommended strengths among those measured", columns, rows)


def _reading(card: VectorCard) -> list[Block]:
    coefficients, few = (", ".join(map(number, listed)) for listed in (card.coefficients, card.few_coefficients))
    return [
        Bullets(
            [
                "Propensity: how much more probable the model finds the wanted answer than the other one, in nats "
                "(natural logarithm of the ratio). Steerability of an item: how much its propensity rises per unit of "
                f"coefficient, by least squares over {coefficients} (random directions and other prompts: {few}).",
                "Anti-steerable: an item whose propensity does not rise. A direction without an effect has about one "
                f"half of these. The verdict says few where the whole interval lies below {percent(FEW)}, many from "
                f"{percent(MANY)} on.",
                "Random directions: same norm, same sites, same items. A vector that does not beat all of them does "
                "nothing of its own.",
                f"Position: from {percent(SPURIOUS)} on, letter and Yes or No explain most of the spread.",
                f"Other prompts: kept means a certain effect of at least {percent(KEPT)} of the plain one.",
                f"Intervals hold the true value in {100 * card.confidence:g} % of such measurements, if the items are "
                "a fair sample; they see neither other models nor other data.",
            ]
        ),
        Paragraph(
            "Limits. The items measure a preference between two given answers, not what the model writes when it is "
            "free. Perplexity, KL and accuracy are costs on the texts and questions named below, and nowhere else. A "
            "few dozen items tell large effects from none; they do not rank vectors that are nearly alike."
        ),
    ]


def _origin(card: VectorCard) -> list[Block]:
    vector, model, data, asked = card.vector, card.model, card.data, card.questions
    sites = ", ".join(f"{site} (norm {number(norm)})" for site, norm in zip(vector.sites, vector.norms, strict=True))
    shape = f"{model.n_layers} blocks, d_model {model.d_model}"
    facts: dict[str, Cell] = {
        "vector": vector.name,
        "SHA-256 of its directions": Hash(vector.directions_hash),
        "method": vector.method,
        "sites": sites,
        "applied as": f"{vector.operation}, window {vector.window}",
        "trained on": vector.trained_on or "unknown",
        "SHA-256 of that data": Hash(vector.trained_on_hash or "unknown"),
        "model": f"{model.name}, {model.architecture}, {model.quantisation}, {shape}",
        "SHA-256 of the model": Hash(model.hash),
        "items": f"{data.name}, {data.n} of {data.n_in_file} in the file; propensity by {card.variant}",
        "SHA-256 of the items": Hash(data.hash),
        "held out": card.training,
        "text": f"{card.text.name}, {card.text.n} of {card.text.n_in_file}",
        "SHA-256 of the text": Hash(card.text.hash),
        "questions": "none" if asked is None else f"{asked.name}, {asked.n} of {asked.n_in_file}",
        "SHA-256 of the questions": Hash("none" if asked is None else asked.hash),
        "seed": card.seed,
        "computing time": f"{card.seconds:.0f} s",
        "failures": _failures(card),
        "pysteer, llama-cpp-python": f"{card.pysteer_version}, {card.llama_cpp_version}",
    }
    command: list[Block] = [Paragraph("The command that made it:"), Command(card.command)] if card.command else []
    return [Facts(facts), *command]


def _failures(card: VectorCard) -> str:
    if not card.failures:
        return "none: every item could be measured at every strength"
    return "; ".join(f"{count} times {reason}" for reason, count in sorted(card.failures.items()))


def _cell(quantity: Quantity, *, unit: str, digits: int = 3) -> Number:
    value, low, high = quantity.ends
    return Number(value, low, high, quantity.n or None, unit, quantity.failures, digits, quantity.reason)


def _figure(drawing: Drawing | None, title: str) -> list[Block]:
    return [] if drawing is None else [Figure(drawing, title)]


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
