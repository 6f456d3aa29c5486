"""The network, its weights from a file or by name, and the function of the authors' package.

The public names load when they are first used, so `universeg.model.registry` needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from universeg.model.authors_api import universeg
    from universeg.model.network import PAPER, ModelConfig, UniverSeg
    from universeg.model.networks import Network
    from universeg.model.weights_file import load_model, save_model, trained_size

__all__ = ["PAPER", "ModelConfig", "Network", "UniverSeg", "load_model", "save_model", "trained_size", "universeg"]

_HOME = {
    "PAPER": "network",
    "ModelConfig": "network",
    "UniverSeg": "network",
    "Network": "networks",
    "load_model": "weights_file",
    "save_model": "weights_file",
    "trained_size": "weights_file",
    "universeg": "authors_api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
