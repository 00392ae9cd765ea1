"""How the next token is chosen from the logits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampling:
    """Settings of llama.cpp's own sampler chain: penalty, top-k, top-p, min-p, temperature, draw.

    Parameters
    ----------
    temperature : float
        0 takes the most probable token (greedy) and ignores top_k, top_p, min_p and seed.
    top_k : int
        Keep the k most probable tokens; 0 keeps all.
    top_p : float
        Keep the most probable tokens that together have this share; 1 keeps all.
    min_p : float
        Keep tokens with at least this share of the best one's probability; 0 keeps all.
    repetition_penalty : float
        Divides the logits of tokens seen in the last ``penalty_window`` tokens; 1 is off.
    seed : int
        Of the draw.
    """

    temperature: float = 0.0
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repetition_penalty: float = 1.0
    penalty_window: int = 64
    seed: int = 0


GREEDY = Sampling()
