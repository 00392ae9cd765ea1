"""Function vectors: a task that was shown by examples, as one direction (Todd et al. 2023, arXiv:2310.15213).

icl_prompts        few-shot prompts with right or shuffled labels, and the answer's first token
head_activations   mean output of every head at the last token; the mean hidden state as baseline
mediation          causal indirect effect of every head: one shared prompt pass and one batch of rows a trial
indirect_effects   what such a scan found: AIE with intervals, the heads in order
scan_checkpoint    a long scan on disk, trial by trial
screening          a cheap guess at the heads, and how much of the exact top it catches
function_vector    the sum of what the best heads add to the residual stream
first_token        rank and top-k accuracy of the answer's first token under any steering
heat_map           AIE as a picture
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pysteer.function_vectors.first_token import FirstTokenResult, first_token_results, solved_prompts
from pysteer.function_vectors.function_vector import (
    check_architecture,
    default_layer,
    default_n_heads,
    function_vector,
    head_contribution,
)
from pysteer.function_vectors.head_activations import HeadActivations, mean_head_activations, mean_hidden_state
from pysteer.function_vectors.icl_prompts import (
    IclPrompt,
    IclTemplate,
    Question,
    draw_prompts,
    prompts_for_queries,
    tokenize_prompt,
)
from pysteer.function_vectors.indirect_effects import Head, IndirectEffects, recall, top_heads
from pysteer.function_vectors.mediation import indirect_effects, scan_session
from pysteer.function_vectors.screening import direct_effects
from pysteer.function_vectors.task_study import (
    Comparison,
    Study,
    StudyPlan,
    compare_on_task,
    session_for_study,
    study_task,
)

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "function_vector": "sum of what the heads with the largest average indirect effect add to the residual stream",
        "mean_hidden_state": "mean residual stream at the last token of few-shot prompts: the baseline (--baseline)",
        "exact": "scan of every head by causal mediation; the default",
        "screened": "exact scan of the heads with the largest direct effect only, and its recall (--screen N)",
    }
)
"""Vectors that a task gives, and the two ways to find its heads."""

__all__ = [
    "KINDS",
    "Comparison",
    "FirstTokenResult",
    "Head",
    "HeadActivations",
    "IclPrompt",
    "IclTemplate",
    "IndirectEffects",
    "Question",
    "Study",
    "StudyPlan",
    "check_architecture",
    "compare_on_task",
    "default_layer",
    "default_n_heads",
    "direct_effects",
    "draw_prompts",
    "first_token_results",
    "function_vector",
    "head_contribution",
    "indirect_effects",
    "mean_head_activations",
    "mean_hidden_state",
    "prompts_for_queries",
    "recall",
    "scan_session",
    "session_for_study",
    "solved_prompts",
    "study_task",
    "tokenize_prompt",
    "top_heads",
]
