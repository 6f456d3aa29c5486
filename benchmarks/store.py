"""Reading random support sets from a store against the usual files, all in one run: python benchmarks/store.py

The data: tasks of 128 x 128 images, smooth noise with a shape in it, and one binary mask each. One read is 65 random
pairs of one task (a query and its support of 64). Peers are measured in turn within each round, in random order; the
table has medians over the rounds and, since machines are shared, ratios within rounds.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import tyro
from PIL import Image
from scipy.ndimage import gaussian_filter

from universeg.rng import rng_for
from universeg.store import Record, Store, pack, write_store

SIDE, PAIRS = 128, 65
Read = Callable[[int, list[str]], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    tasks: int = 40
    subjects: int = 100
    rounds: int = 7
    reads: int = 20
    """Random support sets per peer and round."""


def pictures(task: int, subjects: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    rng = rng_for("benchmark", task)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    for n in range(subjects):
        at, radius = 0.35 + 0.3 * rng.random(2), 0.1 + 0.1 * rng.random()
        mask = (x - at[0]) ** 2 + (y - at[1]) ** 2 < radius**2
        image = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 3) * 2 + mask + rng.normal(size=(SIDE, SIDE)) * 0.03
        image = (image - image.min()) / (image.max() - image.min())
        image[y + x < 0.4] = 0  # scans have empty corners
        yield f"s{n:03d}", (image * 255).round().astype(np.uint8), mask.astype(np.uint8)


def build(root: Path, settings: Settings) -> dict[str, Read]:
    """Write the same pairs in every form; returns how each is read."""
    packed = []
    for task in range(settings.tasks):
        for name, image, mask in pictures(task, settings.subjects):
            stem = root / f"{task:03d}_{name}"
            for suffix, values in (("image", image.astype(np.float32) / 255), ("mask", mask)):
                nib.save(nib.Nifti1Image(values, np.eye(4)), f"{stem}_{suffix}.nii.gz")
                np.save(f"{stem}_{suffix}.npy", values)
            Image.fromarray(image).save(f"{stem}_image.png")
            Image.fromarray(mask).save(f"{stem}_mask.png")
            packed.append(pack(Record("mid", f"g{task:03d}", "m", 0, name, image, {"a": mask * 255})))
    write_store(root / "store.lmdb", {"dataset": "D", "size": SIDE}, sorted(packed))
    store = Store(root / "store.lmdb")

    def files(load: Callable[[str], np.ndarray], suffix: str) -> Read:
        def read(task: int, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
            stems = [root / f"{task:03d}_{name}" for name in names]
            return tuple(np.stack([load(f"{stem}_{kind}{suffix}") for stem in stems]) for kind in ("image", "mask"))

        return read

    def as_float(task: int, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        images, masks = store.read(f"D/g{task:03d}/m/a/0", names)
        return np.multiply(images, np.float32(1 / 255)), masks.astype(np.float32)

    return {
        "nii.gz (nibabel)": files(lambda path: np.asanyarray(nib.load(path).dataobj), ".nii.gz"),
        "png (Pillow)": files(lambda path: np.asarray(Image.open(path)), ".png"),
        "npy (numpy)": files(np.load, ".npy"),
        "store, float32 out": as_float,
        "store": lambda task, names: store.read(f"D/g{task:03d}/m/a/0", names),
    }


def measure(peers: dict[str, Read], settings: Settings) -> dict[str, list[float]]:
    """Pairs per second of each peer in each round."""
    rates: dict[str, list[float]] = {name: [] for name in peers}
    for turn in range(settings.rounds + 1):  # the first warms up
        rng = rng_for("rounds", turn)
        for name in rng.permutation(list(peers)):
            sets = [
                (int(rng.integers(settings.tasks)), [f"s{n:03d}" for n in rng.integers(settings.subjects, size=PAIRS)])
                for _ in range(settings.reads)
            ]
            start = time.perf_counter()
            for task, names in sets:
                peers[name](task, names)
            if turn:
                rates[name].append(PAIRS * settings.reads / (time.perf_counter() - start))
    return rates


def main(settings: Settings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        peers = build(Path(folder), settings)
        reference, *others = [read(0, ["s000", "s001"]) for read in peers.values()]
        for images, masks in others:  # all hold the same pairs
            scale = 255 if images.dtype == np.uint8 else 1
            assert np.allclose(images / scale, reference[0], atol=1e-6)
            assert np.array_equal(masks, reference[1])
        rates = measure(peers, settings)
    base = rates["nii.gz (nibabel)"]
    print("| form | pairs/s | times nii.gz (least to most of the rounds) |\n| --- | ---: | --- |")
    for name, values in rates.items():
        ratios = sorted(value / other for value, other in zip(values, base, strict=True))
        spread = f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f})"
        print(f"| {name} | {statistics.median(values):,.0f} | {spread} |")


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
