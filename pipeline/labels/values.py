"""One label map per scan, each of its values a label."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.attrition import BadScan
from pipeline.fields import Name
from pipeline.labels.label_files import OneFile
from pipeline.labels.label_map import LabelRequest, label_map, single
from universeg.imageio.image import LoadedImage


class ValueLabels(OneFile):
    """One label map per scan; each value has a name, values that share a name are one label, the rest is background."""

    kind: Literal["values"]
    names: dict[int, Name]
    _named_by_value = True


def values(spec: ValueLabels, found: LabelRequest, image: LoadedImage) -> Iterator[tuple[str, NDArray[Any]]]:
    """Test for equality with each named value; whatever else occurs is background."""
    path = found.paths[""][0]
    labels = single(label_map(spec, found, "", image), path)
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels)):
        raise BadScan("the label map's values are not whole numbers", str(path), "it may have been interpolated")
    for name in spec.masks:
        wanted = [value for value, named in spec.names.items() if named == name]
        yield name, labels == wanted[0] if len(wanted) == 1 else np.isin(labels, wanted)
