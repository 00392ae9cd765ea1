"""pysteer: activation steering for quantised GGUF models, and what it does and costs.

    model = pysteer.Model.load("model-q4_k_m.gguf")
    train, test = pysteer.load_pairs("pairs.jsonl").split(0.8, seed=0)
    vector = pysteer.extract(model, train, layers=[14])
    pysteer.save_vector(vector, "warm.gguf")

    with model.session() as session, session.steer(vector, coefficient=1.5):
        print(session.generate("Tell me about rain.", max_tokens=60).text)

    print(pysteer.evaluate(model, vector, test).steerability)

Names are loaded when they are first used; ``import pysteer`` itself only checks that the native core is there and that
llama.cpp is the one it was built against.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from pysteer.build_check import check_build as _check_build

if TYPE_CHECKING:
    from pysteer.chat_template import Message as Message
    from pysteer.errors import PysteerError as PysteerError
    from pysteer.evaluation import Evaluation as Evaluation
    from pysteer.evaluation import evaluate as evaluate
    from pysteer.extraction import extract as extract
    from pysteer.generation import Generation as Generation
    from pysteer.generation import Request as Request
    from pysteer.intervention import Intervention as Intervention
    from pysteer.model import Model as Model
    from pysteer.model import Tokens as Tokens
    from pysteer.pair_files import load_pairs as load_pairs
    from pysteer.pairs import ContrastPair as ContrastPair
    from pysteer.pairs import Dataset as Dataset
    from pysteer.propensity import propensities as propensities
    from pysteer.provenance import Provenance as Provenance
    from pysteer.recording import record as record
    from pysteer.recording import record_moments as record_moments
    from pysteer.sampling import Sampling as Sampling
    from pysteer.score import Score as Score
    from pysteer.session import Session as Session
    from pysteer.site import Site as Site
    from pysteer.text_perplexity import PerplexityResult as PerplexityResult
    from pysteer.text_perplexity import perplexities as perplexities
    from pysteer.text_perplexity import perplexity as perplexity
    from pysteer.vector import SteeringVector as SteeringVector
    from pysteer.vector_comparison import random_like as random_like
    from pysteer.vector_file import load_vector as load_vector
    from pysteer.vector_file import save_vector as save_vector
    from pysteer.window import Window as Window

_HOMES = {
    "ContrastPair": "pairs",
    "Dataset": "pairs",
    "Evaluation": "evaluation",
    "Generation": "generation",
    "Intervention": "intervention",
    "Message": "chat_template",
    "Model": "model",
    "PerplexityResult": "text_perplexity",
    "Provenance": "provenance",
    "PysteerError": "errors",
    "Request": "generation",
    "Sampling": "sampling",
    "Score": "score",
    "Session": "session",
    "Site": "site",
    "SteeringVector": "vector",
    "Tokens": "model",
    "Window": "window",
    "evaluate": "evaluation",
    "extract": "extraction",
    "load_pairs": "pair_files",
    "load_vector": "vector_file",
    "perplexities": "text_perplexity",
    "perplexity": "text_perplexity",
    "propensities": "propensity",
    "random_like": "vector_comparison",
    "record": "recording",
    "record_moments": "recording",
    "save_vector": "vector_file",
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
