"""One colour picture per scan, each of its colours a label."""

from collections.abc import Iterator
from typing import Any

from numpy.typing import NDArray

from pipeline.labels.kinds_old import ColourLabels
from pipeline.labels.label_map import Found, label_map
from universeg.imageio.image import BadScan, Volume


def colours(spec: ColourLabels, found: Found, image: Volume) -> Iterator[tuple[str, NDArray[Any]]]:
    """Test for equality with each named colour; whatever else occurs is background."""
    labels = label_map(spec, found, "", image)
    values = labels.values if labels.palette is None else labels.palette[labels.values]
    if values.ndim == len(labels.spacing) or values.shape[-1] < 3:
        raise BadScan("the label has no colours", str(found.paths[""][0]), "use kind: values")
    for name, colour in spec.names.items():
        yield name, (values[..., :3] == colour).all(axis=-1)
