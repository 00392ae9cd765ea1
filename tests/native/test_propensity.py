"""Propensity and steerability: the NumPy oracle's numbers, naive full passes, and what must mirror exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy_forward import NumpyTransformer
from python_runs import add, exact_session, log_softmax, numpy_hook, random_vector
from tiny_gguf import CHAT_TEMPLATE, TINY_LLAMA, TINY_QWEN2

from pysteer.errors import DataError, MeasurementError, SteeringError
from pysteer.evaluation import COEFFICIENTS, Evaluation, measure_steerability
from pysteer.intervention import Intervention
from pysteer.model import Model
from pysteer.pair_text import answer_pair
from pysteer.pairs import ContrastPair, Dataset
from pysteer.propensity import choose_variant, propensities
from pysteer.session import Session
from pysteer.tree_run import RunCount
from pysteer.vector import SteeringVector

VECTOR = random_vector(1, 2, norm=2.0)
LETTERS = Dataset(
    tuple(ContrastPair(f"Is {k} good? Say (A) or (B).", *("(A)", "(B)")[:: 1 - 2 * (k % 2)]) for k in range(6)), "ab"
)
SENTENCES = Dataset(
    tuple(ContrastPair(f"Tell me {k}.", f"Gladly {k * 7}.", f" No {k}, never.") for k in range(5)), "said"
)
WHOLE = Dataset(tuple(ContrastPair("", f"It is good {k}", f"bad {k} it is") for k in range(4)), "whole")
WriteTiny = Callable[..., Path]


@pytest.fixture(scope="module")
def path(write_tiny: WriteTiny) -> Path:
    return write_tiny(replace(TINY_LLAMA, chat_template=CHAT_TEMPLATE + "Bot:"), "F32")


@pytest.fixture(scope="module")
def session(path: Path) -> Session:
    return exact_session(path, n_sequences=32, n_ctx=2048)


def oracle_letter(path: Path, pairs: Dataset, given: list[Intervention]) -> np.ndarray:
    """logit(letter of the positive answer) - logit(letter of the negative one), one an item."""
    model, oracle, values = Model.load(path), NumpyTransformer(path), []
    for pair in pairs:
        positive, negative = answer_pair(model, pair)
        at = positive.letter_index()
        logits = oracle.forward(positive.tokens.ids[:at], numpy_hook(given, positive.n_prompt)).logits[-1]
        values.append(logits[positive.tokens.ids[at]] - logits[negative.tokens.ids[at]])
    return np.array(values)


def oracle_full_response(path: Path, pairs: Dataset, given: list[Intervention]) -> np.ndarray:
    """Sum of log-probabilities of the positive answer's tokens minus that of the negative one's."""
    model, oracle = Model.load(path), NumpyTransformer(path)
    values = []
    for pair in pairs:
        sums = []
        for side in answer_pair(model, pair):
            ids, first = side.tokens.ids, max(1, side.n_prompt)
            hook = numpy_hook(given, first)  # a whole text is all answer, but for its first token
            log_probs = log_softmax(oracle.forward(ids[:-1], hook).logits)
            sums.append(log_probs[np.arange(first - 1, len(ids) - 1), ids[first:]].sum())
        values.append(sums[0] - sums[1])
    return np.array(values)


def measure(session: Session, pairs: Dataset, vector: SteeringVector, **options: object) -> Evaluation:
    return measure_steerability(session.model, vector, pairs, session=session, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("window", ["answer", "all", "prompt", "last", "generation"])
def test_letter_is_the_oracles_difference_of_logits(session: Session, path: Path, window: str) -> None:
    strengths = (-1.5, 0.0, 1.0)
    ours = propensities(
        session.model, LETTERS, [[add(VECTOR, c, window)] for c in strengths], variant="letter", session=session
    )
    for k, c in enumerate(strengths):
        expected = oracle_letter(path, LETTERS, [add(VECTOR, c, window)])
        np.testing.assert_allclose(ours[:, k], expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("window", ["answer", "all"])
@pytest.mark.parametrize("pairs", [LETTERS, SENTENCES, WHOLE], ids=lambda pairs: pairs.name)
def test_full_response_is_the_oracles_sum_of_log_probabilities(
    session: Session, path: Path, pairs: Dataset, window: str
) -> None:
    strengths = (-1.0, 0.5)
    ours = propensities(
        session.model, pairs, [[add(VECTOR, c, window)] for c in strengths], variant="full_response", session=session
    )
    for k, c in enumerate(strengths):
        expected = oracle_full_response(path, pairs, [add(VECTOR, c, window)])
        np.testing.assert_allclose(ours[:, k], expected, rtol=0, atol=1e-4 * max(10.0, np.abs(expected).max()))


def test_answers_are_chosen_between_where_the_tokenizer_merges_the_bracket(write_tiny: WriteTiny) -> None:
    tiny = replace(TINY_QWEN2, chat_template="{{ messages[0].content }}\n", merges=(("(", "A"), ("(", "B")))
    path = write_tiny(tiny, "F32")
    with exact_session(path) as session:
        ours = propensities(session.model, LETTERS, [[]], variant="letter", session=session)
    np.testing.assert_allclose(ours[:, 0], oracle_letter(path, LETTERS, []), rtol=0, atol=1e-3)


def test_an_item_at_seven_strengths_equals_fourteen_full_passes(path: Path, session: Session) -> None:
    """Sharing the prompt changes nothing: each strength and answer alone in a session, every token computed."""
    evaluation = measure(session, SENTENCES, VECTOR, variant="full_response")
    with exact_session(path) as alone:
        for row, pair in zip(evaluation.propensities, SENTENCES, strict=True):
            for value, c in zip(row, COEFFICIENTS, strict=True):
                sums = []
                for side in answer_pair(alone.model, pair):
                    ids, n = side.tokens.ids, side.n_prompt
                    with alone.steer(VECTOR, coefficient=c, window=f"{n - 1}:"):
                        log_probs = log_softmax(alone.logits(ids[:-1]))
                    sums.append(log_probs[np.arange(n - 1, len(ids) - 1), ids[n:]].sum())
                assert value == pytest.approx(sums[0] - sums[1], abs=2e-4)


def test_all_strengths_share_the_prompt(session: Session) -> None:
    count = RunCount()
    [positive, _] = answer_pair(session.model, LETTERS[0])
    propensities(session.model, LETTERS[:1], [[add(VECTOR, c, "answer")] for c in COEFFICIENTS], session=session,
                 count=count)  # fmt: skip
    own = positive.letter_index() - (positive.n_prompt - 1)  # from the last prompt token to the one before the letter
    assert count.tokens == positive.n_prompt - 1 + len(COEFFICIENTS) * own


def test_steerability_is_the_closed_form_slope(session: Session) -> None:
    evaluation = measure(session, LETTERS, VECTOR)
    slopes = evaluation.propensities @ np.array(COEFFICIENTS) / 7
    np.testing.assert_allclose(evaluation.steerability.per_example, slopes, rtol=1e-10)
    assert evaluation.steerability.value == pytest.approx(slopes.mean())
    assert evaluation.steerability.low <= slopes.mean() <= evaluation.steerability.high
    assert evaluation.anti_steerable.value == pytest.approx((slopes <= 0).mean())
    assert evaluation.variant == "letter"
    assert evaluation.steerability.model_hash == session.model.hash
    assert evaluation.steerability.data_hash == LETTERS.content_hash


@pytest.mark.parametrize(("pairs", "variant"), [(LETTERS, "letter"), (SENTENCES, "full_response")])
def test_the_opposite_vector_mirrors_the_curve_exactly(session: Session, pairs: Dataset, variant: str) -> None:
    there, back = (
        measure(session, pairs, vector, coefficients=strengths, variant=variant)
        for vector, strengths in ((VECTOR, COEFFICIENTS), (-VECTOR, COEFFICIENTS[::-1]))
    )
    np.testing.assert_array_equal(back.propensities, there.propensities)  # c (-v) is (-c) v, in the same batches
    np.testing.assert_allclose(back.steerability.per_example, -there.steerability.per_example, rtol=1e-12)


def test_swapped_answers_have_the_opposite_propensity_exactly(session: Session) -> None:
    swapped = Dataset(tuple(ContrastPair(pair.prompt, pair.negative, pair.positive) for pair in LETTERS), "ab")
    there, back = (measure(session, pairs, VECTOR).propensities for pairs in (LETTERS, swapped))
    np.testing.assert_array_equal(back, -there)


def test_coefficient_zero_is_the_unsteered_model_exactly(session: Session) -> None:
    steerings = [[], [add(VECTOR, 0.0)], [add(VECTOR, 0.0), add(VECTOR, 0.0, "all")]]
    values = propensities(session.model, LETTERS, steerings, session=session)
    np.testing.assert_array_equal(values[:, 1], values[:, 0])
    np.testing.assert_array_equal(values[:, 2], values[:, 0])


def test_steering_in_force_comes_first(session: Session) -> None:
    once = [[add(VECTOR, 1.0, "answer")]]
    with session.steer(VECTOR, coefficient=0.5, window="answer"):
        nested = propensities(session.model, LETTERS, once, session=session)
    both = [[add(VECTOR, 0.5, "answer"), *once[0]]]
    np.testing.assert_allclose(nested, propensities(session.model, LETTERS, both, session=session), rtol=0, atol=1e-4)


def test_a_direction_read_off_the_unembedding_steers_every_item(session: Session) -> None:
    """A planted answer: at the last block, the direction from letter B to letter A raises A's logit for all items."""
    from pysteer.provenance import Provenance
    from pysteer.site import Site

    model = session.model
    [a], [b] = (model.tokenize(letter, add_special=False).ids for letter in "AB")
    output, norm = model.unembedding(), model.weight("output_norm.weight")
    toward_a = SteeringVector({Site("resid_post", 3): (output[a] - output[b]) * norm}, Provenance(method="planted"))
    chosen_a = Dataset(tuple(ContrastPair(pair.prompt, "(A)", "(B)") for pair in LETTERS), "a")
    chosen_b = Dataset(tuple(ContrastPair(pair.prompt, "(B)", "(A)") for pair in LETTERS), "b")
    good, bad = (measure(session, pairs, toward_a) for pairs in (chosen_a, chosen_b))
    assert good.steerability.low > 0.0
    assert (good.anti_steerable.value, bad.anti_steerable.value) == (0.0, 1.0)


