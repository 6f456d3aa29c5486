"""The network, its weights from a file or by name, and the function of the authors' package."""

from universeg.model.authors_api import universeg
from universeg.model.network import PAPER, ModelConfig, UniverSeg
from universeg.model.networks import Network
from universeg.model.weights_file import load_model, save_model, trained_size

__all__ = ["PAPER", "ModelConfig", "Network", "UniverSeg", "load_model", "save_model", "trained_size", "universeg"]
