"""Whole sentences are scored from their first word on, whether or not the model begins texts by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tradeoff_parts import first_parts

from pysteer.measurements import make_measurement
from pysteer.pairs import ContrastPair, Dataset
from pysteer.progress import silent
from pysteer.studies.parts import PartResult, Task
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff import sentences
from pysteer.studies.tradeoff.sentences import are_sentences, begun, told_apart_from_the_start
from pysteer.studies.tradeoff.side_effects import measure_side_effect

PAIRS = Dataset(
    (
        *(ContrastPair("", f"{first} is {k}.", f"{second} is {k}.") for k, (first, second) in enumerate(
            (("He", "Him"), ("This", "Those"), ("Who", "Which"), ("All", "Every"), ("She", "It"), ("Ann", "Bob"))
        )),
        ContrastPair("", "It is 7.", "It are 7."),
    ),
    "sentences",
)  # fmt: skip
FULL = "pair_choice:variant=full_response"
SETTINGS: dict[str, Any] = {"measurement": FULL, "is_per_byte": False, "styles": ["b"], "strength": 0.0, "seed": 0}


def measured(model: StudyModel, inputs: dict[str, PartResult]) -> PartResult:
    return measure_side_effect(Task(SETTINGS, {"items": PAIRS}, inputs, silent, model))


def whole_log_prob(model: StudyModel, text: str, *, front: bool) -> float:
    """Sum of all tokens' log-probabilities, behind the end of texts or, without it, but for the first one."""
    loaded = model.loaded
    ids = loaded.tokenize(text).ids.tolist()
    if front:
        ids = [loaded.native.special_token("eos"), *ids]
    logits = model.subject().session_for_texts(64).logits(np.array(ids)).astype(np.float64)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return float(sum(logits[at - 1, ids[at]] for at in range(1, len(ids))))


def signs(model: StudyModel, *, front: bool) -> list[float]:
    return [
        float(whole_log_prob(model, pair.positive, front=front) > whole_log_prob(model, pair.negative, front=front))
        for pair in PAIRS
    ]


def test_where_a_model_begins_no_text_its_end_of_texts_stands_in_front(tiny_gpt2: Path) -> None:
    model = StudyModel(tiny_gpt2, "tiny")
    assert not model.loaded.native.adds_bos
    put = begun(model.loaded, PAIRS)
    assert {pair.prompt for pair in put} == {"<|endoftext|>"}
    assert told_apart_from_the_start(model.loaded, put).all()
    found = measured(model, first_parts(model))
    expected = signs(model, front=True)
    assert found.arrays["unsteered"][:, 0].tolist() == expected
    assert expected != signs(model, front=False)  # the first word decides in some pair
    assert found.failures == 0


def test_a_model_that_begins_texts_by_itself_sees_the_sentences_as_they_are(tiny_llama: Path) -> None:
    model = StudyModel(tiny_llama, "tiny")
    assert begun(model.loaded, PAIRS) is PAIRS
    inputs = first_parts(model)
    [plain] = make_measurement(FULL).measure(model.subject(), PAIRS, [()], silent)
    found = measured(model, inputs)
    assert found.arrays["unsteered"][:, 0].tolist() == (plain.values["propensity"] > 0.0).tolist()
    assert found.arrays["unsteered"][:, 0].tolist() == signs(model, front=False)  # its own token is the first one


def test_without_such_a_token_pairs_that_differ_in_their_first_one_are_left_out_and_counted(
    tiny_gpt2: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = StudyModel(tiny_gpt2, "tiny")
    inputs = first_parts(model)
    monkeypatch.setattr(sentences, "_beginning", lambda _: "")
    first = [pair.positive[0] == pair.negative[0] for pair in PAIRS]  # tokens are single letters here
    assert told_apart_from_the_start(model.loaded, PAIRS).tolist() == first
    found = measured(model, inputs)
    for array in (found.arrays["unsteered"], found.arrays["vector"][0]):
        assert np.isfinite(array[:, 0]).tolist() == first
    assert found.failures == first.count(False)


def test_whoever_else_asks_for_whole_texts_gets_what_they_always_got(tiny_gpt2: Path) -> None:
    """`pair_choice` itself takes texts as they are: the first token is the prompt."""
    model = StudyModel(tiny_gpt2, "tiny")
    [plain] = make_measurement(FULL).measure(model.subject(), PAIRS, [()], silent)
    expected = [
        whole_log_prob(model, pair.positive, front=False) - whole_log_prob(model, pair.negative, front=False)
        for pair in PAIRS
    ]
    np.testing.assert_allclose(plain.values["propensity"], expected, atol=2e-2)


def test_only_pairs_without_prompts_are_sentences() -> None:
    assert are_sentences(PAIRS)
    assert not are_sentences(Dataset((ContrastPair("So?", "yes", "no"), PAIRS[0]), "mixed"))
    assert not are_sentences("text")
