"""Patterns and mechanisms of contrastive activation engineering: the experiments of arXiv:2505.03189, on any model.

declared            claims, experiments, limits in words
sizes               presets
behaviours, contrasts, corpora
                    what is steered, and the texts it is measured on
plan, plan_lengths  the parts to compute, and how long texts are
measuring, steering vectors, and the preference between two answers; the steering of all parts
text_measuring      how well text is predicted, and what is written
found, judging, steered_table
                    results by model and behaviour; which of these are steered
pooling             intervals over behaviours
figures, query_figure, spread_figure
                    figures of this study only
planted_truths, price, best_layer, overdose, larger_models, pair_numbers, knees, user_queries, single_pairs: one file
                    for each experiment, or half of one
adversarial*        E23
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pysteer.studies.mechanisms import declared
from pysteer.studies.mechanisms.adversarial import analyse_adversarial
from pysteer.studies.mechanisms.behaviours import load_material
from pysteer.studies.mechanisms.best_layer import analyse_layers
from pysteer.studies.mechanisms.found import Found
from pysteer.studies.mechanisms.larger_models import analyse_larger
from pysteer.studies.mechanisms.overdose import analyse_overdose
from pysteer.studies.mechanisms.pair_numbers import analyse_numbers
from pysteer.studies.mechanisms.plan import make_parts
from pysteer.studies.mechanisms.planted_truths import analyse_planted
from pysteer.studies.mechanisms.price import analyse_price
from pysteer.studies.mechanisms.single_pairs import analyse_single
from pysteer.studies.mechanisms.sizes import PRESETS
from pysteer.studies.mechanisms.user_queries import analyse_queries
from pysteer.studies.parts import Part, PartResult
from pysteer.studies.study import Analysis, Piece, Study, StudyContext, studies

EXPERIMENTS: tuple[Callable[[list[Found]], Piece], ...] = (
    analyse_planted,
    analyse_price,
    analyse_layers,
    analyse_overdose,
    analyse_larger,
    analyse_numbers,
    analyse_queries,
    analyse_single,
    analyse_adversarial,
)


@studies.register("mechanisms")
class Mechanisms(Study):
    """What does steering cost, how many pairs does it need, and does it reach user queries? (arXiv:2505.03189)"""

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
        models = [Found(model, context, material, results) for model in context.models]
        return Analysis.of([analyse(models) for analyse in EXPERIMENTS])
