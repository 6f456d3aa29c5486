"""What the samples of a mask file mean: which number stands for which structure, by one rule for every reader of masks.

A mask is a label map: whole numbers, 0 outside. Files hold it in many ways: as grey levels, as palette indices, in the
alpha channel, repeated in three colour channels, as floats, or blurred by JPEG or by resizing. Notes tell what had to
be decided, so that nothing is silently wrong.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import ImageError, LoadedImage

FRACTION = 1e-3  # a label stored as a float may differ by this much from the whole number that it means
LARGEST = 2**30  # value of a label
MANY = 3  # distinct values from which a picture in a lossy format is taken for a blurred mask
WIDE = 32  # least range of its values then; a smaller one is more likely a few labels
MANY_LOSSLESS = 32  # distinct values for other formats, where label maps may have many values
NEAR_ENDS, SHARE = 0.12, 0.9  # of a blurred two-valued mask this share of pixels lies this near to one of its ends
SOFT = 6  # distinct values of any format from which a mask is taken for one with smooth edges, if all others are there
INNER = 0.1  # share of the pixels of the values between that lie inside an area of one value, at most
LOSSY = (".jpg", ".jpeg")

Values = NDArray[Any]


def label_values(image: LoadedImage, two_valued: bool = True) -> LoadedImage:
    """The image with one whole number per sample, without a palette, and with notes on what was decided.

    With `two_valued` False the mask is known to have several structures, so grey levels are never cut in two.
    Raises ImageError for a mask whose meaning cannot be told.
    """
    image.check_finite()
    values, notes = _one_channel(image)
    values = whole_numbers(values, image.where)
    values, more = _without_blur(values, image) if two_valued else (values, ())
    return replace(image, values=values, palette=None, notes=(*image.notes, *notes, *more))


def whole_numbers(values: Values, where: str) -> Values:
    """The same values as integers; raises ImageError if there are fractions among them beyond FRACTION."""
    rounded = np.rint(values) if values.dtype.kind == "f" else values  # in the file's type, since a copy can be large
    if rounded is not values and np.abs(rounded - values).max() > FRACTION:
        raise ImageError(
            "a mask needs whole numbers (0 outside, another value inside), but this file has fractions",
            where,
            "check that it is a mask and not an image or a probability map",
        )
    largest = max(float(rounded.max()), -float(rounded.min()))
    if largest > LARGEST:
        raise ImageError(f"a mask needs numbers of structures, but this file has {largest:g}", where, "check the file")
    return rounded if rounded is values else rounded.astype(np.int32)


def _one_channel(image: LoadedImage) -> tuple[Values, tuple[str, ...]]:
    if image.palette is not None:
        return _of_palette(image.values, image.palette, image.where)
    if not image.coloured:
        return image.values, ()
    values, notes = without_alpha(image.values)
    return (values, notes) if notes else _of_colours(values, image.where)


def without_alpha(values: Values) -> tuple[Values, tuple[str, ...]]:
    """The grey or colour channels (..., channel) of a mask, 0 where it is transparent, and no notes.

    If the colour is the same everywhere, the mask is in the alpha channel: then that channel (...), and a note.
    """
    if values.shape[-1] not in (2, 4):
        return values, ()
    colours, alpha = values[..., :-1], values[..., -1]
    if alpha.min() == alpha.max():
        return colours, ()
    if (colours == colours.reshape(-1, colours.shape[-1])[0]).all():
        return alpha, ("its colour is the same everywhere, so the mask was taken from its alpha channel",)
    return np.where(alpha[..., None] == 0, 0, colours), ()


def _of_palette(indices: Values, palette: Values, where: str) -> tuple[Values, tuple[str, ...]]:
    """Indices are labels if the palette begins with black, or does not tell them apart. Else its colours count."""
    used = palette[np.unique(indices)]
    if not palette[0].any() or len(np.unique(used, axis=0)) < len(used):
        return indices, ()
    values, _ = _of_colours(palette[indices], where)
    return values, ("its palette does not begin with black, so its colours were used in place of its indices",)


def _of_colours(colours: Values, where: str) -> tuple[Values, tuple[str, ...]]:
    """The grey level, or 1 for the one colour that is not black."""
    if (colours == colours[..., :1]).all():
        return np.asarray(np.take(colours, 0, axis=-1)), ()
    marked = colours.any(axis=-1)
    painted = colours[marked]
    if len(painted) < marked.size and (painted == painted[0]).all():  # without sorting all pixels, which takes long
        return np.asarray(marked, np.uint8), ()
    raise ImageError(
        f"the mask is in {_count(colours)} colours", where, "save it with one grey level for each structure (0 outside)"
    )


def _count(colours: Values) -> int:
    """How many colours (..., channel) there are; each is compared as one item, which is faster than by channel."""
    flat = np.ascontiguousarray(colours.reshape(-1, colours.shape[-1]))
    return len(set(flat.view(np.dtype((np.void, flat.itemsize * flat.shape[1]))).ravel().tolist()))


def _without_blur(values: Values, image: LoadedImage) -> tuple[Values, tuple[str, ...]]:
    """A picture of two clusters of grey levels, as JPEG and resizing make of a mask, cut at half of its range."""
    if image.is_volume or values.dtype.kind not in "iu":
        return values, ()
    found, counts = np.unique(values, return_counts=True)
    low, high = int(found[0]), int(found[-1])
    lossy = image.where.lower().endswith(LOSSY) and high - low >= WIDE
    if len(found) < (MANY if lossy else MANY_LOSSLESS) and not _has_smooth_edges(values, found):
        return values, ()
    near = np.minimum(found - low, high - found) <= NEAR_ENDS * (high - low)
    if counts[near].sum() < SHARE * counts.sum():
        return values, ()
    half = (low + high) / 2
    note = f"it has {len(found)} grey levels in two clusters, so it was cut at half of its range ({half:g})"
    return np.where(values >= half, high, 0 if low < NEAR_ENDS * high else low).astype(values.dtype), (note,)


def _has_smooth_edges(values: Values, found: Values) -> bool:
    """Whether the values between the lowest and the highest are at edges only, as a soft brush leaves them.

    The structures of a label map have an inside.
    """
    low, high = found[0], found[-1]
    if len(found) < SOFT or int(high) - int(low) < WIDE:
        return False
    between = (values > low) & (values < high)
    middle = values[1:-1, 1:-1]
    beside = (values[:-2, 1:-1], values[2:, 1:-1], values[1:-1, :-2], values[1:-1, 2:])
    inner = between[1:-1, 1:-1] & np.logical_and.reduce([middle == other for other in beside])
    return bool(np.count_nonzero(inner) <= INNER * np.count_nonzero(between))
