"""Many like objects side by side: nuclei, blood cells, glands, tissue of cells with walls."""

import torch
from torch import Tensor

from universeg.synth.scene.appearance import painted
from universeg.synth.scene.fields import smooth
from universeg.synth.scene.pose import Pose, posed
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import backdrop, put

POSE = Pose(turns=0.5, zoom=(0.9, 1.1), zooms=0.1, bend=(0.01, 0.06))
JITTER = 0.3  # of a cell's middle, in steps of the grid; with the largest radius it must stay below 1
NEAR = ((0, 0), (0, 1), (1, 0), (1, 1))


def packing(draws: Draws) -> Scene:
    """Objects on a shaken grid; in some tasks of two kinds, told apart by size or by look."""
    steps = draws.count(3, 16)
    x, y = posed(draws, POSE)
    places = (x / 2 + 0.5) * steps + draws.each(0, 9), (y / 2 + 0.5) * steps + draws.each(0, 9)
    level, second, other_kind, core = _nearest(draws, steps, *places)
    ragged = draws.log(0.01, 0.25) * smooth(draws, min(2 * steps, 40), draws.entries)
    touching = draws.chance(0.3)
    if touching:
        wall = draws.log(0.06, 0.3)
        inside = second - level > wall
        core = core & inside
    else:
        inside = level + ragged < 0
    kinds, calm = backdrop(draws, 3)
    core = core & inside
    put(kinds, [(inside, calm), (inside & other_kind, calm + 1), (core, calm + 2)])
    parts = {"cells": inside, "nuclei": core, "plasma": inside & ~core}
    if touching:
        parts["walls"] = ~inside
    else:
        parts |= {"one kind": inside & other_kind, "other kind": inside & ~other_kind}
    return Scene(painted(draws, kinds, calm + 3, calm), parts)


def _nearest(draws: Draws, steps: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Level of the nearest cell and of the next, whether the nearest is of the other kind, and its nucleus."""
    period = steps + 6
    middles = draws.each(0.5 - JITTER, 0.5 + JITTER, 2, period**2)
    base, differ = draws.number(0.3, 0.5), draws.log(0.02, 0.25)
    other = draws.happens(draws.number(0.2, 0.6), period**2)
    larger = draws.one_of([1.0, 1.0, 1.25, 0.7])
    radius = base * draws.jitter(differ, period**2).exp() * torch.where(other, larger, 1)
    radius = radius.clamp(0.15, 0.68).masked_fill(draws.happens(draws.number(0, 0.4), period**2), 0.02)
    off = draws.jitter(draws.log(0.02, 0.25), 2, period**2)
    core = draws.number(0.25, 0.75)
    tables = [t.flatten(1) for t in (middles[:, 0], middles[:, 1], radius, other.float(), off[:, 0], off[:, 1])]
    column, row = (x - 0.5).floor(), (y - 0.5).floor()
    level = torch.full_like(x, 9.0)
    second, other_kind, nucleus = level.clone(), torch.zeros_like(x), level.clone()
    for down, right in NEAR:
        cell = ((row + down) % period * period + (column + right) % period).long().flatten(1)
        right_by, down_by, size, kind, off_x, off_y = (t.gather(1, cell).view_as(x) for t in tables)
        across, along = x - column - right - right_by, y - row - down - down_by
        this = torch.hypot(across, along) / size - 1
        nearer = this < level
        second = torch.where(nearer, level, torch.minimum(second, this))
        inner = torch.hypot(across - off_x * size, along - off_y * size) / (core * size) - 1
        level, other_kind, nucleus = (
            torch.where(nearer, new, old) for new, old in ((this, level), (kind, other_kind), (inner, nucleus))
        )
    return level, second, other_kind > 0.5, nucleus < 0
