"""What all parts of one model's plan share: names, sizes, material, settings of writing, and estimates."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pysteer.formats.texts import Texts
from pysteer.measurements.measured import Data, Work
from pysteer.studies.model_settings import layers_to_sweep
from pysteer.studies.quantised_model import QuantisedModel, quantised_models
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff.sizes import Sizes
from pysteer.studies.tradeoff.study_material import material_of

_BATCH = 12.0
"""How many times faster many texts are written at once than one alone, for the estimate."""


def name_of(model: StudyModel, *words: str) -> str:
    """Return the name of a part."""
    return " / ".join((model.label, *words))


def coarser_models(context: StudyContext, model: StudyModel) -> list[QuantisedModel]:
    """Return the models made of one by coarser weights; types that are no coarser are left out."""
    sizes: Sizes = context.sizes
    return quantised_models(model, sizes.quantisations)


class ModelPlan:
    """One model, and what it is studied on."""

    def __init__(self, context: StudyContext, model: StudyModel) -> None:
        self.context, self.seed, self.model = context, context.seed, model
        self.sizes: Sizes = context.sizes
        self.material = material_of(context, model)
        self.styles = self.material.styles
        requests = [pair.prompt for style in self.styles for pair in style.validation]
        self.replies = Texts("validation requests", tuple(dict.fromkeys(requests)))
        self.n_items = (len(self.material.tasks.asked), len(self.material.requests))
        self.layers = sorted({*layers_to_sweep(model, self.sizes.n_search_layers), self.material.layer})

    def writing(self, n_items: tuple[int, int]) -> dict[str, Any]:
        return {
            "place": self.material.place,
            "thoughts": self.material.tasks.thoughts,
            "n_items": list(n_items),
            "max_tokens": self.material.max_tokens,
            "seed": self.seed,
        }

    @property
    def items(self) -> dict[str, Data]:
        return {"questions": self.material.tasks.asked, "requests": self.material.requests}

    def written(self, n_texts: int, n_prompt: int, *, n_read: int = 3) -> Work:
        """Tokens of texts that are written together and read again by the unsteered model."""
        n_generated = n_texts * self.material.max_tokens
        n_tokens = n_texts * n_prompt * n_read + 2 * n_generated
        return Work(n_tokens, n_generated=round(n_generated / _BATCH), n_ctx=8192)


def both_passes(first: Work, second: Work) -> Work:
    """Return the work of two passes."""
    return replace(second, n_tokens=first.n_tokens + second.n_tokens)
