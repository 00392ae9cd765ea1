"""The parts of E23: choice of behaviours, searches, samples, tests; then coarser weights, and what was planted.

Which behaviours steer is not known before they are measured. So the parts are those of the first, second, ... best
steered behaviour, and each of them has the items of all.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from pysteer.demo import model_path
from pysteer.measurements.measured import Data, Work
from pysteer.pair_text import answer_pair
from pysteer.pairs import ContrastPair, Dataset
from pysteer.studies.balanced import balanced
from pysteer.studies.mechanisms import adversarial_measuring as measuring
from pysteer.studies.mechanisms.adversarial_sizes import CHOICE_STRENGTHS, AdversarialSizes
from pysteer.studies.mechanisms.adversarial_strings import natural_texts
from pysteer.studies.mechanisms.behaviours import Behaviour, Material, name_of
from pysteer.studies.parts import Part, PartResult, Task
from pysteer.studies.quantised_model import quantised_models
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel

_SEARCHED, _DRAWN = 1.0, 0.8
"""Work with respect to the tokens of strings and answers: what strings share is computed once; searches also ask the
model what it would write."""
_TAIL, _PROMPT = 4, 40
"""Tokens between message and answer, and of a message with what stands around it; for estimates."""
_FEWEST = 2
"""Items to search on, and to test on."""
_SEARCH = ("answer_tokens", "length", "n_slots", "n_children", "budget", "restart_every")
_SIZES: Mapping[Callable[[Task], PartResult], tuple[str, ...]] = {
    measuring.search_strings: _SEARCH,
    measuring.sample_strings: ("answer_tokens", "length", "budget"),
    measuring.compare_strings: ("answer_tokens", "length", "n_restarts", "n_random", "n_natural"),
    measuring.search_persona: (*_SEARCH, "n_random"),
}
"""The sizes that each part's function reads."""
REVERSED = "sociability"
"""The embedded model's disposition with a theme on which answers are reversed."""


def unfit(each: Behaviour) -> str | None:
    """Return why no strings are searched for a behaviour, on whatever model; None where they can be."""
    if not all(pair.prompt for pair in (*each.validation, *each.test)):
        return f"{each.name} has no messages that a string could be put behind"
    if not each.has_rate:
        return f"the answers of {each.name} differ in length, so which one is preferred says nothing about it"
    return None


def n_ranks(results: Mapping[str, PartResult], model: StudyModel) -> int:
    """Return for how many behaviours of a model strings were searched."""
    return next(rank for rank in itertools.count() if part_name(model, rank, "strings") not in results)


def part_name(model: StudyModel, rank: int, *words: str, weights: str = "") -> str:
    """Return the name of a part of the ``rank``-th best steered behaviour, counted from 0."""
    return name_of(model, " ".join(["adversarial", str(rank + 1), *([weights] if weights else [])]), *words)


def choice_name(model: StudyModel) -> str:
    """Return the name of the part that chooses behaviours and strengths."""
    return name_of(model, "adversarial", "choice")


def persona_name(model: StudyModel) -> str:
    """Return the name of the part about the planted reversal."""
    return name_of(model, "adversarial", "planted reversal")


def adversarial_parts(
    context: StudyContext, material: Material, model: StudyModel, sizes: AdversarialSizes
) -> list[Part]:
    """Return the parts of one model; those of its vectors come before them."""
    plan = _Plan(context, material, model, sizes)
    return plan.parts() if plan.behaviours else []


