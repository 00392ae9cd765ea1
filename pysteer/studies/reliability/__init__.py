"""Reliability and generalisation of steering vectors: the experiments of arXiv:2407.12404, on any model.

declared        claims, experiments, limits in words
sizes           presets
material        questionnaires and behaviours
plan            the parts to compute
measuring       what they compute
found           results by model, questionnaire and setting
intervals       intervals over questionnaires
figures         figures of this study only
planted_truths, per_sample, position_bias, prompt_shifts, across_models, transfer, best_layer, choices, leak,
coarser_weights, caa: one file for each experiment
caa_behaviours, caa_measuring, caa_figure: what the last of them needs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pysteer.studies.own_questionnaires import has_planted_truths
from pysteer.studies.parts import Part, PartResult
from pysteer.studies.reliability import declared
from pysteer.studies.reliability.across_models import analyse_models
from pysteer.studies.reliability.best_layer import analyse_layers
from pysteer.studies.reliability.caa import analyse_caa
from pysteer.studies.reliability.choices import analyse_choices
from pysteer.studies.reliability.coarser_weights import analyse_weights
from pysteer.studies.reliability.found import Found
from pysteer.studies.reliability.leak import analyse_leak
from pysteer.studies.reliability.material import Material, load_material
from pysteer.studies.reliability.per_sample import analyse_samples
from pysteer.studies.reliability.plan import make_parts, name_of
from pysteer.studies.reliability.planted_truths import analyse_planted
from pysteer.studies.reliability.position_bias import analyse_bias
from pysteer.studies.reliability.prompt_shifts import analyse_shifts
from pysteer.studies.reliability.sizes import PRESETS
from pysteer.studies.reliability.transfer import analyse_transfer
from pysteer.studies.study import Analysis, Piece, Study, StudyContext, studies

EXPERIMENTS: tuple[Callable[[list[Found]], Piece], ...] = (
    analyse_planted,
    analyse_samples,
    analyse_bias,
    analyse_shifts,
    analyse_models,
    analyse_transfer,
    analyse_layers,
    analyse_choices,
    analyse_leak,
    analyse_weights,
    analyse_caa,
)


@studies.register("reliability")
class Reliability(Study):
    """On which inputs does a steering vector work, and does it still work under other prompts? (arXiv:2407.12404)"""

    title = declared.TITLE
    question = declared.QUESTION
    paper = declared.PAPER
    design = declared.DESIGN
    experiments = declared.EXPERIMENTS
    claims = declared.CLAIMS
    presets = PRESETS
    limits = declared.LIMITS

    def parts(self, context: StudyContext) -> Sequence[Part]:
        return make_parts(context, load_material(context))

    def analyse(self, context: StudyContext, results: Mapping[str, PartResult]) -> Analysis:
        material = load_material(context)
        models = []
        for model in context.models:
            first = results[name_of(model, material.questionnaires[0].name, "vectors")]
            settings = tuple(first.content["settings"])
            models.append(
                Found(
                    model,
                    context,
                    material.questionnaires,
                    material.planted if has_planted_truths(context, model) else None,
                    results,
                    settings,
                    material.behaviours,
                )
            )
        return Analysis.of([_left_out(material), *(analyse(models) for analyse in EXPERIMENTS)])


def _left_out(material: Material) -> Piece:
    if not material.too_long:
        return Piece()
    names = ", ".join(material.too_long)
    told = "Left out, as too few of their items fit the models' contexts with both letters as the wanted answer"
    return Piece(notes={"E01": [f"{told}: {names}."]})
