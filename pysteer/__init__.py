"""pysteer: activation steering for quantised GGUF models, and what it does and costs.

    model = pysteer.Model.load("model-q4_k_m.gguf")
    train, test = pysteer.load_pairs("pairs.jsonl").split(0.8, seed=0)
    vector = pysteer.extract(model, train, layers=[14])
    pysteer.save_vector(vector, "warm.gguf")

    with model.session() as session, session.steer(vector, coefficient=1.5):
        print(session.generate("Tell me about rain.", max_tokens=60).text)

    print(pysteer.measure_steerability(model, vector, test).steerability)

Names are loaded when they are first used; ``import pysteer`` itself only checks that the native core is there and that
llama.cpp is the one it was built against.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from pysteer.build_check import check_build_or_leave as _check_build

if TYPE_CHECKING:
    from pysteer.card import VectorCard as VectorCard
    from pysteer.card import measure_card as measure_card
    from pysteer.chat_template import Message as Message
    from pysteer.condition import Condition as Condition
    from pysteer.condition_fit import condition_score as condition_score
    from pysteer.condition_fit import condition_vector as condition_vector
    from pysteer.condition_fit import fit_condition as fit_condition
    from pysteer.condition_threshold import choose_threshold as choose_threshold
    from pysteer.dictionaries import SparseDictionary as SparseDictionary
    from pysteer.dictionaries import TrainingPlan as TrainingPlan
    from pysteer.dictionaries import train_dictionary as train_dictionary
    from pysteer.dictionaries.feature_edits import FeatureEdit as FeatureEdit
    from pysteer.dictionaries.feature_labels import FeatureLabels as FeatureLabels
    from pysteer.dictionaries.feature_labels import load_labels as load_labels
    from pysteer.dictionaries.feature_labels import save_labels as save_labels
    from pysteer.dictionaries.feature_selection import FeatureSelection as FeatureSelection
    from pysteer.dictionaries.feature_selection import feature_vector as feature_vector
    from pysteer.dictionary_file import load_dictionary as load_dictionary
    from pysteer.dictionary_file import save_dictionary as save_dictionary
    from pysteer.errors import PysteerError as PysteerError
    from pysteer.evaluation import Evaluation as Evaluation
    from pysteer.evaluation import measure_steerability as measure_steerability
    from pysteer.evaluation_grid import evaluate as evaluate
    from pysteer.evaluation_table import EvaluationTable as EvaluationTable
    from pysteer.extraction import extract as extract
    from pysteer.feature_contrast import contrast_texts as contrast_texts
    from pysteer.feature_contrast import select_features as select_features
    from pysteer.feature_labelling import label_features as label_features
    from pysteer.feature_steering import edit_features as edit_features
    from pysteer.formats.word_pairs import WordPairs as WordPairs
    from pysteer.formats.word_pairs import load_word_pairs as load_word_pairs
    from pysteer.function_vectors import StudyPlan as StudyPlan
    from pysteer.function_vectors import compare_on_task as compare_on_task
    from pysteer.function_vectors import mean_head_activations as mean_head_activations
    from pysteer.function_vectors import mean_hidden_state as mean_hidden_state
    from pysteer.function_vectors import session_for_study as session_for_study
    from pysteer.function_vectors import study_task as study_task
    from pysteer.function_vectors.function_vector import function_vector as function_vector
    from pysteer.function_vectors.mediation import indirect_effects as indirect_effects
    from pysteer.generation import Generation as Generation
    from pysteer.generation import Request as Request
    from pysteer.in_context_vectors import in_context_intervention as in_context_intervention
    from pysteer.in_context_vectors import in_context_tasks as in_context_tasks
    from pysteer.in_context_vectors import in_context_vector as in_context_vector
    from pysteer.intervention import Intervention as Intervention
    from pysteer.layer_sweep import LayerSweep as LayerSweep
    from pysteer.layer_sweep import sweep_layers as sweep_layers
    from pysteer.model import Model as Model
    from pysteer.model import Tokens as Tokens
    from pysteer.norm_matching import match_mean_norm as match_mean_norm
    from pysteer.norm_matching import match_norm as match_norm
    from pysteer.pair_files import load_pairs as load_pairs
    from pysteer.pairs import ContrastPair as ContrastPair
    from pysteer.pairs import Dataset as Dataset
    from pysteer.prompt_settings import PromptSetting as PromptSetting
    from pysteer.prompt_settings import persona_settings as persona_settings
    from pysteer.prompt_settings import steering_arms as steering_arms
    from pysteer.propensity import propensities as propensities
    from pysteer.provenance import Provenance as Provenance
    from pysteer.question_files import load_questions as load_questions
    from pysteer.questions import Question as Question
    from pysteer.questions import QuestionSet as QuestionSet
    from pysteer.recording import record as record
    from pysteer.recording import record_moments as record_moments
    from pysteer.sampling import Sampling as Sampling
    from pysteer.score import Score as Score
    from pysteer.session import Session as Session
    from pysteer.site import Site as Site
    from pysteer.site_rows import record_rows as record_rows
    from pysteer.store import RunStore as RunStore
    from pysteer.text_perplexity import PerplexityResult as PerplexityResult
    from pysteer.text_perplexity import perplexities as perplexities
    from pysteer.text_perplexity import perplexity as perplexity
    from pysteer.vector import SteeringVector as SteeringVector
    from pysteer.vector_comparison import random_like as random_like
    from pysteer.vector_file import load_vector as load_vector
    from pysteer.vector_file import save_vector as save_vector
    from pysteer.window import Window as Window

_HOMES = {
    "Condition": "condition",
    "ContrastPair": "pairs",
    "Dataset": "pairs",
    "Evaluation": "evaluation",
    "EvaluationTable": "evaluation_table",
    "FeatureEdit": "dictionaries.feature_edits",
    "FeatureLabels": "dictionaries.feature_labels",
    "FeatureSelection": "dictionaries.feature_selection",
    "Generation": "generation",
    "Intervention": "intervention",
    "LayerSweep": "layer_sweep",
    "Message": "chat_template",
    "Model": "model",
    "PerplexityResult": "text_perplexity",
    "PromptSetting": "prompt_settings",
    "Provenance": "provenance",
    "PysteerError": "errors",
    "Question": "questions",
    "QuestionSet": "questions",
    "Request": "generation",
    "RunStore": "store",
    "Sampling": "sampling",
    "Score": "score",
    "Session": "session",
    "Site": "site",
    "SparseDictionary": "dictionaries",
    "SteeringVector": "vector",
    "StudyPlan": "function_vectors",
    "Tokens": "model",
    "TrainingPlan": "dictionaries",
    "VectorCard": "card",
    "Window": "window",
    "WordPairs": "formats.word_pairs",
    "choose_threshold": "condition_threshold",
    "compare_on_task": "function_vectors",
    "condition_score": "condition_fit",
    "condition_vector": "condition_fit",
    "contrast_texts": "feature_contrast",
    "edit_features": "feature_steering",
    "evaluate": "evaluation_grid",
    "extract": "extraction",
    "feature_vector": "dictionaries.feature_selection",
    "fit_condition": "condition_fit",
    "function_vector": "function_vectors.function_vector",
    "in_context_intervention": "in_context_vectors",
    "in_context_tasks": "in_context_vectors",
    "in_context_vector": "in_context_vectors",
    "indirect_effects": "function_vectors.mediation",
    "label_features": "feature_labelling",
    "load_dictionary": "dictionary_file",
    "load_labels": "dictionaries.feature_labels",
    "load_pairs": "pair_files",
    "load_questions": "question_files",
    "load_vector": "vector_file",
    "measure_card": "card",
    "load_word_pairs": "formats.word_pairs",
    "match_mean_norm": "norm_matching",
    "match_norm": "norm_matching",
    "mean_head_activations": "function_vectors",
    "mean_hidden_state": "function_vectors",
    "measure_steerability": "evaluation",
    "perplexities": "text_perplexity",
    "perplexity": "text_perplexity",
    "persona_settings": "prompt_settings",
    "propensities": "propensity",
    "random_like": "vector_comparison",
    "record": "recording",
    "record_moments": "recording",
    "record_rows": "site_rows",
    "save_dictionary": "dictionary_file",
    "save_labels": "dictionaries.feature_labels",
    "save_vector": "vector_file",
    "select_features": "feature_contrast",
    "session_for_study": "function_vectors",
    "steering_arms": "prompt_settings",
    "study_task": "function_vectors",
    "sweep_layers": "layer_sweep",
    "train_dictionary": "dictionaries",
}
__all__ = sorted(_HOMES)
__version__ = "0.1.0"

_check_build()


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'pysteer' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"pysteer.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
