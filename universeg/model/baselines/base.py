"""What the baseline networks have in common: their settings, initial weights, and the loss terms of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from universeg.base.rng import seed_for


@dataclass(frozen=True)
class BaselineConfig:
    """Settings of the baseline networks; with --model universeg or paper they have no effect."""

    alignment: float = 1.0
    """Weight of the prototype alignment loss of PANet and ALPNet. 0: without it."""
    pretrained: bool = False
    """Start PANet from weights trained on ImageNet, and ALPNet from weights trained on COCO, as their authors did.
    They are fetched from PyTorch's server at the start of the run. Checkpoints and weights say that they were used."""

    def __post_init__(self) -> None:
        if not self.alignment >= 0:
            raise ValueError(f"alignment must be at least 0, got {self.alignment}")


class BaselineNetwork(nn.Module):
    """A few-shot network that is called like `UniverSeg`.

    target_image (B, 1, H, W), support_images and support_labels (B, N, 1, H, W) in [0, 1] -> logits (B, 1, H, W).
    The same `seed` gives the same initial weights.
    """

    name: ClassVar[str]  # on the command line, and in weights files
    multiple: ClassVar[int]  # height and width of images must be a multiple of this

    def __init__(self, config: BaselineConfig | None = None, seed: int = 0) -> None:
        super().__init__()
        self.config = config or BaselineConfig()

    def forward(self, target_image: Tensor, support_images: Tensor, support_labels: Tensor) -> Tensor:
        raise NotImplementedError

    def learning_step(self, query: Tensor, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """The logits (B, 1, H, W), and what the network's own loss terms add to the loss of each item (B,)."""
        return self(query, images, masks), query.new_zeros(len(query))

    def load_pretrained(self) -> None:
        """Load weights that were trained on natural images; raises ValueError if there are none for this network."""
        raise ValueError(f"{self.name} has no pretrained weights; leave out --baseline.pretrained")


def initialise(network: nn.Module, name: str, seed: int) -> None:
    """Draw the weights of all convolutions from the seed (He initialisation); biases are zero."""
    generator = torch.Generator().manual_seed(seed_for("weights", name, seed))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def fetch_weights(trunk: nn.Module, address: str, prefix: str = "") -> None:
    """Load a trunk's tensors from a file of PyTorch's server, which torchvision also uses; kept after the first time.

    `prefix` is that of the trunk's tensors in the file; the others, of a classifier, are not used. Raises OSError, with
    what to do, if the file cannot be fetched, and ValueError if it has the weights of another network.
    """
    try:
        found: Mapping[str, Tensor] = torch.hub.load_state_dict_from_url(
            address, map_location="cpu", check_hash=True, weights_only=True
        )
    except OSError as error:
        folder = f"{torch.hub.get_dir()}/checkpoints"
        raise OSError(f"{address}: {error}; download it in a browser into the folder {folder}") from error
    tensors = {name.removeprefix(prefix): tensor for name, tensor in found.items() if name.startswith(prefix)}
    known = trunk.state_dict().keys()
    try:
        trunk.load_state_dict({name: tensor for name, tensor in tensors.items() if name in known})
    except RuntimeError as error:
        raise ValueError(f"{address} has the weights of another network: {error}") from error
