"""A local judge: expected ratings against the NumPy oracle, all scales, consistency, what is unreadable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import add, exact_session, log_softmax, random_vector
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA, TINY_QWEN2

from pysteer.errors import DataError, MeasurementError
from pysteer.judge import Judge
from pysteer.metrics.rating_scales import SCALES
from pysteer.model import Model
from pysteer.rubrics import Rubric, behaviour, coherence
from pysteer.sampling import GREEDY
from pysteer.session import Session
from pysteer.text_surprise import text_surprise

SHORT = Rubric("short", "Rate it.", 1, 5, ((1, "bad"), (5, "good")))
WIDE = Rubric("wide", "Rate it.", 0, 10, ((0, "bad"), (10, "good")))
TEXTS = ("the thing in the hand was a ring", "ring hand thing a", "")
WriteTiny = Callable[..., Path]


@pytest.fixture(scope="module")
def path(write_tiny: WriteTiny) -> Path:
    return write_tiny(replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE + "Bot:", n_ctx=2048), "F32")


@pytest.fixture(scope="module")
def session(path: Path) -> Session:
    return exact_session(path, n_ctx=4096, n_sequences=32)


@pytest.fixture(scope="module")
def judge(session: Session) -> Judge:
    return Judge(session.model, session=session)


def oracle(path: Path, model: Model, text: str, answer: str) -> float:
    """Log-probability of an answer's tokens after a text, by the NumPy model."""
    ids = model.tokenize(text + answer).ids
    n = len(model.tokenize(text).ids)
    rows = log_softmax(NumpyTransformer(path).forward(ids[:-1]).logits[n - 1 :])
    return float(rows[np.arange(len(rows)), ids[n:]].sum())


def test_a_rating_is_the_oracles_expected_value(judge: Judge, path: Path) -> None:
    ours = judge.rate(TEXTS[:2], SHORT)
    for item, text in enumerate(TEXTS[:2]):
        asked = judge.model.chat(SHORT.question(text)) + " Rating: "
        log_probs = np.array([oracle(path, judge.model, asked, str(rating)) for rating in range(1, 6)])
        p = np.exp(log_probs)
        assert ours.value[item] == pytest.approx((p * np.arange(1, 6)).sum() / p.sum(), abs=1e-3)
        # The blank before the rating is a token of its own here, and is taken for granted.
        assert ours.mass[item] == pytest.approx(p.sum(), rel=1e-3)


def test_ratings_of_two_digits_are_counted_to_their_end(judge: Judge, path: Path) -> None:
    ours = judge.rate(TEXTS[:1], WIDE)
    asked = judge.model.chat(WIDE.question(TEXTS[0])) + " Rating: "
    p = np.exp([oracle(path, judge.model, asked, f"{rating}/10") for rating in range(11)])
    assert ours.value[0] == pytest.approx((p * np.arange(11)).sum() / p.sum(), abs=2e-3)
    assert ours.mass[0] == pytest.approx(p.sum(), rel=2e-3)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("make", [coherence, lambda scale: behaviour("the writer is cheerful", scale)])
def test_every_scale_gives_ratings_on_it(judge: Judge, scale: str, make: Callable[[str], Rubric]) -> None:
    rubric = make(scale)
    ratings = judge.rate(TEXTS[:1], rubric, prompts=["Say something."])
    assert SCALES[scale].low < ratings.value[0] < SCALES[scale].high
    assert 0.0 < ratings.mass[0] <= 1.0


def test_a_planted_judge_is_read_exactly(write_tiny: WriteTiny) -> None:
    """A model that is pushed toward the token 4 rates everything 4, and is readable; unpushed, it is neither."""
    model = Model.load(write_tiny(replace(TINY_QWEN2, chat_template="{{ messages[0].content }}:", n_ctx=2048), "F32"))
    biased = _BiasedJudge(model, "4")
    rated = biased.rate(TEXTS, SHORT)
    np.testing.assert_allclose(rated.value, 4.0, atol=1e-2)
    assert rated.is_readable.all()
    assert (rated.mass > 0.99).all()
    with exact_session(model, n_ctx=4096) as session:
        plain = Judge(model, session=session).rate(TEXTS, SHORT, min_mass=0.5)
    assert not plain.is_readable.any()
    assert np.isnan(plain.value).all()
    assert (plain.mass < 0.5).all()


class _BiasedJudge(Judge):
    """Judges under a steering that makes one token the most probable everywhere: tests may do what judges must not."""

    def __init__(self, model: Model, token: str) -> None:
        from pysteer.provenance import Provenance
        from pysteer.site import Site
        from pysteer.vector import SteeringVector

        [wanted] = model.tokenize(token, add_special=False).ids
        row = model.unembedding()[wanted] * model.weight("output_norm.weight")
        self.steering = [add(SteeringVector({Site("resid_post", 3): row}, Provenance(method="planted")), 100.0)]
        super().__init__(model, session=exact_session(model, n_ctx=4096))

    def ask(self, *arguments: object, **options: object):  # type: ignore[no-untyped-def,override]
        import pysteer.judge
        from pysteer.steering_program import compile_interventions

        compiled, original = compile_interventions(self.steering), pysteer.judge._jobs
        pysteer.judge._jobs = lambda sides: [replace(job, steering=compiled) for job in original(sides)]
        try:
            return super().ask(*arguments, **options)  # type: ignore[arg-type]
        finally:
            pysteer.judge._jobs = original


