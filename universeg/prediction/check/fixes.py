"""Apply the fixes that are safe. Only what is in memory changes, never a person's files. No torch here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from universeg.imageio.image import ImageError, LoadedImage
from universeg.prediction.check.findings import Finding, Fix, count_of
from universeg.prediction.check.leave_one_out import labels_of
from universeg.prediction.check.mask_shape import filled, is_outline
from universeg.prediction.check.mask_turn import turned
from universeg.prediction.examples import MOST_LABELS, Examples
from universeg.prediction.sources import ImageSource, MaskSource, is_resized, loaded_image, loaded_labels, resized

LOOKED_AT = 3  # pairs that are read to see whether images and masks are exchanged
NEAR_END = 0.05  # of the range: samples so near to its ends are black or white
BLACK_OR_WHITE = 0.97  # share of the samples of a mask that are, also after JPEG compression, and of an image are not
OUTLINES = 0.8  # share of the masks that are outlines, if the person drew outlines
LARGEST = 1 << 24  # pixels of a mask that is searched for outlines


@dataclass(frozen=True)
class Sources:
    """Images and masks of the examples before they are read: files or arrays."""

    images: tuple[ImageSource, ...]
    masks: tuple[MaskSource, ...]
    structures: bool = False  # whether several masks of one image are different structures


def source_findings(sources: Sources) -> list[Finding]:
    """What must be known before the examples are read: images and masks exchanged, masks that are outlines."""
    if _exchanged(sources):
        every = tuple(range(len(sources.images)))
        says = "images and masks are exchanged: the images look like masks, and the masks do not"
        return [Finding(says, "exchange the two folders or names", Fix("swap", every))]
    masks = [_outline(mask, sources.structures) for mask in sources.masks]
    seen = [at for at, found in enumerate(masks) if found is not None]
    lines = [at for at in seen if masks[at]]
    if len(seen) < 2 or len(lines) < OUTLINES * len(seen):
        return []
    says = f"{count_of(lines, len(masks), 'masks')} are outlines: thin closed lines around what they should mark"
    return [Finding(says, "fill them", Fix("fill", tuple(lines)))]


def size_findings(sources: Sources) -> list[Finding]:
    """Masks of pictures that were drawn at another size than their images, with the same proportions."""
    found = list[int]()
    for at, (image, mask) in enumerate(zip(sources.images, sources.masks, strict=True)):
        try:
            if is_resized(loaded_image(image, ""), loaded_labels(mask, "", sources.structures)):
                found.append(at)
        except (ValueError, OSError):  # reported where all pairs are read
            continue
    if not found:
        return []
    says = f"{count_of(found, len(sources.masks), 'masks')} have another size than their images"
    return [Finding(says, "resize them", Fix("resize", tuple(found)))]


def fixed_sources(sources: Sources, findings: Sequence[Finding]) -> Sources:
    """The sources after the fixes of `findings` that concern files."""
    for fix in (finding.fix for finding in findings if finding.fix):
        if fix.action == "swap":
            masks = tuple(_one_file(mask) for mask in sources.masks)
            sources = replace(sources, images=masks, masks=tuple(sources.images))
        elif fix.action in ("fill", "resize"):
            masks_now = list(sources.masks)
            for at in fix.examples:
                labels = loaded_labels(masks_now[at], f"support mask {at + 1}", sources.structures)
                if fix.action == "fill":
                    masks_now[at] = _filled(labels)
                else:
                    masks_now[at] = resized(labels, loaded_image(sources.images[at], "").values.shape)
            sources = replace(sources, masks=tuple(masks_now))
    return sources


def fixed_examples(examples: Examples, findings: Sequence[Finding]) -> Examples:
    """The examples after the fixes of `findings` that concern prepared images."""
    images = dict(enumerate(examples.images))
    for fix in (finding.fix for finding in findings if finding.fix):
        for at in fix.examples:
            if fix.action == "leave out" and len(images) > 1:
                images.pop(at, None)
            elif fix.action == "invert" and at in images:
                image, value = images[at], examples.labels[0].value
                outside = (labels_of(image) == 0) & image.region
                images[at] = replace(
                    image, labels=outside.astype(labels_of(image).dtype) * labels_of(image).dtype.type(value)
                )
            elif fix.action == "turn" and at in images:
                images[at] = replace(images[at], labels=turned(labels_of(images[at]), fix.turn))
    return replace(examples, images=tuple(images.values()))


def _one_file(mask: MaskSource) -> ImageSource:
    if isinstance(mask, Sequence) and not isinstance(mask, str):
        if len(mask) != 1:
            raise ImageError(
                "images and masks are exchanged, and some images have several masks, which --fix cannot exchange;"
                " exchange the files"
            )
        return mask[0]
    return mask


def _exchanged(sources: Sources) -> bool:
    """Whether the first images look like masks, and their masks do not."""
    pairs = list(zip(sources.images, sources.masks, strict=True))[:LOOKED_AT]
    try:
        return bool(pairs) and all(
            _like_a_mask(loaded_image(image, "")) and not _like_a_mask(loaded_image(_one_file(mask), ""))
            for image, mask in pairs
        )
    except (ValueError, OSError):  # reported where all pairs are read
        return False


def _like_a_mask(image: LoadedImage) -> bool:
    """Whether nearly all samples are at either end of the range, or there are only as many values as labels."""
    values = image.values
    if len(np.unique(values)) <= MOST_LABELS:
        return True
    low, high = float(values.min()), float(values.max())
    near = NEAR_END * (high - low)
    return float(((values <= low + near) | (values >= high - near)).mean()) >= BLACK_OR_WHITE


def _outline(mask: MaskSource, structures: bool) -> bool | None:
    """Whether a mask is an outline; None if it cannot be read, is empty or too large to search."""
    try:
        labels = loaded_labels(mask, "", structures)
    except (ValueError, OSError):  # reported where all pairs are read
        return None
    plane = labels.values != 0
    if labels.is_volume:
        axis = int(np.argmax(labels.spacing))
        plane = np.moveaxis(plane, axis, 0)
        plane = plane[int(plane.sum(axis=(1, 2)).argmax())]
    return is_outline(plane) if plane.any() and plane.size <= LARGEST else None


def _filled(labels: LoadedImage) -> LoadedImage:
    """Every structure with its holes filled, slice by slice; where they overlap, the smaller stays visible."""
    values = labels.values
    axis = int(np.argmax(labels.spacing)) if labels.is_volume else None
    found = np.zeros_like(values)
    named = [value for value in np.unique(values) if value != 0]
    shapes = list[tuple[int, np.ndarray, np.generic]]()
    for value in named:
        planes = values[None] == value if axis is None else np.moveaxis(values == value, axis, 0)
        whole = np.stack([filled(plane) if plane.any() else plane for plane in planes])
        whole = whole[0] if axis is None else np.moveaxis(whole, 0, axis)
        shapes.append((int(whole.sum()), whole, value))
    for _, whole, value in sorted(shapes, key=lambda shape: -shape[0]):
        found[whole] = value
    return replace(labels, values=found)
