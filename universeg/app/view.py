"""An image as the page shows it: upright slices of at most 4096 pixels per side, and masks back to its own grid.

No torch here.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from universeg.app.folder import Entry
from universeg.imageio.image import LoadedImage
from universeg.imageio.load import read_colours
from universeg.imageio.series import read_series
from universeg.prediction.colours import has_colour, in_grey
from universeg.prediction.planes import drawn_plane
from universeg.prediction.settings import Axis

FINEST = 4096  # pixels per side that the page shows and paints; of a larger picture every n-th
DEEPEST = (1 << 16) - 1
# Of volumes: what is at the left or below on the page, and at the other side. As radiologists look at a patient, from
# the feet or from the front, so the patient's right is at the left.
ACROSS, UP = ("RL", "AP", "SI"), ("LR", "PA", "IS")

Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """One image, read from its file."""

    colours: LoadedImage  # with colour channels, if it has them
    axis: Axis | None  # of a volume: along which its slices lie

    @property
    def count(self) -> int:
        """Slices; 1 for a picture."""
        return 1 if self.axis is None else self.colours.shape[self.axis]

    @property
    def coloured(self) -> bool:
        return self.colours.coloured and has_colour(self.colours.values)

    @property
    def bytes(self) -> int:
        """Memory that it takes, with the grey levels of a picture in colours."""
        grey = np.float32().nbytes * int(np.prod(self.colours.shape)) if self.colours.coloured else 0
        return self.colours.values.nbytes + grey

    @cached_property
    def _luminance(self) -> LoadedImage:
        return self._in_grey("luminance")

    def grey(self, channel: str) -> LoadedImage:
        """The image as prediction reads it."""
        return self._luminance if channel == "luminance" else self._in_grey(channel)

    def _in_grey(self, channel: str) -> LoadedImage:
        """Without a note of the channel, which the page shows beside the image."""
        return replace(in_grey(self.colours, channel), notes=self.colours.notes)

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest intensity."""
        values = self._luminance.values
        return float(values.min()), float(values.max())

    @property
    def step(self) -> int:
        """Of so many pixels along each side the page shows one."""
        return max(1, -(-max(self._plane_shape) // FINEST))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns on the page."""
        high, wide = (-(-n // self.step) for n in self._plane_shape)
        return (high, wide) if self.axis is None else (wide, high)

    @property
    def spacing(self) -> tuple[float, float]:
        """Distance of rows and of columns on the page, in millimetres or pixels."""
        first, second = (step * self.step for k, step in enumerate(self.colours.spacing) if k != self.axis)
        return (first, second) if self.axis is None else (second, first)

    @property
    def directions(self) -> str:
        """Letters for the left, right, lower and upper border of a volume's slice; "" for a picture."""
        if self.axis is None:
            return ""
        first, second = (k for k in range(3) if k != self.axis)
        return ACROSS[first] + UP[second]

    def pixels(self, row: int) -> NDArray[np.unsignedinteger]:
        """Slice `row`: colours (h, w, 3), or grey levels (h, w) with `ends` as 0 and 65535."""
        if self.coloured and self.axis is None:
            channels = self.colours.values[:: self.step, :: self.step, :3]
            brightest = 255 if channels.dtype == np.uint8 else channels.max() or 1
            levels: NDArray[np.uint8] = np.asarray(
                channels if brightest == 255 else channels / brightest * 255, np.uint8
            )
            return levels
        low, high = self.ends
        plane = self.to_page(self._plane(self._luminance.values, row)).astype(np.float32)
        deep: NDArray[np.uint16] = np.rint((plane - low) * (DEEPEST / ((high - low) or 1))).astype(np.uint16)
        return deep

    def check_row(self, row: int) -> None:
        """Raises ValueError if there is no such slice."""
        if not 0 <= row < self.count:
            raise ValueError(f"there are {self.count} slices, numbered from 0; slice {row} is wanted")

    def to_page(self, plane: NDArray[np.generic]) -> NDArray[np.generic]:
        """A slice (H, W) on the image's own grid, as the page shows it."""
        small = plane[:: self.step, :: self.step]
        return np.ascontiguousarray(small if self.axis is None else upright(small))

    def to_own(self, mask: Labels) -> Labels:
        """A mask (h, w) of the page at the image's own size (H, W)."""
        turned = mask if self.axis is None else np.rot90(np.fliplr(mask), -1)
        high, wide = self._plane_shape
        if self.step > 1:
            turned = turned.repeat(self.step, axis=0).repeat(self.step, axis=1)
        return np.ascontiguousarray(turned[:high, :wide])

    def own_map(self, slices: dict[int, Labels]) -> Labels:
        """The label map of the whole image on its own grid; slices that are missing are 0."""
        if self.axis is None:
            return self.to_own(slices[0]) if 0 in slices else np.zeros(self.colours.shape, np.uint8)
        result = np.zeros(self.colours.shape, np.uint8)
        along = np.moveaxis(result, self.axis, 0)
        for row, mask in slices.items():
            along[row] = self.to_own(mask)
        return result

    def slices_of(self, labels: NDArray[np.generic]) -> dict[int, NDArray[np.generic]]:
        """The slices of a label map on the image's own grid that mark something, as the page shows them."""
        planes = labels[None] if self.axis is None else np.moveaxis(labels, self.axis, 0)
        return {row: self.to_page(plane) for row, plane in enumerate(planes) if plane.any() or self.axis is None}

    def _plane(self, values: NDArray[np.generic], row: int) -> NDArray[np.generic]:
        return values if self.axis is None else np.moveaxis(values, self.axis, 0)[row]

    @property
    def _plane_shape(self) -> tuple[int, int]:
        first, second = (n for k, n in enumerate(self.colours.shape) if k != self.axis)
        return first, second


def read_view(entry: Entry, axis: Axis | None) -> View:
    """Read an image; without an `axis`, a volume is sliced along its thickest slices, else axially."""
    query = entry.query
    colours = read_series(query.series) if query.series is not None else read_colours(query.path, entry.frame)
    if not colours.is_volume:
        return View(colours, None)
    if axis is None:
        axis = drawn_plane([LoadedImage(np.zeros(colours.shape, np.bool_), colours.spacing)]).axis
    return View(colours, axis)


def upright(plane: NDArray[np.generic]) -> NDArray[np.generic]:
    """A plane (first axis, second axis) of a volume as it is shown: the second axis leads up, the first to the left."""
    return np.fliplr(np.rot90(plane))
