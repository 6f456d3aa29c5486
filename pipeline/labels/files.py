"""Label kind `files`: one image file per label, so masks may overlap."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.labels.label_files import FilePerLabel
from pipeline.labels.label_map import LabelRequest, label_map
from universeg.imageio.image import LoadedImage


class FileLabels(FilePerLabel):
    """One image file per label, so masks may overlap."""

    kind: Literal["files"]
    above: float = Field(0, description="Samples above this value, in any colour channel, are inside the mask")


def decode_files(
    spec: FileLabels, request: LabelRequest, image: LoadedImage
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The samples above the threshold, in any colour channel. A label without a file has an empty mask."""
    for name in spec.names:
        if name in request.paths:
            yield name, np.greater(label_map(spec, request, name, image).brightness, spec.above)
        else:
            yield name, np.zeros(image.shape, bool)
