"""Family `sonogram`: a faint lesion in ultrasound, among layers, dark lobules and shadows that look like it."""

import torch
from torch import Tensor

from universeg.synth.scene.fields import blurred, smooth_noise
from universeg.synth.scene.numbers import Number
from universeg.synth.scene.pose import Pose, anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import below, draw_outline, outline_level

POSE = Pose(task_rotation=0.1, subject_rotation=0.1, subject_shift=0.1, subject_scale=0.1, deformation=(0.01, 0.05))


def sonogram(draws: Draws) -> Scene:
    """The label is the lesion; in some tasks also its core.

    Below a lesion it is darker or brighter. Each subject has layers, a gain and a loss of echoes with depth of its own.
    """
    x, depth = anatomy_coordinates(draws, POSE)
    echoes = _tissue(draws, depth)
    radius, contrast = draws.log_uniform(0.13, 0.5), draws.log_uniform(0.15, 0.6)
    edge = draws.log_uniform(0.5, 3) * draws.size / 128
    for _ in range(draws.integer(0, 3)):  # lobules: flatter than lesions, and less dark
        level = _level(draws, x, depth, radius * draws.uniform(0.5, 1.2), 3)[0]
        strength = draws.uniform_each(0, 0.8) * draws.chance_each(0.7)
        echoes = echoes * (1 - strength * blurred(draws, (level < 0).float(), edge))
    level, behind = _level(draws, x, depth, radius, 1.8)
    lesion, core = level < 0, level < -draws.uniform(0.4, 0.7)
    inside = blurred(draws, lesion.float(), edge)
    left = contrast * draws.normal_each(0.4).exp()  # of the echoes
    own = smooth_noise(draws, draws.integer(4, 16)) * draws.uniform(0, 0.3)
    echoes = echoes * (1 - inside) + inside * (left * (own.exp() + 0.3 * (echoes - 1)))
    if draws.chance(0.3):
        rim = blurred(draws, ((level > 0) & (level < 0.15)).float(), edge)
        echoes = echoes * (1 + draws.uniform(-0.4, 1) * rim)
    parts = {"lesion": lesion}
    if draws.chance(0.2):
        echoes = echoes * (1 + draws.uniform(-0.5, 1) * blurred(draws, core.float(), edge))
        parts |= {"core": core}
    echoes = echoes * (draws.normal_each(0.5) * blurred(draws, behind, 2 * edge)).exp()
    echoes = _with_shadows(draws, x, depth, echoes, edge)
    images = _displayed(draws, depth, echoes)
    return Scene(images, parts, _window(draws) if draws.chance(0.6) else None)


def _tissue(draws: Draws, depth: Tensor) -> Tensor:
    """Echoes (M, H, W), about 1, of layers with wavy borders and of interfaces that are stretched along them."""
    waves = smooth_noise(draws, draws.integer(2, 4))
    place = depth + draws.uniform(0.03, 0.15) * waves
    echoes = torch.zeros_like(depth)
    spread = draws.uniform(0.1, 0.9)
    for _ in range(draws.integer(2, 6)):
        border, width = draws.uniform_each(-1, 1), draws.log_uniform(0.01, 0.15)
        echoes = echoes + spread * draws.normal_each(1) * torch.sigmoid((place - border) / width)
    scale = draws.size / 128
    noise = draws.noise_each(*depth.shape[1:])
    streaks = blurred(draws, noise, draws.log_uniform(0.5, 2) * scale, draws.log_uniform(2, 10) * scale)
    streaks = streaks / streaks.std((-2, -1), keepdim=True).clamp(min=1e-4)
    return (echoes + draws.uniform(0.1, 0.7) * draws.normal_each(0.2).exp() * streaks).exp()


