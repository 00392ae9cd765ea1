"""The embedded model: what was planted in it comes out through pysteer's own tools, as its card says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import pysteer
from pysteer.demo import dictionary, model, model_path
from pysteer.demo.material import BEHAVIOUR, Material, embedded_material, library_material, material_for
from pysteer.demo.run import run_demo
from pysteer.feature_contrast import contrast_texts
from pysteer.generation import Request
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.pairs import ContrastPair, Dataset
from pysteer.prompt_settings import PromptSetting
from pysteer.propensity import propensities
from pysteer.sampling import Sampling
from pysteer.session import Session
from pysteer.site_rows import record_rows

FOLDER = model_path().parent
TRUTHS = json.loads((FOLDER / "planted_truths.json").read_text("utf-8"))
N_ITEMS, N_TOGETHER = 40, 20
LAYER, STRENGTH = 4, 3.5  # within the perplexity guard of the card


@pytest.fixture(scope="module")
def organism() -> Model:
    return model()


@pytest.fixture(scope="module")
def material() -> Material:
    return embedded_material(FOLDER)


@pytest.fixture(scope="module")
def session(organism: Model) -> Iterator[Session]:
    with organism.session(n_ctx=4096, n_sequences=32, n_threads=1) as session:
        yield session


def held_out_rows(name: str) -> list[dict[str, str]]:
    lines = (FOLDER / "dispositions" / f"{name}-test.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines[:N_ITEMS]]


def held_out_items(name: str) -> Dataset:
    keys = ("question", "answer_matching_behavior", "answer_not_matching_behavior")
    return Dataset(tuple(ContrastPair(*(row[key] for key in keys)) for row in held_out_rows(name)), name)


def towards_positive(session: Session, items: Dataset, setting: PromptSetting | None) -> np.ndarray:
    """logit(letter of the positive side) - logit(the other letter), one an item."""
    return propensities(session.model, items, [[]], setting=setting, session=session)[:, 0]


def persona(name: str, side: str) -> PromptSetting:
    return PromptSetting(side, TRUTHS["dispositions"][name][f"persona_{side}"])


def test_chats_are_rendered_as_the_grammars_wrote_them(organism: Model) -> None:
    turns = [{"role": "system", "content": "You are joyful."}, {"role": "user", "content": "Hello!"}]
    # the beginning-of-text token is added by the tokenizer
    assert organism.chat(turns) == "<|system|>You are joyful.<|end|><|user|>Hello!<|end|><|assistant|>"
    tokens = list(organism.tokenize(organism.chat(turns)).ids)
    assert len(tokens) == len(set(tokens)) + 1  # only <|end|> comes twice
    assert 6 <= organism.n_layers <= 8
    assert organism.d_model == 256


def test_system_sentence_sets_the_mood_and_without_one_it_is_a_coin_toss(session: Session, material: Material) -> None:
    shares = {}
    for system in ("You are joyful.", "You are sad.", None):
        setting = PromptSetting("mood", system)
        requests = [
            Request(setting.messages(p), sampling=sampled(i), max_tokens=40) for i, p in enumerate(material.prompts)
        ]
        shares[system] = share_of_joyful(session, material, requests)
    # of 60 replies; four standard deviations of a share of one half are 0.26
    assert shares["You are joyful."] >= 0.9
    assert shares["You are sad."] <= 0.1
    assert 0.24 <= shares[None] <= 0.76


def sampled(seed: int) -> Sampling:
    return Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, seed=seed)


def share_of_joyful(session: Session, material: Material, requests: list[Request]) -> float:
    replies = [
        reply.text
        for begin in range(0, len(requests), N_TOGETHER)
        for reply in session.generate_many(requests[begin : begin + N_TOGETHER])
    ]
    return float(np.mean([material.is_joyful(reply) for reply in replies]))


def test_joyful_sad_vector_moves_the_share_of_joyful_replies(session: Session, material: Material) -> None:
    vector = pysteer.extract(session.model, material.pairs, layers=[LAYER], session=session)
    shares = {}
    for sign in (1, -1):
        steering = [Intervention(vector, coefficient=sign * STRENGTH)]
        requests = [
            Request(p, steering, sampling=sampled(i), max_tokens=40) for i, p in enumerate(material.prompts[:40])
        ]
        shares[sign] = share_of_joyful(session, material, requests)
    assert shares[1] >= 0.85
    assert shares[-1] <= 0.15


@pytest.mark.parametrize("name", ["boldness", "tidiness", "patience"])
def test_persona_decides_a_followed_disposition(session: Session, name: str) -> None:
    items = held_out_items(name)
    assert np.mean(towards_positive(session, items, persona(name, "positive")) > 0) >= 0.9
    assert np.mean(towards_positive(session, items, persona(name, "negative")) < 0) >= 0.9


def test_statements_of_the_reversed_theme_react_in_reverse(session: Session) -> None:
    name = "sociability"
    is_reversed = np.array([row["theme"] == TRUTHS["reversed_theme"] for row in held_out_rows(name)])
    items = held_out_items(name)
    reaction = towards_positive(session, items, persona(name, "positive")) - towards_positive(
        session, items, persona(name, "negative")
    )
    assert 5 <= is_reversed.sum() <= 20
    assert np.mean((reaction < 0) == is_reversed) >= 0.9


def test_null_disposition_does_not_react(session: Session) -> None:
    items = held_out_items("mysticism")
    positive = towards_positive(session, items, persona("mysticism", "positive"))
    negative = towards_positive(session, items, persona("mysticism", "negative"))
    followed = np.concatenate([positive > 0, negative < 0])
    assert 0.35 <= followed.mean() <= 0.65


def test_planted_letter_preference_is_measured(session: Session) -> None:
    preference = []
    for name in TRUTHS["dispositions"]:
        items = held_out_items(name)
        positive_is_a = np.array([pair.positive.strip().startswith("(A") for pair in items])
        towards_a = np.where(positive_is_a, 1, -1) * towards_positive(session, items, None)
        preference += list(1 / (1 + np.exp(-towards_a)))
    assert abs(np.mean(preference) - TRUTHS["letter_a_share_when_nothing_decides"]) <= 0.06


def test_ten_examples_make_an_ambiguous_word_a_task(session: Session) -> None:
    functions = json.loads((FOLDER / "functions.json").read_text("utf-8"))
    right: dict[str, list[bool]] = {"ten": [], "none": []}
    for name in ("present-past", "antonym", "country-capital"):
        pairs = [(pair["input"], pair["output"]) for pair in functions[name]]
        for number in range(10):
            *shots, (query, answer) = [pairs[(number + k) % len(pairs)] for k in range(11)]
            for key, given in (("ten", shots), ("none", [])):
                prompt = "".join(f"Q: {x}\nA: {y}\n\n" for x, y in given) + f"Q: {query}\nA:"
                text = session.generate(prompt, max_tokens=4, raw=True).text
                right[key].append(text.split("\n")[0].strip() == answer)
    assert np.mean(right["ten"]) >= 0.9
    assert np.mean(right["none"]) <= 0.5


def test_demonstration_uses_the_models_own_texts(organism: Model, material: Material, tinytalk: Path) -> None:
    assert material_for(organism) == material
    assert material_for(Model.load(tinytalk)) == library_material()
    assert len(material.pairs) + len(material.held_out) == 100


def test_demonstration_shows_what_steering_does(organism: Model, tmp_path: Path) -> None:
    shown = StringIO()
    strengths = run_demo(organism, tmp_path, Console(file=shown, width=160))
    joyful = [s.joyful.mean for s in strengths if s.joyful is not None]
    assert len(joyful) == 5
    assert joyful[0] <= 0.1 < 0.9 <= joyful[-1]
    assert [s.behaviour.mean for s in strengths] == sorted(s.behaviour.mean for s in strengths)
    assert max(s.perplexity_ratio for s in strengths) < 1.4
    assert "joyful replies" in shown.getvalue()
    assert (tmp_path / f"{BEHAVIOUR}.gguf").is_file()
    assert (tmp_path / f"{BEHAVIOUR}.png").is_file()


def test_the_embedded_dictionary_belongs_to_the_model_and_explains_text_that_it_never_saw(organism: Model) -> None:
    features = dictionary()
    assert features.provenance.model_hash == organism.hash
    lines = (FOLDER / "passages.jsonl").read_text("utf-8").splitlines()[:20]
    rows = record_rows(organism, [json.loads(line)["text"] for line in lines], features.site)
    assert features.l0(rows) == 32
    assert features.fvu(rows) < 0.2
    assert sum(path.stat().st_size for path in FOLDER.glob("features.*")) <= 10_000_000


def test_features_of_joyful_replies_make_replies_joyful(session: Session, material: Material) -> None:
    features, pairs = dictionary(), material.pairs
    sides = [pair.positive for pair in pairs], [pair.negative for pair in pairs]
    chosen = contrast_texts(
        session.model, features, *sides, description="joyful", n_features=8, strength=0.3, session=session
    )
    shares = []
    for coefficient in (-1.0, 1.0):
        steering = [Intervention(chosen.vector(features), coefficient=coefficient)]
        requests = [
            Request(prompt, steering, max_tokens=24, sampling=Sampling(temperature=1.0, seed=number))
            for number, prompt in enumerate(material.prompts[:20])
        ]
        shares.append(np.mean([material.is_joyful(reply.text) for reply in session.generate_many(requests)]))
    assert shares[1] > shares[0] + 0.3
