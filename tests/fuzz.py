"""Corrupt any file of any fake tree: the pipeline ends with a store or with named reasons, and never crashes or hangs.

    PYTHONPATH=.:tests python -m fuzz --mutations 5000 --seed 1

Each mutation cuts a file short, flips bytes, empties it, or swaps two files of a tree, then takes all scans through the
pipeline's own steps. It counts as bad if anything but a reason comes out, if a reason names no file or remedy, or if
it takes longer than a minute.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import tyro

from pipeline.attrition import BadScan, Dropped
from pipeline.build.records import Recipe, records_of
from pipeline.manifest.schema import load_manifest
from pipeline.match.match import scans_of
from universeg.base.rng import rng_for

HERE = Path(__file__).parent
LAYOUTS = sorted((HERE / "layouts").glob("[A-Z]*.py"))
WAYS = ("cut", "flip", "noise", "empty", "swap", "text")
SLOW_S = 60


def tree(name: str, root: Path) -> list[Path]:
    """A dataset's fake files, written below `root`."""
    spec = spec_from_file_location(f"layout_{name}", HERE / "layouts" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.write(root)
    return sorted(path for path in root.rglob("*") if path.is_file())


def mutate(files: list[Path], rng: np.random.Generator) -> str:
    """Damage one file, or swap two; says what was done."""
    path, way = files[rng.integers(len(files))], WAYS[rng.integers(len(WAYS))]
    data = bytearray(path.read_bytes())
    if way == "swap":
        other = files[rng.integers(len(files))]
        path.write_bytes(other.read_bytes())
        other.write_bytes(data)
        return f"swapped {path} and {other}"
    if way == "cut":
        data = data[: rng.integers(len(data) + 1)]
    elif way == "empty":
        data = bytearray()
    elif way == "text":
        data = bytearray(b"<html><body>404: not found</body></html>")
    elif data:
        most = min(len(data), 400) if rng.random() < 0.7 else len(data)  # headers are short, and matter most
        for at in rng.integers(most, size=1 if way == "flip" else 16):
            data[at] ^= 1 << rng.integers(8) if way == "flip" else int(rng.integers(1, 256))
    path.write_bytes(data)
    return f"{way} {path}"


def reasons(name: str, root: Path) -> Iterator[Dropped | BadScan]:
    """Every reason for which something of a tree is not used."""
    manifest = load_manifest(HERE.parent / "dataset_manifests" / f"{name}.yaml")
    groups = {group.name: group for group in manifest.groups}
    scans, dropped = scans_of(manifest, root)
    yield from dropped
    for scan in scans:
        try:
            yield from (it for it in records_of(scan, groups[scan.group], root, Recipe(16)) if isinstance(it, Dropped))
        except BadScan as bad:
            yield bad


def trouble(name: str, seed: int, number: int) -> str | None:
    """What is wrong with how one mutation ends, if anything is."""
    rng = rng_for("fuzz", seed, name, number)
    root = Path(tempfile.mkdtemp(prefix="fuzz"))
    start, done = time.monotonic(), "nothing"
    try:
        done = mutate(tree(name, root), rng)
        found = list(reasons(name, root))
        nameless = [it for it in found if not it.reason or (isinstance(it, BadScan) and not (it.file and it.remedy))]
        if nameless:
            return f"{done}: no file or remedy: {nameless[0]}"
        took = time.monotonic() - start
        return f"{done}: took {took:.0f} s" if took > SLOW_S else None
    except Exception as error:  # noqa: BLE001
        # anything else than a reason is what is looked for
        return f"{done}: {type(error).__name__}: {error}"
    finally:
        shutil.rmtree(root)


def main(mutations: int = 2000, seed: int = 0) -> None:
    """Damage files of all fake trees by turns.

    Args:
        mutations: How many times.
        seed: Another seed, other damage.
    """
    bad = 0
    for number in range(mutations):
        name = LAYOUTS[number % len(LAYOUTS)].stem
        sys.stderr.write(f"\r{number + 1} of {mutations}, {bad} bad: {name:20}")
        if found := trouble(name, seed, number):
            bad += 1
            sys.stderr.write(f"\n{name} seed {seed} number {number}: {found}\n")
    sys.exit(bool(bad))


if __name__ == "__main__":
    tyro.cli(main)
