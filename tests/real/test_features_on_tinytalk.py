"""A dictionary trained on stories explains other stories, and features picked by a contrast move a trained model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pysteer.dictionaries import SparseDictionary, TrainingPlan, train_dictionary
from pysteer.dictionaries.feature_edits import FeatureEdit
from pysteer.feature_contrast import contrast_texts
from pysteer.feature_labelling import label_features
from pysteer.feature_steering import edit_features
from pysteer.model import Model
from pysteer.session import Session
from pysteer.site import Site
from pysteer.site_rows import record_rows

SITE = Site("resid_post", 4)
HAPPY = [
    "The boy was happy and laughed.",
    "She smiled because it was fun.",
    "They were so glad and full of joy.",
    "He had a great day and hugged his mom.",
    "The dog wagged its tail with joy.",
    "Everyone cheered and danced.",
]
SAD = [
    "The boy was sad and cried.",
    "She wept because it was lost.",
    "They were so upset and full of tears.",
    "He had a bad day and missed his mom.",
    "The dog hid its face in pain.",
    "Everyone was hurt and alone.",
]


@pytest.fixture(scope="module")
def session(tinytalk: Path) -> Session:
    return Session(Model.load(tinytalk), n_ctx=1024, n_sequences=16, n_threads=1)


@pytest.fixture(scope="module")
def stories(data_dir: Path) -> list[str]:
    return json.loads((data_dir / "text" / "tinystories" / "tinystories_1000.json").read_text("utf-8"))[:70]


@pytest.fixture(scope="module")
def dictionary(session: Session, stories: list[str]) -> SparseDictionary:
    rows = record_rows(session.model, stories[:60], SITE, n_rows=8_000, session=session)
    plan = TrainingPlan(512, 32, seed=0, n_epochs=4, batch_size=256)
    return train_dictionary(rows, plan, site=SITE).dictionary


def test_other_stories_are_explained(session: Session, stories: list[str], dictionary: SparseDictionary) -> None:
    rows = record_rows(session.model, stories[60:], SITE, session=session)
    assert dictionary.fvu(rows) < 0.35
    assert dictionary.l0(rows) == 32


def test_features_of_happy_sentences_make_happy_more_probable(session: Session, dictionary: SparseDictionary) -> None:
    model = session.model
    happy, sad = (int(model.tokenize(f" {word}", add_special=False).ids[0]) for word in ("happy", "sad"))
    prompt = [int(token) for token in model.tokenize("The girl was very").ids]
    chosen = contrast_texts(
        model, dictionary, HAPPY, SAD, description="happy", n_features=10, strength=0.5, session=session
    )  # fmt: skip

    def preference() -> float:
        logits = session.logits(prompt)[-1]
        return float(logits[happy] - logits[sad])

    vector, found = chosen.vector(dictionary), {}
    for name, coefficient in (("less", -1.0), ("plain", 0.0), ("more", 1.0)):
        with session.steer(vector, coefficient=coefficient):
            found[name] = preference()
    assert found["less"] < found["plain"] < found["more"]
    edits = [FeatureEdit(feature, "clamp", max(0.0, weight)) for feature, weight in chosen.as_mapping().items()]
    with edit_features(session, dictionary, edits):
        assert preference() > found["plain"]


def test_labels_show_text_of_the_stories(session: Session, stories: list[str], dictionary: SparseDictionary) -> None:
    labels = label_features(session.model, dictionary, stories[:10], n_examples=3, session=session)
    shown = [example for label in labels.features for example in label.examples]
    assert len(shown) > 512
    for example in shown[:: len(shown) // 50]:
        text = example.before + example.token + example.after
        assert text in stories[example.text]
    assert np.mean([label.frequency for label in labels.features]) == pytest.approx(32 / 512, rel=1e-6)
