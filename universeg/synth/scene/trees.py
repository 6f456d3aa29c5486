"""Branching trees, grown step by step on a fine grid, so that a vessel may be thinner than a pixel of the picture."""

from dataclasses import dataclass
from math import pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from universeg.synth.scene.random_draws import Draws

FINE = 2  # grid points per pixel of the picture
REACH = 1.25  # trees fill [-REACH, REACH], so that a picture may be turned and moved
TREES = 4  # grown per task; each subject shows a piece of one of them
MOST = 56  # branches per tree
LEAST_RADIUS = 0.28  # in pixels of the picture

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Habit:
    """How the trees of a task grow; radii in pixels of the picture."""

    origin: str  # "disc", "border", "scattered" or "parallel"
    roots: int
    radius: float
    wiggle: float  # turn per step, sd
    curl: float  # turn per step that a branch keeps, sd
    branching: float  # per branch and step
    decay: float  # of the radius, per step


@dataclass(frozen=True)
class Forest:
    """Drawn trees: what each grid point holds, and where each tree's disc is."""

    maps: Tensor  # (TREES, 2, side, side): coverage, and coverage times thickness (0 to 1)
    discs: NDArray[np.float64]  # (TREES, 2) x and y


def draw_habit(draws: Draws) -> Habit:
    origin = draws.one_of(["disc", "disc", "border", "scattered", "parallel"])
    return Habit(
        origin,
        draws.count(4, 9),
        draws.log(0.4, 1.6) * (draws.size / 128) ** 0.6,
        draws.log(0.012, 0.09),
        draws.log(0.001, 0.012),
        draws.log(0.01, 0.04) * 128 / draws.size,
        draws.number(0.0005, 0.004) * 128 / draws.size,
    )


def grown(draws: Draws, habit: Habit) -> Forest:
    """Trees of one habit; every branch moves, turns, thins and may split at each step."""
    rng = draws.numbers
    side = int(FINE * REACH * draws.size) // 2 * 2
    step = 1.3 * 2 * REACH / side
    discs = np.tile([draws.number(-0.6, 0.6), draws.number(-0.4, 0.4)], (TREES, 1)) + rng.normal(0, 0.08, (TREES, 2))
    x, y, heading, radius = _roots(rng, habit, discs)
    curl = rng.normal(0, habit.curl, (TREES, MOST))
    free = np.full(TREES, habit.roots)
    trail = []
    for _ in range(int(2.2 / step)):
        alive = radius > LEAST_RADIUS
        if not alive.any():
            break
        heading += habit.wiggle * rng.standard_normal((TREES, MOST)) + curl
        x += step * np.cos(heading)
        y += step * np.sin(heading)
        radius *= 1 - habit.decay
        radius[(np.abs(x) > REACH) | (np.abs(y) > REACH)] = 0
        trail.append((x.copy(), y.copy(), radius.copy()))
        splits = alive & (rng.random((TREES, MOST)) < habit.branching)
        for tree, branch in zip(*np.nonzero(splits & (radius > LEAST_RADIUS)), strict=True):
            _split(rng, (x, y, heading, radius), tree, branch, free)
    return Forest(_drawn(draws, trail or [(x, y, radius)], side), discs)  # in small pictures all may be too thin


def _roots(rng: np.random.Generator, habit: Habit, discs: Table) -> tuple[Table, Table, Table, Table]:
    """x, y, heading and radius (TREES, MOST); branches that do not exist yet have radius 0."""
    shape, n = (TREES, MOST), habit.roots
    heading = rng.uniform(-pi, pi, shape)
    if habit.origin == "disc":  # mostly up and down
        heading = rng.choice([-pi / 2, pi / 2], shape) + rng.normal(0, 0.7, shape)
        x, y = (discs[:, [axis]] + rng.normal(0, 0.03, shape) for axis in (0, 1))
    elif habit.origin == "border":
        x, y = REACH * 0.98 * np.cos(heading + pi), REACH * 0.98 * np.sin(heading + pi)
        heading += rng.normal(0, 0.5, shape)
    elif habit.origin == "scattered":
        x, y = (rng.uniform(-1, 1, shape) for _ in range(2))
    else:
        x, y = np.full(shape, -REACH * 0.98), rng.uniform(-REACH, REACH, shape)
        heading = rng.normal(0, 0.25, shape)
    radius = np.zeros(shape)
    radius[:, :n] = habit.radius * np.exp(rng.normal(0, 0.3, (TREES, n)))
    return x, y, heading, radius


def _split(
    rng: np.random.Generator,
    state: tuple[Table, Table, Table, Table],
    tree: int,
    branch: int,
    free: NDArray[np.int_],
) -> None:
    """A thinner branch to one side, while the branch itself gives way a little."""
    child = free[tree]
    if child == MOST:
        return
    free[tree] += 1
    x, y, heading, radius = state
    side, share = rng.choice([-1, 1]), rng.uniform(0.5, 0.95)
    x[tree, child], y[tree, child] = x[tree, branch], y[tree, branch]
    heading[tree, child] = heading[tree, branch] + side * rng.uniform(0.35, 1.1)
    heading[tree, branch] -= side * rng.uniform(0, 0.3)
    radius[tree, child] = radius[tree, branch] * share
    radius[tree, branch] *= rng.uniform(0.8, 1)


def _drawn(draws: Draws, trail: list[tuple[Table, Table, Table]], side: int) -> Tensor:
    """Discs at every place that a branch has been, thin ones first."""
    x, y, radius = (np.stack(column) for column in zip(*trail, strict=True))
    tree = np.broadcast_to(np.arange(TREES)[:, None], x.shape)
    there = radius > LEAST_RADIUS
    x, y, radius, tree = x[there], y[there], radius[there], tree[there]
    per_pixel = side / (2 * REACH) * 2 / draws.size
    column, row = (((place / REACH + 1) / 2 * side).astype(np.int64) for place in (x, y))
    rank = np.round(radius * per_pixel * 2).astype(np.int64)  # radius in half grid points
    maps = np.zeros((2, TREES, side, side), np.float32)
    for half in np.unique(rank):
        these, reach = rank == half, half // 2 + 1
        down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        stamp = down**2 + right**2 <= (half / 2) ** 2 + 0.3
        rows = np.clip(row[these, None] + down[stamp], 0, side - 1)
        columns = np.clip(column[these, None] + right[stamp], 0, side - 1)
        trees = np.broadcast_to(tree[these, None], rows.shape)
        maps[0, trees, rows, columns] = 1
        maps[1, trees, rows, columns] = min(1, half / (2 * per_pixel * 1.6))
    # averaged over about a pixel of the picture: what remains can be looked up at single points
    for _ in range(2):
        maps[..., 1:-1] = 0.5 * maps[..., 1:-1] + 0.25 * (maps[..., :-2] + maps[..., 2:])
        maps = maps.swapaxes(-1, -2)
    return draws.tensor(maps).transpose(0, 1)


def looked_up(forest: Forest, which: NDArray[np.int_], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Coverage and thickness-weighted coverage (M, H, W) of each subject's tree at places x, y (M, H, W)."""
    at = torch.stack([x, y], -1) / REACH
    found = torch.zeros(len(x), 2, *x.shape[1:], device=x.device)
    for tree in range(TREES):
        own = torch.as_tensor(np.flatnonzero(which == tree), device=x.device)
        maps = forest.maps[tree].expand(len(own), -1, -1, -1)
        found[own] = grid_sample(maps, at[own], align_corners=False)
    return found[:, 0], found[:, 1]
