"""Label kind `values`: one label map per scan; each of its values is a label."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.attrition import BadScan
from pipeline.fields import Name
from pipeline.labels.label_files import OneFile
from pipeline.labels.label_map import LabelRequest, label_map, single_channel
from universeg.imageio.image import LoadedImage


class ValueLabels(OneFile):
    """One label map per scan. Values with the same name are one label; values without a name are background."""

    names_are_values = True

    kind: Literal["values"]
    names: dict[int, Name] = Field(description="Value to label")


def decode_values(
    spec: ValueLabels, request: LabelRequest, image: LoadedImage
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The samples that have one of the label's values; all other samples are background."""
    labels = label_map(spec, request, "", image)
    values = single_channel(labels)
    if values.dtype.kind == "f" and not np.array_equal(values, np.rint(values)):
        remedy = "the file may have been interpolated; fetch it again, or add the scan to known_bad"
        raise BadScan("the values of the label map are not whole numbers", labels.where, remedy)
    for name in spec.masks:
        wanted = [value for value, label in spec.names.items() if label == name]
        mask: Any = values == wanted[0] if len(wanted) == 1 else np.isin(values, wanted)
        yield name, mask
