"""Do the word-list proxies tell real texts apart? The area under the ROC curve, on data that they were not made for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import mannwhitneyu

from pysteer.metrics.refusal_phrases import is_refusal
from pysteer.metrics.sentiment_proxy import sentiment_proxy
from pysteer.metrics.toxicity_proxy import toxicity_proxy


def area(higher: npt.NDArray[np.float64], lower: npt.NDArray[np.float64]) -> float:
    """Share of pairs in which the first is larger; ties count half."""
    return float(mannwhitneyu(higher, lower).statistic) / (len(higher) * len(lower))


def sentiment(texts: list[str]) -> npt.NDArray[np.float64]:
    return sentiment_proxy(texts, seed=0).per_example


def test_sentiment_tells_friendly_reviews_from_unfriendly_ones(data_dir: Path) -> None:
    rows = json.loads((data_dir / "function_vectors/abstractive/sentiment.json").read_text("utf-8"))
    sides = {kind: [row["input"] for row in rows if row["output"] == kind] for kind in ("positive", "negative")}
    assert len(sides["positive"]) + len(sides["negative"]) == len(rows) == 1167
    # Measured 0.81; 44 % of the reviews hold no listed word.
    assert area(sentiment(sides["positive"]), sentiment(sides["negative"])) == pytest.approx(0.81, abs=0.01)


def test_sentiment_tells_joy_from_anger_fear_and_sadness(data_dir: Path) -> None:
    folder = data_dir / "emotion/goemotions/data/ekman"
    names = (folder / "labels.txt").read_text("utf-8").split()
    rows = [line.split("\t") for line in (folder / "dev.tsv").read_text("utf-8").splitlines()]
    joy, others = [], []
    for text, labels, _ in rows:
        if labels == str(names.index("joy")):
            joy.append(text)
        elif labels in {str(names.index(name)) for name in ("anger", "disgust", "fear", "sadness")}:
            others.append(text)
    # Measured 0.84.
    assert area(sentiment(joy), sentiment(others)) == pytest.approx(0.84, abs=0.01)


def test_toxicity_tells_toxic_sentences_from_their_neutral_versions(data_dir: Path) -> None:
    lines = (data_dir / "paraphrase/paradetox/paradetox.tsv").read_text("utf-8").splitlines()[1:]
    pairs = [line.split("\t")[:2] for line in lines if len(line.split("\t")) > 1 and line.split("\t")[1]]
    toxic, neutral = (toxicity_proxy([pair[side] for pair in pairs]) for side in (0, 1))
    # Measured 0.94: 90 % of the toxic sentences hold a listed word, and 1.6 % of the neutral ones.
    assert area(toxic.per_example, neutral.per_example) == pytest.approx(0.94, abs=0.01)
    assert toxic.value == pytest.approx(0.895, abs=0.01)
    assert neutral.value == pytest.approx(0.016, abs=0.005)


def test_refusals_are_told_from_answers(data_dir: Path) -> None:
    rows = json.loads((data_dir / "caa/generate/refusal.json").read_text("utf-8"))
    refused, answered = [], []
    for row in rows:
        first, second = row["question"].split("Choices:\n(A) ")[1].split("\n(B) ")
        options = {"(A)": first, "(B)": second}
        refused.append(is_refusal(options[row["answer_matching_behavior"].strip()]))
        answered.append(is_refusal(options[row["answer_not_matching_behavior"].strip()]))
    assert len(rows) == 408
    # Measured 0.60 and 0.02: refusals in words of their own are missed.
    assert np.mean(refused) == pytest.approx(0.60, abs=0.01)
    assert np.mean(answered) == pytest.approx(0.017, abs=0.005)


def test_most_openings_of_refusals_are_seen_and_no_opening_of_an_answer(data_dir: Path) -> None:
    openings = json.loads((data_dir / "ibm_activation_steering/behavior_refusal.json").read_text("utf-8"))
    # Measured 0.84 and 0.
    assert np.mean([is_refusal(text) for text in openings["non_compliant_responses"]]) > 0.8
    assert not any(is_refusal(text) for text in openings["compliant_responses"])
