"""What the parts compute of text: how well the steered model predicts it, and what it writes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pysteer.arrays import Float64Array
from pysteer.batch_generation import TOO_LONG
from pysteer.measurements.written_texts import writing_plan, written
from pysteer.steering_program import Compiled, compile_interventions
from pysteer.studies.mechanisms.measuring import random_directions, vector_of
from pysteer.studies.mechanisms.steering import intervention
from pysteer.studies.parts import PartResult, Task
from pysteer.text_perplexity import room_for_windows, windows_of
from pysteer.text_surprise import text_surprise
from pysteer.text_windows import TextWindow, WindowTable, measure_windows
from pysteer.window import Window

MODULES = (
    "pysteer.answer_jobs",
    "pysteer.batch_generation",
    "pysteer.chat_template",
    "pysteer.generation",
    "pysteer.generation_queue",
    "pysteer.measurements.written_texts",
    "pysteer.prompt_conditions",
    "pysteer.sampling",
    "pysteer.studies.mechanisms.measuring",
    "pysteer.studies.mechanisms.steering",
    "pysteer.text_perplexity",
    "pysteer.text_surprise",
    "pysteer.text_windows",
)
"""Whose code decides the numbers, besides this file's."""
COLUMNS = ("nll", "kl", "entropy")
"""Of the tables of windows."""
_ALL = Window.parse("all")


def choose_corpus(task: Task) -> PartResult:
    """Choose the text that all models of a run are measured on: the one that they read best.

    That is the lowest mean over models of the loss per token, by its name among equals. Content: ``chosen``, and
    ``nll`` by name, nats per token, of this part's own model.
    """
    losses = [found.content["nll"] for found in task.inputs.values()]
    mean = {name: float(np.mean([each[name] for each in losses])) for name in sorted(losses[0])}
    return PartResult(
        {"chosen": min(mean, key=lambda name: mean[name]), "nll": task.inputs[task.settings["own"]].content["nll"]}
    )


def read_corpora(task: Task) -> PartResult:
    """Read the first windows of every text without steering; content ``nll`` by name, nats per token."""
    nll = {}
    for name in sorted(task.data):
        windows = _windows(task, name)
        tables = _tables(task, windows, [], 0, 1)
        nll[name] = float(np.concatenate([table[0].nll for table in tables]).mean())
    return PartResult({"nll": nll})


def read_windows(task: Task) -> PartResult:
    """Read windows of text with the vector and, at strengths of their own, with random directions of its norm.

    Arrays, each (n_windows, n_coefficients), means over a window's scored tokens: ``nll``, ``kl`` (from the unsteered
    model), ``entropy``, nats. ``tokens`` (n_windows,), scored. With random directions also ``random_nll`` and so on,
    (n_windows, n_random, n_random_coefficients). Content: ``file_hash`` of the weights that read.
    """
    layer, vector = vector_of(task)
    randoms = random_directions(vector, task.settings["n_random"], task.settings["seed"], layer)
    own, drawn = task.settings["coefficients"], task.settings["random_coefficients"]
    steered = [(vector, layer, own), *((direction, layer, drawn) for direction in randoms)]
    tokens, (first, *others) = _read(task, steered)
    arrays = {f"random_{name}": np.stack([each[name] for each in others], axis=1) for name in COLUMNS if others}
    content = {"layer": layer, "file_hash": task.model.hash}
    return PartResult(content, {**first, **arrays, "tokens": tokens})


def read_layers(task: Task) -> PartResult:
    """Read windows of text with the vector of each layer at that layer.

    Arrays as `read_windows`, each (n_windows, n_layers, n_coefficients).
    """
    found, layers = task.inputs["layers"], task.settings["layers"]
    rows = dict(zip(found.content["layers"], found.arrays["directions"], strict=True))
    tokens, tables = _read(task, [(rows[layer], layer, task.settings["coefficients"]) for layer in layers])
    arrays = {name: np.stack([each[name] for each in tables], axis=1) for name in COLUMNS}
    return PartResult({"layers": layers}, {**arrays, "tokens": tokens})


