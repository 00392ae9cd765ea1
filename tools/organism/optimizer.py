"""Muon for the blocks' matrices, AdamW for the embedding and the norms.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"): the momentum of a weight matrix
is replaced by its nearest semi-orthogonal matrix (Newton-Schulz iteration) before the step. Small models learn from
noticeably fewer tokens with it, which is what training on two CPU cores needs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum steps with decoupled weight decay, for 2-D parameters only."""

    def __init__(
        self, parameters: list[nn.Parameter], *, learning_rate: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(parameters, {"lr": learning_rate, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """One update; matrices of equal shape are orthogonalised together."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape.setdefault(tuple(parameter.shape), []).append(parameter)
            for (rows, columns), members in by_shape.items():
                looked_ahead = []
                for parameter in members:
                    state = self.state[parameter]
                    buffer = state.setdefault("momentum", torch.zeros_like(parameter))
                    buffer.lerp_(parameter.grad, 1 - group["momentum"])
                    looked_ahead.append(parameter.grad.lerp(buffer, group["momentum"]))
                updates = orthogonalise(torch.stack(looked_ahead))
                step = group["lr"] * max(1.0, rows / columns) ** 0.5
                for parameter, update in zip(members, updates, strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update.to(parameter.dtype), alpha=-step)


def orthogonalise(gradients: Tensor, n_iterations: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrices of (n, rows, columns), by a quintic Newton-Schulz iteration in bfloat16.

    The coefficients maximise the slope at zero; singular values end between about 0.7 and 1.2, which is enough.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = gradients.shape[-2] > gradients.shape[-1]
    x = gradients.to(torch.bfloat16)
    x = x.mT if wide else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(n_iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if wide else x


def build(
    model: nn.Module, *, matrix_rate: float, other_rate: float, gain_rate: float, weight_decay: float
) -> list[torch.optim.Optimizer]:
    """[Muon for the blocks' matrices, AdamW for embedding, biases and norms, AdamW for the final norm's gain]."""
    named = dict(model.named_parameters())
    matrices = [p for n, p in named.items() if p.ndim == 2 and n.startswith("blocks.")]
    others = [p for n, p in named.items() if not (p.ndim == 2 and n.startswith("blocks.")) and n != "final_norm.weight"]
    return [
        Muon(matrices, learning_rate=matrix_rate, momentum=0.95, weight_decay=weight_decay),
        torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.98), weight_decay=0.0),
        torch.optim.AdamW([named["final_norm.weight"]], lr=gain_rate, betas=(0.9, 0.98), weight_decay=0.0),
    ]
