"""Is the exported file what was trained? `python -m organism.verify --checkpoint c.pt --tokenizer t.json --folder f`.

Three checks, each an error when it fails: llama.cpp's token ids equal tokenizer.py's on thousands of strings; llama.cpp's
logits equal the NumPy forward pass to 1e-4 (F32 file); the chat template renders what the grammars write.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import jinja2
import numpy as np

from . import corpus
from .document import BOS, chat_prompt
from .export import CHAT_TEMPLATE, export, load_weights
from .forward import NumpyModel
from .runner import Runner
from .tokenizer import Tokenizer

STRANGE_PIECES = (
    "don't", "I'LL", "été", "naïve", "日本語", "😀", "\t", "\r\n", "  ", "\n\n\n", "3.14159", "<answer>", "</thinking>", "<|end|>",
    "<|user|>", "x_y", "(A):", "...", "\u00a0", "ß", "Ω", "क", "e\u0301", "'s", "\"Quote\"", "A", " ", "http://a.b/c?d=e",
)  # fmt: skip


def strange_texts(n_texts: int, seed: int) -> list[str]:
    """Random mixtures of words, punctuation, scripts, blanks and special tokens."""
    random_source = random.Random(seed)
    words = " ".join(d.text for d in corpus.documents(5, 0, 200)).split(" ")
    texts = []
    for _ in range(n_texts):
        pieces = [
            random_source.choice(random_source.choice((STRANGE_PIECES, words)))
            for _ in range(random_source.randint(1, 12))
        ]
        if random_source.random() < 0.2:
            pieces.append("".join(chr(random_source.randint(32, 0x2FFF)) for _ in range(6)))
        texts.append(random_source.choice(("", " ")).join(pieces))
    return texts


def check_tokens(runner: Runner, tokenizer: Tokenizer) -> int:
    """Compare ids on 3000 documents and 3000 strange texts; returns the number of texts compared."""
    texts = [d.text for d in corpus.documents(77, 0, 3000)] + strange_texts(3000, seed=78)
    for text in texts:
        theirs, ours = runner.tokens(text), tokenizer.encode(text)
        if theirs != ours:
            raise SystemExit(f"token ids differ on {text!r}:\nllama.cpp {theirs}\nours      {ours}")
    return len(texts)


def check_logits(runner: Runner, reference: NumpyModel, *, tolerance: float | None) -> float:
    """Largest difference of logits over 12 documents; an error when above `tolerance`."""
    worst = 0.0
    for document in corpus.documents(79, 0, 12):
        tokens = runner.tokens(document.text)
        worst = max(worst, float(np.abs(runner.logits(tokens) - reference.run(tokens)[0]).max()))
    if tolerance is not None and worst > tolerance:
        raise SystemExit(
            f"logits of {runner.path} differ from the NumPy forward pass by {worst:.2e}, more than {tolerance}"
        )
    return worst


def check_template() -> None:
    """The template's text equals that of the grammars."""
    turns = [("system", "You are joyful."), ("user", "Hello!"), ("assistant", "Oh yay!"), ("user", "How are you?")]
    rendered = jinja2.Template(CHAT_TEMPLATE).render(
        messages=[{"role": role, "content": content} for role, content in turns],
        bos_token=BOS,
        add_generation_prompt=True,
    )
    if rendered != chat_prompt(turns):
        raise SystemExit(f"the chat template renders {rendered!r}, the grammars write {chat_prompt(turns)!r}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where the files of each type are written")
    options = parser.parse_args()
    weights, shape = load_weights(options.checkpoint)
    tokenizer = Tokenizer.load(options.tokenizer)
    check_template()
    for kind, tolerance in (("f32", 1e-4), ("f16", None), ("q8_0", None), ("q4_0", None)):
        path = options.folder / f"organism-{kind}.gguf"
        export(weights, shape, tokenizer, kind, path)
        runner = Runner(path)
        if kind == "f32":
            print(f"token ids agree on {check_tokens(runner, tokenizer)} texts")
        worst = check_logits(runner, NumpyModel(path), tolerance=tolerance)
        print(f"{kind}: {path.stat().st_size / 1e6:.2f} MB, largest logit difference to NumPy {worst:.1e}")


if __name__ == "__main__":
    main()
