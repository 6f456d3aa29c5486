"""Label kind `values`: one label map per scan; each of its values is a label."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.fields import Name
from pipeline.labels.label_files import OneLabelMap
from pipeline.labels.label_map import LabelRequest, whole_numbers
from universeg.imageio.image import LoadedImage


class ValueLabels(OneLabelMap):
    """One label map per scan. Values with the same name are one label."""

    names_are_values = True

    kind: Literal["values"]
    names: dict[int, Name] = Field(description="Value to label")


def decode_values(
    spec: ValueLabels, request: LabelRequest, image: LoadedImage
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The samples that have one of the label's values; all other samples are background."""
    labels = whole_numbers(spec, request, image)
    values, named = labels.values, 0
    for name in spec.masks:
        wanted = [value for value, label in spec.names.items() if label == name]
        mask: Any = values == wanted[0] if len(wanted) == 1 else np.isin(values, wanted)
        named += int(np.count_nonzero(mask))
        yield name, mask
    zeros = 0 if 0 in spec.names else values.size - np.count_nonzero(values)
    if spec.background != "others" and named + zeros < values.size:  # because a search through all samples takes long
        request.findings.count_unnamed(values, np.isin(values, list(spec.names)), spec.background, labels.where)
