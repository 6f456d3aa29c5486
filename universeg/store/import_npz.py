"""Make a store of an .npz file with the arrays of MedSegBench: `python -m universeg.store import-npz`."""

import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from tyro.conf import arg

from universeg.base.file_digest import sha256_of
from universeg.standardise.normalise import FlatImage, limits, luminance, scaled
from universeg.standardise.resample import Grid, cut
from universeg.store.format import SPLITS as STORE_SPLITS
from universeg.store.format import Packed, Pixels, Record, StoreError, area, pack
from universeg.store.writer import write_store

# Their splits, in the order of the names of the subjects that are made of them.
SPLITS: Mapping[str, str] = {"test": "test", "train": "support", "val": "dev"}
IMAGES = re.compile(r"(test|train|val)_images(?:_(.+))?")
MAX_BYTES = 1 << 34  # of one array, unpacked: a small file can unpack to any size
MAX_LABEL = 255
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
UNKNOWN_LICENCE = {
    "name": None,
    "url": None,
    "research": "unknown",
    "commercial": "unknown",
    "redistribution": "unknown",
}


@dataclass(frozen=True)
class ImportConfig:
    file: tyro.conf.Positional[Path]
    """The .npz file. Arrays: train_images (n, H, W) or (n, H, W, 3), train_label (n, H, W) with whole numbers; the same
    for val and test. A word after another _ is a group, for example train_images_left and train_label_left."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """The store to write (.lmdb)."""
    name: str
    """Name of the dataset: letters, digits and -."""
    labels: dict[int, str] = field(default_factory=dict)
    """Names of the values of masks, for example 1 nucleus 2 cytoplasm. Default: the values themselves. 0 is no label;
    if names are given, other values are not stored."""
    modality: str = "image"
    """Name of the modality."""
    role: Literal["train", "held-out", "extra"] = "held-out"
    """train: to train on; held-out: to evaluate on; extra: to evaluate on if it is named."""
    size: int = 0
    """Pixels per side in the store. 0: as in the file. Images that are not square are padded."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"name must be letters, digits and -, got {self.name!r}")
        if self.size and not 16 <= self.size <= 1024:
            raise ValueError(f"size must be 0, or from 16 to 1024, got {self.size}")
        if 0 in self.labels or len(set(self.labels.values())) < len(self.labels):
            raise ValueError(f"labels must have different names, and none for 0, got {self.labels}")
        if not self.modality or any("/" in name or not name for name in (self.modality, *self.labels.values())):
            raise ValueError("names of modality and labels must not be empty or contain '/'")


def import_npz(config: Annotated[ImportConfig, tyro.conf.arg(name="")]) -> None:
    """Make a store of an .npz file as MedSegBench has them; train becomes support, val dev, and test test.

    The file has no names of persons, so each image counts as a subject of its own. Intensities of each image are mapped
    to [0, 1] by its smallest and largest value, and colours to grey, as the pipeline does with pictures.
    """
    arrays = Arrays(config.file)
    size = config.size or arrays.side
    left_out = dict[str, int]()
    packed = [pair for group in sorted(arrays.groups) for pair in _records(arrays, group, config, size, left_out)]
    if not packed:
        raise ValueError(f"{config.file}: none of its images has a label, so no store is written")
    names = sorted({key.decode().split("/")[4] for key, _ in packed})
    splits = {name: SPLITS[name.split("-", 1)[0]] for name in names}
    counts = {split: list(splits.values()).count(split) for split in STORE_SPLITS}
    header = {
        "dataset": config.name,
        "title": f"{config.name}, imported from {config.file.name}",
        "domain": "unknown",
        "role": config.role,
        "row": config.name,
        "licence": UNKNOWN_LICENCE,
        "citation": [],
        "overlaps": [],
        "sources": [_source(config.file)],
        "size": size,
        "geometry": "isotropic",
        "min_pixels": 1,
        "splits": splits,
        "counts": {"subjects": len(splits), **counts, "images": len(splits)},
    }
    write_store(config.out, header, packed)
    said = [f"{config.out}: {len(splits)} images ({', '.join(f'{n} {split}' for split, n in counts.items())})"]
    said += [f"{count} {reason}" for reason, count in left_out.items()]
    said.append("the file has no names of persons: images of one person may be in several splits")
    sys.stdout.write("\n  ".join(said) + "\n")


