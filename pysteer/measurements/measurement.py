"""What a measurement is: a class whose fields are its settings, and whose `measure` asks the model.

One file per measurement, each with one registered class. `pysteer.evaluate` combines them with vectors, layers,
operations, windows, data and strengths, keeps what each steering did in the run store, and makes the table.

    @measurements.register("answer_length")
    @dataclass(frozen=True)
    class AnswerLength(Measurement):
        '''How long are the answers?'''

        data_types = (Texts,)
        generates = True
        max_tokens: int = 64                  # a setting: part of the cell's key, "answer_length:max_tokens=8"

        def measure(self, subject, data, steerings, progress):
            ...                                    # all steerings side by side, in one run over all items
            return [Measured({"length": lengths}, details={"answers": texts}) for lengths, texts in ...]

        def scores(self, measured, base, about):
            return [about.mean("answer_length", measured.values["length"], unit="tokens", better="neither")]

What the model did (`Measured`: numbers item by item, texts, failures) is kept; scores are computed from it each time,
so that another seed or confidence asks the model nothing. The unsteered model is measured once for all vectors.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

from pysteer.errors import MeasurementError
from pysteer.intervention import Intervention
from pysteer.measurements.measured import About, Data, Measured, Result, Work
from pysteer.measurements.subject import Subject
from pysteer.progress import Progress
from pysteer.registry import Registry, did_you_mean

Steering = Sequence[Intervention]
"""Applied together; an empty one is the unsteered model."""

_TEXTS_AT_ONCE = 256


class Measurement(ABC):
    """One thing to measure; a frozen dataclass whose fields (numbers, texts, None) are its settings, with defaults.

    Class attributes
    ----------------
    data_types : tuple of type
        Kinds of data that it can read. `pysteer.evaluate` measures on every data set of such a kind.
    uses_setting : bool
        Whether `Subject.setting` and ``raw`` change the result. If not, it is measured once for all settings.
    uses_seed : bool
        Whether ``Subject.seed`` changes what the model does (sampling), so that it belongs to the key.
    beside_base : bool
        Whether steered results are only found next to the unsteered model (KL): then ``steerings[0]`` is always ().
    generates : bool
        Whether the model writes texts. For the estimate and the help.
    most_steerings : int
        Steerings that `measure` is given at once, at most (the unsteered model not counted where it is always there).
        More share more of their prompts and need more memory; what a kill loses is one call's work.
    asks_as : type, optional
        A registered measurement that asks the model the same when its settings are the same, such as a base class whose
        `measure` is inherited unchanged: results are shared with it, only the scores are others.
    depends_on : tuple of str
        Modules whose code decides the numbers, besides the class's own and those that run texts through the model:
        ("pysteer.propensity",). A change in their source is another key.
    """

    data_types: ClassVar[tuple[type, ...]] = ()
    uses_setting: ClassVar[bool] = True
    uses_seed: ClassVar[bool] = False
    beside_base: ClassVar[bool] = False
    generates: ClassVar[bool] = False
    most_steerings: ClassVar[int] = 16
    asks_as: ClassVar[type[Measurement] | None] = None
    depends_on: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def measure(self, subject: Subject, data: Any, steerings: Sequence[Steering], progress: Progress) -> list[Measured]:
        """Return what the model did under each steering, on all items.

        Parameters
        ----------
        subject : Subject
            Model, prompt setting, seed; ``subject.session(...)`` gives a session, which is not to be closed.
        data : one of ``data_types``
        steerings : sequence of (sequence of Intervention)
            At least one, computed side by side: shared prefixes once, all strengths in the same batches.
        progress : Progress
            Called with (done, total).
        """

    @abstractmethod
    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        """Return the numbers of one steering; ``base`` is the unsteered model's. Always the same names."""

    def curves(self, coefficients: Sequence[float], measured: Sequence[Measured], about: About) -> list[Result]:
        """Return numbers over all strengths, such as a slope; ``measured[k]`` belongs to ``coefficients[k]``.

        Only asked for with at least two different coefficients.
        """
        return []

    def work(self, subject: Subject, data: Any, steerings: Sequence[Steering]) -> Work | None:
        """Return what `measure` will compute, without computing it; None where that is not known."""
        return None

    def check(self, subject: Subject, data: Any) -> None:
        """Raise DataError or ModelError now, before anything is computed, where `measure` would have to."""
        return None

    def accepts(self, data: object) -> bool:
        """Return whether this can be measured on such data."""
        return isinstance(data, self.data_types)

    def uses_setting_on(self, data: object) -> bool:
        """Return `uses_setting`; for measurements that read several kinds of data, whether it matters for this one."""
        return self.uses_setting

    def steerings_at_once(self, data: Data) -> int:
        """Return how many steerings `measure` is given at once on this data.

        `most_steerings`; but long texts are written for a few hundred items at a time, so that a kill loses minutes.
        """
        if not self.generates or self.beside_base:
            return self.most_steerings
        return max(1, min(self.most_steerings, _TEXTS_AT_ONCE // max(1, len(data))))

    def settings(self) -> dict[str, Any]:
        """Return the settings by name, as they stand in the key."""
        return {item.name: getattr(self, item.name) for item in fields(self)} if is_dataclass(self) else {}

    @property
    def name(self) -> str:
        """Name it is registered under."""
        return _name_of(type(self))

    @property
    def asker(self) -> tuple[str, type[Measurement]]:
        """Name and class whose `measure` asks the model: its own, or that of `asks_as`."""
        kind = type(self).asks_as or type(self)
        return _name_of(kind), kind

    def __str__(self) -> str:
        """Name and settings that differ from their defaults: "perplexity:window_size=256"."""
        changed = self.settings()
        if is_dataclass(self):
            changed = {item.name: changed[item.name] for item in fields(self) if changed[item.name] != item.default}
        listed = ",".join(f"{name}={_as_text(value)}" for name, value in changed.items())
        return f"{self.name}:{listed}" if listed else self.name


measurements: Registry[type[Measurement]] = Registry("measurement")


def _name_of(kind: type[Measurement]) -> str:
    for name in measurements:
        if measurements.get(name) is kind:
            return name
    raise MeasurementError(f"{kind.__name__} is not registered; decorate it with @measurements.register(name)")


def make_measurement(given: str | Measurement, **settings: Any) -> Measurement:
    """Return a measurement from its name, with settings by keyword or behind a colon.

    "perplexity", or "perplexity:window_size=256". Values are read as JSON where they are JSON, else as text.

    Raises
    ------
    UnknownNameError
        There is no such measurement.
    MeasurementError
        It has no such setting, or refuses the value.
    """
    if isinstance(given, Measurement):
        return given
    name, _, listed = given.partition(":")
    kind = measurements.get(name.strip())
    known = tuple(item.name for item in fields(kind)) if is_dataclass(kind) else ()
    chosen = dict(settings)
    for part in listed.split(",") if listed else ():
        setting, equals, value = part.partition("=")
        if not equals:
            raise MeasurementError(f"expected settings such as perplexity:window_size=256, got {given!r}")
        chosen[setting.strip()] = _from_text(value.strip())
    for setting in chosen:
        if setting not in known:
            listing = ", ".join(known) or "none"
            raise MeasurementError(
                f"measurement {name!r} has no setting {setting!r}{did_you_mean(setting, known)} Settings: {listing}"
            )
    made = kind(**chosen)
    for setting, value in made.settings().items():
        if isinstance(value, float) and not math.isfinite(value):
            raise MeasurementError(f"measurement {name!r}, {setting}: expected a finite number, got {value}")
    return made


def describe_measurements() -> list[dict[str, Any]]:
    """Return name, summary, kinds of data and settings with their defaults of every measurement, for lists."""
    return [
        {
            "name": name,
            "summary": measurements.summary(name),
            "data": ", ".join(kind.__name__ for kind in measurements.get(name).data_types),
            "settings": {item.name: item.default for item in fields(measurements.get(name))},  # type: ignore[arg-type]
            "generates": measurements.get(name).generates,
        }
        for name in measurements
    ]


def _from_text(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
