"""One colour picture per scan, each of its colours a label."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from pipeline.labels.label_map import label_map
from pipeline.manifest import ColourLabels
from pipeline.volume import BadScan, Volume


def colours(
    spec: ColourLabels, paths: Mapping[str, Path], reader: str, image: Volume
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Test for equality with each named colour; whatever else occurs is background."""
    labels = label_map(paths[""], reader, image)
    if not labels.coloured or labels.values.shape[-1] < 3:
        raise BadScan("the label has no colours", str(paths[""]), "use kind: values")
    for name, colour in spec.names.items():
        yield name, (labels.values[..., :3] == colour).all(axis=-1)