def test_the_judge_is_never_steered(judge: Judge, session: Session) -> None:
    before = judge.rate(TEXTS, SHORT)
    with session.steer(random_vector(1, 2), coefficient=3.0):
        during = judge.rate(TEXTS, SHORT)
    np.testing.assert_array_equal(during.value, before.value)


def test_ratings_do_not_depend_on_the_company(judge: Judge) -> None:
    together = judge.rate(TEXTS, SHORT)
    for item, text in enumerate(TEXTS):
        np.testing.assert_allclose(judge.rate([text], SHORT).value, together.value[item], rtol=0, atol=1e-4)
    twice = judge.rate([TEXTS[0], TEXTS[0]], SHORT)
    assert twice.value[0] == twice.value[1]


def test_the_scale_can_be_written_upside_down() -> None:
    up, down = (SHORT.question("x", descending=descending) for descending in (False, True))
    assert up.index("1 = bad") < up.index("5 = good")
    assert down.index("5 = good") < down.index("1 = bad")
    assert sorted(up) == sorted(down)
    assert "Request" not in up
    assert 'Request:\n"""\nWhy?\n"""' in SHORT.question("x", "Why?")
    assert '"<rating>x</rating>"' in SHORT.question("x", tag="rating")


def test_preferences_are_asked_in_both_orders(judge: Judge) -> None:
    there = judge.prefer(TEXTS[:1], TEXTS[1:2], "is better")
    back = judge.prefer(TEXTS[1:2], TEXTS[:1], "is better")
    np.testing.assert_allclose(there[0], back[1], atol=1e-5)
    np.testing.assert_allclose(there[1], back[0], atol=1e-5)
    same = judge.prefer(TEXTS[:1], TEXTS[:1], "is better")
    np.testing.assert_array_equal(same[0], same[1])
    assert 0.0 < same[0][0] < 1.0


def test_yes_and_no_are_compared(judge: Judge, path: Path) -> None:
    odds, _ = judge.says_yes(TEXTS[:1], "Is it good?")
    asked = judge.model.chat(f'Text:\n"""\n{TEXTS[0]}\n"""\n\nIs it good? Answer with "Yes" or "No".') + " Answer: "
    expected = oracle(path, judge.model, asked, "Y") - oracle(path, judge.model, asked, "N")
    assert odds[0] == pytest.approx(expected, abs=1e-3)


def test_texts_beyond_the_judges_context_are_not_rated(judge: Judge) -> None:
    ratings = judge.rate([TEXTS[0], "x" * 3000], SHORT)
    assert np.isfinite(ratings.value[0])
    assert np.isnan(ratings.value[1])
    assert not ratings.is_readable[1]
    assert np.isnan(judge.rate(["x" * 3000], SHORT).value).all()


def test_written_ratings_that_cannot_be_read_are_counted(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    ratings = judge.write_ratings(TEXTS, SHORT, sampling=GREEDY, max_tokens=5)
    assert np.isnan(ratings.value).all()
    assert not ratings.is_readable.any()
    from pysteer import judge as module
    from pysteer.generation import Generation

    said = ["<rating>4", "It is <rating>2/5", "no"]
    reasons = ["stop", "stop", "length"]
    written = [[Generation(text, (1,), reason, 9)] for text, reason in zip(said, reasons, strict=True)]
    monkeypatch.setattr(module, "write_texts", lambda *_, **__: written)
    ratings = judge.write_ratings(TEXTS, SHORT, sampling=GREEDY)
    np.testing.assert_array_equal(ratings.value, [4.0, 2.0, np.nan])
    assert ratings.is_readable.tolist() == [True, True, False]


def test_what_cannot_be_judged_is_refused(judge: Judge) -> None:
    with pytest.raises(MeasurementError, match="nothing to judge"):
        judge.rate([], SHORT)
    with pytest.raises(MeasurementError, match="a prompt for each of 3 texts, got 1"):
        judge.rate(TEXTS, SHORT, prompts=["one"])
    with pytest.raises(MeasurementError, match="pairs of texts, got 1 and 2"):
        judge.prefer(TEXTS[:1], TEXTS[:2], "is better")
    with pytest.raises(MeasurementError, match="'1' is the begin of another"):
        judge.ask(["How many?"], ["1", "10"], begin="Number:")
    with pytest.raises(DataError, match="unknown scale '1-7'"):
        coherence("1-7")
    with pytest.raises(DataError, match="description of the behaviour"):
        behaviour("  ")


@pytest.mark.parametrize("meanings", [((1, "a"),), ((5, "a"), (1, "b")), ((0, "a"), (1, "b"), (5, "c"))])
def test_a_rubric_says_what_its_ends_mean(meanings: tuple[tuple[int, str], ...]) -> None:
    with pytest.raises(DataError, match="rubric 'r'"):
        Rubric("r", "Rate it.", 1, 5, meanings)


def test_surprise_is_the_mean_negative_log_likelihood_of_the_written_tokens(session: Session, path: Path) -> None:
    model, prompts = session.model, ["the thing", "the thing", "q", "x" * 3000]
    tokens = [model.tokenize(text, add_special=False).ids.tolist() for text in (" in", " was a ring", "", "y")]
    with session.steer(random_vector(1), coefficient=5.0):
        values = text_surprise(model, prompts, tokens, session=session)
    for item in range(2):
        before = model.tokenize(prompts[item]).ids
        ids = np.concatenate([before, tokens[item]]).astype(np.int32)
        rows = log_softmax(NumpyTransformer(path).forward(ids[:-1]).logits[len(before) - 1 :])
        assert values[item] == pytest.approx(-rows[np.arange(len(rows)), tokens[item]].mean(), abs=1e-4)
    assert np.isnan(values[2:]).all()
