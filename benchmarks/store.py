"""Compare the speed of reading random support sets from a store and from usual file formats: python benchmarks/store.py

The data are tasks of 128 x 128 images, smooth noise with a shape in it, with one binary mask each (or eight, where the
table says so). One read is 65 random image-mask pairs of one task, drawn with replacement: a query and a support set of
64. In each round all formats are measured, in random order. The table has medians over the rounds, and ratios within
rounds, because machines may be shared. One process, one thread.

Warm: all files are in memory. Cold: before a format is measured, its files are closed and removed from the page cache,
and each read is of another task. The bytes that were read from the disk are counted, to show that it was cold.
"""

import gc
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro
from forms import FORMS, Form, Pair, Read
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter

from universeg.base.atomic_write import atomic_write
from universeg.base.rng import rng_for

SIDE, PAIRS = 128, 65
NIFTI, FLOATS, RAW = "nii.gz", "LMDB, float32 msgpack+lz4", "raw memory map, uint8"
OURS = "store", "store, 8 labels", "store, float32 out"


@dataclass(frozen=True)
class Settings:
    """What to measure."""

    tasks: int = 40
    subjects: int = 100
    """Per task."""
    rounds: int = 7
    reads: int = 20
    """Random support sets per format and round."""
    folder: Path = Path(tempfile.gettempdir())
    """A folder on the disk to measure. A file system in memory cannot be cold."""
    plot: Path | None = None
    """Write a plot of the medians to this PNG file."""


@dataclass(frozen=True)
class Measurement:
    """One format in one round."""

    rate: float  # pairs per second
    kilobytes: float  # read from the disk, per pair


def pairs(task: int, subjects: int) -> Iterator[Pair]:
    """Image and eight masks of each subject of one task."""
    rng = rng_for("benchmark", task)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    for _ in range(subjects):
        at, radius = 0.35 + 0.3 * rng.random(2), 0.1 + 0.1 * rng.random()
        masks = [(x - at[0] - dx) ** 2 + (y - at[1]) ** 2 < radius**2 for dx in np.linspace(0, 0.2, 8)]
        image = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 3) * 2 + masks[0] + rng.normal(size=(SIDE, SIDE)) * 0.03
        image = (image - image.min()) / (image.max() - image.min())
        image[y + x < 0.4] = 0  # scans have empty corners
        yield (image * 255).round().astype(np.uint8), np.stack(masks).astype(np.uint8)


def check(forms: Mapping[str, Form], tasks: Sequence[Sequence[Pair]]) -> None:
    """Check that every format holds the same pairs."""
    for name, form in forms.items():
        images, masks = form.open()(1, [3, 0, 3])
        scale = 255 if images.dtype == np.uint8 else 1
        for row, subject in enumerate([3, 0, 3]):
            image, all_masks = tasks[1][subject]
            assert np.allclose(images[row] / scale, image / 255, atol=1e-6), name
            assert np.array_equal(masks[row], all_masks[0]), name


def measured_read(read: Read, sets: Sequence[tuple[int, list[int]]]) -> Measurement:
    before, start = from_disk(), time.perf_counter()
    for task, subjects in sets:
        read(task, subjects)
    count = PAIRS * len(sets)
    return Measurement(count / (time.perf_counter() - start), (from_disk() - before) / 1024 / count)


def warm(forms: Mapping[str, Form], settings: Settings) -> dict[str, list[Measurement]]:
    measurements: dict[str, list[Measurement]] = {name: [] for name in forms}
    reads = {name: form.open() for name, form in forms.items()}
    for number in range(settings.rounds + 1):  # the first warms up
        rng = rng_for("warm", number)
        for name in rng.permutation(list(forms)):
            tasks = rng.integers(settings.tasks, size=settings.reads)
            measurement = measured_read(reads[name], [(int(task), draw(rng, settings)) for task in tasks])
            measurements[name] += [measurement] if number else []
    return measurements


def cold(forms: Mapping[str, Form], settings: Settings) -> dict[str, list[Measurement]]:
    measurements: dict[str, list[Measurement]] = {name: [] for name in forms}
    for number in range(settings.rounds):
        rng = rng_for("cold", number)
        for name in rng.permutation(list(forms)):
            tasks = rng.permutation(settings.tasks)[: settings.reads]
            gc.collect()  # the page cache keeps files that are still mapped into memory
            for path in forms[name].paths:
                drop_from_cache(path)
            measurements[name].append(
                measured_read(forms[name].open(), [(int(task), draw(rng, settings)) for task in tasks])
            )
    return measurements


def draw(rng: np.random.Generator, settings: Settings) -> list[int]:
    return [int(n) for n in rng.integers(settings.subjects, size=PAIRS)]


def drop_from_cache(path: Path) -> None:
    """Remove a file from the page cache, so that the next read is from the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def from_disk() -> int:
    """Bytes that were read from disks for this process so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes"))


def ratio_to(measurements: Mapping[str, list[Measurement]], name: str, base: str) -> str:
    ratios = sorted(own.rate / other.rate for own, other in zip(measurements[name], measurements[base], strict=True))
    return f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def median(measurements: list[Measurement]) -> Measurement:
    return Measurement(
        *(statistics.median(getattr(one, field) for one in measurements) for field in ("rate", "kilobytes"))
    )


def table(measurements: Mapping[str, list[Measurement]], bases: Sequence[str], disk: bool) -> None:
    columns = ["pairs/s", *(["KB from disk, per pair"] if disk else []), *(f"times {base}" for base in bases)]
    print(f"| form | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}")
    for name, own in sorted(measurements.items(), key=lambda item: median(item[1]).rate):
        rate = [f"{median(own).rate:,.0f}", *([f"{median(own).kilobytes:.1f}"] if disk else [])]
        print(f"| {name} | {' | '.join([*rate, *(ratio_to(measurements, name, base) for base in bases)])} |")


def plot(measured: Mapping[str, Mapping[str, list[Measurement]]], path: Path) -> None:
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, (title, measurements) in zip(figure.subplots(1, len(measured)), measured.items(), strict=True):
        ordered = sorted((median(own).rate, name) for name, own in measurements.items())
        bars = axes.barh([name for _, name in ordered], [rate for rate, _ in ordered], log=True)
        bars_of = {name: bar for (_, name), bar in zip(ordered, bars, strict=True)}
        for name in OURS:
            bars_of[name].set_color("tab:orange")
        axes.bar_label(bars, [f"{rate:,.0f}" for rate, _ in ordered], padding=3, fontsize=8)
        axes.set(title=title, xlabel="image-mask pairs per second", xlim=(10, 4 * ordered[-1][0]))
    with atomic_write(path) as part:
        figure.savefig(part, format="png", dpi=110)


def main(settings: Settings) -> None:
    with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
        tasks = [list(pairs(task, settings.subjects)) for task in range(settings.tasks)]
        forms = {name: write(Path(folder), tasks) for name, write in FORMS.items()}
        check(forms, tasks)
        measured = {"warm": warm(forms, settings)}
        table(measured["warm"], [NIFTI, FLOATS, RAW], disk=False)
        print()
        measured["cold"] = cold(forms, settings)
        table(measured["cold"], [NIFTI, FLOATS, RAW], disk=True)
    if settings.plot:
        plot(measured, settings.plot)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
