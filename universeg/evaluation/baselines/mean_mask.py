"""Baseline: the mean of the support masks. It ignores the images."""

from torch import Tensor, nn

from universeg.evaluation.baselines.logits import logits


class MeanMask(nn.Module):
    """The probability of a pixel is the fraction of support masks that contain it."""

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        return logits(support_labels.mean(dim=1))
