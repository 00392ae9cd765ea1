"""Writes ``lm_eval_steered.pt`` and ``layers.pt`` with torch itself: what the reader without torch has to understand.

Run once, in an environment with torch, from this folder: ``python make_pt_fixture.py``.
"""

from __future__ import annotations

import torch

row = torch.arange(24, dtype=torch.float32).reshape(3, 8) / 8
torch.save(
    {
        "layers.2": {"steering_vector": row[1], "steering_coefficient": 4.0, "action": "add", "bias": None},
        "model.layers.3.mlp": {
            "steering_vector": row[2:].to(torch.bfloat16),
            "steering_coefficient": -0.5,
            "action": "add",
            "bias": None,
            "head_index": None,
        },
    },
    "lm_eval_steered.pt",
)
torch.save({1: row.T[:, 0], 2: row.half()[1], 3: row.double()[2]}, "layers.pt")
