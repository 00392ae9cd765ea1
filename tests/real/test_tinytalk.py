"""A trained model: what was seen on TinyTalk by other means must come out here, too.

The recorded numbers stand in SOURCES.md beside the models; they come from an independent NumPy forward pass.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import llama_cpp
import numpy as np
import pytest
from mwe_items import load_mwe
from numpy_forward import NumpyTransformer
from plain_llama import control_vector_logits
from python_runs import add, exact_session, log_softmax

import pysteer
from pysteer.extraction import extract
from pysteer.pair_text import answer_pair
from pysteer.pairs import ContrastPair, Dataset
from pysteer.session import Session
from pysteer.text_perplexity import perplexities, perplexity
from pysteer.tree_run import Job, RunCount, run_jobs
from pysteer.vector import SteeringVector

HAPPY = (
    "I am so happy today. I love the sun!",
    "She was happy and full of joy. She smiled and laughed.",
    "What a wonderful day! They all cheered and danced.",
    "He was glad and proud. He hugged his friend with a big smile.",
    "The happy dog wagged its tail and played in the sun.",
    "Everyone laughed and had so much fun at the party.",
)
SAD = (
    "I am so sad today. I miss my mom.",
    "She was sad and full of tears. She cried and cried.",
    "What a terrible day! They all wept and went home.",
    "He was sorry and lonely. He lost his friend and felt bad.",
    "The sad dog hung its head and whined in the rain.",
    "Everyone cried and felt so bad at the end.",
)
COEFFICIENTS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
RECORDED = (-9.98, -7.54, -4.00, 0.75, 6.03, 10.31, 12.98)  # SOURCES.md, with six other sentences of each kind
GIRL = "<|endoftext|>The girl was very"  # BOS first, as it was recorded; this tokenizer adds none


@pytest.fixture(scope="module")
def session(tinytalk_f32: Path) -> Iterator[Session]:
    with exact_session(tinytalk_f32, n_ctx=2048, n_batch=512, n_sequences=8) as session:
        yield session


@pytest.fixture(scope="module")
def happy_sad(session: Session) -> SteeringVector:
    pairs = Dataset(tuple(ContrastPair("", *both) for both in zip(HAPPY, SAD, strict=True)), "happy-sad")
    return extract(session.model, pairs, layers=5, token="answer", session=session)


@pytest.fixture(scope="module")
def stories(data_dir: Path) -> list[str]:
    texts: list[str] = json.loads((data_dir / "text" / "tinystories" / "tinystories_1000.json").read_text("utf-8"))
    return texts


def happiness(session: Session, vector: SteeringVector) -> list[float]:
    """logit(" happy") - logit(" sad") after "The girl was very", for each coefficient."""
    tokens = session.model.tokenize(GIRL).ids
    [happy], [sad] = (session.model.tokenize(word).ids for word in (" happy", " sad"))
    values = []
    for c in COEFFICIENTS:
        with session.steer(vector, coefficient=c):
            logits = session.logits(tokens)[-1]
        values.append(float(logits[happy] - logits[sad]))
    return values


def test_happy_minus_sad_moves_what_is_said_as_recorded(session: Session, happy_sad: SteeringVector) -> None:
    values = happiness(session, happy_sad)
    assert values == sorted(values)
    # Unsteered there is no choice of sentences, only the two decimals that were written down. Steered, other sentences
    # of the same kind give another vector: within a third of the recorded range at each coefficient.
    assert values[3] == pytest.approx(RECORDED[3], abs=0.006)
    width = RECORDED[-1] - RECORDED[0]
    for value, recorded in zip(values, RECORDED, strict=True):
        assert abs(value - recorded) < width / 3


def test_happy_minus_sad_is_the_numpy_oracles(session: Session, happy_sad: SteeringVector, tinytalk_f32: Path) -> None:
    oracle = NumpyTransformer(tinytalk_f32)
    [site] = happy_sad.sites

    def mean_row(text: str) -> np.ndarray:
        return np.asarray(oracle.forward(session.model.tokenize(text).ids).resid_post[5].mean(axis=0))

    expected = np.mean([mean_row(h) - mean_row(s) for h, s in zip(HAPPY, SAD, strict=True)], axis=0)
    # 1e-4 and not less: GELU is read from a table in float16 (numpy_forward), and a step of it can fall either way.
    assert np.abs(happy_sad[site] - expected).max() <= 1e-3 * np.abs(expected).max()

    def steered(c: float) -> float:
        def hook(component: str, layer: int, rows: np.ndarray) -> np.ndarray:
            return rows + c * happy_sad[site] if (component, layer) == ("resid_post", 5) else rows

        tokens = session.model.tokenize(GIRL).ids
        [happy], [sad] = (session.model.tokenize(word).ids for word in (" happy", " sad"))
        logits = oracle.forward(tokens, hook).logits[-1]
        return float(logits[happy] - logits[sad])

    np.testing.assert_allclose(happiness(session, happy_sad), [steered(c) for c in COEFFICIENTS], rtol=0, atol=2e-2)


@pytest.mark.parametrize("model_fixture", ["tinytalk", "tinytalk_f32", "tinytalk_q4_0", "stories260k"])
def test_greedy_text_is_that_of_llama_cpp(request: pytest.FixtureRequest, model_fixture: str) -> None:
    path: Path = request.getfixturevalue(model_fixture)
    theirs = llama_cpp.Llama(str(path), n_ctx=256, n_threads=1, verbose=False)
    with pysteer.Model.load(path).session(n_ctx=256, n_threads=1) as ours:
        for prompt in ("Once upon a time", "User: Hi, how are you today?\nBot:", "The little dog"):
            tokens = ours.model.tokenize(prompt).ids.tolist()
            expected = theirs.create_completion(tokens, max_tokens=40, temperature=0.0)["choices"][0]["text"]
            result = ours.generate(prompt, raw=True, max_tokens=40)
            if result.text != expected:
                assert_tie(ours, tokens, result.tokens, expected)
    theirs.close()


def assert_tie(session: Session, prompt: list[int], ours: tuple[int, ...], expected: str) -> None:
    """Where two greedy texts part, the two best tokens must be as good as equal.

    llama-cpp-python computes a prompt in one batch, we all but its last token first, and the kernels for one row and
    for many rows round differently: up to 0.01 in a logit of this model, keys and values as float16.
    """
    model = session.model
    n_same = next(n for n in range(len(ours)) if not expected.startswith(model.detokenize(ours[: n + 1])))
    best = np.sort(session.logits([*prompt, *ours[:n_same]])[-1])[-2:]
    assert best[1] - best[0] < 0.05, f"{model.detokenize(ours)!r} is not {expected!r}"


def test_a_chat_is_answered_as_recorded(session: Session) -> None:
    answer = session.generate("Hi, how are you today?")
    assert answer.text.strip() == "I'm doing well, thank you. How are you?"
    assert answer.stop_reason == "end"


def test_perplexity_on_stories_is_llama_cpps_number(session: Session, stories: list[str], tinytalk_f32: Path) -> None:
    text = "\n\n".join(stories[:8])
    ours = perplexity(session.model, text, window_size=128, session=session)
    ids = session.model.tokenize(text, parse_special=False).ids
    nll = []
    for begin in range(0, len(ids) - 127, 128):
        window = ids[begin : begin + 128]
        log_probs = log_softmax(control_vector_logits(tinytalk_f32, [window.tolist()], None, n_batch=128))
        nll.append(-log_probs[np.arange(64, 127), window[65:]])
    assert (ours.n_windows, ours.n_tokens) == (len(nll), 63 * len(nll))
    assert len(nll) >= 8
    assert ours.nll == pytest.approx(np.mean(nll), rel=1e-4)
    assert ours.perplexity == pytest.approx(math.exp(np.mean(nll)), rel=1e-4)


def test_perplexity_by_document_is_near_the_recorded_one(session: Session, stories: list[str]) -> None:
    """SOURCES.md: 7.19, document by document, BOS first; which stories is not said. Here: the first 30.

    Their mean varies by about 5 % with the choice of 30 stories. `perplexity` adds no BOS with this tokenizer, as
    llama.cpp does not, so there a story's first token is not scored; with BOS, every token is.
    """
    assert perplexity(session.model, stories[:30], window_size=256, session=session).perplexity == pytest.approx(
        7.19, rel=0.05
    )
    bos = session.model.native.special_token("bos")
    jobs = []
    for story in stories[:30]:
        ids = session.model.tokenize(story).ids[:255]
        scored = tuple(range(len(ids)))
        jobs.append(Job(np.r_[bos, ids[:-1]].astype(np.int32), score=scored, targets=tuple(map(int, ids))))
    results = [result for group in run_jobs(session, jobs) for _, result in group]
    nll = -np.concatenate([result.log_prob for result in results])
    assert math.exp(nll.mean()) == pytest.approx(7.19, rel=0.05)


def test_a_stronger_push_costs_more(session: Session, happy_sad: SteeringVector, stories: list[str]) -> None:
    steerings = [[add(happy_sad, c)] for c in (0.5, 1.0, 2.0, 4.0)]
    base, *steered = perplexities(session.model, stories[:3], steerings, window_size=128, session=session)
    kl = [result.kl or 0.0 for result in steered]
    assert kl == sorted(kl)
    assert kl[0] > 0.0
    assert steered[-1].perplexity > base.perplexity


def test_pairs_need_hardly_more_tokens_than_there_are_distinct_prefixes(data_dir: Path, session: Session) -> None:
    """100 A/B pairs: what must be computed is one token for each distinct prefix that a letter is read behind.

    With the default system prompt of arXiv:2407.12404's code in front, that is three times fewer than two full passes a
    pair. Without it, these questions have so little in common that not even the fewest possible are: 2.6 to 2.98 times
    on the persona sets.
    """
    plain = load_mwe(data_dir / "mwe" / "persona" / "openness.jsonl", 100)
    system = "You are a helpful, honest and concise assistant.\n\n"
    asked = tuple(ContrastPair(system + pair.prompt, pair.positive, pair.negative) for pair in plain)
    for pairs, factor in ((plain, 2.5), (Dataset(asked, "asked"), 3.0)):
        sides = [answered for pair in pairs for answered in answer_pair(session.model, pair)]
        read = [answered.tokens.ids[: answered.letter_index() + 1] for answered in sides]
        fewest = len({tuple(ids[: n + 1]) for ids in read for n in range(len(ids))})
        count = RunCount()
        extract(session.model, pairs, layers=4, count=count)
        assert count.naive_tokens == sum(len(answered.tokens) for answered in sides)
        assert fewest <= count.tokens <= 1.05 * fewest
        assert count.naive_tokens >= factor * count.tokens
