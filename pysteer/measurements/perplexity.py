"""How well does the steered model still predict text, and how far did its predictions move?

Perplexity over windows as llama.cpp's tool has them, or over documents, or over answers to prompts in the model's chat
format; KL(unsteered || steered), agreement on the most probable token, and entropy at the same tokens. Source of the
measure for steering: "Patterns and Mechanisms of Contrastive Activation Engineering", arXiv:2505.03189.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pysteer.errors import MeasurementError
from pysteer.formats.texts import Texts
from pysteer.measurements.measured import About, Measured, Result, Work
from pysteer.measurements.measurement import Measurement, Steering, measurements
from pysteer.measurements.running_text import RunningText
from pysteer.measurements.subject import Subject
from pysteer.pair_text import answer_pair
from pysteer.pairs import Dataset
from pysteer.progress import Progress, silent
from pysteer.steering_program import compile_interventions
from pysteer.text_perplexity import WINDOW_SIZE, room_for_windows, windows_of
from pysteer.text_windows import TextWindow, WindowTable, measure_windows


@measurements.register("perplexity")
@dataclass(frozen=True)
class Perplexity(Measurement):
    """Perplexity, KL from the unsteered model, same most probable token, entropy.

    An item is a window of a `RunningText`, whose second half is scored; or a text of `Texts` (a window of it, if it is
    longer), scored from its second token on; or an answer of a `Dataset`, wanted and other, scored given its prompt.
    For the windows of interventions, a text is all answer to a prompt of one token.

    Parameters
    ----------
    window_size : int, optional
        Tokens in a window, at least 4. Default: 512, or what the model was trained for if that is less.
    """

    data_types = (RunningText, Texts, Dataset)
    beside_base = True
    depends_on = ("pysteer.text_perplexity", "pysteer.text_windows", "pysteer.pair_text")
    window_size: int | None = None

    def __post_init__(self) -> None:
        if self.window_size is not None and (not isinstance(self.window_size, int) or self.window_size < 4):
            raise MeasurementError(f"window_size is {self.window_size!r}; expected a number of tokens, at least 4")

    def measure(
        self,
        subject: Subject,
        data: RunningText | Texts | Dataset,
        steerings: Sequence[Steering],
        progress: Progress = silent,
    ) -> list[Measured]:
        windows = self._windows(subject, data)
        compiled = [compile_interventions(steering) for steering in steerings]
        active = [steering for steering in compiled if steering]
        n_ctx, n_batch = room_for_windows(windows, 1 + len(active))
        session = subject.session(n_ctx=n_ctx, n_batch=n_batch, n_sequences=1 + len(active))
        tables = list(measure_windows(session, windows, active, progress=progress))
        places = np.cumsum([bool(steering) for steering in compiled])
        return [
            _measured([table[place] if steering else table[0].as_steered() for table in tables])
            for steering, place in zip(compiled, places, strict=True)
        ]

    def scores(self, measured: Measured, base: Measured, about: About) -> list[Result]:
        """Every metric of windows, over those that have a number with steering and without."""
        arrays = {**measured.values, "base_window_nll": base.values["window_nll"]}
        arrays["base_window_entropy"] = base.values["window_entropy"]
        known = np.all([np.isfinite(values) for values in arrays.values()], axis=0)
        return about.metrics_of(
            failures=int((~known).sum()), **{name: values[known] for name, values in arrays.items()}
        )

    def uses_setting_on(self, data: object) -> bool:
        return isinstance(data, Dataset)

    def check(self, subject: Subject, data: RunningText | Texts | Dataset) -> None:
        self._windows(subject, data)

    def work(self, subject: Subject, data: RunningText | Texts | Dataset, steerings: Sequence[Steering]) -> Work:
        windows = self._windows(subject, data)
        n_tokens = n_outputs = 0
        compiled = [compile_interventions(steering) for steering in steerings]
        active = [steering for steering in compiled if steering]
        for window in windows:
            begins = (b for edits in active for edit in edits for b, _ in edit.window.resolve(window.n_prompt))
            length = len(window.tokens) - 1
            alike = min([*begins, length], default=length) if active else 0
            n_tokens += alike + (1 + len(active)) * (length - alike)
            n_outputs += max(0, alike - window.first) + (1 + len(active)) * (length - max(alike, window.first))
        n_ctx, _ = room_for_windows(windows, 1 + len(active))
        return Work(n_tokens, n_outputs=n_outputs, n_ctx=n_ctx, n_sequences=1 + len(active))

    def _windows(self, subject: Subject, data: RunningText | Texts | Dataset) -> list[TextWindow]:
        model = subject.model
        if isinstance(data, Dataset):
            sides = [
                side for pair in data for side in answer_pair(model, pair, raw=subject.raw, setting=subject.setting)
            ]
            prompts = [max(1, side.n_prompt) for side in sides]
            return [TextWindow(side.tokens.ids, n - 1, n) for side, n in zip(sides, prompts, strict=True)]
        size = self.window_size or min(WINDOW_SIZE, model.n_ctx_train)
        windows = windows_of(model, data.text if isinstance(data, RunningText) else list(data), size)
        return [TextWindow(window.tokens, window.first, 1) for window in windows]


def _measured(tables: Sequence[WindowTable]) -> Measured:
    """Return one steering's means over the scored tokens of each window."""
    columns = {"window_nll": "nll", "window_kl": "kl", "window_agreement": "same", "window_entropy": "entropy"}
    values = {name: np.array([getattr(table, of).mean() for table in tables]) for name, of in columns.items()}
    return Measured({**values, "window_tokens": np.array([len(table.nll) for table in tables], dtype=np.float64)})
