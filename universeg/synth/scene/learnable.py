"""Whether a label can be learnt from examples at all: by its intensity, its texture or its place."""

from torch import Tensor
from torch.nn.functional import avg_pool2d

from universeg.synth.scene.fields import blurred
from universeg.synth.scene.label_rules import edge

LEAST_PIXELS = 6
LEAST_AREA, MOST_AREA = 0.0015, 0.95  # share of the picture, in the median subject
# Each is enough by itself. Lines need more contrast, as no noise averages out over them, but against their own
# surroundings: real retinal vessels at 128 pixels have 1.0 there, and 0.1 when the whole picture's shading counts.
CONTRAST, LINE_CONTRAST, TEXTURE, AGREEMENT = 0.2, 0.5, 0.25, 0.4
THIN = 3.5 / 128  # mean width of lines, as a share of the side
LOOKED_AT = 6  # subjects


def why_not(pictures: Tensor, masks: Tensor) -> str:
    """Why nobody could learn masks (M, H, W) bool of pictures (M, H, W); empty if somebody might."""
    inside = masks.flatten(1).sum(1)
    if int(inside.min()) < LEAST_PIXELS:
        return "nearly empty in a subject"
    area = float(inside.float().median()) / masks[0].numel()
    if not LEAST_AREA <= area <= MOST_AREA:
        return "too small" if area < LEAST_AREA else "too large"
    pictures, masks = pictures[:LOOKED_AT], masks[:LOOKED_AT]
    if evidence(pictures, masks) < 1:
        return "neither seen nor in one place"
    return ""


def evidence(pictures: Tensor, masks: Tensor) -> float:
    """The best of contrast, texture and place, each as a multiple of what is enough."""
    found = agreement(masks) / AGREEMENT
    if thin(masks):
        return max(found, visibility(pictures, masks) / LINE_CONTRAST)
    found = max(found, abs(contrast(roughness(pictures), masks)) / TEXTURE)
    return max(found, visibility(pictures, masks) / CONTRAST)


def visibility(pictures: Tensor, masks: Tensor) -> float:
    """Contrast, whatever its sign; that of lines after the slow shading of the picture is taken away."""
    if thin(masks):
        pictures = pictures - blurred(pictures, masks.shape[-1] / 20)
    return abs(contrast(pictures, masks))


def thin(masks: Tensor) -> bool:
    return width(masks) < THIN * masks.shape[-1]


def width(masks: Tensor) -> float:
    """Twice the area over the number of pixels at the edge: about the width of lines, the radius of discs."""
    return 2 * float(masks.sum()) / max(1, int(edge(masks, 1).sum()))


def contrast(pictures: Tensor, masks: Tensor) -> float:
    """Mean difference between inside and the rim around it, in standard deviations within; signs must agree."""
    near = (blurred(masks.float(), masks.shape[-1] / 50) > 0.05) & ~masks
    (inner, inner_variance), (outer, outer_variance) = (_moments(pictures, part.float()) for part in (masks, near))
    return float(((inner - outer) / (0.5 * (inner_variance + outer_variance) + 1e-5).sqrt()).mean())


def roughness(pictures: Tensor) -> Tensor:
    """How much a picture changes from pixel to pixel."""
    return (pictures - avg_pool2d(pictures[:, None], 3, 1, 1)[:, 0]).abs()


def agreement(masks: Tensor) -> float:
    """Mean Dice of the masks of one subject and the next."""
    first, second = masks[:-1], masks[1:]
    both = (first & second).flatten(1).sum(1)
    sizes = (first.flatten(1).sum(1) + second.flatten(1).sum(1)).clamp(min=1)
    return float((2 * both / sizes).mean()) if len(both) else 0.0


def _moments(pictures: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    total = weights.sum((1, 2)).clamp(min=1)
    mean = (pictures * weights).sum((1, 2)) / total
    return mean, (pictures.square() * weights).sum((1, 2)) / total - mean.square()
