"""Segmenting the queries of a batch."""

import numpy as np
import torch
from torch import nn

from universeg.base.device import Compute
from universeg.episodes.episode import Batch
from universeg.episodes.segment import probabilities


class Weighted(nn.Module):
    """Logits that tell query, support images and support masks apart."""

    def forward(self, target_image, support_images, support_labels):
        return target_image + 10 * support_images.mean(1) - 2 * support_labels.sum(1)


def test_probabilities_are_the_sigmoid_of_the_logits():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 4, 1, 8, 8), dtype=np.uint8)
    masks = rng.integers(0, 2, (2, 4, 1, 8, 8), dtype=np.uint8)
    found = probabilities(Weighted(), Batch(images, masks), Compute.chosen("cpu"))
    logits = images[:, 0, 0] / 255 + 10 * images[:, 1:, 0].mean(1) / 255 - 2.0 * masks[:, 1:, 0].sum(1)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), rtol=1e-4)


def test_no_gradient_is_computed():
    class Recording(Weighted):
        def forward(self, *inputs):
            assert torch.is_inference_mode_enabled()
            return super().forward(*inputs)

    pixels = np.zeros((1, 2, 1, 8, 8), np.uint8)
    assert (probabilities(Recording(), Batch(pixels, pixels), Compute.chosen("cpu")) == 0.5).all()
