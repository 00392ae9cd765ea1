"""The models of a study: named, hashed, and loaded only while their parts are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pysteer.errors import MeasurementError, ModelError
from pysteer.file_hash import file_hash
from pysteer.measurements.subject import Subject
from pysteer.model import Model
from pysteer.prompt_settings import PromptSetting


@dataclass(frozen=True)
class ModelOptions:
    """How models are loaded and computed; as `Session` and `Model.load` take them."""

    n_gpu_layers: int = 0
    n_threads: int | None = None
    kv_type: str = "f16"
    n_ctx: int | None = None


class Shelf:
    """Keeps one model of a study in memory: opening another one puts the first one back."""

    def __init__(self) -> None:
        self._open: StudyModel | None = None

    def take(self, model: StudyModel) -> None:
        """Note that ``model`` is being opened, and close the one that was open."""
        if self._open is not None and self._open is not model:
            self._open.close()
        self._open = model

    def clear(self) -> None:
        """Close whatever is open."""
        if self._open is not None:
            self._open.close()
        self._open = None


class StudyModel:
    """A model file under the name that tables and figures use.

    Parameters
    ----------
    path : str or Path
    label : str
    options : ModelOptions
    shelf : Shelf, optional
        Shared by the models of a study.
    """

    def __init__(
        self, path: str | Path, label: str, *, options: ModelOptions | None = None, shelf: Shelf | None = None
    ) -> None:
        self.path, self.label = Path(path), label
        self.options = options or ModelOptions()
        self.shelf = shelf or Shelf()
        self._subject: Subject | None = None

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the file."""
        path = self._file()
        if not path.is_file():
            raise ModelError(f"{path}: there is no such model file")
        return file_hash(path)

    @property
    def identity(self) -> dict[str, Any]:
        """What about the model decides a result: its file, and how it is computed."""
        return {"file": self.hash, "kv_type": self.options.kv_type, "n_gpu_layers": self.options.n_gpu_layers}

    @property
    def root(self) -> StudyModel:
        """The model that was given: itself, or what it was made of. Its speed and memory serve for estimates."""
        return self

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._file().stat().st_size

    @property
    def loaded(self) -> Model:
        """The model itself; loaded when it is first asked for."""
        return self._opened().model

    @property
    def raw(self) -> bool:
        """Whether prompts go to it as they are: it has no chat template."""
        return not self.loaded.has_chat_template

    def subject(self, *, setting: PromptSetting | None = None, raw: bool | None = None, seed: int = 0) -> Subject:
        """Return the model as measurements take it, with a session that stays open between parts.

        It is the same object each time, turned to this setting: use one at a time.

        Parameters
        ----------
        raw : bool, optional
            Prompts as they are. Default: where the model has no chat template.
        """
        subject = self._opened()
        subject.setting, subject.seed = setting, seed
        subject.raw = self.raw if raw is None else raw
        return subject

    def close(self) -> None:
        """Give its memory back; it is loaded again when it is needed again."""
        if self._subject is not None:
            self._subject.close()
        self._subject = None

    def _opened(self) -> Subject:
        if self._subject is None:
            self.shelf.take(self)
            model = Model.load(self._file(), n_gpu_layers=self.options.n_gpu_layers)
            options = self.options
            self._subject = Subject(model, n_threads=options.n_threads, kv_type=options.kv_type, n_ctx=options.n_ctx)
        return self._subject

    def _file(self) -> Path:
        """Return the file to load; made first by those models that are made."""
        return self.path

    def __repr__(self) -> str:
        return f"StudyModel({str(self.path)!r}, {self.label!r})"


def study_models(paths: Sequence[str | Path], *, options: ModelOptions | None = None) -> tuple[StudyModel, ...]:
    """Return the models of a study under short, different names: the files' stems.

    Raises
    ------
    ModelError
        A file is missing.
    MeasurementError
        No model, or the same file twice.
    """
    if not paths:
        raise MeasurementError("a study needs a model: --model FILE")
    shelf = Shelf()
    stems = [Path(path).stem for path in paths]
    labels = [
        stem if stems.count(stem) == 1 else f"{Path(path).parent.name}/{stem}"
        for path, stem in zip(paths, stems, strict=True)
    ]
    models = tuple(
        StudyModel(path, label, options=options, shelf=shelf) for path, label in zip(paths, labels, strict=True)
    )
    hashes = [model.hash for model in models]
    for index, hash in enumerate(hashes):
        if hashes.index(hash) != index:
            raise MeasurementError(f"{models[index].path}: the same model as {models[hashes.index(hash)].path}")
    if len(set(labels)) != len(labels):
        raise MeasurementError(f"expected files with different names, got {', '.join(map(str, paths))}")
    return models
