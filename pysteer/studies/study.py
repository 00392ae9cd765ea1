"""What a study is: a question, claims, experiments, sizes, parts to compute, and what is made of them.

One file, or one package, per study in this folder, with one registered class:

    @studies.register("toy")
    class Toy(Study):
        '''Does the toy steer?'''

        title, question = "A toy", "Does it steer?"
        experiments = (Experiment("E99", "The toy", "A vector is added; its slope is measured."),)
        claims = (Claim("T1", "E99", "The slope is positive.", "mean slope", Above(0.0)),)
        presets = {"smoke": ToySizes(n=4), "quick": ToySizes(n=16), ...}

        def parts(self, context): return [Part("slopes", measure_slopes, settings={"n": context.sizes.n}, ...)]
        def analyse(self, context, results): return Analysis(tables=[...], findings=[("T1", row)], figures=[...])

Parts say what is computed; `analyse` makes tables, findings and figures of what they found, and computes nothing that
takes time. Verdicts follow from the claims' rules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from pysteer.errors import DataError, MeasurementError
from pysteer.registry import Registry, did_you_mean
from pysteer.report.drawing import Drawing
from pysteer.studies.claims import Claim, Experiment, Verdict, claim_of
from pysteer.studies.file_names import different_names
from pysteer.studies.parts import Part, PartResult
from pysteer.studies.rows import Origin, ResultTable, Row
from pysteer.studies.study_model import StudyModel

PRESETS = ("smoke", "quick", "standard", "full")


@dataclass(frozen=True, eq=False)
class StudyContext:
    """What a study is run on.

    Parameters
    ----------
    models : tuple of StudyModel
    preset : str
    sizes : object
        What the study's ``presets`` holds under that name.
    seed : int
    data_folder : Path, optional
        Public data sets; None: only what comes with pysteer.
    """

    models: tuple[StudyModel, ...]
    preset: str
    sizes: Any
    seed: int
    data_folder: Path | None = None

    def data_file(self, *parts: str) -> Path | None:
        """Return a file or folder of the data folder, None where it is not there."""
        if self.data_folder is None:
            return None
        path = self.data_folder.joinpath(*parts)
        return path if path.exists() else None

    def needed_file(self, *parts: str) -> Path:
        """Return a file of the data folder; DataError where it is not there."""
        path = self.data_file(*parts)
        if path is None:
            raise DataError(
                f"this study needs {'/'.join(parts)} in the folder of data sets, which is "
                f"{self.data_folder or 'not given'}: --data DIR, or the environment variable PYSTEER_DATA"
            )
        return path

    def origin(self, model: StudyModel, data_hash: str) -> Origin:
        """Return what a row needs to know about where it comes from."""
        return Origin(self.seed, model.hash, data_hash)


class OfModel:
    """What everything that was found on one model has in common; a base for dataclasses with these two fields."""

    model: StudyModel
    context: StudyContext

    @property
    def label(self) -> str:
        """Name of the model in tables and figures."""
        return self.model.label

    @property
    def seed(self) -> int:
        return self.context.seed


@dataclass(frozen=True, eq=False)
class StudyFigure:
    """A figure of a study.

    Parameters
    ----------
    name : str
        Of its files.
    experiment : str
        Id of the experiment it belongs to.
    title : str
        What it shows.
    drawing : Drawing
    """

    name: str
    experiment: str
    title: str
    drawing: Drawing


@dataclass(frozen=True, eq=False)
class Piece:
    """What one experiment contributes to the report.

    Parameters
    ----------
    tables : sequence of ResultTable
    findings : sequence of (claim id, Row)
        The number that decides each claim, one for each model (label "model").
    figures : sequence of StudyFigure
    notes : mapping of str to (sequence of str)
        Paragraphs by experiment id: what was found, in words, and what was left out and why.
    """

    tables: Sequence[ResultTable] = ()
    findings: Sequence[tuple[str, Row]] = ()
    figures: Sequence[StudyFigure] = ()
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Analysis(Piece):
    """What a study found: the pieces of all its experiments.

    Parameters
    ----------
    tables, findings, figures, notes
        As in `Piece`.
    verdicts : sequence of Verdict
        Beside those that follow from ``findings``: of claims that a rule on one number cannot decide.
    """

    verdicts: Sequence[Verdict] = ()

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> Analysis:
        """Return all pieces as one, in their order; notes of one experiment follow each other.

        Figures of labels that make the same name, such as ``a_b`` and ``a-b``, get different ones.
        """
        notes: dict[str, list[str]] = {}
        for piece in pieces:
            for experiment, told in piece.notes.items():
                notes.setdefault(experiment, []).extend(told)
        figures = [figure for piece in pieces for figure in piece.figures]
        names = different_names([figure.name for figure in figures])
        return cls(
            tables=[table for piece in pieces for table in piece.tables],
            findings=[finding for piece in pieces for finding in piece.findings],
            figures=[replace(figure, name=name) for figure, name in zip(figures, names, strict=True)],
            notes=notes,
        )


class Study(ABC):
    """A study; without state of its own.

    Class attributes
    ----------------
    title, question : str
    paper : str
        Where the claims come from.
    design : tuple of str
        Paragraphs: what is done, in what order, for readers without a background.
    experiments, claims : tuple
        In the order in which they are shown.
    presets : mapping of str to object
        Sizes under the names "smoke", "quick", "standard", "full".
    limits : tuple of str
        What the study cannot say, and what of the original cannot be regenerated.
    """

    title: ClassVar[str]
    question: ClassVar[str]
    paper: ClassVar[str] = ""
    design: ClassVar[tuple[str, ...]] = ()
    experiments: ClassVar[tuple[Experiment, ...]] = ()
    claims: ClassVar[tuple[Claim, ...]] = ()
    presets: ClassVar[Mapping[str, Any]] = {}
    limits: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def parts(self, context: StudyContext) -> Sequence[Part]:
        """Return everything that has to be computed, in order; quick, and the same each time.

        Order parts by model: only one model is kept in memory.
        """

    @abstractmethod
    def analyse(self, context: StudyContext, results: Mapping[str, PartResult]) -> Analysis:
        """Return tables, findings and figures; ``results`` holds every part's by its name."""

    def sizes(self, preset: str) -> Any:
        """Return the sizes of a preset; MeasurementError where there is none of that name."""
        if preset not in self.presets:
            known = tuple(self.presets)
            raise MeasurementError(
                f"unknown preset {preset!r}{did_you_mean(preset, known)} Available: {', '.join(known)}"
            )
        return self.presets[preset]

    def verdicts(self, analysis: Analysis) -> tuple[Verdict, ...]:
        """Return the verdicts in the order of the claims, then of the findings.

        Raises
        ------
        MeasurementError
            A finding for a claim that the study does not have.
        """
        found = [claim_of(self.claims, claim).judge(row) for claim, row in analysis.findings]
        found += analysis.verdicts
        order = {claim.id: index for index, claim in enumerate(self.claims)}
        return tuple(sorted(found, key=lambda verdict: order[claim_of(self.claims, verdict.claim).id]))


studies: Registry[type[Study]] = Registry("study")
