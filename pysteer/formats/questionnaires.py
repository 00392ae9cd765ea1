"""Questions with two answers, one of which shows the behaviour: Anthropic's model-written evals, and CAA's sets.

Sources: Perez et al. 2022, "Discovering Language Model Behaviors with Model-Written Evaluations", arXiv:2212.09251;
Rimsky et al. 2023, arXiv:2312.06681. Persona statements are made into choices as steering-bench makes them
(arXiv:2407.12404), character by character, double blank after "(A):" included: a prompt that differs in a blank
is another prompt.
"""

from __future__ import annotations

from pysteer.formats.building import PairCollector
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import check_fields, is_list_of, record_objects, text_field
from pysteer.pairs import Dataset

_ANSWERS = ("answer_matching_behavior", "answer_not_matching_behavior")
_PERSONA = ("question", "statement", "label_confidence", *_ANSWERS)
_QUESTION = ("question", *_ANSWERS, "theme")  # the theme of a statement: in the embedded model's questionnaires
_CHOICES = ("correct", "incorrect", "correct_full_text", "incorrect_full_text", "category")


def _is_persona(source: Source) -> bool:
    return is_list_of(source, {"question", "statement", *_ANSWERS}, suffix=".jsonl", optional=set(_PERSONA))


@formats.register("mwe_persona", holds="pairs", recognises=_is_persona, files=".jsonl")
def read_persona(source: Source) -> Dataset:
    """Anthropic's persona statements with Yes and No, as steering-bench's choices between (A) and (B).

    The data alternate between Yes and No from record to record; the letters are swapped where ``int(i / 2) % 2 == 0``,
    so that each letter goes as often with Yes as with No.
    """
    collector = PairCollector(source)
    for index, (where, record) in enumerate(record_objects(source)):
        check_fields(record, _PERSONA, where)
        first, second = (text_field(record, name, where) for name in _ANSWERS)
        letters = ("(A)", "(B)")
        if int(index / 2) % 2 == 0:
            first, second, letters = second, first, ("(B)", "(A)")
        prompt = f"{text_field(record, 'question', where)}\n\nChoices:\n(A): {first}\n(B): {second}"
        collector.add(prompt, *letters, where)
    return collector.dataset()


def _is_xrisk(source: Source) -> bool:
    return is_list_of(source, {"question", *_ANSWERS}, suffix=".jsonl", optional=set(_QUESTION))


@formats.register("mwe_xrisk", holds="pairs", recognises=_is_xrisk, files=".jsonl")
def read_xrisk(source: Source) -> Dataset:
    """Anthropic's questions on advanced AI risk; answers keep their blank, " (A)". A field "theme" is left aside."""
    return _read_questions(source)


def _is_caa(source: Source) -> bool:
    return is_list_of(source, {"question", *_ANSWERS})


@formats.register("caa", holds="pairs", recognises=_is_caa, files=".json")
def read_caa(source: Source) -> Dataset:
    """Questions of contrastive activation addition, generate and test sets with (A) and (B)."""
    return _read_questions(source)


def _read_questions(source: Source) -> Dataset:
    collector = PairCollector(source)
    for where, record in record_objects(source):
        check_fields(record, _QUESTION, where)
        question = text_field(record, "question", where)
        for mark in ("<META_START>", "<META_END>"):  # steering-bench takes the marks out and leaves what is between
            question = question.replace(mark, "")
        positive, negative = (text_field(record, name, where) for name in _ANSWERS)
        collector.add(question, positive, negative, where)
    return collector.dataset()


def _is_caa_choice(source: Source) -> bool:
    return is_list_of(source, {"prompt", "correct", "incorrect"}, optional={"prompt", *_CHOICES})


@formats.register("caa_choice", holds="pairs", recognises=_is_caa_choice, files=".json")
def read_caa_choice(source: Source) -> Dataset:
    """CAA's TruthfulQA and MMLU with two choices; positive is the correct one."""
    collector = PairCollector(source)
    for where, record in record_objects(source):
        check_fields(record, ("prompt", *_CHOICES), where)
        prompt, correct, incorrect = (text_field(record, name, where) for name in ("prompt", "correct", "incorrect"))
        collector.add(prompt, correct, incorrect, where)
    return collector.dataset()
