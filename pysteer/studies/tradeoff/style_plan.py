"""The parts of one style: the search, the arms, their letters and ratings, and the sweep of strengths."""

from __future__ import annotations

from pysteer.measurements.measured import Work
from pysteer.studies.parts import Part
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff import judging, letters, search, sweeping, writing
from pysteer.studies.tradeoff.arms import ARMS, BASE
from pysteer.studies.tradeoff.plan_basics import ModelPlan, both_passes, name_of
from pysteer.studies.tradeoff.sizes import GUARD, MOST_SURPRISE, N_WRITTEN, OPERATIONS, STRENGTH, WINDOWS
from pysteer.studies.tradeoff.styles import Style, joined_words


def style_parts(plan: ModelPlan, style: Style, number: int) -> list[Part]:
    """Return the parts of a style, the ``number``-th, on the model as it is given."""
    sizes, model = plan.sizes, plan.model
    n_settings = len(plan.layers) * len(sizes.search_strengths) * len(WINDOWS) * len(OPERATIONS)
    about = {"style": style.name, "instruction": style.instruction, "proxy": joined_words(style)}
    needs = {"vectors": name_of(model, "vectors"), "features": name_of(model, "features")}
    searched = Part(
        name_of(model, style.name, "search"),
        search.search_settings,
        settings={
            "style": style.name,
            "place": plan.material.place,
            "layers": plan.layers,
            "strengths": list(sizes.search_strengths),
            "windows": list(WINDOWS),
            "operations": list(OPERATIONS),
            "guard": GUARD,
            "most_surprise": MOST_SURPRISE,
            "n_written": N_WRITTEN,
            "instruction": style.instruction,
            "max_tokens": plan.material.max_tokens,
        },
        data={
            "pairs": style.validation,
            "validation": plan.material.tasks.validation,
            "replies": plan.replies,
        },
        model=model,
        needs={
            "vectors": needs["vectors"],
            "base": name_of(model, "unsteered"),
            "capability": name_of(model, "capability"),
        },
        work=both_passes(
            Work((1 + n_settings) * (2 * len(style.validation) * 50 + sizes.n_validation * 90)),
            plan.written(N_WRITTEN * (sizes.n_validation + len(style.validation)), 60),
        ),
        modules=search.MODULES,
    )
    needs = {**needs, "search": searched.name}
    n_asked = plan.n_items[0]
    n_steered = len(ARMS) - len(BASE)
    n_texts = n_steered * n_asked + (n_steered - 2) * plan.n_items[1]
    arms = Part(
        name_of(model, style.name, "arms"),
        writing.write_arms,
        settings={**plan.writing(plan.n_items), **about, "strength": STRENGTH},
        data=plan.items,
        model=model,
        needs={**needs, "base": name_of(model, "unsteered")},
        work=plan.written(n_texts, 90),
        modules=writing.MODULES,
    )
    scored = Part(
        name_of(model, style.name, "letters"),
        letters.score_arms,
        settings={**plan.writing((0, 0)), **about, "strength": STRENGTH},
        data={"questions": plan.material.tasks.scored},
        model=model,
        needs=needs,
        work=Work(len(plan.material.tasks.scored) * n_steered * 90),
        modules=letters.MODULES,
    )
    judged = Part(
        name_of(model, style.name, "judged"),
        judging.judge_arms,
        settings={"task": style.task, "questions": judging.judged_questions(number, sizes.n_judged, n_asked)},
        model=model,
        needs={"arms": arms.name},
        work=Work(len(ARMS) * sizes.n_judged * 2 * 280),
        modules=judging.MODULES,
    )
    return [searched, arms, scored, judged, sweep_part(plan, style, model, {**needs, "arms": arms.name})]


def sweep_part(plan: ModelPlan, style: Style, model: StudyModel, needs: dict[str, str]) -> Part:
    """Return the sweep of a style on a model; what ``needs`` names as "arms" is not written again."""
    n = (min(plan.material.n_swept, plan.n_items[0]), min(plan.material.n_swept, plan.n_items[1]))
    n_kinds = 3 if "features" in needs else 2
    new = [each for each in plan.sizes.strengths if "arms" not in needs or each != STRENGTH]
    return Part(
        name_of(model, style.name, "sweep"),
        sweeping.sweep_strengths,
        settings={
            **plan.writing(n),
            "n_asked": plan.n_items[0],
            "style": style.name,
            "instruction": style.instruction,
            "proxy": joined_words(style),
            "strengths": list(plan.sizes.strengths),
            "strength": STRENGTH,
        },
        data=plan.items,
        model=model,
        needs={alias: name for alias, name in needs.items() if alias != "search"},
        work=plan.written(sum(n) * (("arms" not in needs) + n_kinds * len(new)), 60),
        modules=sweeping.MODULES,
    )
