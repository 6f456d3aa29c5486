"""The network, and its weights from a file."""

from universeg.model.network import PAPER, ModelConfig, UniverSeg
from universeg.model.weights_file import SHIPPED, load_model, save_model, trained_size

__all__ = ["PAPER", "SHIPPED", "ModelConfig", "UniverSeg", "load_model", "save_model", "trained_size"]
