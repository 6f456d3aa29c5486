"""The average of the weights over the steps, which segments better than the last ones (EMA)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from universeg.model import UniverSeg


def averaged(model: UniverSeg, decay: float) -> AveragedModel | None:
    """An average that decays by `decay` at each update, faster in the first ones; None if `decay` is 0."""
    if not decay:
        return None

    @torch.no_grad()
    def update(average: Sequence[Tensor], now: Sequence[Tensor], updates: Tensor | int) -> None:
        # At first it would be mostly what the run began with: let it span a tenth of the updates so far.
        span = min(decay, (1 + int(updates)) / (10 + int(updates)))
        for old, new in zip(average, now, strict=True):
            old.lerp_(new, 1 - span)

    return AveragedModel(model, multi_avg_fn=update)
