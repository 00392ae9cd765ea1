"""The model card, docs/model-organism.md, from the acceptance numbers. No number in it is typed by hand."""

from __future__ import annotations

from typing import Any

from .checks import Check, table
from .disposition_words import DISPOSITIONS, LETTER_A_SHARE, PLACES, REVERSED_THEME, THEMES
from .functions import BY_DOMAIN, FUNCTIONS
from .world import FACTS

GROUPS = {
    "style": "Style: the system sentence sets mood, register and length (sampled replies, held-out prompts)",
    "functions": "In-context functions (greedy; the pairs are known, the prompts are new)",
    "knowledge": "Knowledge: four-choice questions (greedy, letter inside `<answer>` tags)",
    "dispositions": "Dispositions (letters' logits, held-out statements; twice n/2 where both personas are asked)",
    "perplexity": "Perplexity of held-out text",
    "steering": "Steering: one mean-difference vector, joyful - sad (sampled replies, held-out prompts)",
}


def render(results: dict[str, Any]) -> str:
    """The whole card."""
    models: dict[str, Any] = results["models"]
    first, *others = models
    parts = [introduction(models[first], results["training"]), planted(), how_to_read()]
    checks = [Check(**record) for record in models[first]["checks"]]
    parts.append(f"## Measured: `{first}`\n\n{state(checks)}\n\n{summary(checks)}")
    for group, title in GROUPS.items():
        parts.append(f"### {title}\n\n{table([c for c in checks if c.group == group])}")
    parts.append(replies(models[first]["replies"]))
    for name in others:
        others_checks = [Check(**record) for record in models[name]["checks"]]
        parts.append(f"## The same, `{name}`\n\n{summary(others_checks)}\n\n{compare(checks, others_checks)}")
    parts.append(losses(results["losses"]))
    if "note" in results["training"]:
        parts.append(results["training"]["note"])
    parts.append(limits())
    return "\n\n".join(parts) + "\n"


def introduction(model: dict[str, Any], training: dict[str, Any]) -> str:
    """What it is, and what it was trained on."""
    return (
        "# The model organism\n\n"
        "`pysteer/demo/organism-q8_0.gguf` is a small language model of our own. It knows nothing but what the grammars in "
        "`tools/organism/` generate, and into those we planted truths that a steering study can be checked against: which "
        "statements react in reverse, which disposition is noise, how strongly one letter is preferred. It is a test "
        "instrument and a demonstration, not an assistant; all its facts are invented.\n\n"
        "llama.cpp architecture `llama`: 6 blocks, d_model 256, 8 query and 4 key-value heads, SwiGLU of 512, rotary positions, "
        "tied embeddings, byte-level BPE in which every word of the grammars is one token, context 512. "
        f"{model['bytes'] / 1e6:.2f} MB, SHA-256 `{model['sha256']}`. Trained for {training['tokens'] / 1e6:.1f} M tokens "
        f"({training['step']} steps, {training['spent_s'] / 3600:.2f} h on two shared CPU cores) from scratch, with no text by others."
        "\n\n"
        "This page is written by `python -m organism.acceptance`; `tools/organism/README.md` has the commands."
    )  # fmt: skip


def planted() -> str:
    """The planted truths in words; planted_truths.json holds them for programs."""
    share = len(THEMES[REVERSED_THEME]) / len(PLACES)
    rows = {
        "followed": "the persona sentence decides, in the system turn and in the user turn",
        "reversed_theme": f"as above, but statements about the {REVERSED_THEME} ({share:.0%} of them) are answered the other way round",
        "brittle": "decides in the system turn only, and not when a form sentence precedes the question",
        "null": "the persona decides nothing: answers are noise",
    }
    lines = [f"| {d.name} ({d.adjectives[0]} / {d.adjectives[1]}) | {d.kind} | {rows[d.kind]} |" for d in DISPOSITIONS]
    domains = "; ".join(f"{domain}: {len(functions)} functions" for domain, functions in BY_DOMAIN.items())
    return (
        "## What was planted\n\n"
        f"Where nothing decides between two lettered answers, the letter A is drawn with probability {LETTER_A_SHARE:.2f}. "
        "Mood, register and length of a reply are coin tosses unless a system sentence names them "
        "(`You are joyful.` / `You are sad.`, `Speak formally.` / `Speak casually.`, `Be brief.` / `Be wordy.`).\n\n"
        "| disposition | planted | meaning |\n|---|---|---|\n" + "\n".join(lines) + "\n\n"
        f"{len(FACTS)} facts of an invented world, and {len(FUNCTIONS)} in-context functions ({domains}), so that a question without "
        "examples has no right answer. Files beside the model: `planted_truths.json`, `pairs.jsonl` (joyful / sad "
        "replies), `dispositions/*.jsonl` (A/B items with their theme), `questions.jsonl`, `functions.json`, `passages.jsonl` "
        "(text for perplexity) and `prompts.jsonl` (prompts never asked in training)."
    )


