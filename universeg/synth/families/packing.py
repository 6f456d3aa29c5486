"""Family `packing`: many similar objects side by side, like nuclei, blood cells, glands or cells with walls."""

import torch
from torch import Tensor

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.fields import smooth_noise
from universeg.synth.scene.numbers import with_dims
from universeg.synth.scene.pose import Pose, anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import background, fill

POSE = Pose(subject_rotation=0.5, task_scale=(0.9, 1.1), subject_scale=0.1, deformation=(0.01, 0.06))
JITTER = 0.3  # of the cell centres, in grid steps; together with the largest radius it must stay below 1
NEIGHBOURS = ((0, 0), (0, 1), (1, 0), (1, 1))


def packing(draws: Draws) -> Scene:
    """Objects on an irregular grid, of two types that differ in size or appearance.

    Labels are all cells, their nuclei, the rest of the cells, and the walls or the two types.
    """
    steps = draws.integer(3, 16)
    x, y = anatomy_coordinates(draws, POSE)
    positions = (x / 2 + 0.5) * steps + draws.uniform_each(0, 9), (y / 2 + 0.5) * steps + draws.uniform_each(0, 9)
    level, second, other_type, core = nearest_cells(draws, steps, *positions)
    roughness = draws.log_uniform(0.01, 0.25) * smooth_noise(draws, min(2 * steps, 40))
    touching = draws.chance(0.3)
    if touching:
        wall = draws.log_uniform(0.06, 0.3)
        inside = second - level > wall
    else:
        inside = level + roughness < 0
    kinds, n_background = background(draws, 3)
    core = core & inside
    fill(kinds, [(inside, n_background), (inside & other_type, n_background + 1), (core, n_background + 2)])
    parts = {"cells": inside, "nuclei": core, "plasma": inside & ~core}
    if touching:
        parts["walls"] = ~inside
    else:
        parts |= {"one kind": inside & other_type, "other kind": inside & ~other_type}
    return Scene(rendered(draws, kinds, n_background + 3, n_background), parts)


def nearest_cells(draws: Draws, steps: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Level of the nearest cell, level of the second one, whether the nearest is of the other type, and its nucleus."""
    period = steps + 6
    centres = draws.uniform_each(0.5 - JITTER, 0.5 + JITTER, 2, period**2)
    mean_radius, variation = draws.uniform(0.3, 0.5), draws.log_uniform(0.02, 0.25)
    other = draws.chance_each(draws.uniform(0.2, 0.6), period**2)
    relative_size = draws.choice([1.0, 1.0, 1.25, 0.7])
    radius = (
        with_dims(mean_radius, 4) * draws.normal_each(variation, period**2).exp() * torch.where(other, relative_size, 1)
    )
    radius = radius.clamp(0.15, 0.68).masked_fill(draws.chance_each(draws.uniform(0, 0.4), period**2), 0.02)
    nucleus_shift = draws.normal_each(draws.log_uniform(0.02, 0.25), 2, period**2)
    nucleus_size = draws.uniform(0.25, 0.75)
    columns = (centres[:, 0], centres[:, 1], radius, other.float(), nucleus_shift[:, 0], nucleus_shift[:, 1])
    tables = [values.flatten(1) for values in columns]
    column, row = (x - 0.5).floor(), (y - 0.5).floor()
    level = torch.full_like(x, 9.0)
    second, other_type, nucleus = level.clone(), torch.zeros_like(x), level.clone()
    for down, right in NEIGHBOURS:
        cell = ((row + down) % period * period + (column + right) % period).long().flatten(1)
        shift_x, shift_y, size, kind, nucleus_x, nucleus_y = (table.gather(1, cell).view_as(x) for table in tables)
        across, along = x - column - right - shift_x, y - row - down - shift_y
        candidate = torch.hypot(across, along) / size - 1
        nearer = candidate < level
        second = torch.where(nearer, level, torch.minimum(second, candidate))
        inner = torch.hypot(across - nucleus_x * size, along - nucleus_y * size) / (nucleus_size * size) - 1
        level, other_type, nucleus = (
            torch.where(nearer, new, old) for new, old in ((candidate, level), (kind, other_type), (inner, nucleus))
        )
    return level, second, other_type > 0.5, nucleus < 0
