"""The degradation of images: blur, bias field, clipping, rescaling to [0, 1], gamma correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from universeg.synth.config import SynthConfig
from universeg.synth.paper.noise import REFERENCE_CANVAS, draw_grids, grid_points, smooth_noise
from universeg.synth.task import RandomStreams

TRUNCATE = 3  # the Gaussian kernel ends at this many standard deviations


@dataclass(frozen=True)
class Degradation:
    """Parameters that are common to the subjects of a task."""

    blur_rows: Tensor  # (H, H)
    blur_columns: Tensor  # (W, W)
    bias_points: int  # grid points of the bias field along each axis
    bias_sd: float  # of its logarithm, at most
    gamma_sd: float  # of the logarithm of gamma


@dataclass(frozen=True)
class Flaws:
    """Parameters of B subjects."""

    bias: Tensor  # (B, 1, n, n) grid of the logarithm of the bias field
    gamma: Tensor  # (B, 1, 1) exponent


def draw_degradation(streams: RandomStreams, config: SynthConfig) -> Degradation:
    """The degradation of one task. As in the driver, the blur is the same for all subjects and differs by axis."""
    rng = streams.rng("degradation")
    max_sd = rng.uniform(*config.blur_sd) * config.canvas / REFERENCE_CANVAS
    rows, columns = (blur(config.canvas, sd, streams.device) for sd in rng.uniform(0, max_sd, 2))
    (bias_points,) = grid_points([rng.uniform(*config.bias_spacing)])
    return Degradation(rows, columns, bias_points, rng.uniform(*config.bias_sd), config.gamma_sd)


def blur(n: int, sd: float, device: torch.device) -> Tensor:
    """The (n, n) matrix of a Gaussian blur with zero padding: the border gets darker, as in the driver."""
    place = torch.arange(n, device=device)
    distance = (place[:, None] - place).abs()
    reach = round(TRUNCATE * sd)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=device) / max(sd, 1e-3)) ** 2)
    weights = torch.exp(-0.5 * (distance / max(sd, 1e-3)) ** 2) * (distance <= reach)
    return weights / kernel.sum()


def draw_flaws(streams: RandomStreams, degradation: Degradation, subjects: Sequence[int]) -> Flaws:
    """The bias field and gamma of these subjects of a task."""
    rngs = streams.rngs("degradation", subjects)
    shape = (1, degradation.bias_points, degradation.bias_points)
    bias = [draw_grids(rng, [shape], degradation.bias_sd)[0] for rng in rngs]
    gamma = streams.tensor([rng.normal(0, degradation.gamma_sd, (1, 1)) for rng in rngs]).exp()
    return Flaws(streams.tensor(bias), gamma)


def degraded(degradations: Sequence[Degradation], flaws: Flaws, images: Tensor) -> Tensor:
    """Pictures (B, H, W) in [0, 1] from images (B, H, W) of any range: the subjects of one task after another."""
    gain = smooth_noise([flaws.bias], (images.shape[1], images.shape[2]))[:, 0].exp()
    # the driver also clips at 255, which never happens
    return _rescaled((_blurred(degradations, images) * gain).clamp(min=0)) ** flaws.gamma


def _blurred(degradations: Sequence[Degradation], images: Tensor) -> Tensor:
    if len(degradations) == 1:
        return degradations[0].blur_rows @ images @ degradations[0].blur_columns.T
    rows, columns = (
        torch.stack(matrices)[:, None]
        for matrices in zip(*((d.blur_rows, d.blur_columns) for d in degradations), strict=True)
    )
    return (rows @ images.view(len(degradations), -1, *images.shape[1:]) @ columns.mT).flatten(0, 1)


def _rescaled(images: Tensor) -> Tensor:
    """Each image rescaled to [0, 1]; an image without contrast becomes 0."""
    low, high = images.amin((1, 2), keepdim=True), images.amax((1, 2), keepdim=True)
    return (images - low) / (high - low).clamp(min=torch.finfo(images.dtype).tiny)
