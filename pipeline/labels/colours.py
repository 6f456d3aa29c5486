"""Label kind `colours`: one colour picture per scan; each of its colours is a label."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.attrition import BadScan
from pipeline.fields import Name
from pipeline.labels.label_files import OneFile
from pipeline.labels.label_map import LabelRequest, label_map
from universeg.imageio.image import LoadedImage


class ColourLabels(OneFile):
    """One colour picture per scan. Each label is a colour; other colours are background."""

    kind: Literal["colours"]
    names: dict[Name, tuple[int, int, int]] = Field(description="Label to red, green and blue")


def decode_colours(
    spec: ColourLabels, request: LabelRequest, image: LoadedImage
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The samples that have the label's colour; all other samples are background."""
    labels = label_map(spec, request, "", image)
    request.findings.note(labels.notes, labels.where)
    colours = labels.colours
    if colours.ndim == len(labels.spacing) or colours.shape[-1] < 3:
        raise BadScan("the label has no colours", labels.where, "use kind: values")
    for name, colour in spec.names.items():
        yield name, (colours[..., :3] == colour).all(axis=-1)