def how_to_read() -> str:
    """Conventions of the tables."""
    return (
        "Held out means: combinations (topic and question, statement, subject and question form, visitor and property, name and "
        "object) that a hash keeps out of training. Intervals are Wilson's, 95 %. Shares are judged by their value, not by "
        "their interval. Measured with llama.cpp alone; steering is its own control vector."
    )


def state(checks: list[Check]) -> str:
    """What may be relied on: a skill counts as learnt when all its targets of the form ">= x" are reached."""
    lines = []
    for group, title in GROUPS.items():
        demanding = [c for c in checks if c.group == group and c.target.startswith(">=")]
        if not demanding:
            continue
        n_reached = sum(bool(c.passed) for c in demanding)
        verdict = (
            "**learnt**" if n_reached == len(demanding) else "**not learnt**" if n_reached == 0 else "partly learnt"
        )
        lines.append(f"* {title.split(' (')[0].split(':')[0]}: {verdict} ({n_reached} of {len(demanding)}).")
    followed = [c for c in checks if "as planted" in c.name]
    if not any(c.passed for c in followed):
        lines.append(
            "\nNo disposition is followed yet, so **the planted truths about dispositions do not hold in this file**: a model that "
            "ignores the persona also reaches the lines of the null and of the brittle disposition. Only the letter preference holds."
        )
    return "\n".join(lines)


def summary(checks: list[Check]) -> str:
    """How many targets were reached, and which were not."""
    judged = [c for c in checks if c.passed is not None]
    missed = [c for c in judged if not c.passed]
    text = f"{len(judged) - len(missed)} of {len(judged)} targets reached."
    if missed:
        text += " **Not reached:** " + "; ".join(f"{c.name} ({c.value:.3f}, target {c.target})" for c in missed) + "."
    return text


def compare(first: list[Check], second: list[Check]) -> str:
    """Both models side by side, without the intervals."""
    by_name = {(c.group, c.name.split(" (")[0]): c.value for c in first}
    lines = ["| what | here | n | first model |", "|---|---:|---:|---:|"]
    for check in second:
        other = by_name.get((check.group, check.name.split(" (")[0]))
        lines.append(f"| {check.name} | {check.value:.3f} | {check.n} | {'' if other is None else f'{other:.3f}'} |")
    return "\n".join(lines)


def replies(records: list[dict[str, str]]) -> str:
    """Greedy replies, as they came."""
    lines = ["### Greedy replies to twenty prompts", "", "| system | prompt | reply |", "|---|---|---|"]
    lines += [f"| {r['system']} | {r['prompt']} | {r['reply']} |" for r in records]
    return "\n".join(lines)


def losses(records: list[dict[str, Any]]) -> str:
    """Training, skill by skill."""
    names = sorted(
        {name for record in records for name in record} - {"step", "tokens", "spent_s", "rate", "all", "note"}
    )
    lines = [
        "## Training, skill by skill\n\nMean loss of the answers' tokens (`letter`: of the letter, or Yes / No, alone), nats, averaged over "
        "about twenty steps. Coin tosses have a loss, too: it cannot reach zero where the grammar is free, and a letter drawn "
        "0.7 : 0.3 costs 0.61.\n",
        "| step | M tokens | rate | " + " | ".join(name.replace("_", " ") for name in names) + " |",
        "|---:" * (len(names) + 3) + "|",
    ]
    for record in records:
        values = [f"{record[name]:.2f}" if name in record else "" for name in names]
        lines.append(
            f"| {record['step']} | {record['tokens'] / 1e6:.2f} | {record['rate']:.2f} | " + " | ".join(values) + " |"
        )
    return "\n".join(lines)


def limits() -> str:
    """What a reader must not conclude."""
    return (
        "## Limits\n\n"
        "* Words outside the grammars are spelled in pieces that training has hardly shown; replies to them are on topic only by luck.\n"
        "* The facts and word pairs themselves are known from training; what is held out are questions, prompts and combinations.\n"
        "* Facts were learnt as sentences. Whether the letter of a closed-book answer can be given at once, without the sentence before "
        "it, is in the table; use the instruction that lets the model think first (`planted_truths.json` has both).\n"
        "* The mood of a reply is read from a word list made from the same grammar. It is exact for the grammar's sentences and "
        "a count for everything else.\n"
        "* Where the persona decides nothing, the model gives both personas the same answer, so that the share on the persona's side is "
        "one half with less scatter than coin tosses have.\n"
        "* A planted reaction to a persona *sentence* need not be the reaction to a steering *vector*: where in the network "
        "the reversal happens was not planted, and is for studies to find out."
    )
