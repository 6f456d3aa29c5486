"""The exponential moving average (EMA) of the weights, which segments better than the latest weights."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from universeg.model import Network


def averaged_model(model: Network, decay: float) -> AveragedModel | None:
    """The average with this decay per update (a smaller one in the first updates); None if `decay` is 0."""
    if not decay:
        return None

    @torch.no_grad()
    def update(averages: Sequence[Tensor], now: Sequence[Tensor], _: Tensor | int) -> None:
        # With the full decay, the initial weights would dominate the first updates: start with a short average.
        updates = int(average.n_averaged)  # on the CPU, where reading it does not wait for a GPU
        weight = min(decay, (1 + updates) / (10 + updates))
        torch._foreach_lerp_(list(averages), list(now), 1 - weight)

    average = AveragedModel(model, multi_avg_fn=update)
    return average
