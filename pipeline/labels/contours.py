"""One text file of points per label: the outline of a structure in one picture."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.attrition import BadScan
from pipeline.fields import Name, Pattern
from pipeline.labels.label_files import LabelFiles
from pipeline.labels.label_map import LabelRequest
from pipeline.labels.outline import Points, filled
from universeg.imageio.image import LoadedImage

LARGEST = 16 << 20  # bytes


class ContourLabels(LabelFiles):
    """One text file per label: a point of the outline per line, column and row in pixels."""

    kind: Literal["contours"]
    names: dict[Name, Pattern]
    missing: Literal["error", "absent"] = Field("error", description="What a label without its file means")

    @property
    def patterns(self) -> Mapping[str, str]:
        return self.names


def contours(spec: ContourLabels, found: LabelRequest, image: LoadedImage) -> Iterator[tuple[str, NDArray[Any]]]:
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
