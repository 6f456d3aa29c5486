"""What every reader returns, and what is said of a scan that cannot be used."""

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


class BadScan(ValueError):
    """This one scan is unusable: why, which file, and what a person can do about it."""

    def __init__(self, reason: str, file: str = "", remedy: str = "") -> None:
        super().__init__(reason)
        self.reason, self.file, self.remedy = reason, file, remedy


@dataclass(frozen=True)
class Volume:
    """Samples of one image or label map on their grid; 3-D ones are in RAS+ order (x right, y front, z up)."""

    values: NDArray[Any]  # (x, y, z) or (row, column), with a last axis of colour channels if it has one more
    spacing: tuple[float, ...]  # millimetres in 3-D, pixels (1, 1) for pictures without a scale
    origin: tuple[float, ...] | None = None  # millimetres of the first sample; None where files do not say
    palette: NDArray[Any] | None = None  # (n, 3) colours that the values of a picture stand for, if they do

    def __post_init__(self) -> None:
        if self.values.ndim not in (len(self.spacing), len(self.spacing) + 1):
            raise ValueError(f"{self.values.ndim} axes of values, {len(self.spacing)} of spacing")

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples along each axis of space, without colour."""
        return self.values.shape[: len(self.spacing)]

    @property
    def coloured(self) -> bool:
        return self.values.ndim > len(self.spacing)
