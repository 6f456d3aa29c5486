"""The few-shot networks that the paper compares with: PANet, ALPNet and SE-net, written from their papers.

To add one: a file with a subclass of `BaselineNetwork`, and a line in BASELINE_NETWORKS. Training, weights files and
evaluation then know it by its name.
"""

from collections.abc import Mapping

from universeg.model.baselines.alpnet import ALPNet
from universeg.model.baselines.base import BaselineConfig, BaselineNetwork
from universeg.model.baselines.panet import PANet
from universeg.model.baselines.senet import SENet

BASELINE_NETWORKS: Mapping[str, type[BaselineNetwork]] = {each.name: each for each in (PANet, ALPNet, SENet)}

__all__ = ["BASELINE_NETWORKS", "BaselineConfig", "BaselineNetwork"]
