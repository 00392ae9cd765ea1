"""WinoGrande: which of two names fills the blank?"""

from __future__ import annotations

import re

from pysteer.errors import DataError
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import check_fields, is_list_of, record_objects, text_field, text_list_field
from pysteer.formats.question_building import QuestionCollector, choice_number
from pysteer.questions import QuestionSet

BLANK = "_"
_WORD = re.compile(r"\w")
_JOINED = re.compile("['\u2019](?:s|d|m|t|ll|re|ve)?(?!\\w)|[.,;:!?)]")
"""What stands at a word's end without a blank: "Erin's", "Erin, ..."."""
_FIELDS = {"context_options", "continuation", "gold"}


def _is_winogrande(source: Source) -> bool:
    return is_list_of(source, _FIELDS, suffix=".jsonl")


@formats.register("winogrande", holds="questions", recognises=_is_winogrande, files=".jsonl")
def read_winogrande(source: Source) -> QuestionSet:
    """WinoGrande's records as evaluation harnesses write them: two texts up to the blank, and what follows it.

    The prompt is the whole sentence with "_" for the blank, the choices are what fills it: the last words of the two
    texts, from the first word in which they differ. Sentences in which no word follows the blank are left out, counted
    and reported: what follows it, which is what is scored, says nothing about who fills it.

    References
    ----------
    Sakaguchi et al. 2019, "WinoGrande: An Adversarial Winograd Schema Challenge at Scale", arXiv:1907.10641.
    """
    collector = QuestionCollector(source)
    for where, record in record_objects(source):
        check_fields(record, tuple(sorted(_FIELDS)), where)
        begins = text_list_field(record, "context_options", where)
        if len(begins) != 2:
            raise DataError(f"{where}, context_options: expected two texts, got {len(begins)}")
        shared, choices = _split(begins)
        continuation = text_field(record, "continuation", where)
        if not continuation.strip() or any(BLANK in text for text in (*begins, continuation)):
            raise DataError(
                f"{where}: expected a continuation that is not blank and no {BLANK!r} in the texts, got "
                f"{begins[0][-40:]!r} and {continuation[:40]!r}"
            )
        if not _WORD.search(continuation):
            collector.drops.add("have no word behind the blank", where)
            continue
        follows = continuation.strip()
        prompt = f"{shared}{BLANK}{'' if _JOINED.match(follows) else ' '}{follows}"
        collector.add(prompt, choices, choice_number(record.get("gold"), f"{where}, gold"), where)
    return collector.question_set()


def _split(begins: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return what two texts begin with, in whole words, and the rest of each, at least a word."""
    words = [text.rstrip().split(" ") for text in begins]
    most = min(len(each) for each in words) - 1
    n = next((place for place in range(most) if words[0][place] != words[1][place]), most)
    shared = " ".join(words[0][:n])
    return f"{shared} " if shared else "", [" ".join(each[n:]) for each in words]
