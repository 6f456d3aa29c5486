"""The network that a run starts with."""

from universeg.model import UniverSeg, load_model
from universeg.training.config import TrainConfig


def initial_model(config: TrainConfig) -> UniverSeg:
    """New weights of the seed, or those of `init`; raises ValueError where these are of another network."""
    if config.init is None:
        return UniverSeg(config.model, config.seed)
    model = load_model(config.init).train()
    if model.config != config.model:
        raise ValueError(
            f"{config.init} holds {model.config}, but the run is of {config.model};"
            " give it --model.widths and the like, or another --init"
        )
    return model
