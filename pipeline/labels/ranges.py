"""One label map per scan, ranges of its values labels."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline.labels.label_map import label_map, single
from pipeline.manifest import RangeLabels
from pipeline.volume import Volume


def ranges(
    spec: RangeLabels, paths: Mapping[str, Path], reader: str, image: Volume
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Samples from low to high, ends included."""
    labels = single(label_map(paths[""], reader, image), paths[""]).values
    for name, (low, high) in spec.names.items():
        yield name, (labels >= low) & (labels <= high)
