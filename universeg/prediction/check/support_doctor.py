"""What is probably wrong with a support set, found without the network. No torch here."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from universeg.base.rng import rng_for
from universeg.imageio.image import ImageError
from universeg.prediction.check import likeness
from universeg.prediction.check.findings import Finding, Fix, about, count_of, listed
from universeg.prediction.check.framing import framing_of_examples
from universeg.prediction.check.leave_one_out import central, labels_of
from universeg.prediction.check.mask_shape import Coverage, Mask
from universeg.prediction.check.mask_turn import mask_turn
from universeg.prediction.check.two_contrasts import two_contrasts
from universeg.prediction.examples import Examples
from universeg.prediction.preprocess import PreparedImage

MOST_MARKED = 0.98  # share of the pixels that a plausible mask marks at most
LEAST_FOR_ORDER = 4  # examples, to say whether masks belong to their images
LEAST_FOR_LIKENESS = 4  # examples, to say that the contrast or the orientation of one differs
LEAST_FOR_UNLIKE = 6  # other images, to say that one is unlike them: fewer say too little of what is usual


def support_findings(examples: Examples) -> list[Finding]:
    """What is probably wrong, the worst first; raises ImageError if all masks are empty or full."""
    _refuse_full(examples)
    found = [*_empty(examples), *_inverted(examples), *(_turned(examples) or _orders(examples))]
    found += [*framing_of_examples(examples.images), *_odd_images(examples), *_copies(examples)]
    found += [Finding(note) for note in examples.notes]
    if len(examples.images) == 1:
        found.append(Finding("a single example cannot be checked, and results vary with it", "label a few more images"))
    return [*found, *_notes(examples)]


def _notes(examples: Examples) -> list[Finding]:
    """What had to be decided while reading, once for files for which it differs in numbers only."""
    alike = dict[str, list[tuple[str, str]]]()
    for image in examples.images:
        for note in image.notes:
            alike.setdefault(re.sub(r"[\d.]+", "0", note), []).append((image.name, note))
    return [
        Finding(f"{files[0][0]}: {files[0][1]}" + f" ({len(files)} files are like this)" * (len(files) > 1))
        for files in alike.values()
    ]


def look_of(image: PreparedImage) -> likeness.Look:
    """What is compared of a picture, or of the middle slice of a volume."""
    return likeness.Look.of(middle(image), image.region)


def middle(image: PreparedImage) -> NDArray[np.uint8]:
    """The picture, or the middle slice of a volume."""
    return np.asarray(image.images[len(image.images) // 2])


def _refuse_full(examples: Examples) -> None:
    """Of several structures, one may be the background."""
    if len(examples.labels) == 1 and min((labels_of(image) != 0).mean() for image in examples.images) > MOST_MARKED:
        raise ImageError(
            "all support masks mark the whole image; check the masks: 0 is outside, and the structure has another value"
        )


def _empty(examples: Examples) -> list[Finding]:
    images = examples.images
    shares = [float((labels_of(image) != 0).mean()) for image in images]
    empty = [image.name for image, share in zip(images, shares, strict=True) if share == 0]
    if len(empty) == len(images):
        raise ImageError(
            "all support masks are empty on the network's grid; check the masks, or choose a larger --size"
        )
    found = list[Finding]()
    if empty:
        found.append(
            Finding(
                f"{len(empty)} of {len(images)} support masks are empty on the network's grid: {listed(empty)}",
                "keep them only if the structure is missing there",
            )
        )
    full = [image.name for image, share in zip(images, shares, strict=True) if share > MOST_MARKED]
    if full:
        found.append(
            Finding(
                f"{len(full)} of {len(images)} support masks mark nearly the whole image: {listed(full)}",
                "check that the structure has its own value",
            )
        )
    if len(images) > 2 and len({labels_of(image).tobytes() for image in images}) == 1:
        found.append(Finding("all support masks are the same", "check that each belongs to its image"))
    for label in examples.labels if len(examples.labels) > 1 else ():
        having = sum(bool((labels_of(image) == label.value).any()) for image in images)
        if having < len(images):
            found.append(Finding(f"{label.name} (value {label.value}) is in {having} of {len(images)} support masks"))
    twins = [image.name for image in images if image.two_levels]
    if twins:
        found.append(
            Finding(f"support images with only two intensities: {listed(twins)}", "check that they are not masks")
        )
    return found


def _inverted(examples: Examples) -> list[Finding]:
    """Masks that mark the outside. Of several structures, none is checked: one may be the background."""
    if len(examples.labels) > 1:
        return []
    coverages = [Coverage.of(central_mask(image), image.region) for image in examples.images]
    inverted = [
        at for at, coverage in enumerate(coverages) if coverage.looks_inverted and coverage.share <= MOST_MARKED
    ]
    share = float(np.median([coverages[at].share for at in inverted])) if inverted else 0.0
    others = [coverage.share for at, coverage in enumerate(coverages) if at not in inverted]
    if not inverted or (others and np.median(others) > 0.5):  # masks that are large anyway
        return []
    names = "" if not others else f": {listed(_short(examples.images[at]) for at in inverted)}"
    beside = f", the others {np.median(others):.0%}" if others else ""
    says = f"{count_of(inverted, len(coverages), 'masks')} look inverted{names}"
    why = f"they mark {share:.0%} of the image and nearly all of its border{beside}"
    remedy = "exchange inside and outside in these masks (0 is outside)"
    return [Finding(f"{says}: {why}", remedy, Fix("invert", tuple(inverted)))]


def _turned(examples: Examples) -> list[Finding]:
    """Masks that lie on their images only after all of them are turned or mirrored."""
    images = examples.images
    masks, regions = [central_mask(image) for image in images], [image.region for image in images]
    turn = mask_turn([central(image) for image in images], masks, regions)
    if not turn:
        return []
    says = "the masks do not lie on what they mark: they look turned or mirrored against their images"
    if images[0].axis is None:
        says += f"; {likeness.TURNS[turn]} they follow the edges much better"
    return [Finding(says, "save the masks as the images are", Fix("turn", tuple(range(len(images))), turn))]


def _orders(examples: Examples) -> list[Finding]:
    """Masks that do not follow the edges of their images, and follow those of another image."""
    images = examples.images
    if len(images) < LEAST_FOR_ORDER:
        return []
    fit = likeness.edge_fit([central(image) for image in images], [central_mask(image) for image in images])
    order = likeness.better_order(fit)
    if likeness.are_shuffled(fit, rng_for("check", "orders")):
        pairs = listed(f"{_short(images[at])} with that of {_short(images[mask])}" for at, mask in order.items())
        return [
            Finding(
                "the masks do not follow the edges of their images, so they seem to belong to other images",
                f"check the file names; masks that fit better: {pairs}",
            )
        ]
    return [
        Finding(
            f"the masks of {_short(images[at])} and {_short(images[mask])} seem to be exchanged: each follows the edges"
            " of the other image better",
            "check their file names",
        )
        for at, mask in order.items()
        if at < mask and order.get(mask) == at
    ]


def masks_follow_edges(examples: Examples) -> bool:
    """Whether masks fit their own images better than other images; True if there are too few to say."""
    images = examples.images
    if len(images) < LEAST_FOR_ORDER:
        return True
    fit = likeness.edge_fit([central(image) for image in images], [central_mask(image) for image in images])
    return likeness.masks_fit(fit, rng_for("check", "orders")) >= likeness.SHUFFLED


def _odd_images(examples: Examples) -> list[Finding]:
    """Images whose grey levels, texture or orientation differ from those of all others."""
    images, found = examples.images, list[Finding]()
    if len(images) < LEAST_FOR_LIKENESS:
        return []
    looks = [look_of(image) for image in images]
    if few := two_contrasts(looks):
        names = listed(_short(images[at]) for at in few)
        says = f"the examples are of two kinds, with dark and bright exchanged: {names} against the other"
        return [Finding(f"{says} {len(images) - len(few)}", "use examples of the kind of the images to segment")]
    for at, image in enumerate(images):
        found += image_findings(_short(image), looks[at], looks[:at] + looks[at + 1 :], image.axis is not None)
    kinds = Counter(one.remedy for one in found)
    # If several are unlike the others in the same way, the examples are simply diverse.
    return [one for one in found if kinds[one.remedy] == 1]


def image_findings(name: str, look: likeness.Look, others: Sequence[likeness.Look], volume: bool) -> list[Finding]:
    """What differs between an image and all others; at most one finding. The name is empty for an image to segment.

    Of a slice of a volume up and left depend on the program that shows it, so no turn is named.
    """
    if likeness.contrast_is_inverted(look, others):
        remedy = "invert its grey levels, or use examples of its kind"
        return [Finding(about(name, "dark and bright look exchanged against the examples"), remedy)]
    turned = likeness.turn(look, others)
    if turned:
        says = "looks turned or mirrored"
        says += " against the examples" if volume else f"; {likeness.TURNS[turned]} it is much more like the examples"
        return [Finding(about(name, says), "save it in the orientation of the examples")]
    if likeness.lies_across(look, others):
        says = "looks turned by 90 degrees; its edges run across those of the examples"
        return [Finding(about(name, says), "save it in the orientation of the examples")]
    far = likeness.unlikeness(look, others)
    if len(others) >= LEAST_FOR_UNLIKE and far > likeness.UNLIKE:
        says = f"its grey levels and texture are unlike the examples ({far:.1f}; usual is below 2)"
        return [Finding(about(name, says), "use examples of the same device, stain, contrast and zoom")]
    return []


def _copies(examples: Examples) -> list[Finding]:
    images = examples.images
    pairs = likeness.copies([central(image) for image in images]) if len(images) > 1 else []
    names = listed(f"{_short(images[first])} and {_short(images[second])}" for first, second in pairs)
    if not pairs:
        return []
    extra = tuple(sorted({second for _, second in pairs}))
    return [Finding(f"nearly the same image more than once: {names}", "keep one of each", Fix("leave out", extra))]


def _short(image: PreparedImage) -> str:
    return Path(image.name).name


def central_mask(image: PreparedImage) -> Mask:
    """All structures of the slice that `central` gives: (S, S)."""
    return np.asarray(labels_of(image)[int((labels_of(image) != 0).sum(axis=(1, 2)).argmax())] != 0)
