"""The parts of the study, in order: words without vectors, where something was planted; vectors of tasks; choices on
validation words; answers in every arm; behaviours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pysteer.batch_generation import item_seed
from pysteer.errors import DataError
from pysteer.formats.word_pairs import WordPairs
from pysteer.function_vectors.function_vector import default_layer, default_n_heads
from pysteer.measurements.measured import Work
from pysteer.studies.icl import making, measuring
from pysteer.studies.icl.behaviours import Behaviour, load_behaviours
from pysteer.studies.icl.sizes import Sizes
from pysteer.studies.icl.tasks import MAX_TOKENS, Fold, asks_for_case, is_embedded, load_folds, random_texts
from pysteer.studies.icl.text_plan import text_parts
from pysteer.studies.icl.work import PER_WRITTEN, mean_tokens, name_of, scan_settings, scan_work
from pysteer.studies.parts import Part, PartResult, Task
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel

N_ARMS = 7
"""Arms without the random directions; see `measuring.arms_of`."""
HEAD_COUNTS = (1, 2, 3, 5, 8, 10, 15, 20, 30, 40, 64)
"""Heads in a vector that are tried, of those that a model has; and all that can be had."""
TRAINED = "as trained"
TEMPLATES = {
    TRAINED: ("Q:", "\n", "A:", "\n\n"),
    "on one line": ("Q:", " ", "A:", "\n\n"),
    "arrow": ("", " ", "->", "\n"),
    "other words": ("Input:", "\n", "Output:", "\n\n"),
    "colon": ("", "", ":", "\n"),
}
"""Prefix of the question, what follows the word, prefix of the answer, what separates examples."""
SENTENCES = {
    "friend": ("My friend said", " and I answered", "", ""),
    "hear": ("Whenever I hear the word", ", I think of", "", ""),
    "note": ("On the sheet it says", ", and next to it stands", "", ""),
}
"""Running text around the word, written for this study."""


@dataclass(frozen=True, eq=False)
class Material:
    """What one model is studied on.

    Parameters
    ----------
    folds : tuple of Fold
    behaviours : tuple of Behaviour
    missing_tasks, missing_behaviours : mapping of str to str
        Why a task, a split of one, or a behaviour is left out.
    random : str
        What the other side of functional demonstrations is.
    """

    folds: tuple[Fold, ...]
    behaviours: tuple[Behaviour, ...]
    missing_tasks: Mapping[str, str] = field(default_factory=dict)
    missing_behaviours: Mapping[str, str] = field(default_factory=dict)
    random: str = ""


@lru_cache(maxsize=8)
def load_material(context: StudyContext, model: StudyModel) -> Material:
    """Return the functional and behavioural tasks of a model; DataError where it has neither."""
    folds, missing_tasks = load_folds(context, model)
    behaviours, missing_behaviours = load_behaviours(context, model)
    if not folds and not behaviours:
        told = told_missing({**missing_tasks, **missing_behaviours})
        raise DataError(f"{model.label}: no functional task and no behaviour fits. {told}")
    return Material(folds, behaviours, missing_tasks, missing_behaviours, random_texts(context, model).name)


def told_missing(reasons: Mapping[str, str]) -> str:
    """Return what is left out and why, as text; empty where nothing is."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason, []).append(name)
    return "; ".join(f"{', '.join(some)}: {reason}" for reason, some in names.items())


def make_parts(context: StudyContext) -> list[Part]:
    """Return all parts, model by model."""
    return [part for model in context.models for part in _ModelPlan(context, model).parts()]


def all_words(fold: Fold) -> WordPairs:
    """Return the words of a split: its training side, then what is asked of its test and validation sides."""
    return WordPairs(fold.task, tuple(pair for side in (fold.train, fold.test, fold.valid) for pair in side))


def layer_sets(n_layers: int) -> dict[str, list[int]]:
    """Return the sets of blocks after which the function vector is added, by name."""
    middle = n_layers // 2
    return {
        "one third": [default_layer(n_layers)],
        "first": [0],
        "last": [n_layers - 1],
        "middle": [middle],
        "middle2": [max(0, middle - 1), middle] if n_layers > 1 else [0],
        "middle4": list(range(max(0, middle - 2), min(n_layers, middle + 2))),
        "all": list(range(n_layers)),
    }


