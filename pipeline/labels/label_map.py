"""A label file read on its image's grid."""

from pathlib import Path

import numpy as np

from pipeline.readers import read
from pipeline.volume import BadScan, Volume


def label_map(path: Path, reader: str, image: Volume) -> Volume:
    """Read a label file; raises BadScan unless it lies on the grid of `image`."""
    labels = read(reader, path)
    if labels.shape != image.shape:
        raise BadScan(
            f"the label has {_by(labels.shape)} samples, its image {_by(image.shape)}",
            str(path),
            "check that label and image belong together; add the scan to known_bad if they do not",
        )
    if labels.origin is not None and image.origin is not None:
        apart = np.abs(np.subtract(labels.origin, image.origin)) / image.spacing
        if apart.max() > 0.5:
            raise BadScan(
                f"the label's grid starts {apart.max():.1f} voxels away from its image's",
                str(path),
                "check that label and image belong together",
            )
    return labels


def single(labels: Volume, path: Path) -> Volume:
    """The one channel of a label map, where a colour file repeats it."""
    if not labels.coloured:
        return labels
    first, *others = np.moveaxis(labels.values[..., :3], -1, 0)
    if any(not np.array_equal(first, other) for other in others):
        raise BadScan("the label is in colour, values were expected", str(path), "use kind: colours")
    return Volume(first, labels.spacing, labels.origin)


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
