"""Label kind `rle`: run lengths in the format of COCO, in one JSON file with an entry for each picture."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.attrition import BadScan
from pipeline.fields import Name
from pipeline.labels.json_file import load_json
from pipeline.labels.label_files import OneFile
from pipeline.labels.label_map import LabelRequest
from universeg.imageio.image import LoadedImage

REMEDY = "fetch the file again, or add the scan to known_bad"


class RunLabels(OneFile):
    """One JSON file for all pictures, with run lengths in the format of COCO."""

    names_are_values = True

    kind: Literal["rle"]
    key: str = Field(description="The picture's entry in the file, made of the named parts")
    names: dict[str, Name] = Field(description="Name in the entry to label")


def decode_runs(spec: RunLabels, request: LabelRequest, image: LoadedImage) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The masks in the entry of the picture.

    Raises BadScan if it has no entry; the error is marked as known if the manifest expects unlabelled images.
    """
    path, key = request.paths[""][0], spec.key.format_map(request.parts)
    entries = load_json(path)
    entry = entries.get(key) if isinstance(entries, dict) else None
    if not isinstance(entry, dict):
        raise BadScan(f"has no entry {key!r}", str(path), REMEDY, known=request.may_be_unlabelled)
    for label in spec.masks:
        mask = np.zeros(image.shape, bool)
        for name in (name for name, named in spec.names.items() if named == label and name in entry):
            try:
                mask |= _decode(entry[name], image.shape)
            except (BadScan, KeyError, TypeError, ValueError, OverflowError) as error:
                raise BadScan(f"entry {key!r}, {name!r}: {error}", str(path), REMEDY) from error
        yield label, mask


def _decode(entry: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask (rows, columns) of one entry {size, counts}; counts are a list of numbers, or COCO's text."""
    size = tuple(int(n) for n in entry["size"])
    if size != shape:
        raise BadScan(f"the mask has {size} pixels, its image {shape}")
    counts = entry["counts"]
    runs = np.cumsum([0, *(_run_lengths(counts) if isinstance(counts, str) else [int(n) for n in counts])])
    if runs[-1] != size[0] * size[1] or (np.diff(runs) < 0).any():
        raise BadScan(f"its runs have {runs[-1]} pixels, expected {size[0] * size[1]}")
    flat = np.zeros(runs[-1], bool)
    for start, stop in list(pairwise(runs))[1::2]:  # runs alternate, and the first is background
        flat[start:stop] = True
    return flat.reshape(size, order="F")  # COCO counts column by column


def _run_lengths(text: str) -> Sequence[int]:
    """The run lengths in COCO's text: 5 bits per character; from the fourth on, differences to the last but one."""
    lengths: list[int] = []
    value = shift = 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift > 60:
            raise BadScan(f"{letter!r} is not part of a run length")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            value -= (1 << shift) if code & 16 else 0
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    return lengths
