"""What an image covers against others: grey levels, proportions, and its extent in millimetres. No torch here."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from universeg.prediction.check.findings import Finding, about
from universeg.prediction.preprocess import PreparedImage

EXTREME = 0.005  # share of the pixels at either end that do not count
LEAST_RANGE = 0.25  # share of the grey levels that the others have at least
SAME_RANGE = 0.6  # times the largest of the others
PROPORTIONS = 2.5  # times the proportions of all others, at most
STRIP = 16  # times longer than wide, at most
EXTENT = 1.6  # times the extent of all others, at most
LEAST_FOR_EXTENT = 2  # others, to say what extent is usual


def framing_findings(name: str, image: PreparedImage, others: Sequence[PreparedImage]) -> list[Finding]:
    """What differs between an image and all others; at most one finding. The name is empty for an image to segment."""
    others = [other for other in others if other.axis == image.axis]  # an image of another kind is refused elsewhere
    return [*_proportions(name, image, others), *_range(name, image, others), *_extent(name, image, others)][:1]


def framing_of_examples(images: Sequence[PreparedImage]) -> list[Finding]:
    """What differs between an example and all others; of several with the same difference, one finding."""
    alike = dict[str, list[Finding]]()
    for at, image in enumerate(images):
        for one in framing_findings(Path(image.name).name, image, [*images[:at], *images[at + 1 :]]):
            alike.setdefault(one.remedy, []).append(one)
    return [
        Finding(some[0].says + f" ({len(some)} examples are like this)" * (len(some) > 1), remedy)
        for remedy, some in alike.items()
    ]


def _range(name: str, image: PreparedImage, others: Sequence[PreparedImage]) -> list[Finding]:
    """Hot pixels and burnt-in marks take most of the grey levels, or the window does not fit the image.

    Not told of an image to segment if an example is about the same.
    """
    used = _used(image)
    if used >= LEAST_RANGE or (not name and used >= SAME_RANGE * max(map(_used, others), default=1.0)):
        return []
    says = f"nearly all of it is within {used:.0%} of the grey levels, perhaps because of a few extreme pixels"
    return [Finding(about(name, says), "use --intensity mr, which ignores such pixels, or another --window LOW HIGH")]


def _used(image: PreparedImage) -> float:
    """Share of the grey levels that nearly all pixels have; padding is black, and so does not count."""
    low, high = np.quantile(image.images[:, image.region], (EXTREME, 1 - EXTREME))
    return float(high - low) / 255


def _proportions(name: str, image: PreparedImage, others: Sequence[PreparedImage]) -> list[Finding]:
    own, them = _longer(image), [_longer(other) for other in others]
    remedy = "cut it into parts with the proportions of the examples"
    if max(own, 1 / own) > STRIP:
        says = f"{_told(own)}, so the network sees it as a narrow strip"
        return [Finding(about(name, says), remedy)]
    if not them or any(max(own / other, other / own) <= PROPORTIONS for other in them):
        return []
    says = f"{_told(own)}, and of the examples {_ratio(float(np.median(them)))}"
    return [Finding(about(name, says), remedy)]


def _longer(image: PreparedImage) -> float:
    """How many times longer the second side of a slice is than the first, in millimetres or pixels."""
    first, second = (image.grid.shape[axis] * image.grid.spacing[axis] for axis in image.plane_axes)
    return second / first


def _told(longer: float) -> str:
    return f"its {'width' if longer > 1 else 'height'} is {_ratio(longer)}"


def _ratio(longer: float) -> str:
    """Rounded to one decimal below 10."""
    what, ratio = ("height", longer) if longer > 1 else ("width", 1 / longer)
    return f"{ratio:.{0 if ratio >= 10 else 1}f} times the {what}"


def _extent(name: str, image: PreparedImage, others: Sequence[PreparedImage]) -> list[Finding]:
    """Volumes only: the files of most pictures do not say how large a pixel is.

    The longest side decides how large the network sees the structure, and the side across the slices which slices of
    the examples it is shown.
    """
    if image.axis is None or len(others) < LEAST_FOR_EXTENT:
        return []
    own, them = _millimetres(image), np.stack([_millimetres(other) for other in others])
    here, there = np.stack([own.max(), own[image.axis]]), np.stack([them.max(axis=1), them[:, image.axis]])
    if max((here / there.max(axis=1)).max(), (there.min(axis=1) / here).max()) <= EXTENT:
        return []
    says = f"it is {_size(own)} large, and the examples are {_size(np.median(them, axis=0))}"
    return [Finding(about(name, says), "crop it to what the examples show, or correct its spacing")]


def _millimetres(image: PreparedImage) -> NDArray[np.float64]:
    return np.multiply(image.grid.shape, image.grid.spacing)


def _size(millimetres: NDArray[np.float64]) -> str:
    return " x ".join(f"{side:.0f}" for side in millimetres) + " mm"
