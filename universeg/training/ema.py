"""The exponential moving average (EMA) of the weights, which segments better than the latest weights."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from universeg.model import UniverSeg


def averaged_model(model: UniverSeg, decay: float) -> AveragedModel | None:
    """The average with this decay per update (a smaller one in the first updates); None if `decay` is 0."""
    if not decay:
        return None

    @torch.no_grad()
    def update(average: Sequence[Tensor], now: Sequence[Tensor], updates: Tensor | int) -> None:
        # With the full decay, the initial weights would dominate the first updates: start with a short average.
        weight = min(decay, (1 + int(updates)) / (10 + int(updates)))
        for old, new in zip(average, now, strict=True):
            old.lerp_(new, 1 - weight)

    return AveragedModel(model, multi_avg_fn=update)
