"""One label map per scan, ranges of its values labels."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from pipeline.labels.kinds_old import RangeLabels
from pipeline.labels.label_map import Found, label_map, single
from universeg.imageio.image import Volume


def ranges(spec: RangeLabels, found: Found, image: Volume) -> Iterator[tuple[str, NDArray[Any]]]:
    """Samples from low to high, ends included."""
    labels = single(label_map(spec, found, "", image), found.paths[""][0])
    for name, (low, high) in spec.names.items():
        yield name, (labels >= low) & (labels <= high)
