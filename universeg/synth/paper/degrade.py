"""What happens to an image on its way to a picture: blur, uneven gain, clipping, stretching, gamma."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from universeg.synth.config import SynthConfig
from universeg.synth.paper.noise import REFERENCE, draw_grids, points, smooth
from universeg.synth.task import RandomStreams

REACH = 3  # a Gaussian kernel ends this many standard deviations out


@dataclass(frozen=True)
class Camera:
    """What the subjects of a task have in common."""

    blur_rows: Tensor  # (H, H)
    blur_columns: Tensor  # (W, W)
    bias_points: int  # of the bias field's grid, along each axis
    bias_sd: float  # at most
    gamma_sd: float


def draw_camera(streams: RandomStreams, config: SynthConfig) -> Camera:
    """The driver builds its blur kernel once per task, with a width for each axis."""
    numbers = streams.numbers("degradation")
    most = numbers.uniform(*config.blur_sd) * config.canvas / REFERENCE
    rows, columns = (blur(config.canvas, sd, streams.device) for sd in numbers.uniform(0, most, 2))
    (bias_points,) = points([numbers.uniform(*config.bias_spacing)])
    return Camera(rows, columns, bias_points, numbers.uniform(*config.bias_sd), config.gamma_sd)


def blur(n: int, sd: float, device: torch.device) -> Tensor:
    """The (n, n) matrix of a Gaussian blur; outside counts as 0, so edges darken, as in the driver."""
    away = torch.arange(n, device=device)
    distance = (away[:, None] - away).abs()
    reach = round(REACH * sd)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=device) / max(sd, 1e-3)) ** 2)
    weights = torch.exp(-0.5 * (distance / max(sd, 1e-3)) ** 2) * (distance <= reach)
    return weights / kernel.sum()


def degraded(streams: RandomStreams, camera: Camera, images: Tensor, subjects: Sequence[int]) -> Tensor:
    """Images (B, H, W) of any range as pictures in [0, 1]."""
    numbers = [streams.numbers("degradation", s) for s in subjects]
    shape = (1, camera.bias_points, camera.bias_points)
    bias = [draw_grids(own, [shape], camera.bias_sd)[0] for own in numbers]
    gamma = streams.tensor([own.normal(0, camera.gamma_sd, (1, 1)) for own in numbers]).exp()
    blurred = camera.blur_rows @ images @ camera.blur_columns.T
    gain = smooth([streams.tensor(bias)], (images.shape[1], images.shape[2]))[:, 0].exp()
    return _stretched((blurred * gain).clamp(min=0)) ** gamma  # the driver also clips at 255, far out of reach


def _stretched(images: Tensor) -> Tensor:
    """Each image from its least value to its greatest as 0 to 1; without contrast, 0."""
    least, most = images.amin((1, 2), keepdim=True), images.amax((1, 2), keepdim=True)
    return (images - least) / (most - least).clamp(min=torch.finfo(images.dtype).tiny)
