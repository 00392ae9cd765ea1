"""Results of the study by what they are about: model, task, kind of prompt, arm, measure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.errors import MeasurementError
from pysteer.report.estimates import Estimates
from pysteer.statistics import Interval, bootstrap_datasets
from pysteer.studies.icl.answers import MEASURES
from pysteer.studies.icl.declared import CLAIMS
from pysteer.studies.icl.means import mean_by_word, mean_known
from pysteer.studies.icl.plan import Material, told_missing
from pysteer.studies.icl.sizes import Sizes
from pysteer.studies.icl.tasks import Fold
from pysteer.studies.icl.work import name_of
from pysteer.studies.parts import PartResult
from pysteer.studies.rows import Label, Origin, ResultTable, Row, joined_hash, no_number, row_of
from pysteer.studies.study import OfModel, Piece, StudyContext
from pysteer.studies.study_model import StudyModel

CLEAN, FUNCTION, IN_CONTEXT = "clean", "function vector", "in-context vector"
HIDDEN, ANOTHER, RANDOM = "mean hidden state", "another task's vector", "random direction"
PROMPT_ONLY, MORE_HEADS = "function vector, prompt only", "function vector, more heads"
RANDOM_MORE = "random, norm of more heads"
ARMS = (CLEAN, FUNCTION, PROMPT_ONLY, MORE_HEADS, IN_CONTEXT, HIDDEN, ANOTHER, RANDOM, RANDOM_MORE)
KINDS = {"zero": "no example", "shuffled": "3 shuffled examples"}
RANDOMS = (RANDOM, RANDOM_MORE)
Groups = Sequence[Float64Array]
"""One array for each task: a number for each question, NaN where it could not be measured."""


@dataclass(frozen=True, eq=False)
class Found(OfModel):
    """All results of one model.

    Parameters
    ----------
    model : StudyModel
    context : StudyContext
    material : Material
    results : mapping of str to PartResult
        Of all parts.
    is_embedded : bool
        The model has planted truths.
    """

    model: StudyModel
    context: StudyContext
    material: Material
    results: Mapping[str, PartResult]
    is_embedded: bool = False

    @property
    def sizes(self) -> Sizes:
        sizes: Sizes = self.context.sizes
        return sizes

    @cached_property
    def folds(self) -> dict[str, list[Fold]]:
        """Folds of each task."""
        tasks: dict[str, list[Fold]] = {}
        for fold in self.material.folds:
            tasks.setdefault(fold.task, []).append(fold)
        return tasks

    @property
    def tasks(self) -> list[str]:
        return list(self.folds)

    @property
    def n_layers(self) -> int:
        return int(self.model.loaded.n_layers)

    @cached_property
    def functional(self) -> Origin:
        """Seed and hashes of numbers on the functional test questions."""
        return self.context.origin(self.model, joined_hash([fold.test.content_hash for fold in self.material.folds]))

    def part(self, *words: str) -> PartResult:
        """Return a part's result, by the words of its name after the model."""
        return self.results[name_of(self.model, *words)]

    def arrays(self, part: str, name: str, axis: int) -> list[Float64Array]:
        """Return an array of a part for each task, its folds joined along the axis of the questions."""
        return [
            np.concatenate([self.part(fold.name, part).arrays[name] for fold in folds], axis=axis)
            for folds in self.folds.values()
        ]

    def answers(self, kind: str, measure: str, arm: str = CLEAN) -> list[Float64Array]:
        """Return a measure of an arm by task, (n_items,) each; random ones are the mean over directions.

        Parameters
        ----------
        kind : str
            "zero", "shuffled", or without steering "few" and "many".
        """
        place = MEASURES.index(measure)
        names = self._arm_names if kind in KINDS else [CLEAN]
        columns = [
            index for index, name in enumerate(names) if name == arm or (arm in RANDOMS and name.startswith(arm))
        ]
        return [mean_known(task[place][:, columns], axis=1) for task in self.arrays("arms", kind, 1)]

    @cached_property
    def arms(self) -> tuple[str, ...]:
        """The arms that were measured: a model's only task has no other's vector."""
        return tuple(arm for arm in ARMS if arm != ANOTHER or arm in self._arm_names)

    @property
    def _arm_names(self) -> list[str]:
        return list(self.part(self.material.folds[0].name, "arms").content["arms"])

    @cached_property
    def words(self) -> list[list[str]]:
        """The word that each test question of a task is about, by task, its folds joined."""
        return [
            [pair.input.strip().casefold() for fold in folds for pair in fold.test] for folds in self.folds.values()
        ]

    def by_word(self, groups: Groups) -> list[Float64Array]:
        """Return test questions' numbers as words' numbers, by task: a word's mean over the folds that test it."""
        return [mean_by_word(group, words) for group, words in zip(groups, self.words, strict=True)]

    def task_means(self, groups: Groups) -> Float64Array:
        """Return the mean over each task's words, (n_tasks, ...)."""
        return np.stack([mean_known(words, axis=0) for words in self.by_word(groups)])

    def demonstrations(self, n: int) -> str:
        """Return how many demonstrations the tasks really had where ``n`` were wanted."""
        return span([min(n, len(fold.train)) for fold in self.material.folds])

    def row(
        self,
        groups: Groups,
        quantity: str,
        unit: str,
        labels: Mapping[str, Label],
        *,
        origin: Origin | None = None,
        is_by_word: bool = True,
    ) -> Row:
        """Return the mean over tasks, every task counting alike, with its interval from drawing tasks and words.

        Parameters
        ----------
        groups : sequence of float64, shape (n_items,)
            One for each task: a number for each test question. Failures are questions without one.
        is_by_word : bool
            Folds of a task can test the same word: its numbers are averaged first, as they are not independent. False:
            the items are no test questions, and are drawn as they are.
        """
        origin = origin or self.functional
        about = {"model": self.label, **labels}
        failures = sum(int(np.isnan(group).sum()) for group in groups)
        units = self.by_word(groups) if is_by_word else groups
        known = [group[np.isfinite(group)] for group in units]
        known = [group for group in known if group.size]
        try:
            found = bootstrap_datasets(known, seed=self.seed)
        except MeasurementError as error:
            return no_number(origin, quantity, str(error), unit=unit, failures=failures, labels=about)
        # Differences that cancel leave 1e-18, which a reader would take for a number.
        mean, low, high = (round(number, 12) for number in (found.mean, found.low, found.high))
        interval = Interval(mean, low, high, found.n, found.confidence)
        return row_of(interval, origin, quantity=quantity, unit=unit, failures=failures, labels=about)

    def left_out(self, parts: Sequence[tuple[str, ...]]) -> str:
        """Return a sentence about the texts of these parts that could not be finished; empty where all were."""
        counts: Counter[str] = Counter()
        for words in parts:
            counts.update(self.part(*words).content["left_out"])
        if not counts:
            return ""
        told = ", ".join(f"{reason}: {n}" for reason, n in sorted(counts.items()))
        return f" {counts.total()} texts could not be finished; they are left out and counted as failures ({told})."

    def layer_effect(self) -> bool:
        """Return whether the function vector raises accuracy at any layer, corrected for the number of layers."""
        gains = self.gains_by_layer()
        n_layers = gains[0].shape[1]
        for layer in range(n_layers):
            groups = [words[np.isfinite(words)] for words in self.by_word([task[:, layer] for task in gains])]
            groups = [words for words in groups if words.size]
            if len(groups) > 1 and bootstrap_datasets(groups, seed=self.seed, confidence=1 - 0.05 / n_layers).low > 0.0:
                return True
        return False

    def gains_by_layer(self, place: int = 0) -> list[Float64Array]:
        """Return by task what the vector adds at each layer to first-token accuracy (0) or probability (1)."""
        clean, layers = self.arrays("places", "clean", 1), self.arrays("places", "layers", 1)
        return [
            np.asarray(steered[place] - before[place][:, None], dtype=np.float64)
            for before, steered in zip(clean, layers, strict=True)
        ]


