"""The families of synthetic tasks, and mixes of them."""

from collections.abc import Mapping

from universeg.synth.nested import nested
from universeg.synth.richer import Family

# F0 is the paper's recipe: it makes whole tasks (f0.py); the others make scenes (richer.py does the rest).
FAMILIES: Mapping[str, Family | None] = {"F0": None, "nested": nested}

MIXES: Mapping[str, Mapping[str, float]] = {"all": {"F0": 1, "nested": 1}}
