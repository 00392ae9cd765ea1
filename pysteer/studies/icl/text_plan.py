"""The parts of the behavioural tasks: vectors of the pairs, strengths tried and chosen, texts scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pysteer.batch_generation import item_seed
from pysteer.measurements.measured import Work
from pysteer.pairs import Dataset
from pysteer.studies.icl import making, measuring, rewriting
from pysteer.studies.icl.behaviours import MAX_TOKENS, Behaviour
from pysteer.studies.icl.sizes import Sizes
from pysteer.studies.icl.work import PER_WRITTEN, mean_tokens, name_of, scan_settings, scan_work
from pysteer.studies.parts import Part
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel

MODULES = (
    *measuring.MODULES,
    "pysteer.answer_jobs",
    "pysteer.chat_template",
    "pysteer.pair_text",
    "pysteer.propensity",
    "pysteer.text_surprise",
)
"""Whose code decides the numbers."""


def text_parts(context: StudyContext, model: StudyModel, behaviours: Sequence[Behaviour]) -> list[Part]:
    """Return the parts of all behavioural tasks; forms of one source share its vectors."""
    sizes: Sizes = context.sizes
    parts: dict[str, Part] = {}
    for place, each in enumerate(behaviours):
        vectors = _vectors(context, model, each)
        # Directions of their own, so that an interval over behaviours does not rest on the same few.
        seeds = [item_seed(context.seed, place * sizes.n_random + number) for number in range(sizes.n_random)]
        for part in (parts.get(vectors.name, vectors), *_texts(context, model, each, vectors.name, seeds)):
            parts[part.name] = part
    return list(parts.values())


def _vectors(context: StudyContext, model: StudyModel, each: Behaviour) -> Part:
    sizes: Sizes = context.sizes
    return Part(
        name_of(model, each.source, "vectors"),
        making.make_vectors,
        settings={"seed": context.seed, "n_shots": each.n_shots, **scan_settings(sizes)},
        data={"train": each.word_pairs("train"), "valid": each.word_pairs("valid")},
        model=model,
        modules=making.MODULES,
        work=scan_work(model, sizes, _length(model, each) * 2 * (each.n_shots + 1)),
    )


def _texts(
    context: StudyContext, model: StudyModel, each: Behaviour, vectors: str, random_seeds: Sequence[int]
) -> list[Part]:
    sizes: Sizes = context.sizes
    about: dict[str, Any] = {
        "seed": context.seed,
        "is_chat": each.is_chat,
        "max_tokens": MAX_TOKENS,
        "proxy": each.proxy,
        "moods": [list(side) for side in each.moods],
    }
    grid = {**about, "strengths": sizes.behaviour_strengths, "alphas": sizes.behaviour_alphas}
    n_grid = 1 + len(sizes.behaviour_strengths) + len(sizes.behaviour_alphas)
    tried, choice, test, random = (
        name_of(model, each.name, name) for name in ("tried", "strengths", "rewritten", "random")
    )

    def rewritten(name: str, items: Dataset) -> Part:
        return _steered(model, each, name, items, rewriting.rewrite, grid, {"vectors": vectors}, n_grid)

    needs = {"vectors": vectors, "choice": choice}
    at_random = {**about, "random_seeds": list(random_seeds)}
    return [
        rewritten(tried, each.valid),
        Part(
            choice,
            rewriting.choose_strengths,
            settings={"methods": list(rewriting.METHODS)},
            model=model,
            needs={"tried": tried},
            modules=("pysteer.studies.icl.means",),
        ),
        rewritten(test, each.test),
        _steered(model, each, random, each.test, rewriting.rewrite_at_random, at_random, needs, 2 * sizes.n_random),
    ]


def _steered(
    model: StudyModel,
    each: Behaviour,
    name: str,
    items: Dataset,
    compute: Any,
    settings: Mapping[str, Any],
    needs: Mapping[str, str],
    n_steerings: int,
) -> Part:
    """Return a part in which texts are written and scored under so many steerings."""
    n_texts = len(items) * n_steerings
    n_tokens = n_texts * (6 * _length(model, each) + (1 + PER_WRITTEN) * MAX_TOKENS)
    return Part(
        name,
        compute,
        settings=settings,
        data={"items": items, "demonstrations": each.demonstrations()},
        model=model,
        needs=needs,
        modules=MODULES,
        work=Work(round(n_tokens)),
    )


def _length(model: StudyModel, each: Behaviour) -> float:
    return mean_tokens(model, tuple(pair.positive_text for pair in each.train.pairs[:8]))
