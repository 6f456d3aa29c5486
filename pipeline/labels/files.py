"""One file per label, so masks may overlap."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.fields import Name, Pattern
from pipeline.labels.label_files import LabelFiles
from pipeline.labels.label_map import LabelRequest, label_map
from universeg.imageio.image import LoadedImage


class FileLabels(LabelFiles):
    """One file per label: samples brighter than `above` are inside, so masks may overlap."""

    kind: Literal["files"]
    names: dict[Name, Pattern]
    above: float = 0
    missing: Literal["error", "absent"] = Field("error", description="What a label without its file means")

    @property
    def patterns(self) -> Mapping[str, str]:
        return self.names


def files(spec: FileLabels, found: LabelRequest, image: LoadedImage) -> Iterator[tuple[str, NDArray[Any]]]:
    """Samples brighter than the threshold, in any colour; a label without a file is absent from the scan."""
    for name in spec.names:
        if name in found.paths:
            yield name, np.greater(label_map(spec, found, name, image).brightness, spec.above)
        else:
            yield name, np.zeros(image.shape, bool)
