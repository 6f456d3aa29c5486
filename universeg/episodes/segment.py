"""Segment the queries of a batch with a network."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from universeg.base.device import Compute
from universeg.episodes.episode import Batch

THRESHOLD = 0.5  # a pixel is in the predicted mask if its probability is above this


def probabilities(network: nn.Module, batch: Batch, compute: Compute) -> NDArray[np.float32]:
    """The probability of each pixel of the queries to be inside the structure: (B, H, W) in [0, 1]."""
    query, _, support, support_masks = batch.split_floats(compute.device)
    with torch.inference_mode(), compute.autocast():
        logits = network(query, support, support_masks)
    found: NDArray[np.float32] = logits.float().sigmoid()[:, 0].cpu().numpy()
    return found
