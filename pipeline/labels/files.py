"""Label kind `files`: one image file per label, so masks may overlap."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.labels.label_files import FilePerLabel
from pipeline.labels.label_map import LabelRequest, label_map
from universeg.imageio.image import LoadedImage
from universeg.imageio.masks import without_alpha


class FileLabels(FilePerLabel):
    """One image file per label, so masks may overlap."""

    kind: Literal["files"]
    above: float = Field(0, description="Samples above this value, in any colour channel, are inside the mask")


def decode_files(
    spec: FileLabels, request: LabelRequest, image: LoadedImage
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The samples above the threshold, in any colour channel, or in the alpha channel if the colour says nothing.

    Transparent samples are 0. A label without a file has an empty mask.
    """
    for name in spec.names:
        if name not in request.paths:
            yield name, np.zeros(image.shape, bool)
            continue
        labels = label_map(spec, request, name, image)
        if labels.coloured:
            values, notes = without_alpha(labels.values)
            labels = replace(labels, values=values)
            request.findings.note(notes, labels.where)
        request.findings.note(labels.notes, labels.where)
        yield name, np.greater(labels.brightness, spec.above)
