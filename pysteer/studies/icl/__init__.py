"""Function vectors against in-context vectors: the experiments of arXiv:2411.07213, on any model.

declared      claims, experiments, limits in words
sizes         presets
tasks, behaviours, sentences: what the model is asked
plan          the parts to compute
making        vectors of a task
answering     questions under many steerings
answers       written answers as numbers
means         without what is missing, and word by word
measuring     functional tasks in every arm
rewriting     behavioural tasks at every strength
found         results by model, task, kind of prompt, arm, measure
figures       figures of this study only
planted_truths, functional_tasks, behavioural_tasks, heads_and_layers, demonstrations, portability, layer_sets: one file
for each experiment
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pysteer.studies.icl import declared
from pysteer.studies.icl.behavioural_tasks import analyse_behaviours
from pysteer.studies.icl.demonstrations import analyse_demonstrations
from pysteer.studies.icl.found import Found
from pysteer.studies.icl.functional_tasks import analyse_functional
from pysteer.studies.icl.heads_and_layers import analyse_places
from pysteer.studies.icl.layer_sets import analyse_sets
from pysteer.studies.icl.plan import load_material, make_parts
from pysteer.studies.icl.planted_truths import analyse_planted
from pysteer.studies.icl.portability import analyse_portability
from pysteer.studies.icl.sizes import PRESETS
from pysteer.studies.icl.tasks import is_embedded
from pysteer.studies.parts import Part, PartResult
from pysteer.studies.study import Analysis, Piece, Study, StudyContext, studies

EXPERIMENTS: tuple[Callable[[list[Found]], Piece], ...] = (
    analyse_planted,
    analyse_functional,
    analyse_behaviours,
    analyse_places,
    analyse_demonstrations,
    analyse_portability,
    analyse_sets,
)


@studies.register("icl")
class InContextLearning(Study):
    """Function vectors or in-context vectors: which does tasks, which changes tone? (arXiv:2411.07213)"""

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
        models = [
            Found(model, context, load_material(context, model), results, is_embedded(model))
            for model in context.models
        ]
        return Analysis.of([analyse(models) for analyse in EXPERIMENTS])
