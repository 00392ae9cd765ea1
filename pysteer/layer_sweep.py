"""Which layer, and which token, gives a vector that works? Chosen on validation data, reported on test data.

As the layer sweep of "Analyzing the Generalization and Reliability of Steering Vectors" (arXiv:2407.12404): the vector
of every layer is applied at that layer alone, and the layer with the highest mean steerability on validation items is
taken. Its steerability on test items is a separate number: the best of many is too good on the data that chose it.

The vectors of all layers and token rules come from one pass over the training data; on a validation item, all layers,
rules and coefficients go on from one computation of the prompt.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.evaluation import COEFFICIENTS, Evaluation, measure_steerability
from pysteer.extraction import extract_each
from pysteer.intervention import Intervention
from pysteer.metrics.anti_steerable_fraction import anti_steerable_fraction
from pysteer.metrics.steerability import steerability
from pysteer.model import Model
from pysteer.pair_files import check_disjoint
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.prompt_settings import PromptSetting
from pysteer.propensity import choose_variant, propensities
from pysteer.session import Session
from pysteer.sweep_checkpoint import SweepCheckpoint
from pysteer.tree_run import RunCount
from pysteer.vector import SteeringVector
from pysteer.window import Window

N_ITEMS = 8
"""Validation items that are computed together: a few groups of sequences, and little to lose."""


@dataclass(frozen=True)
class SweepRow:
    """One layer and token rule, on the validation items.

    Parameters
    ----------
    layer, token
        Where the vector was read and applied, and the rule by which its tokens were chosen.
    norm : float
        Of the vector, residual-stream units. Steerability is per unit of coefficient, so it grows with the norm.
    steerability, low, high : float
        Mean slope of propensity over coefficient, nats, and its 95 % bootstrap interval over items.
    anti_steerable : float
        Share of the items whose propensity does not rise.
    n : int
        Items.
    """

    layer: int
    token: str
    norm: float
    steerability: float
    low: float
    high: float
    anti_steerable: float
    n: int


@dataclass(frozen=True, eq=False)
class LayerSweep:
    """The table of a sweep, its choice, and what the choice does on the test items.

    Parameters
    ----------
    rows : tuple of SweepRow
        By token rule in the order given, then by layer.
    best : SweepRow
        The highest mean steerability; the lowest layer among equals.
    vector : SteeringVector
        Of the best row: one direction.
    test : Evaluation
        Of ``vector`` on the test items.
    method, variant : str
        Extraction method, and propensity.
    """

    rows: tuple[SweepRow, ...]
    best: SweepRow
    vector: SteeringVector
    test: Evaluation
    method: str
    variant: str

    def to_csv(self) -> str:
        """Return the rows with a header."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(SweepRow)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in self.rows)
        return text.getvalue()

    def to_json(self) -> str:
        """Return rows, choice and test result, with everything that is needed to do it again."""
        origin, slope = self.vector.provenance, self.test.steerability
        return json.dumps(
            {
                "rows": [asdict(row) for row in self.rows],
                "best": asdict(self.best),
                "test": {
                    "steerability": slope.value,
                    "low": slope.low,
                    "high": slope.high,
                    "anti_steerable": self.test.anti_steerable.value,
                    "n": slope.n,
                    "data_hash": slope.data_hash,
                },
                "method": self.method,
                "propensity": self.variant,
                "coefficients": self.test.coefficients.tolist(),
                "seed": slope.seed,
                "model_hash": origin.model_hash,
                "train_hash": origin.data_hash,
                "n_train": origin.n_pairs,
            },
            indent=1,
        )


