"""One way of writing masks per file: a scan's label files in, (label, mask) pairs out. Nothing here knows a dataset."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.labels.kinds_old import Labels
from pipeline.labels.colours import colours
from pipeline.labels.contours import contours
from pipeline.labels.files import files
from pipeline.labels.label_map import Found
from pipeline.labels.polygons import polygons
from pipeline.labels.ranges import ranges
from pipeline.labels.rle import rle
from pipeline.labels.values import values
from universeg.imageio.image import Volume
from universeg.base.lookup import choose

Mask = NDArray[np.bool_]
Masks = Iterator[tuple[str, Mask]]

LABELS: Mapping[str, Callable[[Any, Found, Volume], Masks]] = {
    "values": values,
    "ranges": ranges,
    "colours": colours,
    "files": files,
    "contours": contours,
    "polygons": polygons,
    "rle": rle,
}


def masks(spec: Labels, found: Found, image: Volume) -> Masks:
    """Each label with its mask on the image's grid; raises BadScan for label files that cannot be used."""
    pairs = choose(LABELS, spec.kind, "label kind")(spec, found, image)
    if spec.combine is None:
        yield from pairs
        return
    made = dict(pairs)
    for name, parts in spec.combine.items():
        mask = np.zeros(image.shape, bool)
        for part in parts:
            mask = mask & ~made[part[1:]] if part.startswith("-") else mask | made[part]
        yield name, mask
