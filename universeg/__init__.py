"""Segment a new structure in medical images from a few labelled examples, without training.

The public names load when they are first used, so `import universeg` is fast and needs no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from universeg import synth
    from universeg.model import UniverSeg, load_model, universeg
    from universeg.prediction.predict import predict
    from universeg.store import Store

__version__ = "1.0.0a1"
__all__ = ["Store", "UniverSeg", "load_model", "predict", "synth", "universeg"]

_HOME = {
    "Store": "universeg.store",
    "UniverSeg": "universeg.model",
    "load_model": "universeg.model",
    "predict": "universeg.prediction.predict",
    "universeg": "universeg.model",
}


def __getattr__(name: str) -> Any:
    if name == "synth":
        return import_module("universeg.synth")
    if name not in _HOME:
        raise AttributeError(f"module 'universeg' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
