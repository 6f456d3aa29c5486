"""Family `glands`: rings of cells around a lumen, in tissue that holds the same cells, as in histology."""

import torch
from torch import Tensor

from universeg.synth.families.packing import POSE, nearest_cells
from universeg.synth.scene.fields import blurred, draw_texture, smooth_noise, texture_crops
from universeg.synth.scene.numbers import Number
from universeg.synth.scene.pose import anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene


def glands(draws: Draws) -> Scene:
    """Labels are the glands, the lumen inside them, and the epithelium around it. Glands touch, or have tissue between.

    Nuclei are dark dots in rows along the outer border of each gland, and scattered in the tissue between glands. The
    tissue has gaps that look like a lumen.
    """
    steps = draws.integer(2, 6)
    x, y = anatomy_coordinates(draws, POSE)
    uneven_x, uneven_y = (draws.uniform(0.02, 0.2) * smooth_noise(draws, 2 * steps) for _ in range(2))
    column, row = (
        (place / 2 + 0.5) * steps + draws.uniform_each(0, 9) + uneven
        for place, uneven in ((x, uneven_x), (y, uneven_y))
    )
    level, second, _, _ = nearest_cells(draws, steps, column, row)
    level = level + draws.log_uniform(0.02, 0.2) * smooth_noise(draws, 4 * steps)
    if draws.chance(0.5):
        level = torch.maximum(level, draws.uniform(0.02, 0.3) - (second - level))
    gland = level < 0
    wall = draws.uniform(0.3, 0.7) * draws.normal_each(0.15).exp()
    lumen = level < -wall + 0.12 * smooth_noise(draws, 5 * steps)
    tissue, epithelium, inside = (draws.uniform(*limits) for limits in ((0.35, 0.75), (0.3, 0.7), (0.6, 1.1)))
    images = tissue + draws.normal_each(0.04)
    images = images + draws.uniform(0.02, 0.15) * texture_crops(draws, draws.once(draw_texture))
    gaps = smooth_noise(draws, draws.integer(3, 10)) > draws.uniform(1, 2.5)
    images = torch.where(gaps, inside, images)
    images = torch.where(gland, epithelium + draws.normal_each(0.04), images)
    images = torch.where(lumen, inside + draws.normal_each(0.04), images)
    if draws.chance(0.4):  # what lies in the lumen
        secretion = smooth_noise(draws, draws.integer(5, 20)) > draws.uniform(-0.5, 1.5)
        images = torch.where(lumen & secretion, draws.uniform(0.3, 1), images)
    border = draws.uniform(0.35, 0.9) * wall  # nuclei lie between it and the outside
    images = images - _nuclei(draws, level, lumen, border)
    parts = {"glands": gland, "lumen": lumen & gland, "epithelium": gland & ~lumen}
    return Scene(blurred(draws, images, draws.log_uniform(0.3, 1) * draws.size / 128), parts)


def _nuclei(draws: Draws, level: Tensor, lumen: Tensor, border: Number) -> Tensor:
    """How much darker nuclei are: dots, dense in the outer epithelium, sparse in the tissue, rare elsewhere."""
    cells = draws.integer(24, 60)
    dots = smooth_noise(draws, cells)
    outer = (level < 0) & (level > -border)
    dense, sparse, rare = draws.uniform(-0.8, 0.4), draws.uniform(0.6, 2), draws.uniform(1, 3)
    limit = torch.where(outer, dense, torch.where(level < 0, rare, sparse)) + 9 * lumen
    darker = draws.uniform(0.1, 0.45) * draws.normal_each(0.15).exp()
    return darker * (dots > limit)
