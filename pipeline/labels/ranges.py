"""Label kind `ranges`: one label map per scan; each label is a range of its values."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.fields import Name
from pipeline.labels.label_files import OneLabelMap
from pipeline.labels.label_map import LabelRequest, whole_numbers
from universeg.imageio.image import LoadedImage


class RangeLabels(OneLabelMap):
    """One label map per scan. Each label is a range of values."""

    kind: Literal["ranges"]
    names: dict[Name, tuple[float, float]] = Field(description="Label to its lowest and highest value, both included")


def decode_ranges(
    spec: RangeLabels, request: LabelRequest, image: LoadedImage
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The samples from the lowest to the highest value of the label, both included."""
    labels = whole_numbers(spec, request, image)
    named = np.zeros(image.shape, bool)
    for name, (low, high) in spec.names.items():
        mask = (labels.values >= low) & (labels.values <= high)
        named |= mask
        yield name, mask
    request.findings.count_unnamed(labels.values, named, spec.background, labels.where)
