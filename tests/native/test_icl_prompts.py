"""Few-shot prompts: the authors' text, seeds, shuffling, and the first token of an answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from icl_tasks import TASK, WORDS, correct

from pysteer.errors import DataError, TokenizeError
from pysteer.formats.word_pairs import WordPair
from pysteer.function_vectors import IclPrompt, IclTemplate, draw_prompts, prompts_for_queries, tokenize_prompt
from pysteer.function_vectors.icl_prompts import make_prompt, prompts_hash
from pysteer.model import Model

FLAWED, TRUE, DAILY = WordPair("flawed", "perfect"), WordPair("true", "false"), WordPair("daily", "nightly")


def test_text_is_that_of_the_authors() -> None:
    prompt = make_prompt([FLAWED, TRUE], DAILY)
    assert prompt.text == "Q: flawed\nA: perfect\n\nQ: true\nA: false\n\nQ: daily\nA:"
    assert prompt.answer == " nightly"
    assert make_prompt([], DAILY).text == "Q: daily\nA:"


def test_another_template_is_used_throughout() -> None:
    template = IclTemplate("In:", " ", "Out:", "\n")
    assert make_prompt([TRUE], DAILY, template).text == "In: true Out: false\nIn: daily Out:"


def test_shots_are_distinct_pairs_of_the_pool_and_never_the_query() -> None:
    for prompt in prompts_for_queries(TASK, TASK, n_shots=11, seed=3):
        assert set(prompt.shots) == set(TASK) - {prompt.query}
        assert len(prompt.shots) == 11


def test_a_query_in_other_letters_is_no_shot_either() -> None:
    pool = [WordPair("True", "False"), FLAWED]
    (prompt,) = prompts_for_queries(pool, [TRUE], n_shots=1, seed=0)
    assert prompt.shots == (FLAWED,)


def test_same_seed_same_prompts_and_a_longer_list_begins_with_the_shorter_one() -> None:
    assert correct(6, seed=4) == correct(6, seed=4)
    assert correct(9, seed=4)[:6] == correct(6, seed=4)
    assert correct(6, seed=5) != correct(6, seed=4)
    assert prompts_hash(correct(6, seed=4)) != prompts_hash(correct(6, seed=5))


def test_shuffling_permutes_labels_within_the_prompt_and_leaves_the_answer_right() -> None:
    pool, queries = TASK[:8], TASK[8:]
    right = draw_prompts(pool, queries, n_prompts=20, n_shots=6, seed=1)
    wrong = draw_prompts(pool, queries, n_prompts=20, n_shots=6, seed=1, shuffled=True)
    for one, other in zip(right, wrong, strict=True):
        assert [shot.input for shot in one.shots] == [shot.input for shot in other.shots]
        assert sorted(shot.output for shot in one.shots) == sorted(shot.output for shot in other.shots)
        assert one.answer == other.answer
    n_kept = sum(
        a == b for one, other in zip(right, wrong, strict=True) for a, b in zip(one.shots, other.shots, strict=True)
    )
    assert 0 < n_kept < 60  # a permutation with fixed points: 1 in 6 expected, 20 of 120


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"n_shots": 12}, "only 11 pairs"),
        ({"n_shots": -1}, "negative"),
        ({"n_shots": 1, "shuffled": True}, "two shots"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, int], expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        prompts_for_queries(TASK, TASK, seed=0, **options)  # type: ignore[arg-type]


def test_no_query_is_refused() -> None:
    with pytest.raises(DataError, match="query"):
        prompts_for_queries(TASK, [], n_shots=0, seed=0)
    with pytest.raises(DataError, match="at least one prompt"):
        draw_prompts(TASK, TASK, n_prompts=0, n_shots=0, seed=0)


def test_target_is_the_token_behind_the_prompt(tiny_gpt2: Path) -> None:
    model = Model.load(tiny_gpt2)
    for word, expected in (("the sun", " the"), ("aback", " a"), ("zoo", " ")):
        question = tokenize_prompt(model, make_prompt([FLAWED], WordPair("x", word)))
        assert model.detokenize([question.target]) == expected
        assert question.is_blank == (expected == " ")
        assert model.detokenize(question.tokens) == "Q: flawed\nA: perfect\n\nQ: x\nA:"


def test_a_boundary_that_is_tokenised_anew_is_an_error(tiny_gpt2: Path) -> None:
    """ " t" and "he" are one token when they meet, so "he" has no first token of its own."""
    model = Model.load(tiny_gpt2)
    with pytest.raises(TokenizeError, match="changes how the end of its prompt"):
        tokenize_prompt(model, IclPrompt("Q: x\nA: t", "he", (), WordPair("x", "he")))
    with pytest.raises(TokenizeError):
        tokenize_prompt(model, IclPrompt("Q: x\nA:", "", (), WordPair("x", "he")))


def test_bos_comes_first_where_the_model_has_one(tiny_llama: Path) -> None:
    model = Model.load(tiny_llama)
    question = tokenize_prompt(model, make_prompt([], WordPair(WORDS[0], "x")))
    assert question.tokens[0] == 1
    assert question.is_blank  # single characters only: every answer begins with the blank


def test_words_that_look_like_control_tokens_are_plain_text(tiny_gpt2: Path) -> None:
    model = Model.load(tiny_gpt2)
    question = tokenize_prompt(model, make_prompt([], WordPair("<|endoftext|>", "x")))
    assert model.native.special_token("eos") not in question.tokens
