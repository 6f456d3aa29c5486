"""The families of synthetic tasks, and mixes of them."""

from collections.abc import Mapping, Sequence

import numpy as np

from universeg.base.lookup import choose
from universeg.synth.families.bands import bands
from universeg.synth.families.chain import chain
from universeg.synth.families.glands import glands
from universeg.synth.families.inner import inner
from universeg.synth.families.layers import layers
from universeg.synth.families.lesions import lesions
from universeg.synth.families.mesh import mesh
from universeg.synth.families.mosaic import mosaic
from universeg.synth.families.nested import nested
from universeg.synth.families.organs import organs
from universeg.synth.families.packing import packing
from universeg.synth.families.projection import projection
from universeg.synth.families.regions import regions
from universeg.synth.families.sonogram import sonogram
from universeg.synth.families.vessels import vessels
from universeg.synth.scene.scene import Family

# The name of a mix or of a family, several names, or weights by name.
Families = str | Sequence[str] | Mapping[str, float]

# F0 is the paper's text, F0-driver the script that its authors released. They make whole tasks themselves
# (paper/f0.py), so they are no functions of this table.
FAMILIES: dict[str, Family | None] = {
    "F0": None,
    "F0-driver": None,
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
    "inner": inner,
    "sonogram": sonogram,
    "glands": glands,
    "mosaic": mosaic,
    "bands": bands,
}

# Not used for training, so they show how well a network generalises. They differ from all other families: mosaic has
# straight edges, and the shapes of bands have no centre.
VALIDATION_FAMILIES = ("mosaic", "bands")

TRAIN: Mapping[str, float] = {
    "F0": 1,
    "F0-driver": 1,
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
    "inner": 2.5,
    "sonogram": 2.5,
    "glands": 1.5,
}

MIXES: Mapping[str, Mapping[str, float]] = {
    "train": TRAIN,
    "validation": dict.fromkeys(VALIDATION_FAMILIES, 1.0),
    "all": {**TRAIN, **dict.fromkeys(VALIDATION_FAMILIES, 0.5)},
}


def weights_of(families: Families) -> dict[str, float]:
    """The relative weight of each family. A weight of 0 removes a family that was named before.

    Raises ValueError for an unknown name, a negative or infinite weight, or no family at all.
    """
    weights = dict[str, float]()
    for name, weight in _weights_by_name(families).items():
        mix = choose({**{family: {family: 1.0} for family in FAMILIES}, **MIXES}, name, "family of synthetic tasks")
        if not 0 <= weight < float("inf"):
            raise ValueError(f"the weight of synthetic family {name!r} must be finite and at least 0, got {weight}")
        if weight == 0:
            if name not in weights:
                raise ValueError(
                    f"synthetic family {name!r} has the weight 0, which removes it, but no name before it includes it"
                )
            del weights[name]
            continue
        total = sum(mix.values())
        for family, share in mix.items():
            weights[family] = weights.get(family, 0) + weight * share / total
    if not weights:
        raise ValueError("name at least one family of synthetic tasks")
    return weights


def _weights_by_name(families: Families) -> Mapping[str, float]:
    """Weights by name, in the given order; 1 if there are names only."""
    if isinstance(families, Mapping):
        return families
    return dict.fromkeys([families] if isinstance(families, str) else families, 1.0)


def drawn_family(families: Families, rng: np.random.Generator) -> str:
    """The name of one family, drawn at random by weight."""
    weights = weights_of(families)
    return str(rng.choice(list(weights), p=np.array(list(weights.values())) / sum(weights.values())))
