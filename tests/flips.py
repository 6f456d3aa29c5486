"""Flip single bits of a store, and count how many `verify` or reading finds: `python tests/flips.py STORE`.

Each damaged copy is used in a process of its own, because a damaged file may end the process. Exit status 1 if a
flip was not found although it changes what is read, or ended with a crash or an error that is not a sentence.
"""

import os
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import tyro

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from universeg.base.rng import rng_for
from universeg.store import Store, StoreError
from universeg.store.__main__ import problems
from universeg.store.format import SLICINGS

FIRST_PAGES = 8192  # bytes that describe the file
OUTCOMES = {0: "changes nothing", 1: "found", 2: "NOT FOUND"}


def main(store: tyro.conf.Positional[Path], flips: int = 800, seed: int = 0, how: Literal["verify", "read"] = "verify"):
    """Flip bits at random places, and print how many were found.

    Args:
        store: A store (.lmdb); it is only read.
        flips: Number of flips. For `read`, half of them are in the first pages.
        seed: Another seed gives other places.
        how: Whether `verify` or reading all tasks must find them.
    """
    good, rng, counts = store.read_bytes(), rng_for("flips", seed), Counter[str]()
    reference = content(Store(store), how)
    places = rng.integers(0, 8 * len(good), flips)
    if how == "read":
        places[: flips // 2] = rng.integers(0, 8 * FIRST_PAGES, flips // 2)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "flipped.lmdb"
        for at in places.tolist():
            flipped = bytearray(good)
            flipped[at // 8] ^= 1 << at % 8
            path.write_bytes(flipped)
            code = in_a_process(path, how, reference)
            counts[OUTCOMES.get(code, f"CRASH {code} at bit {at}")] += 1
            path.unlink()  # the next copy must be another file, because LMDB keeps files open
    sys.stdout.write(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) + "\n")
    sys.exit(any(name.isupper() or name.startswith("CRASH") for name in counts))


def in_a_process(path: Path, how: str, reference: object) -> int:
    """The exit status of a child that uses the file: a key of OUTCOMES, or a signal below 0."""
    child = os.fork()
    if not child:
        status = 3
        try:
            damaged = Store(path)
            found = how == "verify" and bool(list(problems(damaged)))
            status = 1 if found else 0 if content(damaged, how) == reference else 2
        except StoreError:
            status = 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def content(store: Store, how: str) -> object:
    """Everything in the store: as it is stored, or as it is read."""
    if how == "verify":
        return [store.header, list(store.packed()), list(store.packed_origins())]
    names = [(task, slicing, store.subjects(task, None, slicing)) for task in store.tasks for slicing in SLICINGS]
    return [(*one, *(pixels.tobytes() for pixels in store.read(one[0], one[2], one[1]))) for one in names if one[2]]


if __name__ == "__main__":
    tyro.cli(main)
