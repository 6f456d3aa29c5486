"""One label map per scan, each of its values a label."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.labels.label_map import label_map, single
from pipeline.manifest import ValueLabels
from pipeline.volume import BadScan, Volume


def values(
    spec: ValueLabels, paths: Mapping[str, Path], reader: str, image: Volume
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Test for equality with each named value; whatever else occurs is background."""
    path = paths[""]
    labels = single(label_map(path, reader, image), path).values
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels)):
        raise BadScan("the label map's values are not whole numbers", str(path), "it may have been interpolated")
    for name in dict.fromkeys(spec.names.values()):
        wanted = [value for value, named in spec.names.items() if named == name]
        yield name, labels == wanted[0] if len(wanted) == 1 else np.isin(labels, wanted)
