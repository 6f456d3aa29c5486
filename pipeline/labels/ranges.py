"""One label map per scan, ranges of its values labels."""

from collections.abc import Iterator
from typing import Any, Literal

from numpy.typing import NDArray

from pipeline.fields import Name
from pipeline.labels.label_files import OneFile
from pipeline.labels.label_map import LabelRequest, label_map, single
from universeg.imageio.image import LoadedImage


class RangeLabels(OneFile):
    """One label map per scan in which a label is a range of values, ends included."""

    kind: Literal["ranges"]
    names: dict[Name, tuple[float, float]]


def ranges(spec: RangeLabels, found: LabelRequest, image: LoadedImage) -> Iterator[tuple[str, NDArray[Any]]]:
    """Samples from low to high, ends included."""
    labels = single(label_map(spec, found, "", image), found.paths[""][0])
    for name, (low, high) in spec.names.items():
        yield name, (labels >= low) & (labels <= high)
