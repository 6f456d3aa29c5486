"""The origin of a scan's records: digests of its files, and how its samples became slices."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.match.scan_files import ScanFiles
from universeg.imageio.image import LoadedImage
from universeg.imageio.itk import data_file
from universeg.standardise.normalise import Window
from universeg.standardise.resample import Grid
from universeg.store.origin import Files, Origin, Position

BLOCK = 1 << 20  # bytes read at once
WITH_DATA_FILE = (".mhd", ".nhdr")  # headers, whose samples are in another file


def origin_of(
    scan: ScanFiles, root: Path, image: LoadedImage, window: Window, slices: Mapping[str, Position]
) -> Origin:
    """The origin of the records of one scan, whose files are relative to `root`."""
    return Origin(
        scan.group,
        scan.modality,
        scan.subject,
        _files(root, scan.images),
        {label: _files(root, names) for label, names in sorted(scan.labels.items())},
        scan.channel,
        scan.index,
        scan.label_index,
        _orientation(image),
        image.shape,
        tuple(map(float, image.spacing)),
        (float(window[0]), float(window[1])),
        dict(sorted(slices.items())),
    )


def position(grid: Grid, axis: int, index: int) -> Position:
    """Index of a slice on the standard grid, and the first and the last sample that it is made of; 0 for a picture."""
    if len(grid.shape) == 2:
        return 0, 0, 0
    used = np.flatnonzero(grid.slice_weights[axis][index])
    return index, int(used[0]) if used.size else 0, int(used[-1]) if used.size else -1


def digest(paths: Iterable[Path]) -> str:
    """SHA-256 of the contents of some files, one after another."""
    found = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                found.update(block)
    return found.hexdigest()


def _files(root: Path, names: tuple[str, ...]) -> Files:
    """The files, each header followed by the file with its samples."""
    paths = tuple(path for name in names for path in _with_data_file(root / name))
    return Files(tuple(str(path.relative_to(root)) for path in paths), _digest(paths))


def _with_data_file(path: Path) -> Iterator[Path]:
    yield path
    samples = data_file(path) if path.suffix.lower() in WITH_DATA_FILE else None
    if samples is not None:
        yield samples


# The frames of a video, and the modalities of a scan, share files.
_digest = lru_cache(maxsize=64)(digest)


def _orientation(image: LoadedImage) -> str:
    if image.stored is None:
        return ""
    from nibabel.orientations import aff2axcodes

    return "".join(str(letter) for letter in aff2axcodes(image.stored))
