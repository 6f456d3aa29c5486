"""The network that a run starts from."""

from universeg.model import Network, UniverSeg, load_model
from universeg.model.networks import new_network
from universeg.training.config import TrainConfig


def initial_model(config: TrainConfig) -> Network:
    """A network with new weights drawn from the seed, or with those of `init`.

    Raises ValueError if `init` holds a network with another config.
    """
    model = new_network(config.network, config.model, config.baseline, config.seed)
    if config.init is None:
        return model
    found = load_model(config.init)
    if type(found) is not type(model) or (isinstance(found, UniverSeg) and found.config != model.config):
        raise ValueError(
            f"{config.init} holds {type(found).__name__} with {found.config}, but this run has"
            f" {type(model).__name__} with {model.config}; set --model and the --model.* flags to match, or give"
            " another --init"
        )
    model.load_state_dict(found.state_dict())
    return model
