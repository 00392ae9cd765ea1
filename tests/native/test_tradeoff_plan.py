"""What the parts of the study of trade-offs are made of: data, parts they need, the code that decides them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pysteer.demo import model_path
from pysteer.measurements.measurement import make_measurement
from pysteer.studies.parts import Part, keys_of
from pysteer.studies.study import StudyContext
from pysteer.studies.study_model import StudyModel
from pysteer.studies.tradeoff.plan import make_parts
from pysteer.studies.tradeoff.sizes import PRESETS
from pysteer.studies.tradeoff.study_material import Material, material_of


@pytest.fixture(scope="module")
def context() -> StudyContext:
    return StudyContext((StudyModel(model_path(), "m"),), "smoke", PRESETS["smoke"], 0)


@pytest.fixture(scope="module")
def parts(context: StudyContext) -> Mapping[str, Part]:
    return {part.name: part for part in make_parts(context)}


@pytest.fixture(scope="module")
def material(context: StudyContext) -> Material:
    return material_of(context, context.models[0])


def test_each_part_is_asked_what_it_is_for(parts: Mapping[str, Part], material: Material) -> None:
    tasks, style = material.tasks, material.styles[0]
    expected = {
        "vectors": {each.name: each.train for each in material.styles},
        "features": {each.name: each.train for each in material.styles},
        "capability": {"questions": tasks.capability},
        "letters": {"questions": tasks.scored},
        "check of the ratio": {each.name: each.train for each in material.styles},
        "check of the judge": {"pairs": style.train},
        f"{style.name} / arms": {"questions": tasks.asked, "requests": material.requests},
        f"{style.name} / letters": {"questions": tasks.scored},
        f"{style.name} / judged": {},
        f"{style.name} / sweep": {"questions": tasks.asked, "requests": material.requests},
        **{f"side effects / {task.name}": {"items": task.items} for task in material.side_tasks},
    }
    for name, data in expected.items():
        assert dict(parts[f"m / {name}"].data) == data, name
    search, base = parts[f"m / {style.name} / search"].data, parts["m / unsteered"].data
    assert (search["pairs"], search["validation"]) == (style.validation, tasks.validation)
    assert (base["questions"], base["validation"]) == (tasks.asked, tasks.validation)
    assert search["replies"] is base["replies"]
    assert {pair.prompt for each in material.styles for pair in each.validation} == set(base["replies"])


def test_what_decides_is_asked_other_questions_than_what_is_decided(material: Material) -> None:
    tasks = material.tasks
    own, searched = ({q.prompt for q in part} for part in (tasks.capability, tasks.validation))
    measured = {q.prompt for q in (*tasks.asked, *tasks.scored)}
    assert not own & searched
    assert not (own | searched) & measured


def test_each_part_needs_the_parts_it_is_made_from(parts: Mapping[str, Part], material: Material) -> None:
    style = material.styles[1].name
    both = {"vectors": "m / vectors", "features": "m / features"}
    needs = {
        "vectors": {},
        "features": {},
        "unsteered": {},
        "capability": {},
        f"{style} / search": {"vectors": "m / vectors", "base": "m / unsteered", "capability": "m / capability"},
        f"{style} / arms": {**both, "search": f"m / {style} / search", "base": "m / unsteered"},
        f"{style} / letters": {**both, "search": f"m / {style} / search"},
        f"{style} / judged": {"arms": f"m / {style} / arms"},
        f"{style} / sweep": {**both, "arms": f"m / {style} / arms"},
        **{f"side effects / {task.name}": both for task in material.side_tasks},
    }
    for name, expected in needs.items():
        assert dict(parts[f"m / {name}"].needs) == expected, name
    assert len(set(keys_of(list(parts.values())).values())) == len(parts)


DECIDE = {
    "writing": ("pysteer.question_prompts", "pysteer.chat_template", "pysteer.prompt_settings", "pysteer.sampling"),
    "letters": ("pysteer.question_prompts", "pysteer.chat_template", "pysteer.prompt_settings", "pysteer.pair_text"),
    "judged": ("pysteer.pair_text", "pysteer.chat_template", "pysteer.judge", "pysteer.rubrics"),
    "vectors": ("pysteer.pair_text", "pysteer.contrast_rows", "pysteer.extractors", "pysteer.token_rules"),
    "features": ("pysteer.feature_contrast", "pysteer.dictionaries", "pysteer.site_rows"),
}


def test_the_code_that_decides_a_part_is_in_its_key(parts: Mapping[str, Part], material: Material) -> None:
    style = material.styles[0].name
    modules = {
        "unsteered": DECIDE["writing"],
        "capability": (*DECIDE["writing"], *DECIDE["letters"]),
        "letters": DECIDE["letters"],
        "vectors": DECIDE["vectors"],
        "features": DECIDE["features"],
        "check of the ratio": DECIDE["writing"],
        "check of the judge": DECIDE["judged"],
        f"{style} / search": (*DECIDE["writing"], *DECIDE["letters"]),
        f"{style} / arms": DECIDE["writing"],
        f"{style} / letters": DECIDE["letters"],
        f"{style} / sweep": DECIDE["writing"],
        f"{style} / judged": DECIDE["judged"],
        **{
            f"side effects / {task.name}": (
                *make_measurement(task.measurement).depends_on,
                "pysteer.measurements",
                "pysteer.studies.tradeoff.sentences",
            )
            for task in material.side_tasks
        },
    }
    for name, expected in modules.items():
        assert set(expected) <= set(parts[f"m / {name}"].modules), name
    assert "pysteer.metrics.refusal_phrases" in parts["m / side effects / requests"].modules
    assert "pysteer.formats.winogrande" in make_measurement("blank_choice").depends_on
