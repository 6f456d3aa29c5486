"""What is probably wrong with an image to segment, against the examples, and with its answer. No torch here."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from universeg.prediction.check import likeness
from universeg.prediction.check.findings import Finding, listed
from universeg.prediction.check.leave_one_out import labels_of
from universeg.prediction.check.support_doctor import image_findings, look_of, middle
from universeg.prediction.preprocess import PreparedImage

INVERTED = -0.3  # below this mean correlation with the support, the contrast is probably inverted
SIZE_RATIO = 4.0  # an answer is so many times larger or smaller than all examples at most


class QueryDoctor:
    """Compares images to segment with the examples."""

    def __init__(self, support: Sequence[PreparedImage]) -> None:
        self.support = support
        self.planes = [middle(image) for image in support]
        self.looks = [look_of(image) for image in support]

    def findings(self, query: PreparedImage) -> list[Finding]:
        """What is probably wrong with an image, found before it is segmented."""
        found, plane = [Finding(note) for note in query.notes], middle(query)
        same = [image.name for image in self.support if image.digest == query.digest]
        if not same:
            pairs = likeness.copies([plane, *self.planes])
            same = [self.support[second - 1].name for first, second in pairs if first == 0]
        if same:
            says = f"this image is also in the support set ({listed(same)})"
            found.append(Finding(f"{says}, so its result says nothing about new images"))
        if query.two_levels:
            found.append(Finding("this image has only two intensities", "check that it is not a mask"))
        odd = [] if same else image_findings("this image", look_of(query), self.looks)
        like = float(np.mean([_correlation(plane, other) for other in self.planes]))
        if not odd and like < INVERTED:
            says = f"the contrast looks inverted relative to the support set (mean correlation {like:.2f})"
            odd = [Finding(says, "check whether dark and bright are exchanged")]
        return [*found, *odd]


def answer_findings(winners: NDArray[np.uint8], support: Sequence[PreparedImage]) -> list[Finding]:
    """What is odd about an answer (T, S, S): a size that no example has. For pictures."""
    if len(winners) > 1:
        return []
    sizes = [size for image in support if (size := float((labels_of(image) != 0).mean())) > 0]
    size = float((winners != 0).mean())
    if not size or not sizes or len(sizes) < 3:
        return []
    if size > SIZE_RATIO * max(sizes):
        return [_size("larger", size, max(sizes))]
    return [_size("smaller", size, min(sizes))] if size < min(sizes) / SIZE_RATIO else []


def _size(what: str, size: float, nearest: float) -> Finding:
    says = f"the answer marks {size:.2%} of the image, much {what} than in any example (nearest {nearest:.2%})"
    return Finding(says, "check the zoom of the image, and the picture of the result")


def _correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Correlation of two slices over the pixels that are not black in both; 0 if a slice is constant there."""
    seen = (first > 0) | (second > 0)
    a, b = first[seen].astype(np.float64), second[seen].astype(np.float64)
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and a.std() > 0 and b.std() > 0 else 0.0
