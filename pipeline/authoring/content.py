"""What the files of a group contain: images, or masks with their values or colours, by the rule of `imageio.masks`."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.attrition import BadScan
from pipeline.authoring.filename_patterns import FileGroup
from pipeline.readers import Pick, read
from universeg.base.rng import rng_for
from universeg.imageio.dicom import dicom_file
from universeg.imageio.image import ImageError, LoadedImage, RawImage
from universeg.imageio.masks import label_values
from universeg.imageio.segments import segment_names

MAX_IMAGES = 8  # files of a group that are read
MAX_MASKS = 300  # the same for masks: more, because a rare value must not be missed
MAX_VALUES = 32  # different values in a label map, or colours in a colour mask
SOME_PIXELS = 4096  # that tell most pictures from masks without a search through all pixels
EQUAL_NEIGHBOURS = 0.8  # share of the pixels of a map of numbered objects that equal the next one, at least

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Content:
    """The content of some files of a group."""

    group: FileGroup
    values: tuple[int, ...]  # all different values of a label map; empty if it is none
    colours: tuple[Colour, ...]  # all different colours of masks in several colours; empty for other files
    lowest: float
    is_volume: bool
    is_blurred: bool = False  # masks of two values with grey levels between them, from JPEG or resizing
    is_stack: bool = False  # DICOM slices that say where they lie, or pictures that may belong to such slices
    device: str = ""  # the kind of device that a DICOM file names, such as CT or US
    names: Mapping[int, str] = field(default_factory=dict)  # of values, if a DICOM segmentation says them
    is_numbered: bool = False  # masks with more values than a label map, as if each object had a number of its own

    @property
    def is_mask(self) -> bool:
        return len(self.values) > 1 or len(self.colours) > 1


def inspect(group: FileGroup, root: Path) -> Content | None:
    """Read a few files of a group, or more if they may be masks; None if none can be read."""
    files = sorted(path for slices in group.slices.values() for path in slices.values()) or sorted(group.files.values())
    order = rng_for("draft", group.pattern).permutation(len(files))
    paths = (root / files[number] for number in order)
    values: set[int] | None = set()
    colours: set[Colour] | None = set()
    lowest, is_volume, is_blurred, device, read_files = np.inf, False, False, "", 0
    names, is_numbered = dict[int, str](), False
    is_stack = bool(group.stack)
    for path in islice(paths, MAX_MASKS):
        if read_files >= MAX_IMAGES and values is None and colours is None:
            break
        stored = _read(group.reader, path)
        if stored is None:
            continue
        is_stack &= not stored.is_volume and (group.reader != "dicom" or stored.affine is not None)
        is_volume = stored.is_volume or (is_stack and group.reader == "dicom")
        if group.reader == "dicom":
            header = dicom_file(path, stop_before_pixels=True, specific_tags=["Modality", "SegmentSequence"])
            device, names = device or str(header.get("Modality", "")), names | segment_names(header)
        lowest, read_files = min(lowest, float(np.min(stored.values))), read_files + 1
        labels = _labels(stored, path)
        values = _joined(values, labels)
        is_blurred |= labels is not None and _is_blurred(stored, labels)
        is_numbered |= labels is None and _is_numbered(stored)
        colours = _joined(colours, _colours(stored)) if values is None else colours
    if not read_files:
        return None
    known = tuple(sorted(values or ())), tuple(sorted(colours or ())) if values is None else ()
    return Content(group, *known, lowest, is_volume, is_blurred, is_stack, device, names, is_numbered)


def _joined(known: Any, new: Any) -> Any:
    """Both sets together; None if one of them is no mask, or there are too many for a mask."""
    joined = None if known is None or new is None else known | new
    return joined if joined is not None and len(joined) <= MAX_VALUES else None


def _read(reader: str, path: Path) -> RawImage | None:
    try:
        return read(reader, path, Pick(index=0 if reader == "video" else None))
    except BadScan as bad:
        sys.stderr.write(f"{path}: left out of the draft: {bad.reason}\n")
        return None


def _labels(stored: RawImage, path: Path) -> set[int] | None:
    """The different values if the file may be a label map, else None."""
    if _has_many(stored):
        return None
    axes = 3 if stored.is_volume else 2
    try:
        labels = label_values(LoadedImage(stored.values, (1.0,) * axes, str(path), palette=stored.palette))
    except ImageError:
        return None
    found = np.unique(labels.values)
    return {int(value) for value in found} if len(found) <= MAX_VALUES else None


def _is_blurred(stored: RawImage, labels: set[int]) -> bool:
    """Whether a grey picture has more values than the two that it stands for."""
    grey = stored.values if stored.values.ndim == 2 else stored.values[..., 0]
    whole = not stored.is_volume and stored.palette is None and grey.dtype.kind in "iu"
    return whole and len(labels) == 2 and len(np.unique(grey)) > len(labels)


def _is_numbered(stored: RawImage) -> bool:
    """Whether most samples are whole numbers that equal the next one, and some are 0: areas, not an image."""
    values = stored.values
    if values.dtype.kind not in "iu" or values.ndim != 2 + stored.is_volume or stored.palette is not None:
        return False
    return bool((values == 0).any()) and float((values[1:] == values[:-1]).mean()) > EQUAL_NEIGHBOURS


def _colours(stored: RawImage) -> set[Colour] | None:
    """The different colours of a picture in few colours; None for other pictures."""
    if stored.is_volume or stored.values.ndim < 3 or stored.values.shape[-1] < 3 or _has_many(stored):
        return None
    found = np.unique(stored.values[..., :3].reshape(-1, 3), axis=0)
    return {(int(r), int(g), int(b)) for r, g, b in found} if len(found) <= MAX_VALUES else None


def _has_many(stored: RawImage) -> bool:
    """Whether some samples of a volume, or pixels of a colour picture, already have more values than masks have."""
    if not stored.is_volume and stored.values.ndim < 3:
        return False  # a blurred mask has many grey levels too
    pixels = stored.values.reshape(-1, 1 if stored.is_volume else stored.values.shape[-1])
    some = pixels[:: max(1, len(pixels) // SOME_PIXELS)]
    is_grey = not stored.is_volume and bool((some[:, :3] == some[:, :1]).all())
    return not is_grey and len(np.unique(some, axis=0)) > MAX_VALUES
