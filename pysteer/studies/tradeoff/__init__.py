"""What steering costs: the experiments of arXiv:2602.04903 on any model, and three ways of winning the loss back.

declared        claims, experiments, limits in words
sizes           presets
styles, tasks, side_tasks, study_material   the material; texts of pysteer's own in material/
arms            the arms and their prompts
plan, plan_basics, style_plan   the parts to compute
vectors, writing, sweeping, capability, ratio_check, letters, search, judging, side_effects   what they compute
found, matched, crossed_draws   results; accuracy at the same behaviour gain; draws of styles and requests
instruments     whether the scores see what they should
figures         figures of this study only
planted, compared_arms, more_strength, ladder, side_panel, mitigations: one file for each experiment
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pysteer.studies.parts import Part, PartResult
from pysteer.studies.study import Analysis, Piece, Study, StudyContext, studies
from pysteer.studies.tradeoff import declared
from pysteer.studies.tradeoff.compared_arms import analyse_arms
from pysteer.studies.tradeoff.found import Found
from pysteer.studies.tradeoff.ladder import analyse_ladder
from pysteer.studies.tradeoff.mitigations import analyse_mitigations
from pysteer.studies.tradeoff.more_strength import analyse_strength
from pysteer.studies.tradeoff.plan import make_parts
from pysteer.studies.tradeoff.planted import analyse_planted
from pysteer.studies.tradeoff.side_panel import analyse_side_effects
from pysteer.studies.tradeoff.sizes import PRESETS
from pysteer.studies.tradeoff.study_material import material_of

EXPERIMENTS: tuple[Callable[[list[Found]], Piece], ...] = (
    analyse_planted,
    analyse_arms,
    analyse_strength,
    analyse_ladder,
    analyse_side_effects,
    analyse_mitigations,
)


@studies.register("tradeoff")
class Tradeoff(Study):
    """What does steering cost in right answers and sense, and can it be won back? (arXiv:2602.04903)"""

    title = declared.TITLE
    question = declared.QUESTION
    paper = declared.PAPER
    design = declared.DESIGN
    experiments = declared.EXPERIMENTS
    claims = declared.CLAIMS
    presets = PRESETS
    limits = declared.LIMITS

    def parts(self, context: StudyContext) -> Sequence[Part]:
        return make_parts(context)

    def analyse(self, context: StudyContext, results: Mapping[str, PartResult]) -> Analysis:
        models = [Found(model, context, material_of(context, model), results) for model in context.models]
        return Analysis.of([analyse(models) for analyse in EXPERIMENTS])
