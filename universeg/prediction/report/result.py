"""The outcome for one image to segment."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from universeg.prediction.measure import Measure

NOTICE = "For research only. Not a medical device: do not use the results for diagnosis or treatment."


@dataclass(frozen=True)
class Result:
    """The outcome for one query; paths are as given by the user."""

    image: str
    mask: str = ""
    overlay: str = ""
    preview: str = ""  # the image at its own size, with outlines: what report.html shows
    probabilities: tuple[str, ...] = ()  # a file for each structure
    uncertainty: str = ""
    consistency: str = ""
    shape: tuple[int, ...] = ()
    marked: Mapping[str, float] = field(default_factory=dict)  # share of the segmented slices, by structure
    measures: tuple[Measure, ...] = ()
    expected_dice: float | None = None  # 0..100, calibrated by leave-one-out
    digest: str = ""  # of the image's files and of everything that its result depends on
    warnings: tuple[str, ...] = ()
    error: str | None = None
    skipped: bool = False  # done by an earlier run

    @property
    def files(self) -> tuple[str, ...]:
        """All files of this result."""
        one = (self.mask, self.overlay, self.preview, self.uncertainty, self.consistency)
        return tuple(path for path in (*one, *self.probabilities) if path)


def look_first(results: list[Result]) -> list[Result]:
    """Failed images, then those with the lowest expected Dice; without one, those with most warnings of their own."""

    def order(result: Result) -> tuple[bool, float, int]:
        expected = 101.0 if result.expected_dice is None else result.expected_dice
        return result.error is None, expected, -len(result.warnings)

    return sorted(results, key=order)