class _Plan:
    def __init__(self, context: StudyContext, material: Material, model: StudyModel, sizes: AdversarialSizes) -> None:
        self.context, self.material, self.model, self.sizes = context, material, model, sizes
        self.natural = natural_texts(material.is_embedded)
        self.behaviours: list[Behaviour] = []
        self.search_items: dict[str, Dataset] = {}
        self.test_items: dict[str, Dataset] = {}
        self.left_out: list[str] = []
        for each in material.behaviours:
            self._take(each)
        self.vectors = {each.name: name_of(model, each.name, "vectors") for each in self.behaviours}

    def _take(self, each: Behaviour) -> None:
        """Take a behaviour and its items that leave room for strings, or note why not."""
        reason = unfit(each)
        search = [] if reason else self._some(each, each.validation, self.sizes.n_search_items)
        test = [] if reason else self._some(each, each.test, self.sizes.n_test_items)
        if reason or min(len(search), len(test)) < _FEWEST:
            self.left_out.append(reason or f"with a string, hardly any item of {each.name} fits the context")
            return
        self.behaviours.append(each)
        self.search_items[each.name] = Dataset(tuple(search), each.validation.name)
        self.test_items[each.name] = Dataset(tuple(test), each.test.name)

    def parts(self) -> list[Part]:
        sizes = self.sizes
        parts = [self._choice()]
        for rank in range(min(sizes.n_behaviours, len(self.behaviours))):
            parts += self._rank(rank, self.model, "")
        parts += self._planted()
        for other in quantised_models(self.model, sizes.quantisations):
            parts += self._rank(0, other, other.weight_type)
        return parts

    def _choice(self) -> Part:
        n_tokens = sum(
            len(each.validation) * (_PROMPT + self._answer(number)) for number, each in enumerate(self.behaviours)
        )
        return Part(
            choice_name(self.model),
            measuring.choose_behaviours,
            settings={
                "strengths": CHOICE_STRENGTHS,
                "answer_tokens": self.sizes.answer_tokens,
                "left_out": self.left_out,
            },
            data={each.name: each.validation for each in self.behaviours},
            model=self.model,
            needs={"layer": name_of(self.model, "layer"), **self.vectors},
            work=Work((1 + len(CHOICE_STRENGTHS)) * n_tokens),
            modules=measuring.MODULES,
        )

    def _rank(self, rank: int, model: StudyModel, weights: str) -> list[Part]:
        """Return searches, samples and test of one behaviour; samples only on the weights given."""
        found = [self._restart(rank, model, weights, restart, kind) for restart, kind in self._runs(weights)]
        needs = {
            f"{kind} {restart}": part.name for (restart, kind), part in zip(self._runs(weights), found, strict=True)
        }
        sizes = self.sizes
        n_strings = sizes.n_restarts * (measuring.N_FRONT + 4) + sizes.n_random + sizes.n_natural
        strings = self._part(
            part_name(self.model, rank, "strings", weights=weights),
            measuring.compare_strings,
            {"rank": rank, "seed": self._seed(rank, 999)},
            self._items("test"),
            {**self._needs(), **needs},
            model,
            2 * n_strings * sizes.n_test_items * self._each(rank),
        )
        return [*found, strings]

    def _runs(self, weights: str) -> list[tuple[int, str]]:
        kinds = ("search",) if weights else ("search", "sample")
        return [(restart, kind) for restart in range(self.sizes.n_restarts) for kind in kinds]

    def _restart(self, rank: int, model: StudyModel, weights: str, restart: int, kind: str) -> Part:
        share = _SEARCHED if kind == "search" else _DRAWN
        return self._part(
            part_name(self.model, rank, f"{kind} {restart + 1}", weights=weights),
            measuring.search_strings if kind == "search" else measuring.sample_strings,
            {"rank": rank, "seed": self._seed(rank, restart)},
            self._items("search"),
            self._needs(),
            model,
            round(share * self.sizes.budget * self.sizes.n_search_items * self._each(rank)),
        )

    def _planted(self) -> list[Part]:
        """Return the search for what was planted in the embedded model."""
        each = next((one for one in self.behaviours if one.name == REVERSED), None)
        if not self.material.is_embedded or each is None:
            return []
        truths = json.loads((model_path().parent / "planted_truths.json").read_text("utf-8"))
        theme = truths["reversed_theme"]
        words = {name: [f" {one}" for one in phrases] for name, phrases in truths["themes"].items()}
        settings = {
            "seed": self._seed(99, 0),
            "persona": truths["dispositions"][REVERSED]["persona_positive"],
            "planted": words.pop(theme),
            "other": [one for phrases in words.values() for one in phrases],
        }
        themed = truths["themes"][theme]
        search = self._without(each.validation, themed, self.sizes.n_search_items)
        test = self._without(each.test, themed, self.sizes.n_test_items)
        if min(len(search), len(test)) < _FEWEST:
            return []
        sides = {"search": Dataset(search, each.validation.name), "test": Dataset(test, each.test.name)}
        n_tokens = round(_SEARCHED * self.sizes.budget * self.sizes.n_search_items * (self.sizes.length + _TAIL + 2))
        return [
            self._part(
                persona_name(self.model), measuring.search_persona, settings, {**sides, "natural": self.natural}, {},
                self.model, n_tokens + 40 * self.sizes.n_test_items * 12,
            )
        ]  # fmt: skip

    def _without(self, items: Dataset, phrases: Sequence[str], n: int) -> tuple[ContrastPair, ...]:
        """Return items without the theme, as many with each letter."""
        kept = [pair for pair in items if not any(phrase in pair.prompt for phrase in phrases)]
        return self._balanced(kept, n)

    def _balanced(self, pairs: Sequence[ContrastPair], n: int) -> tuple[ContrastPair, ...]:
        return balanced(Dataset(tuple(pairs), "items"), n, seed=self.context.seed).pairs if pairs else ()

    def _part(
        self,
        name: str,
        compute: Callable[[Task], PartResult],
        settings: Mapping[str, object],
        data: Mapping[str, Data],
        needs: Mapping[str, str],
        model: StudyModel,
        n_tokens: int,
    ) -> Part:
        # What does not decide the part's result must not be in its key.
        sizes = {size: getattr(self.sizes, size) for size in _SIZES[compute]}
        return Part(
            name, compute, settings={**sizes, **settings}, data=data, model=model, needs=needs, work=Work(n_tokens),
            modules=measuring.MODULES,
        )  # fmt: skip

    def _items(self, side: str) -> dict[str, Data]:
        chosen = self.search_items if side == "search" else self.test_items
        return {**{f"{name} {side}": items for name, items in chosen.items()}, "natural": self.natural}

    def _needs(self) -> dict[str, str]:
        return {"choice": choice_name(self.model), **self.vectors}

    def _some(self, each: Behaviour, items: Dataset, n: int) -> Sequence[ContrastPair]:
        """Return items to put strings behind; of questionnaires, as many with each letter."""
        kept = [pair for pair in items if self._fits(pair)]
        return self._balanced(kept, n) if each.is_letters else kept[:n]

    def _fits(self, pair: ContrastPair) -> bool:
        model, raw = self.model.loaded, self.model.raw
        longest = max(len(side.tokens) for side in answer_pair(model, pair, raw=raw))
        return longest + 2 * self.sizes.length <= model.n_ctx_train

    def _seed(self, rank: int, restart: int) -> int:
        return int(np.random.SeedSequence([self.context.seed, rank, restart]).generate_state(1)[0])

    def _answer(self, rank: int) -> int:
        """Tokens of answers that one item of the ``rank``-th behaviour computes; contrasts of texts come first."""
        n_texts = sum(not each.is_letters for each in self.behaviours)
        return 2 * self.sizes.answer_tokens + 2 if rank < n_texts else 2

    def _each(self, rank: int) -> int:
        """Tokens that one string takes with one item."""
        return self.sizes.length + _TAIL + self._answer(rank)
