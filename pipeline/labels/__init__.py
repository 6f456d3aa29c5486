"""The label kinds: one file each, with its model (the keys of the manifest) and its decoder (label files to masks).

To add a label kind: write one file with both, then add it to LABELS and to `Labels`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.labels.colours import ColourLabels, decode_colours
from pipeline.labels.contours import ContourLabels, decode_contours
from pipeline.labels.files import FileLabels, decode_files
from pipeline.labels.label_map import LabelRequest
from pipeline.labels.polygons import PolygonLabels, decode_polygons
from pipeline.labels.ranges import RangeLabels, decode_ranges
from pipeline.labels.rle import RunLabels, decode_runs
from pipeline.labels.values import ValueLabels, decode_values
from universeg.imageio.image import LoadedImage

Masks = Iterator[tuple[str, NDArray[np.bool_]]]  # label name and mask; the mask has the shape of the image

Labels = Annotated[
    ValueLabels | RangeLabels | ColourLabels | FileLabels | ContourLabels | PolygonLabels | RunLabels,
    Field(discriminator="kind"),
]
LABELS: Mapping[type[Any], Callable[[Any, LabelRequest, LoadedImage], Masks]] = {
    ValueLabels: decode_values,
    RangeLabels: decode_ranges,
    ColourLabels: decode_colours,
    FileLabels: decode_files,
    ContourLabels: decode_contours,
    PolygonLabels: decode_polygons,
    RunLabels: decode_runs,
}


def masks(spec: Labels, request: LabelRequest, image: LoadedImage) -> Masks:
    """Each label of a scan with its mask on the grid of the image.

    Raises BadScan, which names the file, if a label file cannot be used.
    """
    decoded = LABELS[type(spec)](spec, request, image)
    if spec.combine is None:
        yield from decoded
        return
    by_name = dict(decoded)
    for label, parts in spec.combine.items():
        mask = np.zeros(image.shape, bool)
        for part in parts:
            mask = mask & ~by_name[part[1:]] if part.startswith("-") else mask | by_name[part]
        yield label, mask
