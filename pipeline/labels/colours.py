"""One colour picture per scan, each of its colours a label."""

from collections.abc import Iterator
from typing import Any, Literal

from numpy.typing import NDArray

from pipeline.attrition import BadScan
from pipeline.fields import Name
from pipeline.labels.label_files import OneFile
from pipeline.labels.label_map import LabelRequest, label_map
from universeg.imageio.image import LoadedImage


class ColourLabels(OneFile):
    """One colour picture per scan; each label has a colour."""

    kind: Literal["colours"]
    names: dict[Name, tuple[int, int, int]]


def colours(spec: ColourLabels, found: LabelRequest, image: LoadedImage) -> Iterator[tuple[str, NDArray[Any]]]:
    """Test for equality with each named colour; whatever else occurs is background."""
    labels = label_map(spec, found, "", image)
    values = labels.values if labels.palette is None else labels.palette[labels.values]
    if values.ndim == len(labels.spacing) or values.shape[-1] < 3:
        raise BadScan("the label has no colours", str(found.paths[""][0]), "use kind: values")
    for name, colour in spec.names.items():
        yield name, (values[..., :3] == colour).all(axis=-1)
