"""steering-bench's processed data (arXiv:2407.12404): the prompt stands on both sides."""

from __future__ import annotations

from pysteer.errors import DataError
from pysteer.formats.building import PairCollector
from pysteer.formats.format import Source, formats
from pysteer.formats.json_records import as_object, check_fields, record_objects, text_field
from pysteer.pairs import Dataset


def _is_steering_bench(source: Source) -> bool:
    first = source.first_records
    return isinstance(first, dict) and isinstance(first.get("positive"), dict) and "prompt" in first["positive"]


@formats.register("steering_bench", holds="pairs", recognises=_is_steering_bench, files=".json, .jsonl")
def read_steering_bench(source: Source) -> Dataset:
    """Records of {"positive": {prompt, response}, "negative": {prompt, response}}, prompts alike.

    ``steering_token_index`` is not used: the answer's letter is found by its place in the text (`token_rules`), because
    the second-last token is not the letter with every tokenizer.
    """
    collector = PairCollector(source)
    for where, record in record_objects(source):
        check_fields(record, ("positive", "negative", "meta", "steering_token_index"), where)
        sides = []
        for name in ("positive", "negative"):
            side = as_object(record.get(name), f"{where}, {name}")
            check_fields(side, ("prompt", "response"), f"{where}, {name}")
            sides.append([text_field(side, part, f"{where}, {name}") for part in ("prompt", "response")])
        (prompt, positive), (other_prompt, negative) = sides
        if prompt != other_prompt:
            raise DataError(f"{where}: expected the same prompt on both sides, got {prompt!r} and {other_prompt!r}")
        collector.add(prompt, positive, negative, where)
    return collector.dataset()
