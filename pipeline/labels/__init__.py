"""The label kinds: one file each, with its model (what a manifest says) and its decoder (from label files to masks).

To add a label kind: one file here with both, one line in LABELS and one name in `Labels`.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.labels.colours import ColourLabels, colours
from pipeline.labels.contours import ContourLabels, contours
from pipeline.labels.files import FileLabels, files
from pipeline.labels.label_map import LabelRequest
from pipeline.labels.polygons import PolygonLabels, polygons
from pipeline.labels.ranges import RangeLabels, ranges
from pipeline.labels.rle import RunLabels, rle
from pipeline.labels.values import ValueLabels, values
from universeg.imageio.image import LoadedImage

Mask = NDArray[np.bool_]
Masks = Iterator[tuple[str, Mask]]

Labels = Annotated[
    ValueLabels | RangeLabels | ColourLabels | FileLabels | ContourLabels | PolygonLabels | RunLabels,
    Field(discriminator="kind"),
]
LABELS: Mapping[type[Any], Callable[[Any, LabelRequest, LoadedImage], Masks]] = {
    ValueLabels: values,
    RangeLabels: ranges,
    ColourLabels: colours,
    FileLabels: files,
    ContourLabels: contours,
    PolygonLabels: polygons,
    RunLabels: rle,
}


def masks(spec: Labels, request: LabelRequest, image: LoadedImage) -> Masks:
    """Each label with its mask on the image's grid; raises BadScan for label files that cannot be used."""
    pairs = LABELS[type(spec)](spec, request, image)
    if spec.combine is None:
        yield from pairs
        return
    made = dict(pairs)
    for name, parts in spec.combine.items():
        mask = np.zeros(image.shape, bool)
        for part in parts:
            mask = mask & ~made[part[1:]] if part.startswith("-") else mask | made[part]
        yield name, mask
