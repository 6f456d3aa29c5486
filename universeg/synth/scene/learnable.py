"""Whether a label can be learnt from examples, by its intensity, its texture or its position.

Pictures are (M, H, W) in [0, 1], and masks are (M, H, W) bool.
"""

from torch import Tensor
from torch.nn.functional import avg_pool2d

from universeg.synth.scene.fields import blurred
from universeg.synth.scene.label_rules import edge

MIN_PIXELS = 6
MIN_AREA, MAX_AREA = 0.0015, 0.95  # fraction of the picture, in the median subject
# A label that reaches one of these thresholds can be learnt. Thin lines need more contrast, because noise does not
# average out over them. It is measured after slow shading is removed: real retinal vessels at 128 pixels have a
# contrast of 1.0 then, and of 0.1 before.
CONTRAST, LINE_CONTRAST, TEXTURE, AGREEMENT = 0.2, 0.5, 0.25, 0.4
THIN = 3.5 / 128  # mean width of thin lines, as a fraction of the side
CHECKED = 6  # subjects whose visibility is measured


def why_not_learnable(pictures: Tensor, masks: Tensor) -> str:
    """The reason why the label cannot be learnt; empty if it can."""
    inside = masks.flatten(1).sum(1)
    if int(inside.min()) < MIN_PIXELS:
        return "nearly empty in a subject"
    area = float(inside.float().median()) / masks[0].numel()
    if not MIN_AREA <= area <= MAX_AREA:
        return "too small" if area < MIN_AREA else "too large"
    pictures, masks = pictures[:CHECKED], masks[:CHECKED]
    if evidence(pictures, masks) < 1:
        return "not visible and not in a fixed position"
    return ""


def evidence(pictures: Tensor, masks: Tensor) -> float:
    """The best of contrast, texture and position, each as a multiple of its threshold."""
    best = agreement(masks) / AGREEMENT
    if is_thin(masks):
        return max(best, visibility(pictures, masks) / LINE_CONTRAST)
    best = max(best, abs(contrast(roughness(pictures), masks)) / TEXTURE)
    return max(best, visibility(pictures, masks) / CONTRAST)


def visibility(pictures: Tensor, masks: Tensor) -> float:
    """Absolute contrast. For thin lines slow shading of the picture is removed first."""
    if is_thin(masks):
        pictures = pictures - blurred(pictures, masks.shape[-1] / 20)
    return abs(contrast(pictures, masks))


def is_thin(masks: Tensor) -> bool:
    """Whether the masks are thin lines."""
    return width(masks) < THIN * masks.shape[-1]


def width(masks: Tensor) -> float:
    """Twice the area divided by the number of edge pixels: about the width of lines and the radius of discs."""
    return 2 * float(masks.sum()) / max(1, int(edge(masks, 1).sum()))


def contrast(pictures: Tensor, masks: Tensor) -> float:
    """Mean difference between the inside and a rim around it, in units of the standard deviation within both.

    Differences of opposite sign in two subjects cancel.
    """
    near = (blurred(masks.float(), masks.shape[-1] / 50) > 0.05) & ~masks
    (inner, inner_variance), (outer, outer_variance) = (_moments(pictures, part.float()) for part in (masks, near))
    return float(((inner - outer) / (0.5 * (inner_variance + outer_variance) + 1e-5).sqrt()).mean())


def roughness(pictures: Tensor) -> Tensor:
    """Absolute difference of each pixel from the mean of its 3 x 3 neighbourhood."""
    return (pictures - avg_pool2d(pictures[:, None], 3, 1, 1)[:, 0]).abs()


def agreement(masks: Tensor) -> float:
    """Mean Dice, 0 to 1, of the masks of each subject and the next one."""
    first, second = masks[:-1], masks[1:]
    both = (first & second).flatten(1).sum(1)
    sizes = (first.flatten(1).sum(1) + second.flatten(1).sum(1)).clamp(min=1)
    return float((2 * both / sizes).mean()) if len(both) else 0.0


def _moments(pictures: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean and variance of each picture."""
    total = weights.sum((1, 2)).clamp(min=1)
    mean = (pictures * weights).sum((1, 2)) / total
    return mean, (pictures.square() * weights).sum((1, 2)) / total - mean.square()
