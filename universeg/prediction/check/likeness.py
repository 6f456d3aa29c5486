"""How alike images are, without a network: grey levels, orientation, copies, and whether masks fit edges. No torch.

Images are slices on the network's grid as uint8 (S, S). The limits were set on public sets of microscopy,
ultrasound, photographs and MRI; docs/how-to/check-examples.md has the figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

TURNS = (  # what would make an image like the others; the first is nothing
    "",
    "turned by 90 degrees clockwise",
    "turned by 180 degrees",
    "turned by 90 degrees anticlockwise",
    "mirrored left to right",
    "turned by 90 degrees clockwise and mirrored left to right",
    "mirrored upside down",
    "turned by 90 degrees anticlockwise and mirrored left to right",
)
LEVELS = 64  # quantiles of a grey profile
COARSE, FINE = 32, 64  # pixels per side at which orientation and copies are seen
INVERTED_RATIO = 0.5  # an inverted image is at most so far from the others, by the distance of the image itself
INVERTED_NEAR = 1.5  # and by the largest distance among the others
OPPOSITE = 0.5  # times the usual correlation with the others, below minus which an image is their negative
LEAST_FOR_OPPOSITE = 4  # other images: with fewer, cells in a corner may look like the opposite by chance
LEAST_LIKE = 0.5  # times the usual correlation: a turned image has more, a negative has less
LEAST_FOR_TURN = 6  # other images: fewer look alike by chance
LEAST_GAP = 0.1  # by which a turned image must be less like the others, in the median, for a test of the turn
TURNED_SHARE = 0.85  # of that gap that an image must gain by a turn
LEAST_LAYERED = 2.0  # standard deviations by which the others have one main direction of edges
ACROSS = 3.0  # standard deviations by which an image has another one
SAME, SAME_DETAIL = 0.99, 0.75  # correlations of copies: of the images, and of what is their own
UNLIKE = 3.5  # sum of the distances of grey levels and of texture, by the largest of the others
PERMUTATIONS = 200
SHUFFLED = 1.5  # standard deviations by which masks fit their own images better than others' at least
CLEARLY = 2.15  # standard deviations by which they fit it better than they fit others
REORDERED = 0.4  # share of the masks that fit another image best, if they are in a wrong order


@dataclass(frozen=True)
class Look:
    """What is compared of an image."""

    profile: Floats  # (64,) quantiles of the grey levels, from 0 to 1
    negative: Floats  # (64,) the same of the inverted image
    texture: Floats  # logarithm of the share of each octave of spatial frequencies
    turned: Floats  # (8, pixels) after each of TURNS, with mean 0 and length 1
    layered: float  # logarithm of how much more the image changes from row to row than from column to column

    @classmethod
    def of(cls, image: Grey, region: Mask) -> "Look":
        """Of a slice (S, S); grey levels count in the region (S, S), where the image is not padding."""
        profile = np.quantile(image[region], np.linspace(0.01, 0.99, LEVELS)) / 255
        return cls(profile, 1 - profile[::-1], _texture(image), _eight(image), _layered(image))


def contrast_is_inverted(image: Look, others: Sequence[Look]) -> bool:
    """Whether the negative of the image is much more like the others, by its grey levels or pixel by pixel."""
    profiles = np.stack([other.profile for other in others])
    distance, turned = _distance(image.profile, profiles), _distance(image.negative, profiles)
    widest = _widest(profiles)
    by_levels = distance > widest and turned < INVERTED_RATIO * distance and turned < INVERTED_NEAR * widest
    return by_levels or _is_opposite(image, others)


def _is_opposite(image: Look, others: Sequence[Look]) -> bool:
    """Whether all others show the same at the same places, as scans do, and the image shows its opposite."""
    flat = np.stack([other.turned[0] for other in others])
    usual = ((flat @ flat.T).sum(axis=1) - 1) / max(1, len(others) - 1)
    own = (flat @ image.turned.T).mean(axis=0)  # after each of TURNS: one that explains it better is no negative
    can_tell = len(others) >= LEAST_FOR_OPPOSITE and usual.min() > 0
    return bool(can_tell and own[0] < -OPPOSITE * np.median(usual) and own.max() < -own[0])


def unlikeness(image: Look, others: Sequence[Look]) -> float:
    """How far an image is from the others by grey levels and by texture; 2 is about the farthest of the others."""
    both = ((image.profile, [other.profile for other in others]), (image.texture, [other.texture for other in others]))
    return sum(_distance(own, np.stack(them)) / max(_widest(np.stack(them)), 1e-3) for own, them in both)


def turn(image: Look, others: Sequence[Look]) -> int:
    """Index in TURNS of what makes the image much more like the others; 0 if nothing does, or if it cannot be known.

    A turn is considered only if each of the others would be less like the rest if it were turned so: cells have no
    orientation, and eyes may be left or right.
    """
    if len(others) < LEAST_FOR_TURN:
        return 0
    turned = np.stack([other.turned for other in others])  # (n, 8, pixels)
    like = np.einsum("iop,jp->ioj", turned, turned[:, 0])
    mean = np.stack([np.delete(like[at], at, axis=1).mean(axis=1) for at in range(len(others))])  # (n, 8)
    gap = mean[:, :1] - mean
    can_tell = (gap.min(axis=0) > 0) & (np.median(gap, axis=0) > LEAST_GAP)
    own = (image.turned @ turned[:, 0].T).mean(axis=1)
    can_tell &= own > LEAST_LIKE * np.median(mean[:, 0])
    gain = np.where(can_tell, own - own[0] - TURNED_SHARE * np.median(gap, axis=0), -np.inf)
    return int(gain.argmax()) if gain.max() > 0 else 0


def lies_across(image: Look, others: Sequence[Look]) -> bool:
    """Whether the edges of an image run across those of the others, as after a turn by 90 degrees.

    Known only where all others have edges of one main direction, as tissue in layers has, and cells do not.
    """
    if len(others) < LEAST_FOR_TURN:
        return False
    layers = np.array([other.layered for other in others])
    usual, spread = float(layers.mean()), float(layers.std(ddof=1))
    can_tell = abs(usual) > LEAST_LAYERED * spread and bool((layers * usual > 0).all())
    off, off_if_turned = abs(image.layered - usual), abs(image.layered + usual)
    return can_tell and image.layered * usual < 0 and off > ACROSS * spread and 2 * off_if_turned < off


def copies(images: Sequence[Grey]) -> list[tuple[int, int]]:
    """Pairs of images that are the same but for noise, brightness or compression."""
    small = np.stack([_small(image, FINE) for image in images])
    whole = np.stack([_unit(image) for image in small])
    detail = np.stack([_unit(image) for image in small - small.mean(axis=0)]) if len(images) > 2 else whole
    alike = (whole @ whole.T > SAME) & (detail @ detail.T > SAME_DETAIL)
    return [(int(a), int(b)) for a, b in np.argwhere(np.triu(alike, 1))]


def edge_fit(images: Sequence[Grey], masks: Sequence[Mask]) -> Floats:
    """(n, n): how strong the edges of image i are at the border of mask j, as a mean rank from 0 to 1.

    A mask that belongs to an image follows its edges, whatever the structure looks like.
    """
    strengths = [edge_ranks(image) for image in images]
    borders = [border(mask) for mask in masks]
    return np.array(
        [[float(strength[line].mean()) if line.any() else 0.5 for line in borders] for strength in strengths]
    )


def masks_fit(fit: Floats, rng: np.random.Generator) -> float:
    """How many standard deviations better masks fit their own images than in a random order."""
    count = len(fit)
    others = [fit[np.arange(count), rng.permutation(count)].mean() for _ in range(PERMUTATIONS)]
    return float((np.trace(fit) / count - np.mean(others)) / (np.std(others) + 1e-9))


def are_shuffled(fit: Floats, rng: np.random.Generator) -> bool:
    """Whether masks do not fit their own images, and many clearly fit others.

    Only the first would also be so for structures without visible edges.
    """
    order = better_order(fit)
    if masks_fit(fit, rng) >= SHUFFLED or len(order) < REORDERED * len(fit):
        return False
    fit = _centred(fit)
    others = np.ones(fit.shape, bool)
    others[[*order], [*order.values()]] = False
    return float(fit[~others].mean()) > CLEARLY * float(fit[others].std())


def better_order(fit: Floats) -> dict[int, int]:
    """Image -> mask of another image, where both fit each other better than all others do."""
    fit = _centred(fit)
    best_mask, best_image = fit.argmax(axis=1), fit.argmax(axis=0)
    return {at: int(mask) for at, mask in enumerate(best_mask) if mask != at and best_image[mask] == at}


def _centred(fit: Floats) -> Floats:
    """Without the mean of each image and each mask: some masks have stronger edges than others everywhere."""
    centred: Floats = fit - fit.mean(0, keepdims=True) - fit.mean(1, keepdims=True) + fit.mean()
    return centred


def _distance(own: Floats, others: Floats) -> float:
    """Median distance to the others (n, values)."""
    return float(np.median(np.abs(others - own).mean(axis=-1)))


def _widest(values: Floats) -> float:
    """The largest of the median distances of each to the rest: (n, values)."""
    return (
        max(_distance(row, np.delete(values, at, axis=0)) for at, row in enumerate(values)) if len(values) > 1 else 0.0
    )


def _eight(image: Grey) -> Floats:
    """The image after each of TURNS: (8, pixels), each with mean 0 and length 1."""
    small = _small(image, COARSE)
    turns = [np.rot90(small, -times) for times in range(4)]
    return np.stack([_unit(one) for one in [*turns, *(np.fliplr(one) for one in turns)]])


def _small(image: Grey, side: int) -> Floats:
    """The image reduced to `side` pixels by averaging; its sides are cut to a multiple of that."""
    step = max(1, image.shape[0] // side)
    side = image.shape[0] // step
    cut = image[: side * step, : side * step].astype(np.float64)
    small: Floats = cut.reshape(side, step, side, step).mean(axis=(1, 3))
    return small


def _unit(image: Floats) -> Floats:
    flat = (image - image.mean()).ravel()
    unit: Floats = flat / (float(np.linalg.norm(flat)) + 1e-9)
    return unit


def _layered(image: Grey) -> float:
    smooth = _box(image)[2:-2, 2:-2]
    down, right = np.gradient(smooth)
    return float(np.log((np.square(down).mean() + 1e-6) / (np.square(right).mean() + 1e-6)))


def _box(image: Grey) -> Floats:
    """The sum over 3 x 3 pixels around each."""
    padded, (high, wide) = np.pad(image.astype(np.float64), 1, mode="edge"), image.shape
    whole: Floats = np.sum([padded[i : i + high, j : j + wide] for i in range(3) for j in range(3)], axis=0)
    return whole


def _texture(image: Grey) -> Floats:
    """The logarithm of the share of each octave of spatial frequencies."""
    size = len(image)
    power = np.abs(np.fft.fftshift(np.fft.fft2(image - image.mean()))) ** 2
    away = np.hypot(*(np.indices(power.shape) - size // 2)).astype(int)
    rings = np.bincount(away.ravel(), power.ravel())[1 : size // 2]
    octaves = np.add.reduceat(rings, [2**k - 1 for k in range(int(np.log2(len(rings))) + 1)])
    shares: Floats = np.log(octaves / max(float(octaves.sum()), 1e-9) + 1e-6)
    return shares


def edge_ranks(image: Grey) -> Floats:
    """The rank of each pixel's gradient in the image, from 0 to 1."""
    strength = np.hypot(*np.gradient(_box(image))).ravel()
    ranks = np.empty(strength.size)
    ranks[strength.argsort(kind="stable")] = np.arange(strength.size) / strength.size
    return ranks.reshape(image.shape)


def border(mask: Mask) -> Mask:
    """The pixels at the border of a mask (S, S)."""
    line = np.zeros_like(mask)
    line[:, 1:] |= mask[:, 1:] != mask[:, :-1]
    line[1:] |= mask[1:] != mask[:-1]
    return line
