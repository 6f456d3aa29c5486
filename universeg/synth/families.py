"""The families of synthetic tasks, and mixes of them."""

from collections.abc import Mapping

from universeg.synth.chain import chain
from universeg.synth.lesions import lesions
from universeg.synth.mosaic import mosaic
from universeg.synth.nested import nested
from universeg.synth.organs import organs
from universeg.synth.packing import packing
from universeg.synth.projection import projection
from universeg.synth.regions import bands, layers, regions
from universeg.synth.richer import Family
from universeg.synth.vessels import mesh, vessels

# F0 is the paper's recipe: it makes whole tasks (f0.py); the others make scenes (richer.py does the rest).
FAMILIES: Mapping[str, Family | None] = {
    "F0": None,
    "regions": regions,
    "layers": layers,
    "organs": organs,
    "nested": nested,
    "packing": packing,
    "chain": chain,
    "projection": projection,
    "vessels": vessels,
    "mesh": mesh,
    "lesions": lesions,
    "mosaic": mosaic,
    "bands": bands,
}

# Unlike all others: straight edges, and shapes without a middle. Kept from training, they show what carries over.
HELD_BACK = ("mosaic", "bands")

TRAIN: Mapping[str, float] = {
    "F0": 2,
    "regions": 1.5,
    "layers": 0.5,
    "organs": 2,
    "nested": 2.5,
    "packing": 1,
    "chain": 1,
    "projection": 1.5,
    "vessels": 2.5,
    "mesh": 0.5,
    "lesions": 1,
}

MIXES: Mapping[str, Mapping[str, float]] = {
    "train": TRAIN,
    "held-back": dict.fromkeys(HELD_BACK, 1.0),
    "all": {**TRAIN, **dict.fromkeys(HELD_BACK, 0.5)},
}
