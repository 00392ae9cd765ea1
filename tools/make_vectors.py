"""Make the vector files of the behaviour library for given models, measure them, and write the cards' tables.

    python tools/make_vectors.py MODEL.gguf [MODEL.gguf ...]

For each behaviour and model: the mean difference at every block but the first, saved as
``vectors/<behaviour>/<model>.gguf``; then, at the block at 60 % of the depth, steerability on the held-out items and
the perplexity of neutral text at coefficients -1 and 1. The table stands between the marks in each card.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pysteer
from pysteer.demo.texts import NEUTRAL_TEXT
from pysteer.library import behaviours, load_behaviour

FOLDER = Path(__file__).resolve().parents[1] / "vectors"
BEGIN, END = "<!-- measured: begin (tools/make_vectors.py) -->", "<!-- measured: end -->"
SEED = 0


def file_name(model: pysteer.Model) -> str:
    return re.sub(r"[^a-z0-9]+", "-", model.name.lower()).strip("-")


def measure(model: pysteer.Model, behaviour: str) -> dict[str, object]:
    """Make and measure one vector; a row of the card's table."""
    train, test = load_behaviour(behaviour)
    vector = pysteer.extract(model, train, layers=range(1, model.n_layers))
    pysteer.save_vector(vector, FOLDER / behaviour / f"{file_name(model)}.gguf")
    layer = min(model.n_layers - 1, max(1, round(0.6 * model.n_layers)))
    window = "all" if vector.provenance.token_rule != "letter" else "answer"
    result = pysteer.measure_steerability(model, vector, test, layers=(layer,), window=window, seed=SEED)
    one = vector.select([layer])
    costs = pysteer.perplexities(
        model,
        NEUTRAL_TEXT,
        [[pysteer.Intervention(one, coefficient=c)] for c in (-1.0, 1.0)],
        window_size=min(128, model.n_ctx_train),
        seed=SEED,
    )
    slope = result.steerability
    return {
        "model": model.name,
        "quantisation": model.quantisation,
        "model_hash": model.hash,
        "data_hash": test.content_hash,
        "layer": layer,
        "window": window,
        "propensity": result.variant,
        "steerability": slope.value,
        "low": slope.low,
        "high": slope.high,
        "n": slope.n,
        "anti_steerable": result.anti_steerable.value,
        "norm": one.norms()[pysteer.Site("resid_post", layer)],
        "perplexity_ratio_minus": costs[1].perplexity / costs[0].perplexity,
        "perplexity_ratio_plus": costs[2].perplexity / costs[0].perplexity,
        "perplexity_tokens": costs[0].n_tokens,
        "seed": SEED,
    }


def table(rows: list[dict[str, object]]) -> str:
    lines = [
        "| model | layer | steered tokens | steerability (nats per unit) [95 %] | anti-steerable | n "
        "| perplexity × at −1 / +1 | model hash |",
        "|---|---:|---|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        lines.append(
            "| {model}, {quantisation} | {layer} | {window} | {steerability:.3f} [{low:.3f}, {high:.3f}] "
            "| {anti_steerable:.0%} | {n} | {perplexity_ratio_minus:.2f} / {perplexity_ratio_plus:.2f} "
            "| `{hash}` |".format(hash=str(row["model_hash"])[:12], **row)
        )
    first = rows[0]
    lines.append("")
    lines.append(
        f"Held-out items of `test.jsonl` (data hash `{str(first['data_hash'])[:12]}`), propensity "
        f"`{first['propensity']}`, bootstrap over items, seed {first['seed']}. Perplexity of "
        f"{first['perplexity_tokens']} tokens of neutral text, as a multiple of the unsteered one."
    )
    return "\n".join(lines)


def write_card(behaviour: str, rows: list[dict[str, object]]) -> None:
    card = FOLDER / behaviour / "README.md"
    text = card.read_text(encoding="utf-8")
    block = f"{BEGIN}\n{table(rows)}\n{END}"
    if BEGIN in text:
        text = text[: text.index(BEGIN)] + block + text[text.index(END) + len(END) :]
    else:
        text = text.rstrip() + f"\n\n## Measured on\n\n{block}\n"
    card.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    arguments = parser.parse_args()
    models = [pysteer.Model.load(path) for path in arguments.models]
    for behaviour in behaviours():
        rows = [measure(model, behaviour) for model in models]
        (FOLDER / behaviour / "measured.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
        write_card(behaviour, rows)
        print(f"{behaviour}\n{table(rows)}\n")


if __name__ == "__main__":
    main()
