"""One way of writing masks per file: a scan's label files in, (label, mask) pairs out. Nothing here knows a dataset."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from pipeline.labels.colours import colours
from pipeline.labels.files import files
from pipeline.labels.ranges import ranges
from pipeline.labels.values import values

Masks = Iterator[tuple[str, NDArray[Any]]]

LABELS: Mapping[str, Callable[..., Masks]] = {
    "values": values,
    "ranges": ranges,
    "colours": colours,
    "files": files,
}
