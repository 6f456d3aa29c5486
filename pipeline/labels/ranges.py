"""One label map per scan, ranges of its values labels."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from pipeline.label_forms import RangeLabels
from pipeline.labels.label_map import Found, label_map, single
from pipeline.volume import Volume


def ranges(spec: RangeLabels, found: Found, image: Volume) -> Iterator[tuple[str, NDArray[Any]]]:
    """Samples from low to high, ends included."""
    labels = single(label_map(spec, found, "", image), found.paths[""][0])
    for name, (low, high) in spec.names.items():
        yield name, (labels >= low) & (labels <= high)