def span(numbers: Sequence[int]) -> str:
    """Return the numbers as text, from the smallest to the largest."""
    return f"{min(numbers)}" if min(numbers) == max(numbers) else f"{min(numbers)} to {max(numbers)}"


def tasks_behind(rows: Sequence[Row]) -> str:
    """Return how many tasks the rows are means over: one without any number is in none."""
    return f"{span([row.n for row in rows if row.n] or [0])} tasks"


def largest(chosen: float, tried: Sequence[float]) -> str:
    """Return a remark where the largest number that was tried was chosen: a larger one might do better."""
    return " (the largest that was tried)" if len(tried) > 1 and chosen == max(tried) else ""


def minus(first: Groups, second: Groups) -> list[Float64Array]:
    """Return paired differences by task."""
    return [np.asarray(a - b, dtype=np.float64) for a, b in zip(first, second, strict=True)]


def estimates(rows: Sequence[Row]) -> Estimates:
    """Return rows as a figure takes them, (n_rows,)."""
    return Estimates([row.value for row in rows], [row.low for row in rows], [row.high for row in rows])


def joined(pieces: Sequence[Piece]) -> Piece:
    """Return the pieces of several models as one; tables of one name become one table."""
    tables: dict[str, ResultTable] = {}
    notes: dict[str, list[str]] = {}
    for piece in pieces:
        for table in piece.tables:
            before = tables.get(table.name)
            rows = (*before.rows, *table.rows) if before else table.rows
            tables[table.name] = ResultTable(table.name, table.experiment, table.caption, tuple(rows), table.is_folded)
        for name, told in piece.notes.items():
            notes.setdefault(name, []).extend(told)
    findings = [finding for piece in pieces for finding in piece.findings]
    return Piece(list(tables.values()), findings, [figure for piece in pieces for figure in piece.figures], notes)


def each_model(analyse: Callable[[Found], Piece], *, functional: str = "") -> Callable[[list[Found]], Piece]:
    """Return an analysis of one model as one of several.

    Parameters
    ----------
    functional : str
        Id of an experiment on functional tasks: a model that has none gives no number for its claims.
    """
    return lambda models: joined(
        [_without_tasks(found, functional) if functional and not found.folds else analyse(found) for found in models]
    )


def _without_tasks(found: Found, experiment: str) -> Piece:
    reason = f"no functional task fits: {told_missing(found.material.missing_tasks)}"
    labels = {"model": found.label}
    findings = [
        (claim.id, no_number(found.functional, claim.measured, reason, labels=labels))
        for claim in CLAIMS
        if claim.experiment == experiment
    ]
    return Piece(findings=findings, notes={experiment: [f"{found.label}: {reason}."]})
