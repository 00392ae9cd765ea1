"""What a card holds. Everything in it is plain data: the page and the figures are made from the JSON alone.

A number that could not be measured has no value and says why; NaN and infinity never get in.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from pysteer.errors import BuildError, DataError
from pysteer.measurements import Result, Undefined
from pysteer.report.blocks import Tone

try:
    from pydantic import BaseModel, ConfigDict
    from pydantic import ValidationError as ValidationError
except ImportError as error:
    raise BuildError("vector cards need pydantic: pip install 'pysteer-gguf[card]'") from error

SCHEMA_VERSION: Literal[1] = 1
Wanted = Literal["towards", "away"]


class CardPart(BaseModel):
    """Frozen, and refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Quantity(CardPart):
    """One number with all that it takes to believe it.

    ``value`` is None where there is none, and ``reason`` then says why; ``low`` and ``high`` are None without interval.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    unit: str = ""
    failures: int = 0
    seed: int | None = None
    data_hash: str = ""
    reason: str = ""

    @classmethod
    def of(cls, result: Result) -> Quantity:
        """Return a measured score, or the reason why it is undefined."""
        if isinstance(result, Undefined):
            return cls(n=result.n, unit=result.unit, failures=result.failures, reason=result.reason)
        return cls(
            value=result.value,
            low=result.low,
            high=result.high,
            n=result.n,
            unit=result.unit,
            failures=result.failures,
            seed=result.seed,
            data_hash=result.data_hash,
        )

    @property
    def ends(self) -> tuple[float, float, float]:
        """Value, low and high; NaN for what there is not."""
        value, low, high = (math.nan if x is None else x for x in (self.value, self.low, self.high))
        return value, low, high


class VectorFacts(CardPart):
    """Which vector. ``directions_hash`` is that of its numbers, whatever file they lie in."""

    name: str
    directions_hash: str
    method: str
    sites: list[str]
    norms: list[float]
    layers: list[int]
    operation: str
    window: str
    trained_on: str = ""
    trained_on_hash: str = ""
    trained_with_model_hash: str = ""


class ModelFacts(CardPart):
    """Which model."""

    name: str
    hash: str
    architecture: str
    quantisation: str
    n_layers: int
    d_model: int


class DataFacts(CardPart):
    """Which data, and how many of its items were used."""

    name: str
    hash: str
    n: int
    n_in_file: int
    note: str = ""


class Behaviour(CardPart):
    """What a direction does to the items in one prompt setting.

    ``slopes`` and ``propensities`` are item by item, None where an item could not be measured; ``propensities`` is
    empty where it is not kept.
    """

    name: str
    steerability: Quantity
    anti_steerable: Quantity
    slopes: list[float | None]
    propensities: list[list[float | None]] = []
    fit_r_squared: Quantity = Quantity()
    monotonicity: Quantity = Quantity()
    seed: int | None = None
    system: str | None = None
    user_prefix: str = ""
    correlation: Quantity = Quantity()
    """Rank correlation of the items' slopes with those in the plain setting."""


class Factors(CardPart):
    """How much of the spread of slopes comes from where and how the answer is written."""

    setting: str
    explained: Quantity
    letter_share: float | None = None
    yes_no_share: float | None = None
    letter_bias: Quantity = Quantity()


class CostAt(CardPart):
    """Behaviour and costs at one strength. ``gain`` is the change of propensity against the unsteered model."""

    strength: float
    propensity: Quantity
    gain: Quantity
    perplexity: Quantity
    perplexity_ratio: Quantity
    kl: Quantity
    top1_agreement: Quantity
    accuracy: Quantity
    accuracy_change: Quantity


class LayerMap(CardPart):
    """Change of propensity with each layer of the vector alone; ``changes[i][k]`` at layer i and strength k."""

    layers: list[int]
    strengths: list[float]
    changes: list[list[float | None]]
    n: int


class Recommended(CardPart):
    """Strengths of one sign that pass the guard; ``low`` is None where none does, ``reason`` says what ends them."""

    towards: Wanted
    low: float | None = None
    high: float | None = None
    best: float | None = None
    reason: str
    onset: Quantity = Quantity()


class Finding(CardPart):
    """A question with its answer."""

    question: str
    outcome: str
    tone: Tone
    text: str


class VectorCard(CardPart):
    """The whole card."""

    schema_version: Literal[1] = SCHEMA_VERSION
    created: str
    pysteer_version: str
    llama_cpp_version: str
    command: str
    preset: str
    seed: int
    confidence: float
    seconds: float
    vector: VectorFacts
    model: ModelFacts
    data: DataFacts
    training: str
    variant: str
    coefficients: list[float]
    few_coefficients: list[float]
    """Of the slopes of random directions, and under other prompts."""
    behaviour: Behaviour
    controls: list[Behaviour]
    controls_reason: str = ""
    settings: list[Behaviour]
    settings_reason: str = ""
    factors: list[Factors]
    factors_reason: str = ""
    text: DataFacts
    questions: DataFacts | None
    question_chance: float | None = None
    costs: list[CostAt]
    layer_map: LayerMap | None = None
    guard: str
    max_perplexity_ratio: float
    recommended: list[Recommended]
    findings: list[Finding]
    failures: dict[str, int]

    def to_json(self) -> str:
        """Return the card as JSON, numbers in full precision."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "card") -> VectorCard:
        """Return what `to_json` wrote.

        Raises
        ------
        DataError
            Not JSON, a card of another version, or a field that is missing, unknown or wrong.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"])) or "the whole"
            raise DataError(f"{where}: no vector card of version {SCHEMA_VERSION}: {field}: {first['msg']}") from error

    @classmethod
    def load(cls, path: str | Path) -> VectorCard:
        """Return the card in a file; DataError where it cannot be read or is none."""
        try:
            return cls.from_json(Path(path).read_text("utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read: {error}") from error

    def cost_at(self, strength: float) -> CostAt:
        """Return the row of a strength that was measured; DataError for another one."""
        for cost in self.costs:
            if cost.strength == strength:
                return cost
        raise DataError(f"the card has no strength {strength}; it has {[cost.strength for cost in self.costs]}")