def sweep_layers(
    model: Model,
    train: Dataset,
    validation: Dataset,
    test: Dataset,
    *,
    layers: str | int | Iterable[int] = "all",
    tokens: Sequence[str] = ("auto",),
    method: str = "mean_difference",
    component: str = "resid_post",
    coefficients: Sequence[float] = COEFFICIENTS,
    operation: str = "add",
    window: str | Window = "answer",
    variant: str = "auto",
    raw: bool = False,
    setting: PromptSetting | None = None,
    test_setting: PromptSetting | None = None,
    seed: int,
    checkpoint: Path | None = None,
    session: Session | None = None,
    progress: Progress = silent,
    count: RunCount | None = None,
) -> LayerSweep:
    """Return the steerability of every layer's vector on validation data, and that of the best one on test data.

    Parameters
    ----------
    train, validation, test : Dataset
        Disjoint by prompt and text. At least two items each in validation and test.
    layers : str, int or iterable of int
        As `parse_layers` takes them.
    tokens : sequence of str
        Token rules to compare; see `pysteer.token_rules`.
    setting, test_setting : PromptSetting, optional
        System message and persona around the prompts of ``train``, and around those of ``validation`` and ``test``;
        the latter is as the former where it is not given.
    seed : int
        Of the bootstrap, and of the methods that draw at random.
    checkpoint : Path, optional
        Validation items are appended to this file as they are done, and those that it holds are not computed again.
    session : Session, optional
        Used instead of ones made for the purpose. It has to be wide enough for all data sets.
    progress : Progress
        Called with (pairs and items done, in all), over training, validation and test.

    Raises
    ------
    DataError
        Two of the data sets share a prompt or a text, or the checkpoint is that of another sweep. Also as `extract`.
    MeasurementError
        Fewer than two items or two different coefficients.
    """
    for first, second in ((train, validation), (train, test), (validation, test)):
        check_disjoint(first, second)
    n_all = len(train) + len(validation) + len(test)

    def after(n_before: int) -> Progress:
        return lambda done, _: progress(n_before + done, n_all)

    vectors = extract_each(
        model,
        train,
        method=method,
        layers=layers,
        component=component,
        tokens=tokens,
        raw=raw,
        setting=setting,
        seed=seed,
        session=session,
        progress=after(0),
        count=count,
    )
    chosen = Window.parse(window) if isinstance(window, str) else window
    places = [(rule, layer) for rule, vector in vectors.items() for layer in vector.layers]
    # `add` with coefficient 0 is the unsteered model at every layer: measured once.
    unsteered = {index for index, coefficient in enumerate(coefficients) if coefficient == 0.0 and operation == "add"}
    steerings: list[list[Intervention]] = [[]]
    columns: list[list[int]] = []
    for rule, layer in places:
        column = []
        for index, coefficient in enumerate(coefficients):
            column.append(0 if index in unsteered else len(steerings))
            if index not in unsteered:
                vector = vectors[rule].select([layer])
                steerings.append([Intervention(vector, operation, coefficient=coefficient, window=chosen)])
        columns.append(column)
    measured = choose_variant(validation, variant)
    around = test_setting or setting
    fingerprint: dict[str, object] = {
        "model": model.hash,
        "train": train.content_hash,
        "validation": validation.content_hash,
        "method": method,
        "component": component,
        "places": places,
        "coefficients": list(coefficients),
        "operation": operation,
        "window": str(chosen),
        "variant": measured,
        "raw": raw,
        "settings": [None if one is None else asdict(one) for one in (setting, around)],
        "seed": seed,
    }
    done = SweepCheckpoint(checkpoint, fingerprint, len(steerings))
    while len(done.values) < len(validation):
        begin = len(done.values)
        part = Dataset(validation.pairs[begin : begin + N_ITEMS], validation.name)
        done.append(
            propensities(
                model,
                part,
                steerings,
                variant=measured,
                raw=raw,
                setting=around,
                session=session,
                progress=after(len(train) + begin),
                count=count,
            )
        )
    values = done.values
    at = np.asarray(coefficients, dtype=np.float64)
    rows = []
    for (rule, layer), column in zip(places, columns, strict=True):
        slope = steerability(at, values[:, column], seed=seed)
        share = anti_steerable_fraction(at, values[:, column], seed=seed)
        (norm,) = vectors[rule].select([layer]).norms().values()
        rows.append(SweepRow(layer, rule, norm, slope.value, slope.low, slope.high, share.value, len(validation)))
    best = choose_best(rows)
    vector = vectors[best.token].select([best.layer])
    result = measure_steerability(
        model,
        vector,
        test,
        coefficients=coefficients,
        operation=operation,
        window=chosen,
        variant=measured,
        raw=raw,
        setting=around,
        seed=seed,
        session=session,
        progress=after(len(train) + len(validation)),
        count=count,
    )
    return LayerSweep(tuple(rows), best, vector, result, method, measured)


def choose_best(rows: Sequence[SweepRow]) -> SweepRow:
    """Return the row with the highest mean steerability; the lowest layer among equals.

    Raises
    ------
    MeasurementError
        There is no row.
    """
    if not rows:
        raise MeasurementError("no layer to choose from")
    return max(rows, key=lambda row: (row.steerability, -row.layer))
