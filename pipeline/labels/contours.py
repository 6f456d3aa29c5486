"""One text file of points per label: the outline of a structure in one picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.labels.kinds_old import ContourLabels
from pipeline.labels.label_map import Found
from pipeline.labels.outline import Points, filled
from universeg.imageio.image import BadScan, Volume

LARGEST = 16 << 20  # bytes


def contours(spec: ContourLabels, found: Found, image: Volume) -> Iterator[tuple[str, NDArray[Any]]]:
    """The inside of each outline; a label without a file is absent from the picture."""
    for name in spec.names:
        if name not in found.paths:
            yield name, np.zeros(image.shape, bool)
            continue
        path = found.paths[name][0]
        try:
            yield name, filled([_points(path)], image)
        except BadScan as bad:
            raise BadScan(bad.reason, str(path), bad.remedy or "fetch the file again") from bad


def _points(path: Path) -> Points:
    """A point per line: two numbers, column and row, with a blank or comma between."""
    if path.stat().st_size > LARGEST:
        raise BadScan(f"is larger than {LARGEST} bytes; this is no outline")
    points = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            x, y = map(float, line.replace(",", " ").split())
        except ValueError as error:
            if line.strip():
                raise BadScan(f"line {number} is no point: {line[:40]!r}") from error
            continue
        points.append((x, y))
    return points
