"""Whether a label can be learnt from examples, by its intensity, its texture or its position.

Pictures are (M, H, W) in [0, 1], and masks are (M, H, W) bool; or (..., M, H, W) for several labels and tasks, which
have one measure each.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from universeg.synth.scene.fields import blurred_alike
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


def learnable(pictures: Tensor, masks: Tensor) -> Tensor:
    """Whether each label of each task can be learnt, (L, T) bool, all at once and on the device.

    Pictures are (T, M, H, W), masks (L, T, M, H, W). The rules are those of `why_not_learnable`.
    """
    inside = masks.flatten(-2).sum(-1)
    area = inside.sort(-1).values[..., (inside.shape[-1] - 1) // 2] / masks.shape[-1] ** 2  # of the median subject
    sizes_fit = (inside.amin(-1) >= MIN_PIXELS) & (area >= MIN_AREA) & (area <= MAX_AREA)
    pictures, masks = pictures[:, :CHECKED], masks[:, :, :CHECKED]
    thin = width(masks) < THIN * masks.shape[-1]
    line = contrast(without_shading(pictures), masks).abs() / LINE_CONTRAST
    texture, grey = contrast(roughness(pictures), masks).abs() / TEXTURE, contrast(pictures, masks).abs() / CONTRAST
    best = torch.maximum(agreement(masks) / AGREEMENT, torch.where(thin, line, torch.maximum(texture, grey)))
    return sizes_fit & (best >= 1)


def evidence(pictures: Tensor, masks: Tensor) -> float:
    """The best of contrast, texture and position, each as a multiple of its threshold."""
    best = float(agreement(masks)) / AGREEMENT
    if is_thin(masks):
        return max(best, visibility(pictures, masks) / LINE_CONTRAST)
    best = max(best, abs(float(contrast(roughness(pictures), masks))) / TEXTURE)
    return max(best, visibility(pictures, masks) / CONTRAST)


def visibility(pictures: Tensor, masks: Tensor) -> float:
    """Absolute contrast. For thin lines slow shading of the picture is removed first."""
    return abs(float(contrast(without_shading(pictures) if is_thin(masks) else pictures, masks)))


def without_shading(pictures: Tensor) -> Tensor:
    """Pictures without what changes slowly."""
    sd = pictures.shape[-1] / 20
    return pictures - blurred_alike(pictures, sd, sd)


def is_thin(masks: Tensor) -> bool:
    """Whether the masks are thin lines."""
    return bool(width(masks) < THIN * masks.shape[-1])


def width(masks: Tensor) -> Tensor:
    """Twice the area divided by the number of edge pixels: about the width of lines and the radius of discs."""
    total, at_edge = (pixels.flatten(-3).sum(-1) for pixels in (masks, edge(masks, 1)))
    return 2 * total.double() / at_edge.clamp(min=1)


def contrast(pictures: Tensor, masks: Tensor) -> Tensor:
    """Mean difference between the inside and a rim around it, in units of the standard deviation within both.

    Differences of opposite sign in two subjects cancel.
    """
    sd = masks.shape[-1] / 50
    near = (blurred_alike(masks.float(), sd, sd) > 0.05) & ~masks
    (inner, inner_variance), (outer, outer_variance) = (_moments(pictures, part.float()) for part in (masks, near))
    return ((inner - outer) / (0.5 * (inner_variance + outer_variance) + 1e-5).sqrt()).mean(-1)


def roughness(pictures: Tensor) -> Tensor:
    """Absolute difference of each pixel from the mean of its 3 x 3 neighbourhood."""
    flat = pictures.flatten(0, -3)[:, None]
    return (pictures - avg_pool2d(flat, 3, 1, 1).view(pictures.shape)).abs()


def agreement(masks: Tensor) -> Tensor:
    """Mean Dice, 0 to 1, of the masks of each subject and the next one; 0 for one subject."""
    first, second = masks[..., :-1, :, :], masks[..., 1:, :, :]
    both = (first & second).flatten(-2).sum(-1)
    sizes = (first.flatten(-2).sum(-1) + second.flatten(-2).sum(-1)).clamp(min=1)
    return (2 * both / sizes).mean(-1).nan_to_num(0)


def _moments(pictures: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean and variance of each picture."""
    total = weights.sum((-2, -1)).clamp(min=1)
    mean = (pictures * weights).sum((-2, -1)) / total
    return mean, (pictures.square() * weights).sum((-2, -1)) / total - mean.square()
