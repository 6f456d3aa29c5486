"""One file per label, so masks may overlap."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.labels.label_map import label_map
from pipeline.manifest import FileLabels
from pipeline.volume import Volume


def files(
    spec: FileLabels, paths: Mapping[str, Path], reader: str, image: Volume
) -> Iterator[tuple[str, NDArray[Any]]]:
    """Samples above the threshold, in any colour channel; a label without a file is absent from the scan."""
    for name in spec.names:
        if name in paths:
            labels = label_map(paths[name], reader, image)
            brightest = labels.values[..., :3].max(axis=-1) if labels.coloured else labels.values
            yield name, np.greater(brightest, spec.above)
        else:
            yield name, np.zeros(image.shape, bool)
