"""Run lengths as COCO writes them: one JSON file, an entry for each picture, in it one mask for each name."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.attrition import BadScan
from pipeline.fields import Name
from pipeline.labels.json_file import load
from pipeline.labels.label_files import OneFile
from pipeline.labels.label_map import LabelRequest
from universeg.imageio.image import LoadedImage

REMEDY = "fetch the file again, or add the scan to known_bad"


class RunLabels(OneFile):
    """One JSON file for all pictures with run lengths as COCO writes them."""

    kind: Literal["rle"]
    key: str = Field(description="The picture's entry in the file, made of the path's parts")
    names: dict[str, Name] = Field(description="Name in the entry to label")
    _named_by_value = True


def rle(spec: RunLabels, found: LabelRequest, image: LoadedImage) -> Iterator[tuple[str, NDArray[Any]]]:
    """The masks of the picture's entry; raises BadScan if it has none, which a manifest may foresee."""
    path, key = found.paths[""][0], spec.key.format_map(found.parts)
    entries = load(path)
    entry = entries.get(key) if isinstance(entries, dict) else None
    if not isinstance(entry, dict):
        raise BadScan(f"has no entry {key!r}", str(path), REMEDY, known=found.may_lack)
    for name in dict.fromkeys(spec.names.values()):
        mask = np.zeros(image.shape, bool)
        for inner in (inner for inner, label in spec.names.items() if label == name and inner in entry):
            try:
                mask |= _mask(entry[inner], image.shape)
            except (BadScan, KeyError, TypeError, ValueError, OverflowError) as error:
                raise BadScan(f"entry {key!r}, {inner!r}: {error}", str(path), REMEDY) from error
        yield name, mask


def _mask(entry: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    size = tuple(int(n) for n in entry["size"])
    if size != shape:
        raise BadScan(f"the mask has {size} pixels, its image {shape}")
    counts = entry["counts"]
    runs = np.cumsum([0, *(_lengths(counts) if isinstance(counts, str) else [int(n) for n in counts])])
    if runs[-1] != size[0] * size[1] or (np.diff(runs) < 0).any():
        raise BadScan(f"its runs have {runs[-1]} pixels, expected {size[0] * size[1]}")
    flat = np.zeros(runs[-1], bool)
    for start, stop in list(pairwise(runs))[1::2]:  # background first, then by turns
        flat[start:stop] = True
    return flat.reshape(size, order="F")  # column by column


def _lengths(text: str) -> Sequence[int]:
    """Run lengths from COCO's text: 5 bits a character, from the fourth on as difference to the one before the last."""
    lengths: list[int] = []
    value = shift = 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift > 60:
            raise BadScan(f"{letter!r} is no run length")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (1 << shift) if code & 16 else 0
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    return lengths
