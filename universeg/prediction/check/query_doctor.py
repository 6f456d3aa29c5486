"""What is probably wrong with an image to segment, against the examples, and with its answer. No torch here."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from universeg.prediction.check import likeness
from universeg.prediction.check.findings import Finding, listed
from universeg.prediction.check.framing import framing_findings
from universeg.prediction.check.leave_one_out import labels_of
from universeg.prediction.check.support_doctor import image_findings, look_of, middle
from universeg.prediction.check.zoom import Views, zoom_findings
from universeg.prediction.preprocess import PreparedImage

INVERTED = -0.3  # below this mean correlation with the support, the contrast is probably inverted
SIZE_RATIO = 4.0  # an answer is so many times larger or smaller than all examples at most
LEAST_FOR_USUAL = 6  # examples, to say what size is usual
UNUSUAL_RATIO, UNUSUAL = 2.5, 3.0  # times the usual size, and standard deviations of its logarithm, at most
LEAST_FOR_COLOUR = 4  # examples, to say what colour is usual
LEAST_TINT, OTHER_TINT = 0.03, 4.0  # share of red or blue, and standard deviations, by which the usual colour differs
LEAST_FOR_FORMAT, FORMAT = 3, 1.1  # examples, and how many times wider than high they are, to expect that


class QueryDoctor:
    """Compares images to segment with the examples."""

    def __init__(self, support: Sequence[PreparedImage]) -> None:
        self.support = support
        self.planes = [middle(image) for image in support]
        self.looks = [look_of(image) for image in support]
        self.seen = dict[str, Views]()  # of each image with the contrast of the examples, by name; of a film one frame

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
        framing = framing_findings("", query, self.support)
        odd = [] if same else [*self._format(query), *framing, *self._colours(query)]
        look = look_of(query)
        if not odd and not same:
            odd = image_findings("", look, self.looks, query.axis is not None)
        odd = odd[:1]
        like = float(np.mean([_correlation(plane, other) for other in self.planes]))
        if not odd and like < INVERTED:
            says = f"the contrast looks inverted relative to the support set (mean correlation {like:.2f})"
            odd = [Finding(says, "check whether dark and bright are exchanged")]
        inverted = like < INVERTED or likeness.contrast_is_inverted(look, self.looks)
        views = None if same or inverted else _views(query)
        if views is not None:
            self.seen.setdefault(query.name, views)
        return [*found, *odd]

    def together(self) -> list[Finding]:
        """What is probably wrong with the images so far as a whole."""
        return zoom_findings([*self.seen.values()], self._own_views)

    @cached_property
    def _own_views(self) -> list[Views]:
        return [views for image in self.support if (views := _views(image)) is not None]

    def _format(self, query: PreparedImage) -> list[Finding]:
        """Of a picture: whether it is upright where all examples lie on their side, or the reverse."""
        if query.axis is not None or len(self.support) < LEAST_FOR_FORMAT:
            return []
        upright = [image.plane_shape[0] / image.plane_shape[1] for image in (query, *self.support)]
        for (own, *others), what, other in (
            (upright, "higher than wide", "wider than high"),
            ([1 / ratio for ratio in upright], "wider than high", "higher than wide"),
        ):
            if own > FORMAT and max(others) < 1 / FORMAT:
                says = f"this image is {what}, and all examples are {other}, so it looks turned by 90 degrees"
                return [Finding(says, "save it in the orientation of the examples")]
        return []

    def _colours(self, query: PreparedImage) -> list[Finding]:
        """Of a colour picture: whether its mean colour is far from that of the examples."""
        tints = np.array([image.tint for image in self.support if image.tint is not None])
        if query.tint is None or len(tints) < LEAST_FOR_COLOUR:
            return []
        off, spread = np.abs(tints.mean(axis=0) - query.tint), tints.std(axis=0, ddof=1)
        if not (off > np.maximum(LEAST_TINT, OTHER_TINT * spread)).any():
            return []
        return [Finding("its colours are unlike the examples", "use examples of the same stain, dye and camera")]


def answer_findings(winners: NDArray[np.uint8], support: Sequence[PreparedImage]) -> list[Finding]:
    """What is odd about an answer (T, S, S): a size that no example has. For pictures: slices of volumes vary more."""
    if len(winners) > 1 or any(image.axis is not None for image in support):
        return []
    sizes = [size for image in support if (size := float((labels_of(image) != 0).mean())) > 0]
    size = float((winners != 0).mean())
    if not size or not sizes or len(sizes) < 3:
        return []
    if size > SIZE_RATIO * max(sizes) or size < min(sizes) / SIZE_RATIO:
        what, nearest = ("larger", max(sizes)) if size > max(sizes) else ("smaller", min(sizes))
        return [_size(size, f"much {what} than in any example (nearest {nearest:.2%})")]
    usual, spread = float(np.median(sizes)), float(np.log(sizes).std(ddof=1))
    off = abs(float(np.log(size / usual)))
    if len(sizes) >= LEAST_FOR_USUAL and off > max(float(np.log(UNUSUAL_RATIO)), UNUSUAL * spread):
        what = "larger" if size > usual else "smaller"
        return [_size(size, f"{np.exp(off):.1f} times {what} than is usual in the examples ({usual:.2%})")]
    return []


def _views(image: PreparedImage) -> Views | None:
    return Views.of(middle(image), image.region)


def _size(size: float, beside: str) -> Finding:
    return Finding(
        f"the answer marks {size:.2%} of the image, {beside}",
        "check the zoom of the image, and the picture of the result",
    )


def _correlation(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Correlation of two slices over the pixels that are not black in both; 0 if a slice is constant there."""
    seen = (first > 0) | (second > 0)
    a, b = first[seen].astype(np.float64), second[seen].astype(np.float64)
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and a.std() > 0 and b.std() > 0 else 0.0
