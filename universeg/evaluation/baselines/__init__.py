"""Baselines: methods that need no training, called like a network. A network should have a higher Dice than they have.

Networks to compare with, which need training, are in `universeg.model.baselines`. A method of your own needs no change
here: see `own_method`. To add a baseline: write a module with a class `forward(target_image, support_images,
support_labels)` that returns logits, and add a line to BASELINES. Shapes and value ranges are those of
`universeg.model.UniverSeg`.
"""

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from universeg.evaluation.baselines.grey import Grey
from universeg.evaluation.baselines.mean_mask import MeanMask
from universeg.evaluation.baselines.most_similar import MostSimilar
from universeg.evaluation.baselines.own_method import OwnMethod, is_method
from universeg.model import load_model

__all__ = ["BASELINES", "OwnMethod", "segmenter"]

BASELINES: Mapping[str, type[nn.Module]] = {"mean-mask": MeanMask, "most-similar": MostSimilar, "grey": Grey}


def segmenter(weights: Path) -> nn.Module:
    """The baseline or the method with this name, or else the network with these weights; on the CPU."""
    if baseline := BASELINES.get(str(weights)):
        return baseline()
    return OwnMethod(str(weights)) if is_method(str(weights)) else load_model(weights)
