"""Smooth random fields and textures, made from few random numbers."""

from functools import lru_cache
from math import cos, sin

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from universeg.synth.scene.random_draws import Draws

TILE = 1.75  # a texture is this many times as large as an image, so that each subject can have another piece


@lru_cache(64)
def _splines(cells: int, size: int, device: torch.device) -> Tensor:
    """Cubic B-splines (size, cells + 3) over `cells` intervals; sums weighted by normal numbers have variance 1."""
    place = (torch.arange(size, dtype=torch.float64) + 0.5) * (cells / size)
    first = place.floor().clamp(max=cells - 1)
    t = place - first
    weights = torch.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], 1) / 6
    basis = torch.zeros(size, cells + 3, dtype=torch.float64)
    basis.scatter_(1, first.long()[:, None] + torch.arange(4), weights)
    return (basis / weights.square().sum(1).mean().sqrt()).float().to(device)


def stretched(grid: Tensor, size: int) -> Tensor:
    """Control points (..., cells + 3, cells + 3), unit normal numbers, as fields (..., size, size) of unit variance."""
    basis = _splines(grid.shape[-1] - 3, size, grid.device)
    return basis @ grid @ basis.T


def smooth(draws: Draws, cells: int, *lead: int) -> Tensor:
    """Fields (*lead, H, W) of about unit variance that change over 1/cells of the image."""
    return stretched(draws.tensor(draws.own.standard_normal((*lead, cells + 3, cells + 3))), draws.size)


def related(draws: Draws, cells: int, channels: int, own: float) -> Tensor:
    """Fields (M, channels, H, W) that subjects share, but for a share `own` (0 to 1) of their variance."""
    shape = (channels, cells + 3, cells + 3)
    common = draws.tensor(draws.numbers.standard_normal(shape))
    apart = draws.tensor(draws.own.standard_normal((draws.entries, *shape)))
    return stretched((1 - own) ** 0.5 * common + own**0.5 * apart, draws.size)


def largest(fields: Tensor) -> Tensor:
    """Which of fields (M, C, H, W) is largest at each pixel: (M, H, W). Faster than argmax over strides."""
    best = fields[:, 0].clone()
    which = torch.zeros(best.shape, dtype=torch.long, device=fields.device)
    for number in range(1, fields.shape[1]):
        more = fields[:, number] > best
        best = torch.where(more, fields[:, number], best)
        which.masked_fill_(more, number)
    return which


@lru_cache(256)
def _blur(side: int, sd: float, device: torch.device) -> Tensor:
    away = torch.arange(side, device=device)
    weights = torch.exp(-0.5 * ((away[:, None] - away) / max(sd, 1e-3)) ** 2)
    weights[weights < 1e-5] = 0  # not seen, and the tiniest floats slow sums down ten times
    return weights / weights.sum(1, keepdim=True)


def blurred(images: Tensor, sd_rows: float, sd_columns: float | None = None) -> Tensor:
    """Gaussian blur of (..., H, W), in pixels; what would be outside is left out, so edges do not darken."""
    sd_columns = sd_rows if sd_columns is None else sd_columns
    # steps of 5 % are not seen and keep the matrices few
    rows, columns = (
        _blur(side, round(sd * 20) / 20, images.device)
        for side, sd in zip(images.shape[-2:], (sd_rows, sd_columns), strict=True)
    )
    return rows @ images @ columns.T


def texture(draws: Draws) -> Tensor:
    """A texture (side, side) of zero mean and unit variance, TILE times as large as an image."""
    side = int(draws.size * TILE) // 4 * 4
    made = TEXTURES[draws.count(0, len(TEXTURES) - 1)](draws, side)
    return (made - made.mean()) / made.std().clamp(min=1e-4)


def pieces(draws: Draws, tile: Tensor) -> Tensor:
    """A random piece (M, H, W) of a texture for each subject, some mirrored."""
    free = tile.shape[-1] - draws.size
    corners = draws.own.integers(0, free, (draws.entries, 2), endpoint=True).tolist()
    mirrored = tile.flip(1)
    tiles = [(tile, mirrored)[flip] for flip in draws.own.integers(0, 2, draws.entries)]
    cut = [t[r : r + draws.size, c : c + draws.size] for t, (r, c) in zip(tiles, corners, strict=True)]
    return torch.stack(cut)


def _grain(draws: Draws, side: int) -> Tensor:
    """White to soft noise."""
    return blurred(draws.pixels(side, side), draws.log(0.05, 2.5) * draws.size / 128)


def _clouds(draws: Draws, side: int) -> Tensor:
    """Several scales of smooth noise."""
    cells = [draws.count(4, 60) for _ in range(draws.count(1, 3))]
    grids = [draws.tensor(draws.numbers.standard_normal((n + 3, n + 3))) for n in cells]
    return torch.stack([draws.number(0.2, 1) * stretched(grid, side) for grid in grids]).sum(0)


def _brushed(draws: Draws, side: int) -> Tensor:
    """Noise along one direction."""
    along, across = draws.log(1.5, 8) * draws.size / 128, draws.log(0.2, 1)
    made = blurred(draws.pixels(side, side), along, across)
    return made.T if draws.chance(0.5) else made


def _ridges(draws: Draws, side: int) -> Tensor:
    """Lines where smooth noise changes its sign: fibres, wrinkles."""
    return -(_clouds(draws, side).abs() ** draws.number(0.3, 1))


def _patches(draws: Draws, side: int) -> Tensor:
    """Two or three flat levels in smooth patches."""
    made = _clouds(draws, side)
    return (made > 0).float() + (made > draws.number(0.5, 1.2)).float()


def _dots(draws: Draws, side: int) -> Tensor:
    """Grains, vacuoles: sparse spots."""
    made = blurred(draws.pixels(side, side), draws.log(0.6, 2) * draws.size / 128)
    return (made > draws.number(1, 2.2) * made.std()).float()


def _stripes(draws: Draws, side: int) -> Tensor:
    """Waves that bend."""
    line = torch.arange(side, device=draws.device) * (6.28 * draws.log(4, 40) / side)
    turn = draws.number(0, 3.14)
    waves = cos(turn) * line + sin(turn) * line[:, None]
    return torch.sin(waves + draws.number(0, 4) * _clouds(draws, side))


def _coarse(draws: Draws, side: int) -> Tensor:
    """Speckle of large grains with sharp edges."""
    small = draws.pixels(1, 1, side // 2, side // 2)
    return avg_pool2d(small.repeat_interleave(2, -1).repeat_interleave(2, -2), 3, 1, 1)[0, 0]


TEXTURES = (_grain, _clouds, _brushed, _ridges, _patches, _dots, _stripes, _coarse)
