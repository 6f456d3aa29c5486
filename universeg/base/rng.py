"""Random number generators, seeded by their purpose."""

import hashlib

import numpy as np


def seed_for(*purpose: str | int) -> int:
    """A 64-bit seed that depends only on `purpose`, for generators other than NumPy's."""
    digest = hashlib.sha256("\x1f".join(map(str, purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def rng_for(*purpose: str | int) -> np.random.Generator:
    """A NumPy generator that depends only on `purpose`: not on the order of calls, the process or the machine."""
    return np.random.default_rng(seed_for(*purpose))
