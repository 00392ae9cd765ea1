"""What features stand for: the tokens, in their texts, on which each is largest.

A label is evidence and no name: the first examples of a feature show when it is large, not all that it does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pysteer.dictionaries.sparse_dictionary import SparseDictionary
from pysteer.errors import DataError
from pysteer.whole_file import replacing

FORMAT, VERSION = "pysteer.feature_labels", 1
_SIZE_LIMIT = 2**30


@dataclass(frozen=True)
class Example:
    """A token on which a feature is large, and the text around it.

    Parameters
    ----------
    value : float
        The feature there.
    before, token, after : str
        Text; bytes that are no UTF-8 are U+FFFD.
    text, position : int
        Which text, and which token of its window, counted from 0.
    """

    value: float
    before: str
    token: str
    after: str
    text: int
    position: int


@dataclass(frozen=True)
class FeatureLabel:
    """One feature.

    Parameters
    ----------
    frequency : float
        Share of all tokens on which it is not 0.
    mean : float
        Over the tokens on which it is not 0; 0 where there is none.
    examples : tuple of Example
        Largest first, at most one from each window of text.
    """

    feature: int
    frequency: float
    mean: float
    examples: tuple[Example, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """The examples' tokens without blanks at their ends, the most frequent first."""
        return tuple(word for word, _ in Counter(example.token.strip() for example in self.examples).most_common())


@dataclass(frozen=True)
class FeatureLabels:
    """Labels of all features of a dictionary.

    Parameters
    ----------
    dictionary_hash : str
        `SparseDictionary.content_hash` of the dictionary they belong to.
    model_hash : str
        SHA-256 of the model's file.
    n_tokens : int
        Tokens that were looked at.
    features : tuple of FeatureLabel
        Feature j at place j.
    """

    dictionary_hash: str
    model_hash: str
    n_tokens: int
    features: tuple[FeatureLabel, ...]

    def __getitem__(self, feature: int) -> FeatureLabel:
        if not 0 <= feature < len(self.features):
            raise DataError(f"no feature {feature}: labels run from 0 to {len(self.features) - 1}")
        return self.features[feature]

    @property
    def n_dead(self) -> int:
        """Features that are 0 on all tokens."""
        return sum(label.frequency == 0.0 for label in self.features)

    def check_belongs(self, dictionary: SparseDictionary) -> None:
        """Raise DataError where these are the labels of another dictionary."""
        if dictionary.content_hash != self.dictionary_hash:
            raise DataError(
                f"labels of another dictionary: they are for {self.dictionary_hash[:12]}, "
                f"this one is {dictionary.content_hash[:12]}; label it again"
            )

    def search(self, word: str) -> tuple[FeatureLabel, ...]:
        """Return the features with an example whose token holds ``word``, most such examples first."""
        found = [(sum(word in example.token for example in label.examples), label) for label in self.features]
        ordered = sorted((item for item in found if item[0]), key=lambda item: -item[0])
        return tuple(label for _, label in ordered)

    def to_dict(self) -> dict[str, Any]:
        """Return what the JSON file holds."""
        return {"format": FORMAT, "version": VERSION, **asdict(self)}


def save_labels(labels: FeatureLabels, path: str | Path) -> None:
    """Write labels as JSON; `load_labels` gives back the same."""
    text = json.dumps(labels.to_dict(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    with replacing(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def load_labels(path: str | Path) -> FeatureLabels:
    """Return the labels in a file.

    Raises
    ------
    DataError
        Not readable, damaged, of another kind or version, or with a field missing or of the wrong type.
    """
    file = Path(path)
    try:
        if file.stat().st_size > _SIZE_LIMIT:
            raise DataError(f"{file}: expected at most {_SIZE_LIMIT} bytes of labels, got {file.stat().st_size}")
        found = json.loads(file.read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: expected a JSON file of labels: {error}") from error
    if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
        raise DataError(f"{file}: expected the format {FORMAT}, version {VERSION}")
    features = tuple(
        _label(item, number, f"{file}, feature {number}") for number, item in enumerate(_list(found, "features", file))
    )
    return FeatureLabels(
        _field(found, "dictionary_hash", str, str(file)),
        _field(found, "model_hash", str, str(file)),
        _field(found, "n_tokens", int, str(file)),
        features,
    )


def _label(item: Any, number: int, where: str) -> FeatureLabel:
    if not isinstance(item, dict) or item.get("feature") != number:
        raise DataError(f"{where}: expected an object whose feature is {number}, got {item!r:.80}")
    examples = tuple(
        Example(
            _field(one, "value", float, where),
            *(_field(one, name, str, where) for name in ("before", "token", "after")),
            *(_field(one, name, int, where) for name in ("text", "position")),
        )
        for one in _list(item, "examples", where)
    )
    return FeatureLabel(number, _field(item, "frequency", float, where), _field(item, "mean", float, where), examples)


def _list(found: Mapping[str, Any], name: str, where: object) -> list[Any]:
    if not isinstance(found.get(name), list):
        raise DataError(f"{where}: expected a list {name!r}, got {found.get(name)!r:.80}")
    return list(found[name])


def _field(item: Any, name: str, kind: type, where: str) -> Any:
    value = item.get(name) if isinstance(item, dict) else None
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise DataError(f"{where}: expected {name!r} as {kind.__name__}, got {value!r:.80}")
    return value
