"""Segment a new medical structure from a few labelled examples, without training.

The names below load when first used, so that reading a store needs no torch.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from universeg.model import UniverSeg, load_model
    from universeg.prediction.predict import predict
    from universeg.store import Store

__version__ = version("universeg")
__all__ = ["Store", "UniverSeg", "load_model", "predict"]

_HOME = {"Store": "store", "UniverSeg": "model", "load_model": "model", "predict": "predictor"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'universeg' has no attribute {name!r}")
    return getattr(import_module(f"universeg.{_HOME[name]}"), name)
