"""Small pictures with outlines of masks: of an image for the list, and of the planes across a volume. No torch here."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.app.session import Labels, Session
from universeg.app.view import upright
from universeg.base.contact_sheet import outlined

SIDE, PLANE_SIDE = 96, 220  # pixels of a picture in the list, and of a plane
SHADE = 256  # 16-bit levels in an 8-bit one
LINE = (233, 196, 106)  # where the slice in view crosses a plane


def thumbnail(session: Session, key: str) -> bytes:
    """A JPEG. Of a volume, the slice in its middle, or the nearest with a mask. Raises ImageError as `view` does."""
    view, state = session.view(key), session.states[key]
    rows = {*state.slices, *state.drafts}
    row = min(rows or {view.count // 2}, key=lambda at: abs(at - view.count // 2))
    step = max(1, max(view.shape) // (2 * SIDE))
    pixels, mask = view.pixels(row)[::step, ::step], session.mask(key, row).values[::step, ::step]
    grey = np.asarray(pixels if pixels.dtype == np.uint8 else pixels // SHADE, np.uint8)
    return _jpeg(_outlined(session, grey if view.axis is None else _contrasted(grey), mask, SIDE))


def plane_across(session: Session, key: str, row: int, plane: int, place: tuple[int, int]) -> bytes:
    """A JPEG of the plane across a volume's slices, through `place` (x, y) of slice `row`; a line shows the slice.

    `plane` 0 and 1 are the two other axes in their order. Raises ValueError for a picture.
    """
    view = session.view(key)
    view.check_row(row)
    x, y = place
    if view.axis is None or plane not in (0, 1) or not (0 <= x < view.shape[1] and 0 <= y < view.shape[0]):
        raise ValueError("plane is 0 or 1 of a volume, and x and y are in its slice")
    axes = [axis for axis in range(3) if axis != view.axis]
    through = axes[plane]
    from_end = view.shape[1] - 1 - x if plane == 0 else view.shape[0] - 1 - y
    at = min(view.step * from_end, view.colours.shape[through] - 1)
    values = np.moveaxis(view.grey("luminance").values, through, 0)[at]
    mask = np.zeros(values.shape, np.uint8)
    others = [axis for axis in range(3) if axis != through]
    along = np.moveaxis(mask, others.index(view.axis), 0)
    with session.lock:
        state = session.states[key]
        rows = sorted({*state.slices, *state.drafts})
    for number in rows:
        own = view.to_own(session.mask(key, number).values)
        along[number] = own[at] if plane == 0 else own[:, at]
    picture = _in_proportion(
        _outlined(session, _contrasted(upright(values)), np.asarray(upright(mask), np.uint8), PLANE_SIDE),
        [view.colours.spacing[axis] * view.colours.shape[axis] for axis in others],
    )
    _draw_line(picture, others.index(view.axis) == 1, (row + 0.5) / view.count)
    return _jpeg(picture)


def _draw_line(picture: Image.Image, lies_flat: bool, share: float) -> None:
    """Where the slice in view crosses: at this share of the height from below, or of the width from the right."""
    wide, high = picture.size
    if lies_flat:
        picture.paste(LINE, (0, round(high * (1 - share)) - 1, wide, round(high * (1 - share))))
    else:
        picture.paste(LINE, (round(wide * (1 - share)) - 1, 0, round(wide * (1 - share)), high))


def _in_proportion(picture: Image.Image, extents: list[float]) -> Image.Image:
    """The picture with sides like the extents, in millimetres, of its columns and rows."""
    wide, high = extents
    scale = PLANE_SIDE / max(wide, high)
    return picture.resize((max(1, round(wide * scale)), max(1, round(high * scale))))


def _contrasted(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """8-bit levels from the darkest to the brightest percent."""
    levels = values.astype(np.float32)
    low, high = np.percentile(levels, (1, 99))
    return np.asarray(np.clip((levels - low) * (255 / (high - low or 1)), 0, 255), np.uint8)


def _outlined(session: Session, grey: NDArray[np.uint8], mask: Labels, side: int) -> Image.Image:
    masks = {label.name: mask == label.value for label in session.labels}
    colours = [label.colour for label in session.labels]
    return outlined(np.ascontiguousarray(grey), masks, side, colours)


def _jpeg(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="JPEG", quality=85)
    return file.getvalue()
