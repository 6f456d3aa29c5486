"""One file per label, so masks may overlap."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.labels.kinds_old import FileLabels
from pipeline.labels.label_map import Found, label_map
from universeg.imageio.image import Volume


def files(spec: FileLabels, found: Found, image: Volume) -> Iterator[tuple[str, NDArray[Any]]]:
    """Samples brighter than the threshold, in any colour; a label without a file is absent from the scan."""
    for name in spec.names:
        if name in found.paths:
            yield name, np.greater(label_map(spec, found, name, image).brightness, spec.above)
        else:
            yield name, np.zeros(image.shape, bool)
