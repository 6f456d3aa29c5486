"""The labelled images that define a task, read and preprocessed: one set of images, one or several structures.

No torch here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from universeg.imageio.image import ImageError, LoadedImage, extended
from universeg.prediction.labels import Label, labels_of
from universeg.prediction.planes import PLANES, Plane, drawn_plane, drawn_slices
from universeg.prediction.preprocess import PreparedImage, preprocess
from universeg.prediction.settings import Settings
from universeg.prediction.sources import ImageSource, MaskSource, check_pair, loaded_image, loaded_labels

LEAST_SHARE = 0.1  # of the non-zero pixels of a mask that a chosen label should have
MOST_LABELS = 64  # distinct values of masks; more are the grey levels of an image, or numbers of single objects
MOST_SLICES = 256  # of a support volume that are stored: evenly spaced, so one is always near
LOOKED_AT = 5  # masks that are read to find the plane of a task's volumes
VOID = 255  # what some label maps have where nobody labelled; beside small values it is probably no structure
LISTED = 8  # values that a message lists

MOST_PROBLEMS = 20  # lines that a message has

Values = NDArray[np.generic]


@dataclass(frozen=True)
class Examples:
    """The support set. The images have `labels` with the values of `self.labels`."""

    images: tuple[PreparedImage, ...]
    labels: tuple[Label, ...]
    plane: Plane | None = None  # of volumes
    notes: tuple[str, ...] = ()  # what had to be decided about all of them

    @property
    def usable(self) -> list[NDArray[np.bool_]]:
        """For each image, which of its slices may be shown: a person has labelled them, and they are not black."""
        return [drawn_slices(_marked(image)) & ~image.flat for image in self.images]


def load_examples(
    images: Sequence[ImageSource],
    masks: Sequence[MaskSource],
    settings: Settings,
    known: Mapping[int, Label] | None = None,
    structures: bool = False,
) -> Examples:
    """Read and preprocess all pairs. One ImageError lists everything that is wrong with them.

    `known` has names and colours of mask values. Several files for one image are parts of one structure, or with
    `structures` the n-th file is the mask of the structure with value n.
    """
    if len(images) != len(masks) or not images:
        raise ImageError(f"expected at least one support image and as many masks, got {len(images)} and {len(masks)}")
    plane = None if settings.axis is not None else _plane(masks, structures)
    if plane is not None:
        settings = replace(settings, axis=plane.axis)
    prepared, problems, values = list[PreparedImage](), list[str](), list[set[int]]()
    for number, (image, mask) in enumerate(zip(images, masks, strict=True), 1):
        try:
            scan = loaded_image(image, f"support image {number}", settings.channel)
            labels = loaded_labels(mask, f"support mask {number}", structures)
            labels = extended(labels, scan)
            check_pair(scan, labels)
            marked, found, notes = _chosen(labels, settings)
            entry = preprocess(scan, settings, marked, MOST_SLICES)
            of_mask = [f"its mask: {note}" for note in labels.notes]
            prepared.append(replace(entry, notes=(*entry.notes, *of_mask, *notes)))
            values.append(found)
        except (ValueError, OSError) as error:
            problems.append(f"  {error}")
    if problems:
        more = [f"  and {len(problems) - MOST_PROBLEMS} more"] if len(problems) > MOST_PROBLEMS else []
        raise ImageError("\n".join(["the support set cannot be used:", *problems[:MOST_PROBLEMS], *more]))
    pictures, volumes = ([one.name for one in prepared if (one.axis is None) == flat] for flat in (True, False))
    if pictures and volumes:
        raise ImageError(
            f"the support set has pictures ({_first(pictures)}) and volumes ({_first(volumes)}); use one kind"
        )
    if settings.axis is not None and plane is None:
        plane = Plane(settings.axis, "as --axis says")
    return _with_labels(prepared, values, settings, known or {}, None if prepared[0].axis is None else plane)


def _plane(masks: Sequence[MaskSource], structures: bool) -> Plane | None:
    """The plane of the first masks that can be read; None for pictures."""
    seen = list[LoadedImage]()
    for mask in islice(masks, LOOKED_AT):
        try:
            seen.append(loaded_labels(mask, "", structures))
        except (ValueError, OSError):  # reported where all pairs are read
            continue
    volumes = [mask for mask in seen if mask.is_volume]
    return drawn_plane(volumes) if volumes else None


def _chosen(labels: LoadedImage, settings: Settings) -> tuple[Values, set[int], tuple[str, ...]]:
    """The label map that is used, the values of the file without 0, and notes."""
    values = labels.values
    found = {int(value) for value in np.unique(values)}
    if settings.label is not None:
        marked = values == settings.label
        return np.where(marked, labels.values, 0), found, _share_note(values, marked, settings.label)
    if settings.merge_labels:
        return values != 0, {1}, ()
    if min(found) < 0:
        raise ImageError(f"the mask has negative values ({min(found)})", labels.where, "use 0 outside and 1, 2, ...")
    if len(found) > MOST_LABELS:
        raise ImageError(
            f"the mask has {len(found)} distinct values",
            labels.where,
            "are images and masks swapped? If each value is one object, use --merge-labels",
        )
    if len(found) > 1 and 0 not in found:
        raise ImageError(
            f"the mask has the values {_some([found])}, and 0 nowhere",
            labels.where,
            f"save it with 0 outside the structures, or choose one with --label {max(found)}",
        )
    return values, found - {0}, ()


def _with_labels(
    prepared: Sequence[PreparedImage],
    values: Sequence[set[int]],
    settings: Settings,
    known: Mapping[int, Label],
    plane: Plane | None,
) -> Examples:
    """Say which structures there are. Without names, masks of one value each have one structure, whatever the value."""
    found, notes = set[int]().union(*values), list[str]()
    if settings.label is not None and settings.label not in found:
        raise ImageError(f"no support mask has the value {settings.label} (--label); they have {_some(values)}")
    if settings.label is not None:
        found = {settings.label}
    elif len(found) > 1 and all(len(some) <= 1 for some in values) and not found <= known.keys():
        notes.append(
            f"each mask has one value, but not the same ({_some(values)}): all are taken as one structure;"
            " if they are different structures, name them with --labels"
        )
        one = max(found)
        prepared = [
            replace(image, labels=None if image.labels is None else (image.labels != 0) * image.labels.dtype.type(1))
            for image in prepared
        ]
        found, known = {1}, {1: replace(known[one], value=1)} if one in known else {}
    if len(found) > MOST_LABELS:
        raise ImageError(
            f"the support masks have {len(found)} distinct values ({_some(values)});"
            " if each value is one object, use --merge-labels"
        )
    others = found - {VOID}
    if VOID in found - known.keys() and others and max(others) <= MOST_LABELS:
        notes.append(
            f"the value {VOID} of the masks is taken as a structure; if it marks what nobody labelled, set it to 0,"
            " or choose one structure with --label"
        )
    if known and not settings.merge_labels and (unnamed := found - known.keys()):
        notes.append(f"the list of names has no name for {_some([unnamed])}; check it, or the masks")
    return Examples(tuple(prepared), labels_of(found or {1}, known), plane, tuple(notes))


def _share_note(values: Values, marked: NDArray[np.bool_], label: int) -> tuple[str, ...]:
    """A note if a chosen label is only a small part of what the mask marks: the wrong value, or a blurred mask."""
    share = np.count_nonzero(marked) / max(1, int(np.count_nonzero(values)))
    if share >= LEAST_SHARE or not marked.any():
        return ()
    return (f"--label {label} keeps {share:.1%} of the pixels that are not 0; check that it is the right value",)


def _marked(image: PreparedImage) -> NDArray[np.bool_]:
    assert image.labels is not None, "an example has a mask"
    return np.asarray(image.labels.any(axis=(1, 2)))


def plane_name(plane: Plane) -> str:
    """For messages: "axial (--axis 2)"."""
    return f"{PLANES[plane.axis]} (--axis {plane.axis})"


def _first(names: Sequence[str]) -> str:
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


def _some(values: Iterable[set[int]]) -> str:
    found = sorted(set[int]().union(*values))
    more = f" and {len(found) - LISTED} more" if len(found) > LISTED else ""
    return ", ".join(map(str, found[:LISTED])) + more
