"""HellaSwag: which of four endings goes on with a description?"""

from __future__ import annotations

import re

from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import is_list_of, record_objects, text_field, text_list_field
from pysteer.formats.question_building import QuestionCollector, choice_number
from pysteer.questions import QuestionSet

_NEEDED = {"ctx_a", "ctx_b", "activity_label", "endings", "label"}
_OPTIONAL = {"ind", "ctx", "split", "split_type", "source_id"}
_MARK = re.compile(r"\[.*?\]")


def _is_hellaswag(source: Source) -> bool:
    return is_list_of(source, _NEEDED, suffix=".jsonl", optional=_OPTIONAL)


@formats.register("hellaswag", holds="questions", recognises=_is_hellaswag, files=".jsonl")
def read_hellaswag(source: Source) -> QuestionSet:
    """HellaSwag's records: the prompt is ``{activity}: {ctx_a} {Ctx_b}``, the choices are the endings.

    As evaluation harnesses have it: marks such as "[header]" and "[step]" are taken out ("[title]" becomes a full
    stop), ``ctx_b`` begins with a capital, double blanks become one.

    References
    ----------
    Zellers et al. 2019, "HellaSwag: Can a Machine Really Finish Your Sentence?", arXiv:1905.07830.
    """
    collector = QuestionCollector(source)
    for where, record in record_objects(source):
        activity, first, second = (text_field(record, name, where) for name in ("activity_label", "ctx_a", "ctx_b"))
        prompt = _plain(f"{activity}: {first} {second.capitalize()}")
        endings = [_plain(ending) for ending in text_list_field(record, "endings", where)]
        collector.add(prompt, endings, choice_number(record.get("label"), f"{where}, label"), where, subject=activity)
    return collector.question_set()


def _plain(text: str) -> str:
    return re.sub(" {2,}", " ", _MARK.sub("", text.strip().replace(" [title]", ". "))).strip()