def test_a_session_of_its_own_gives_the_same(session: Session) -> None:
    own = measure_steerability(session.model, VECTOR, LETTERS)
    shared = measure(session, LETTERS, VECTOR)
    # The session made for the purpose keeps keys and values as float16.
    np.testing.assert_allclose(own.propensities, shared.propensities, rtol=0, atol=2e-2)


@pytest.mark.parametrize(
    ("pairs", "asked", "expected"),
    [(LETTERS, "auto", "letter"), (SENTENCES, "auto", "full_response"), (LETTERS, "full_response", "full_response")],
)
def test_the_variant_follows_from_the_data(pairs: Dataset, asked: str, expected: str) -> None:
    assert choose_variant(pairs, asked) == expected


def test_what_cannot_be_measured_is_refused(session: Session) -> None:
    model = session.model
    with pytest.raises(DataError, match=r"data set 'said'.*in every pair"):
        propensities(model, SENTENCES, [[]], variant="letter")
    with pytest.raises(MeasurementError, match="'logits'"):
        propensities(model, LETTERS, [[]], variant="logits")
    with pytest.raises(MeasurementError, match="no steering"):
        propensities(model, LETTERS, [])
    unlike = Dataset((ContrastPair("Choose.", "(A)", "B"),), "unlike")
    with pytest.raises(DataError, match="data set 'unlike', pair 0: the two answers do not differ in their letter"):
        propensities(model, unlike, [[]], session=session)
    with pytest.raises(MeasurementError):
        measure(session, LETTERS[:1], VECTOR)
    with pytest.raises(MeasurementError):
        measure(session, LETTERS, VECTOR, coefficients=(1.0, 1.0))
    with pytest.raises(SteeringError):
        measure(session, LETTERS, VECTOR, coefficients=(0.0, float("nan")))


def test_progress_ends_with_all_items(session: Session) -> None:
    seen: list[tuple[int, int]] = []
    measure(session, LETTERS, VECTOR, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 6)
    assert seen[-1] == (6, 6)