def _level(draws: Draws, x: Tensor, depth: Tensor, radius: Number, aspect: float) -> tuple[Tensor, Tensor]:
    """The level of a blob at a place of its own in each subject, and a mask of the region behind it."""
    spread = draws.uniform(0.3, 1)
    across, along = x - spread * draws.uniform_each(-0.6, 0.6), depth + 0.15 - spread * draws.uniform_each(-0.6, 0.6)
    size = draws.normal_each(0.35).exp()
    flat = draws.uniform(1, aspect) * draws.normal_each(0.15).exp()
    outline = draw_outline(draws, radius, (0.02, 0.25), 1.2)
    uneven = draws.log_uniform(0.01, 0.2) * smooth_noise(draws, draws.integer(8, 24))
    level = outline_level(across * size / flat**0.5, along * size * flat**0.5, outline) + uneven
    return level, below(across * size, along, 0.8 * radius)


def _with_shadows(draws: Draws, x: Tensor, depth: Tensor, echoes: Tensor, edge: Number) -> Tensor:
    """Dark stripes from some depth downwards, and in some subjects a bright surface with hardly any echo below it."""
    for _ in range(draws.integer(0, 3)):
        half, from_depth = draws.uniform_each(0.03, 0.25), draws.uniform_each(-1.2, 0.5)
        tilt = draws.normal_each(0.1)
        stripe = ((x - draws.uniform_each(-1, 1) - tilt * depth).abs() < half) & (depth > from_depth)
        strength = draws.uniform_each(0, 2.5) * draws.chance_each(0.6)
        echoes = echoes * (-strength * blurred(draws, stripe.float(), 2 * edge)).exp()
    if draws.chance(0.4):
        surface = draws.uniform_each(0, 1.2) + 0.2 * smooth_noise(draws, 2) + draws.normal_each(0.3) * x
        below = ((depth - surface) / 0.03).clamp(-20, 20)
        present = draws.chance_each(0.5)
        line = (-0.5 * (below - 1).square()).exp()
        echoes = torch.where(present, echoes * (1 + 3 * line) * (1 - 0.9 * torch.sigmoid(below - 2)), echoes)
    return echoes


def _displayed(draws: Draws, depth: Tensor, echoes: Tensor) -> Tensor:
    """Echoes with loss of depth, speckle, gain and compression; in some tasks with text in the image."""
    echoes = echoes * (-draws.uniform_each(-0.2, 1.2) * (depth + 1)).exp()
    scale = draws.size / 128
    wide = draws.log_uniform(0.2, 1.2) * scale, draws.log_uniform(0.3, 1.8) * scale
    real, imaginary = (blurred(draws, draws.noise_each(*depth.shape[1:]), *wide) for _ in range(2))
    speckle = torch.hypot(real, imaginary)
    speckle = speckle / speckle.mean((-2, -1), keepdim=True).clamp(min=1e-4)
    echoes = echoes * speckle ** draws.uniform(0.1, 0.7)
    echoes = echoes / echoes.mean((-2, -1), keepdim=True).clamp(min=1e-4)
    gain = draws.log_uniform(0.4, 2.5) * draws.normal_each(0.25).exp()
    images = 1 - (-gain * echoes ** draws.uniform(0.5, 1.2)).exp()
    return _with_text(draws, images) if draws.chance(0.4) else images


def _with_text(draws: Draws, images: Tensor) -> Tensor:
    """Bright marks of the size of letters in one line of each image."""
    x, y = draws.coordinates
    columns, wide = draws.integer(12, 40), draws.uniform(0.3, 1)
    marks = draws.chance_each(0.5, 3, columns).flatten(1)
    across = (x - draws.uniform_each(-0.9, 0.4)) / wide
    along = (y - draws.uniform_each(-0.9, 0.8)) / 0.07
    inside = (across >= 0) & (across < 1) & (along >= 0) & (along < 1)
    cell = (along * 3).long().clamp(0, 2) * columns + (across * columns).long().clamp(0, columns - 1)
    lit = marks.gather(1, cell.flatten(1)).view_as(images) & inside
    return torch.where(lit, draws.uniform(0.6, 1), images)


def _window(draws: Draws) -> Tensor:
    """A rectangular field of view (M, H, W) whose sides differ between subjects."""
    x, y = draws.coordinates
    side, lower = draws.uniform_each(0.5, 1.1), draws.uniform_each(0.7, 1.3)
    return (x.abs() < side) & (y < lower)
