"""One long text as data, such as a book or an encyclopaedia, for measurements that cut it into windows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pysteer.errors import DataError


@dataclass(frozen=True)
class RunningText:
    """A text that is measured as a whole, unlike `pysteer.formats.texts.Texts`, which are independent documents.

    Raises
    ------
    DataError
        The text is blank, or no valid Unicode.
    """

    name: str
    text: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise DataError(f"{self.name!r} is blank: there is nothing to predict")
        try:
            self.text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise DataError(f"{self.name!r}: half of a UTF-16 surrogate pair at character {error.start}") from error

    @property
    def content_hash(self) -> str:
        """SHA-256, in hexadecimal, of the text in UTF-8."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()

    def __len__(self) -> int:
        """One text."""
        return 1
