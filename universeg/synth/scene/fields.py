"""Smooth random fields, Gaussian blur and textures."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from universeg.synth.scene.batch_draws import BatchDraws
from universeg.synth.scene.numbers import Number, cos, sin, with_dims
from universeg.synth.scene.random_draws import Draws

TILE = 1.75  # side of a texture, in sides of an image; larger than 1, so that each subject can have another crop


@lru_cache(64)
def _splines(cells: int, size: int, device: torch.device) -> Tensor:
    """Cubic B-splines (size, cells + 3) over `cells` intervals, scaled for `from_control_points`."""
    place = (torch.arange(size, dtype=torch.float64) + 0.5) * (cells / size)
    first = place.floor().clamp(max=cells - 1)
    t = place - first
    weights = torch.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], 1) / 6
    basis = torch.zeros(size, cells + 3, dtype=torch.float64)
    basis.scatter_(1, first.long()[:, None] + torch.arange(4), weights)
    return (basis / weights.square().sum(1).mean().sqrt()).float().to(device)


def from_control_points(grid: Tensor, size: int) -> Tensor:
    """Spline fields (..., size, size) through control points (..., cells + 3, cells + 3).

    Standard normal control points give fields with a variance of about 1.
    """
    basis = _splines(grid.shape[-1] - 3, size, grid.device)
    return basis @ grid @ basis.T


def smooth_noise(draws: Draws, cells: int, *channels: int) -> Tensor:
    """Fields (M, *channels, H, W) with a variance of about 1 that vary over about 1/cells of the image side."""
    grid = draws.normal_table_each(*channels, cells + 3, cells + 3)
    return from_control_points(draws.tensor(grid), draws.size)


def shared_noise(draws: Draws, cells: int, channels: int, own: Number) -> Tensor:
    """Smooth noise (M, channels, H, W) that is similar in all subjects.

    A fraction `own` (0 to 1) of the variance belongs to each subject; the rest is common to all.
    """
    shape = (channels, cells + 3, cells + 3)
    common = draws.tensor(draws.normal_table(*shape))
    each = draws.tensor(draws.normal_table_each(*shape))
    own = with_dims(own, 4)
    return from_control_points((1 - own) ** 0.5 * common + own**0.5 * each, draws.size)


def index_of_largest(fields: Tensor) -> Tensor:
    """Index (M, H, W) of the largest of fields (M, C, H, W) at each pixel. Faster than argmax along this axis."""
    best = fields[:, 0].clone()
    index = torch.zeros(best.shape, dtype=torch.long, device=fields.device)
    for number in range(1, fields.shape[1]):
        larger = fields[:, number] > best
        best = torch.where(larger, fields[:, number], best)
        index.masked_fill_(larger, number)
    return index


@lru_cache(256)
def _blur(side: int, sd: float, device: torch.device) -> Tensor:
    place = torch.arange(side, device=device)
    weights = torch.exp(-0.5 * ((place[:, None] - place) / max(sd, 1e-3)) ** 2)
    weights[weights < 1e-5] = 0  # invisible, and subnormal floats make sums ten times slower
    return weights / weights.sum(1, keepdim=True)


def blurred(draws: Draws, images: Tensor, sd_rows: Number, sd_columns: Number | None = None) -> Tensor:
    """Gaussian blur of images (M, H, W); standard deviations in pixels. Borders are normalised and do not darken."""
    sd_columns = sd_rows if sd_columns is None else sd_columns
    if not (isinstance(draws, BatchDraws) and isinstance(sd_rows, Tensor) and isinstance(sd_columns, Tensor)):
        return blurred_alike(images, float(sd_rows), float(sd_columns))
    height, width = images.shape[-2:]
    rows = _blur_of_tasks(height, draws.for_tasks(sd_rows))
    columns = _blur_of_tasks(width, draws.for_tasks(sd_columns))
    along_rows = images.reshape(draws.tasks, -1, width) @ columns.mT
    return (rows[:, None] @ along_rows.view(draws.tasks, -1, height, width)).view(images.shape)


def blurred_alike(images: Tensor, sd_rows: float, sd_columns: float) -> Tensor:
    """Gaussian blur of images (..., H, W) with the same standard deviations for all of them."""
    # standard deviations are rounded to 0.05 pixels, so that the cached matrices are few
    rows, columns = (
        _blur(side, round(sd * 20) / 20, images.device)
        for side, sd in zip(images.shape[-2:], (sd_rows, sd_columns), strict=True)
    )
    return rows @ images @ columns.T


def _blur_of_tasks(side: int, sd: Tensor) -> Tensor:
    """Matrices (T, side, side) for standard deviations (T, 1, 1)."""
    place = torch.arange(side, device=sd.device)
    weights = torch.exp(-0.5 * ((place[:, None] - place) / sd.clamp(min=1e-3)).square())
    weights = weights.masked_fill(weights < 1e-5, 0)  # as in `_blur`
    return weights / weights.sum(-1, keepdim=True)


def draw_texture(draws: Draws) -> Tensor:
    """A random texture (side, side) with mean 0 and variance 1; its side is TILE times that of an image.

    In a batch of tasks it is (T, side, side), another texture of the same type for each task.
    """
    side = int(draws.size * TILE) // 4 * 4
    values = TEXTURES[draws.integer(0, len(TEXTURES) - 1)](draws, side)
    return (values - values.mean((-2, -1), keepdim=True)) / _sd(values).clamp(min=1e-4)


def _sd(values: Tensor) -> Tensor:
    return values.std((-2, -1), keepdim=True)


def texture_crops(draws: Draws, texture: Tensor) -> Tensor:
    """A random crop (M, H, W) of a texture for each subject; half of them are mirrored."""
    free = texture.shape[-1] - draws.size
    if isinstance(draws, BatchDraws):
        return _crops_of_tasks(draws, texture, free)
    corners = draws.subject_rng.integers(0, free, (draws.subjects, 2), endpoint=True).tolist()
    mirrored = texture.flip(1)
    sources = [(texture, mirrored)[flip] for flip in draws.subject_rng.integers(0, 2, draws.subjects)]
    return torch.stack(
        [source[r : r + draws.size, c : c + draws.size] for source, (r, c) in zip(sources, corners, strict=True)]
    )


def _crops_of_tasks(draws: BatchDraws, textures: Tensor, free: int) -> Tensor:
    """The same for textures (T, side, side) in one operation."""
    top, left = (draws.uniform_each(0, free + 1).floor().long() for _ in range(2))
    line = torch.arange(draws.size, device=draws.device)
    down = torch.where(draws.chance_each(0.5), textures.shape[-1] - 1 - top - line[:, None], top + line[:, None])
    task = draws.for_subjects(torch.arange(draws.tasks, device=draws.device)[:, None, None])
    return textures[task, down, left + line]


def _grain(draws: Draws, side: int) -> Tensor:
    """White noise, blurred a little or not at all."""
    return blurred(draws, draws.noise(side, side), draws.log_uniform(0.05, 2.5) * draws.size / 128)


def _clouds(draws: Draws, side: int) -> Tensor:
    """Smooth noise of one to three scales."""
    cells = [draws.integer(4, 60) for _ in range(draws.integer(1, 3))]
    grids = [draws.tensor(draws.normal_table(n + 3, n + 3)) for n in cells]
    return torch.stack([draws.uniform(0.2, 1) * from_control_points(grid, side) for grid in grids]).sum(0)


def _brushed(draws: Draws, side: int) -> Tensor:
    """Noise that is stretched along one axis."""
    along, across = draws.log_uniform(1.5, 8) * draws.size / 128, draws.log_uniform(0.2, 1)
    values = blurred(draws, draws.noise(side, side), along, across)
    return values.mT if draws.chance(0.5) else values


def _ridges(draws: Draws, side: int) -> Tensor:
    """Lines where smooth noise changes its sign, like fibres and wrinkles."""
    return -(_clouds(draws, side).abs() ** draws.uniform(0.3, 1))


def _patches(draws: Draws, side: int) -> Tensor:
    """Smooth patches with three intensities."""
    values = _clouds(draws, side)
    return (values > 0).float() + (values > draws.uniform(0.5, 1.2)).float()


def _dots(draws: Draws, side: int) -> Tensor:
    """Sparse spots, like grains and vacuoles."""
    values = blurred(draws, draws.noise(side, side), draws.log_uniform(0.6, 2) * draws.size / 128)
    return (values > draws.uniform(1, 2.2) * _sd(values)).float()


def _stripes(draws: Draws, side: int) -> Tensor:
    """Curved stripes."""
    line = torch.arange(side, device=draws.device)[None] * (6.28 * draws.log_uniform(4, 40) / side)
    angle = draws.uniform(0, 3.14)
    waves = cos(angle) * line + sin(angle) * line.mT
    return torch.sin(waves + draws.uniform(0, 4) * _clouds(draws, side))


def _coarse(draws: Draws, side: int) -> Tensor:
    """Speckle with large grains."""
    large = draws.noise(side // 2, side // 2).repeat_interleave(2, -1).repeat_interleave(2, -2)
    return avg_pool2d(large.view(-1, side, side), 3, 1, 1).view(large.shape)


TEXTURES = (_grain, _clouds, _brushed, _ridges, _patches, _dots, _stripes, _coarse)
