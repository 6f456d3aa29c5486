"""All networks by their names: UniverSeg, as published and as in the paper's text, and the baseline networks."""

from typing import Literal

from torch import Tensor

from universeg.model.baselines import BASELINE_NETWORKS, BaselineConfig, BaselineNetwork
from universeg.model.network import PAPER, ModelConfig, UniverSeg

Network = UniverSeg | BaselineNetwork
NetworkName = Literal["universeg", "paper", "panet", "alpnet", "senet"]


def new_network(name: NetworkName, model: ModelConfig, baseline: BaselineConfig, seed: int) -> Network:
    """A network with weights drawn from the seed, or pretrained ones if `baseline` says so.

    Raises ValueError if settings are given that the network does not have, and as `load_pretrained` does.
    """
    if name != "universeg" and model != ModelConfig():
        raise ValueError(f"--model {name} is a network of its own; leave out the --model.* flags")
    if name not in BASELINE_NETWORKS and baseline != BaselineConfig():
        raise ValueError(f"--model {name} has no --baseline.* settings; leave them out")
    if name in BASELINE_NETWORKS:
        network = BASELINE_NETWORKS[name](baseline, seed)
        if baseline.pretrained:
            network.load_pretrained()
        return network
    return UniverSeg(PAPER if name == "paper" else model, seed)


def learning_step(network: Network, query: Tensor, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """The logits (B, 1, H, W), and what the network's own loss terms add to the loss of each item (B,).

    Query is (B, 1, H, W), support images and masks are (B, N, 1, H, W). UniverSeg has no loss term of its own.
    """
    if isinstance(network, BaselineNetwork):
        return network.learning_step(query, images, masks)
    return network(query, images, masks), query.new_zeros(len(query))