class Arrays:
    """The arrays of a file, read one at a time. Raises StoreError if it is not a file of the layout."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = np.load(path, allow_pickle=False)
            with zipfile.ZipFile(path) as archive:
                unpacked = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
        except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
            raise StoreError(f"{path} is not an .npz file: {error}") from error
        found = {name: match for name in unpacked if (match := IMAGES.fullmatch(name))}
        self.groups = {match[2] or "all" for match in found.values()}
        if not found:
            known = ", ".join(sorted(unpacked)) or "none"
            raise StoreError(f"{path} has no arrays train_images, val_images or test_images; it has: {known}")
        for name in found:
            mask = name.replace("_images", "_label", 1)
            for one in (name, mask):
                if one not in unpacked:
                    raise StoreError(f"{path} has {name}, but no {mask}")
                if unpacked[one] > MAX_BYTES:
                    raise StoreError(f"{path}: {one} unpacks to {unpacked[one]} bytes, at most {MAX_BYTES} are allowed")
        self.side = max(self.read(next(iter(found)))[0].shape[1:3])

    def read(self, images: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """Images (n, H, W) or (n, H, W, 3), and masks (n, H, W) of whole numbers."""
        masks = images.replace("_images", "_label", 1)
        try:
            pixels, values = self._file[images], self._file[masks]
        except (ValueError, OSError, zipfile.BadZipFile, EOFError, MemoryError) as error:
            raise StoreError(f"{self._path}: {images} or {masks} cannot be read: {error}") from error
        values = values[..., 0] if values.ndim == 4 and values.shape[-1] == 1 else values
        colours = pixels.ndim == 4 and pixels.shape[-1] in (1, 3, 4)
        if not (pixels.ndim == 3 or colours) or values.ndim != 3 or pixels.shape[:3] != values.shape:
            raise StoreError(
                f"{self._path}: {images} has shape {pixels.shape}, {masks} {values.shape}; they do not fit"
            )
        if pixels.dtype.kind not in "uif" or values.dtype.kind not in ("b", "u", "i"):
            raise StoreError(f"{self._path}: {images} has numbers of type {pixels.dtype}, {masks} of {values.dtype}")
        return pixels, values

    def splits(self, group: str) -> Iterator[tuple[str, str]]:
        """Their splits that a group has, in order, and the name of the array of images."""
        for split in SPLITS:
            name = f"{split}_images" if group == "all" else f"{split}_images_{group}"
            if name in self._file.files:
                yield split, name


def _records(arrays: Arrays, group: str, config: ImportConfig, size: int, left_out: dict[str, int]) -> Iterator[Packed]:
    """The packed records of a group in the order of their keys; counts what is not stored in `left_out`."""
    for split, name in arrays.splits(group):
        images, values = arrays.read(name)
        grid = Grid((images.shape[1], images.shape[2]), (1, 1), size)
        for number in track(range(len(images)), description=name, console=Console(stderr=True)):
            try:
                image, masks = _standard(images[number], values[number], grid, config.labels)
            except FlatImage:
                left_out["images of one intensity left out"] = left_out.get("images of one intensity left out", 0) + 1
                continue
            if masks:
                yield pack(Record("mid", group, config.modality, 0, f"{split}-{number:06d}", image, masks))
            else:
                left_out["images without a label left out"] = left_out.get("images without a label left out", 0) + 1


def _standard(
    colours: NDArray[Any], values: NDArray[Any], grid: Grid, names: Mapping[int, str]
) -> tuple[Pixels, dict[str, Pixels]]:
    """The image and its masks on the standard grid. Raises FlatImage, and ValueError for values that are no labels."""
    grey = luminance(colours) if colours.ndim == 3 else colours
    image = cut(scaled(grey, limits(grey, "unit")), grid.image_weights_along(None), None, [0])[0]
    found = [int(value) for value in np.unique(values) if value]
    if found and (found[0] < 0 or found[-1] > MAX_LABEL):
        raise ValueError(f"masks have the values {found[0]} to {found[-1]}; values of labels are 1 to {MAX_LABEL}")
    wanted: Sequence[int] = [value for value in found if not names or value in names]
    masks = {names.get(v, str(v)): cut(values == v, grid.mask_weights_along(None), None, [0])[0] for v in wanted}
    return image, {label: mask for label, mask in masks.items() if area(mask)}


def _source(path: Path) -> dict[str, Any]:
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
