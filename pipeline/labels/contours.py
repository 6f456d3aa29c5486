"""Label kind `contours`: one text file per label with the points of its outline in one picture."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan
from pipeline.labels.label_files import FilePerLabel
from pipeline.labels.label_map import LabelRequest
from pipeline.labels.outline import Points, filled
from universeg.imageio.image import LoadedImage

MAX_BYTES = 16 << 20


class ContourLabels(FilePerLabel):
    """One text file per label. Each line is a point of the outline: column and row, in pixels."""

    kind: Literal["contours"]


def decode_contours(
    spec: ContourLabels, request: LabelRequest, image: LoadedImage
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The inside of each outline. A label without a file has an empty mask."""
    for name in spec.names:
        if name not in request.paths:
            yield name, np.zeros(image.shape, bool)
            continue
        path = request.paths[name][0]
        try:
            yield name, filled([_points(path)], image)
        except BadScan as bad:
            raise BadScan(bad.reason, str(path), bad.remedy or "fetch the file again") from bad


def _points(path: Path) -> Points:
    """One point per line: column and row, separated by a blank or a comma. Empty lines are skipped."""
    if path.stat().st_size > MAX_BYTES:
        raise BadScan(f"is larger than {MAX_BYTES} bytes; this is not an outline")
    points = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        try:
            x, y = map(float, line.replace(",", " ").split())
        except ValueError as error:
            if line.strip():
                raise BadScan(f"line {number} is not a point: {line[:40]!r}") from error
            continue
        points.append((x, y))
    return points
