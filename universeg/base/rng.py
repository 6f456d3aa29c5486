"""Every random number comes from a generator named by what it is for."""

import hashlib

import numpy as np


def seed_for(*purpose: str | int) -> int:
    """A 64-bit seed that depends on `purpose` alone, for generators that are not NumPy's."""
    digest = hashlib.sha256("\x1f".join(map(str, purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def rng_for(*purpose: str | int) -> np.random.Generator:
    """A generator that depends on `purpose` alone: not on order, process or machine."""
    return np.random.default_rng(seed_for(*purpose))
