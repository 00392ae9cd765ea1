"""The organism's tokenizer: byte-level BPE as llama.cpp runs it for `tokenizer.ggml.pre = "llama-bpe"`.

That variant looks a whole pre-token up before it merges, so every word of the grammars is one token without a chain of
merges; other words fall apart into learned pieces, and any byte into one of 256 byte tokens. Letters after a bracket or a
quotation mark share a pre-token with it, "(A" for instance, which is not in the vocabulary and so becomes "(" and "A".

What this file does not do: chat templates (export.py writes one into the GGUF).
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path
from random import Random

import regex

from .document import BOS, END, Document

PRE_TOKEN = regex.compile(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONTROL_TOKENS = ("<|pad|>", BOS, END, "<|system|>", "<|user|>", "<|assistant|>")
TAG_TOKENS = ("<answer>", "</answer>", "<thinking>", "</thinking>")
SPECIAL = regex.compile("|".join(regex.escape(token) for token in CONTROL_TOKENS + TAG_TOKENS))
PAD_ID = 0


def byte_alphabet() -> list[str]:
    """GPT-2's printable stand-in for each byte value, index by byte.

    >>> byte_alphabet()[ord("A")], byte_alphabet()[ord(" ")]
    ('A', 'Ġ')
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    stand_ins = {byte: chr(byte) for byte in printable}
    for n_unprintable, byte in enumerate(b for b in range(256) if b not in stand_ins):
        stand_ins[byte] = chr(256 + n_unprintable)
    return [stand_ins[byte] for byte in range(256)]


ALPHABET = byte_alphabet()


def spell(text: str) -> str:
    """The text's UTF-8 bytes in the printable alphabet."""
    return "".join(ALPHABET[byte] for byte in text.encode())


class Tokenizer:
    """`tokens[i]` is token i's spelling; `merges` are pairs of spellings, best first."""

    def __init__(self, tokens: list[str], merges: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.merges = merges
        self.id_of = {token: index for index, token in enumerate(tokens)}
        self._rank = {pair: rank for rank, pair in enumerate(merges)}
        self._cache: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str) -> list[int]:
        """Token ids of a text in which special tokens are spelled out; nothing is added."""
        return [token for piece in self._split(text) for token in self._encode_piece(piece)]

    def encode_document(self, document: Document, *, spelling: Random | None = None) -> tuple[list[int], list[float]]:
        """Ids and the loss weight of each, for an ASCII document.

        With `spelling`, one word in 25 is taken apart into pieces, so that pieces are trained too.
        """
        text = document.text
        weights_of_characters: list[float] = []
        for piece, weight in document.pieces:
            weights_of_characters += [weight] * len(piece)
        ids: list[int] = []
        weights: list[float] = []
        position = 0
        for piece in self._split(text):
            taken_apart = spelling is not None and len(piece) > 3 and piece[-1].isalpha() and spelling.random() < 0.04
            tokens = self._merge(piece) if taken_apart else self._encode_piece(piece)
            for token in tokens:
                position += len(piece) if len(tokens) == 1 else len(self.tokens[token])
                ids.append(token)
                weights.append(weights_of_characters[position - 1])
        return ids, weights

    def _split(self, text: str) -> list[str]:
        pieces: list[str] = []
        start = 0
        for match in SPECIAL.finditer(text):
            pieces += PRE_TOKEN.findall(text[start : match.start()])
            pieces.append(match.group())
            start = match.end()
        return pieces + PRE_TOKEN.findall(text[start:])

    def _encode_piece(self, piece: str) -> tuple[int, ...]:
        if piece not in self._cache:
            whole = piece if SPECIAL.fullmatch(piece) else spell(piece)
            self._cache[piece] = (self.id_of[whole],) if whole in self.id_of else self._merge(piece)
        return self._cache[piece]

    def _merge(self, piece: str) -> tuple[int, ...]:
        parts = list(spell(piece))
        while len(parts) > 1:
            pairs = list(itertools.pairwise(parts))
            best = min(range(len(pairs)), key=lambda i: (self._rank.get(pairs[i], len(self._rank)), i))
            if pairs[best] not in self._rank:
                break
            parts[best : best + 2] = ["".join(pairs[best])]
        return tuple(self.id_of[part] for part in parts)

    def save(self, path: Path) -> None:
        """One JSON file, which `load` reads back."""
        path.write_text(json.dumps({"tokens": self.tokens, "merges": self.merges}, ensure_ascii=False, indent=0))

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read what `save` wrote."""
        stored = json.loads(path.read_text())
        return cls(stored["tokens"], [(left, right) for left, right in stored["merges"]])


def train(texts: list[str], *, n_merges: int, minimum_count: int) -> Tokenizer:
    """Vocabulary of the words seen at least `minimum_count` times, learned pieces, all bytes and the special tokens.

    Pieces are learned from the list of distinct words, each counted once, because they are needed for words outside it.
    """
    counts = Counter(piece for text in texts for piece in PRE_TOKEN.findall(SPECIAL.sub("\n", text)))
    words = sorted(w for w, n in counts.items() if n >= minimum_count and len(w) > 1 and w.removeprefix(" ").isalpha())
    words += sorted(
        w for w, n in counts.items() if n >= minimum_count and w[0] == "'" and len(w) > 1 and w[1:].isalpha()
    )
    merges = learn_merges([spell(word) for word in words], n_merges)
    tokens = list(CONTROL_TOKENS + TAG_TOKENS) + ALPHABET
    tokens += list(dict.fromkeys("".join(pair) for pair in merges))
    tokens += [spelling for spelling in dict.fromkeys(map(spell, words)) if spelling not in set(tokens)]
    while len(tokens) % 64:
        tokens.append(f"<|unused{len(tokens)}|>")
    return Tokenizer(tokens, merges)


def learn_merges(words: list[str], n_merges: int) -> list[tuple[str, str]]:
    """The usual greedy pair merges; ties go to the pair that sorts first."""
    parts = [list(word) for word in words]
    merges: list[tuple[str, str]] = []
    for _ in range(n_merges):
        counts: Counter[tuple[str, str]] = Counter()
        for part in parts:
            counts.update(itertools.pairwise(part))
        pair = min(counts, key=lambda p: (-counts[p], p))
        merges.append(pair)
        for part in parts:
            index = 0
            while index < len(part) - 1:
                if (part[index], part[index + 1]) == pair:
                    part[index : index + 2] = ["".join(pair)]
                index += 1
    return merges