class _ModelPlan:
    def __init__(self, context: StudyContext, model: StudyModel) -> None:
        self.context, self.model = context, model
        self.seed: int = context.seed
        self.sizes: Sizes = context.sizes
        self.material = load_material(context, model)
        self.random = random_texts(context, model)

    def parts(self) -> list[Part]:
        functional = self._functional(self.material.folds) if self.material.folds else []
        return [*functional, *text_parts(self.context, self.model, self.material.behaviours)]

    def _functional(self, folds: Sequence[Fold]) -> list[Part]:
        vectors = [self._vectors(fold) for fold in folds]
        grids = [self._grid(fold) for fold in folds]
        choice = self._part(
            name_of(self.model, "in-context choice"),
            measuring.choose_in_context,
            {"alphas": self.sizes.alphas, "n_demos": self._n_demos(folds)},
            needs={fold.name: part.name for fold, part in zip(folds, grids, strict=True)},
        )
        tried = [self._heads(fold) for fold in folds]
        heads = self._part(
            name_of(self.model, "heads choice"),
            measuring.choose_heads,
            {},
            needs={fold.name: part.name for fold, part in zip(folds, tried, strict=True)},
        )
        arms = [self._arms(fold, choice.name, heads.name) for fold in folds]
        places = [self._places(fold, heads.name) for fold in folds]
        others = [*places, *(self._templates(fold, heads.name) for fold in folds)]
        return [
            *self._planted(),
            *vectors,
            *grids,
            choice,
            *tried,
            heads,
            *arms,
            *others,
        ]

    def _part(
        self, name: str, compute: Callable[[Task], PartResult], settings: Mapping[str, Any], **options: Any
    ) -> Part:
        options.setdefault("modules", measuring.MODULES)
        return Part(name, compute, settings=settings, model=self.model, **options)

    def _n_demos(self, folds: Sequence[Fold]) -> list[int]:
        """Return the numbers of demonstrations that the largest of these folds can give."""
        most = max(len(fold.train) for fold in folds)
        return sorted({min(n, most) for n in self.sizes.n_demos})

    def _about(self, fold: Fold) -> dict[str, Any]:
        return {
            "seed": self.seed + fold.number,
            "keep_case": asks_for_case(fold.task),
            "max_tokens": MAX_TOKENS,
            "n_shots": fold.n_shots,
            "n_bound": fold.n_bound,
        }

    def _planted(self) -> list[Part]:
        if not is_embedded(self.model):
            return []
        return [self._all_words(fold) for fold in self.material.folds if fold.number == 0]

    def _all_words(self, fold: Fold) -> Part:
        words = all_words(fold)
        return self._part(
            name_of(self.model, fold.task, "all words"),
            measuring.answer_all_words,
            self._about(fold),
            data={"words": words},
            work=self._answering(fold, 2 * len(words), 1 + fold.n_shots // 2),
        )

    def _vectors(self, fold: Fold) -> Part:
        return self._part(
            name_of(self.model, fold.name, "vectors"),
            making.make_vectors,
            {**self._about(fold), **scan_settings(self.sizes)},
            data={"train": fold.train, "valid": fold.valid},
            modules=making.MODULES,
            work=scan_work(self.model, self.sizes, self._shot(fold) * (fold.n_shots + 1)),
        )

    def _grid(self, fold: Fold) -> Part:
        n_demos, alphas = self._n_demos([fold]), self.sizes.alphas
        n_texts = (len(fold.valid) + len(fold.test)) * (1 + len(n_demos) * len(alphas))
        return self._part(
            name_of(self.model, fold.name, "in-context grid"),
            measuring.try_in_context,
            {**self._about(fold), "alphas": alphas, "n_demos": n_demos},
            data={"train": fold.train, "valid": fold.valid, "test": fold.test, "random": self.random},
            work=self._answering(fold, n_texts, 1),
        )

    def _arms(self, fold: Fold, choice: str, heads: str) -> Part:
        other = self._other(fold)
        n_arms, n_test = N_ARMS + 2 * self.sizes.n_random, len(fold.test)
        shots = n_arms * (1 + measuring.N_SHUFFLED_SHOTS + 1) + fold.n_shots + fold.n_bound
        return self._part(
            name_of(self.model, fold.name, "arms"),
            measuring.answer_in_arms,
            {**self._about(fold), "random_seeds": self._random_seeds(fold)},
            data={"train": fold.train, "test": fold.test, "random": self.random},
            needs={
                "vectors": name_of(self.model, fold.name, "vectors"),
                **({} if other is None else {"other": name_of(self.model, other.name, "vectors")}),
                "choice": choice,
                "heads": heads,
            },
            work=Work(round(n_test * (2 * shots * self._shot(fold) + PER_WRITTEN * MAX_TOKENS * (2 * n_arms + 2)))),
        )

    def _random_seeds(self, fold: Fold) -> list[int]:
        """Return the seeds of the fold's random directions: each fold has its own, as an interval draws tasks."""
        first = [each.name for each in self.material.folds].index(fold.name) * self.sizes.n_random
        return [item_seed(self.seed, first + number) for number in range(self.sizes.n_random)]

    def _other(self, fold: Fold) -> Fold | None:
        """Return a fold of the next task; None where there is no other."""
        names = list(dict.fromkeys(each.task for each in self.material.folds))
        if len(names) == 1:
            return None
        following = names[(names.index(fold.task) + 1) % len(names)]
        candidates = [each for each in self.material.folds if each.task == following]
        return candidates[min(fold.number, len(candidates) - 1)]

    def _head_counts(self) -> list[int]:
        """Return the numbers of heads to try, the published one among them."""
        n_layers, n_heads = self.model.loaded.n_layers, self.model.loaded.n_heads
        default = default_n_heads(n_layers, n_heads)
        most = min(n_layers * n_heads, max(making.N_KEPT_HEADS, default))
        return sorted({n for n in (*HEAD_COUNTS, default, most) if n <= most})

    def _heads(self, fold: Fold) -> Part:
        counts = self._head_counts()
        return self._part(
            name_of(self.model, fold.name, "heads"),
            measuring.try_heads,
            {**self._about(fold), "n_heads": counts},
            data={"valid": fold.valid},
            needs={"vectors": name_of(self.model, fold.name, "vectors")},
            work=Work(len(fold.valid) * len(counts) * 3),
        )

    def _places(self, fold: Fold, heads: str) -> Part:
        n_layers = self.model.loaded.n_layers
        counts, sets = self._head_counts(), layer_sets(n_layers)
        n_wide = sum(len(blocks) > 1 for blocks in sets.values())
        return self._part(
            name_of(self.model, fold.name, "places"),
            measuring.sweep_places,
            {**self._about(fold), "layers": list(range(n_layers)), "n_heads": counts, "sets": sets},
            data={"test": fold.test},
            needs={"vectors": name_of(self.model, fold.name, "vectors"), "heads": heads},
            # No vector, two curves over blocks, the numbers of heads that are in none of them, sets of several blocks.
            work=Work(len(fold.test) * (2 * n_layers + len(counts) + n_wide) * 3),
        )

    def _templates(self, fold: Fold, heads: str) -> Part:
        n_texts = 3 * len(fold.test)
        work = self._answering(fold, n_texts * len(SENTENCES), 1)
        return self._part(
            name_of(self.model, fold.name, "templates"),
            measuring.other_templates,
            {
                **self._about(fold),
                "templates": TEMPLATES,
                "sentences": SENTENCES,
                "random_seeds": self._random_seeds(fold)[:1],
            },
            data={"test": fold.test},
            needs={"vectors": name_of(self.model, fold.name, "vectors"), "heads": heads},
            work=Work(work.n_tokens + round(n_texts * len(TEMPLATES) * self._shot(fold))),
        )

    def _answering(self, fold: Fold, n_texts: int, n_shots: int) -> Work:
        return Work(round(n_texts * (2 * n_shots * self._shot(fold) + PER_WRITTEN * MAX_TOKENS)))

    def _shot(self, fold: Fold) -> float:
        return mean_tokens(self.model, tuple(f"Q: {p.input}\nA: {p.output}\n\n" for p in fold.train.pairs[:8]))