def write_texts(task: Task) -> PartResult:
    """Write texts at every strength, greedily.

    Content, [prompt][strength]: ``texts``; ``stops``, the reason for which each ended, "too long" where there was no
    room for one; these are the failures. Arrays, (n_prompts, n_coefficients): ``surprise`` of the unsteered model at
    what was written, nats per token, NaN for an empty text; ``n_tokens``.
    """
    layer, vector = vector_of(task)
    subject = task.model.subject()
    prompts = list(task.data["prompts"])
    strengths = task.settings["coefficients"]
    plan = writing_plan(subject, max_tokens=task.settings["n_words"], temperature=0.0)
    steerings = [[intervention(vector, layer, strength)] if strength else [] for strength in strengths]
    rows = written(subject, prompts, steerings, plan, task.progress)
    rendered = [plan.prompt_text(subject.model, prompt) for prompt in prompts]
    surprise = text_surprise(
        subject.model,
        [prompt for prompt in rendered for _ in strengths],
        [text.tokens for row in rows for text in row],
        session=subject.session_for_texts,
    ).reshape(len(prompts), len(strengths))
    n_tokens = np.array([[len(text.tokens) for text in row] for row in rows])
    texts = [[text.text for text in row] for row in rows]
    stops = [[text.stop_reason for text in row] for row in rows]
    return PartResult(
        {"texts": texts, "stops": stops, "layer": layer},
        {"surprise": surprise, "n_tokens": n_tokens},
        failures=sum(stop == TOO_LONG for row in stops for stop in row),
    )


def _read(
    task: Task, steered: Sequence[tuple[Float64Array, int, Sequence[float]]]
) -> tuple[Float64Array, list[dict[str, Float64Array]]]:
    """Return scored tokens by window, and for each direction at a layer its columns, (n_windows, n_strengths).

    The strengths of one direction are computed side by side.
    """
    windows = _windows(task, task.inputs["corpus"].content["chosen"])
    found = []
    for number, (direction, layer, strengths) in enumerate(steered):
        active = [compile_interventions([intervention(direction, layer, c, _ALL)]) for c in strengths if c]
        found.append(_by_strength(_tables(task, windows, active, number, len(steered)), strengths))
    return np.array([window.n_scored for window in windows], dtype=np.float64), found


def _windows(task: Task, name: str) -> list[TextWindow]:
    """Return the beginnings of the first texts of a corpus: one window of each, as those of one text are alike.

    Windows are drawn as if texts were independent. Pieces of an encyclopaedia are so only as long as there are fewer
    of them than articles: `corpora` takes them from all over it.
    """
    model = task.model.loaded
    size = int(task.settings["window_size"])
    texts = list(task.data[name])[: task.settings["n_windows"]]
    windows = [windows_of(model, [text], size)[0] for text in texts]
    # The edit begins at the first token: a text is all answer.
    return [TextWindow(window.tokens, window.first, 1) for window in windows]


def _tables(
    task: Task, windows: Sequence[TextWindow], active: Sequence[Compiled], number: int, n: int
) -> list[list[WindowTable]]:
    n_ctx, n_batch = room_for_windows(windows, 1 + len(active))
    session = task.model.subject().session(n_ctx=n_ctx, n_batch=n_batch, n_sequences=1 + len(active))

    def progress(done: int, total: int) -> None:
        task.progress(number * total + done, n * total)

    return list(measure_windows(session, windows, active, progress=progress))


def _by_strength(tables: list[list[WindowTable]], strengths: Sequence[float]) -> dict[str, Float64Array]:
    """Return means over each window's tokens, (n_windows, n_coefficients), by column; strength 0 is the base itself."""
    places = np.cumsum([bool(strength) for strength in strengths])
    chosen = [
        [row[place] if strength else row[0].as_steered() for strength, place in zip(strengths, places, strict=True)]
        for row in tables
    ]
    return {
        name: np.array([[getattr(table, name).mean() for table in row] for row in chosen], dtype=np.float64)
        for name in COLUMNS
    }
