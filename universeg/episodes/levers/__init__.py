"""Levers: better predictions from the same examples, without other weights.

Each lever is a network that calls another one: `model(query, support_images, support_masks)` gives logits, with the
shapes and value ranges of `universeg.model.UniverSeg`. So levers can be combined, and be used wherever a network is.
To add one: write a module here, add a field to `lever_flags.py` and a line to `build`.
"""

from universeg.episodes.levers.config import Levers, build
from universeg.episodes.levers.examples import ExampleTensors, Trial, leave_one_out

__all__ = ["ExampleTensors", "Levers", "Trial", "build", "leave_one_out"]
