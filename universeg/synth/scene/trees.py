"""Branching trees, grown step by step on a fine grid, so that vessels can be thinner than a pixel of the picture."""

from dataclasses import dataclass
from math import pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from universeg.synth.scene.random_draws import Draws

POINTS_PER_PIXEL = 2  # grid points per pixel of the picture
EXTENT = 1.25  # trees fill [-EXTENT, EXTENT], more than a picture, because subjects are rotated and shifted
TREES = 4  # per task; each subject shows a part of one of them
MAX_BRANCHES = 56  # branches per tree
MIN_RADIUS = 0.28  # in pixels of the picture; thinner branches end

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Growth:
    """How the trees of a task grow. Radii are in pixels of the picture, angles in radians."""

    origin: str  # "disc", "border", "scattered" or "parallel"
    roots: int
    radius: float  # of a root, on average
    wiggle: float  # standard deviation of the change of direction in each step
    curl: float  # standard deviation of a branch's constant change of direction per step
    branching: float  # probability per branch and step
    decay: float  # relative decrease of the radius per step


@dataclass(frozen=True)
class Forest:
    """Trees on the fine grid, and the position of the disc that each may start from."""

    maps: Tensor  # (TREES, 2, side, side): coverage, and coverage times relative thickness; both 0 to 1
    discs: NDArray[np.float64]  # (TREES, 2) x and y


def draw_growth(draws: Draws) -> Growth:
    """Growth parameters for one task, or for all tasks of a batch."""
    draws = draws.shared
    origin = draws.choice(["disc", "disc", "border", "scattered", "parallel"])
    return Growth(
        origin=origin,
        roots=draws.integer(4, 9),
        radius=float(draws.log_uniform(0.4, 1.6)) * (draws.size / 128) ** 0.6,
        wiggle=float(draws.log_uniform(0.012, 0.09)),
        curl=float(draws.log_uniform(0.001, 0.012)),
        branching=float(draws.log_uniform(0.01, 0.04)) * 128 / draws.size,
        decay=float(draws.uniform(0.0005, 0.004)) * 128 / draws.size,
    )


def grow_forest(draws: Draws, growth: Growth) -> Forest:
    """Grow TREES trees. In each step every branch moves, changes direction, gets thinner and may split."""
    rng = draws.task_rng
    side = int(POINTS_PER_PIXEL * EXTENT * draws.size) // 2 * 2
    step = 1.3 * 2 * EXTENT / side
    discs = np.tile([float(draws.uniform(-0.6, 0.6)), float(draws.uniform(-0.4, 0.4))], (TREES, 1)) + rng.normal(
        0, 0.08, (TREES, 2)
    )
    x, y, heading, radius = _roots(rng, growth, discs)
    curl = rng.normal(0, growth.curl, (TREES, MAX_BRANCHES))
    n_branches = np.full(TREES, growth.roots)
    history = []
    for _ in range(int(2.2 / step)):
        alive = radius > MIN_RADIUS
        if not alive.any():
            break
        heading += growth.wiggle * rng.standard_normal((TREES, MAX_BRANCHES)) + curl
        x += step * np.cos(heading)
        y += step * np.sin(heading)
        radius *= 1 - growth.decay
        radius[(np.abs(x) > EXTENT) | (np.abs(y) > EXTENT)] = 0
        history.append((x.copy(), y.copy(), radius.copy()))
        splits = alive & (rng.random((TREES, MAX_BRANCHES)) < growth.branching)
        for tree, branch in zip(*np.nonzero(splits & (radius > MIN_RADIUS)), strict=True):
            _split(rng, (x, y, heading, radius), tree, branch, n_branches)
    return Forest(_rasterised(draws, history or [(x, y, radius)], side), discs)  # no step if all roots are too thin


def _roots(rng: np.random.Generator, growth: Growth, discs: Table) -> tuple[Table, Table, Table, Table]:
    """x, y, heading and radius (TREES, MAX_BRANCHES). Branches that do not exist yet have radius 0."""
    shape, n = (TREES, MAX_BRANCHES), growth.roots
    heading = rng.uniform(-pi, pi, shape)
    if growth.origin == "disc":  # mostly upwards and downwards
        heading = rng.choice([-pi / 2, pi / 2], shape) + rng.normal(0, 0.7, shape)
        x, y = (discs[:, [axis]] + rng.normal(0, 0.03, shape) for axis in (0, 1))
    elif growth.origin == "border":
        x, y = EXTENT * 0.98 * np.cos(heading + pi), EXTENT * 0.98 * np.sin(heading + pi)
        heading += rng.normal(0, 0.5, shape)
    elif growth.origin == "scattered":
        x, y = (rng.uniform(-1, 1, shape) for _ in range(2))
    else:
        x, y = np.full(shape, -EXTENT * 0.98), rng.uniform(-EXTENT, EXTENT, shape)
        heading = rng.normal(0, 0.25, shape)
    radius = np.zeros(shape)
    radius[:, :n] = growth.radius * np.exp(rng.normal(0, 0.3, (TREES, n)))
    return x, y, heading, radius


def _split(
    rng: np.random.Generator,
    state: tuple[Table, Table, Table, Table],
    tree: int,
    branch: int,
    n_branches: NDArray[np.int_],
) -> None:
    """Start a thinner branch to one side; the parent turns a little to the other side. Arrays are changed in place."""
    child = n_branches[tree]
    if child == MAX_BRANCHES:
        return
    n_branches[tree] += 1
    x, y, heading, radius = state
    side, share = rng.choice([-1, 1]), rng.uniform(0.5, 0.95)
    x[tree, child], y[tree, child] = x[tree, branch], y[tree, branch]
    heading[tree, child] = heading[tree, branch] + side * rng.uniform(0.35, 1.1)
    heading[tree, branch] -= side * rng.uniform(0, 0.3)
    radius[tree, child] = radius[tree, branch] * share
    radius[tree, branch] *= rng.uniform(0.8, 1)


def _rasterised(draws: Draws, history: list[tuple[Table, Table, Table]], side: int) -> Tensor:
    """Maps of a forest: a disc at each position of each branch, with thin discs first."""
    x, y, radius = (np.stack(column) for column in zip(*history, strict=True))
    tree = np.broadcast_to(np.arange(TREES)[:, None], x.shape)
    alive = radius > MIN_RADIUS
    x, y, radius, tree = x[alive], y[alive], radius[alive], tree[alive]
    points_per_pixel = side / (2 * EXTENT) * 2 / draws.size
    column, row = (((place / EXTENT + 1) / 2 * side).astype(np.int64) for place in (x, y))
    rank = np.round(radius * points_per_pixel * 2).astype(np.int64)  # radius in half grid points
    maps = np.zeros((2, TREES, side, side), np.float32)
    for half in np.unique(rank):
        these, reach = rank == half, half // 2 + 1
        down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        stamp = down**2 + right**2 <= (half / 2) ** 2 + 0.3
        rows = np.clip(row[these, None] + down[stamp], 0, side - 1)
        columns = np.clip(column[these, None] + right[stamp], 0, side - 1)
        trees = np.broadcast_to(tree[these, None], rows.shape)
        maps[0, trees, rows, columns] = 1
        maps[1, trees, rows, columns] = min(1, half / (2 * points_per_pixel * 1.6))
    # smoothed over about one pixel of the picture, so that sampling at single points does not alias
    for _ in range(2):
        maps[..., 1:-1] = 0.5 * maps[..., 1:-1] + 0.25 * (maps[..., :-2] + maps[..., 2:])
        maps = maps.swapaxes(-1, -2)
    return draws.tensor(maps).transpose(0, 1)


def sample_trees(forest: Forest, which: NDArray[np.int_], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Coverage, and coverage times thickness, of tree `which` (M,) at x and y; all (M, H, W)."""
    at = torch.stack([x, y], -1) / EXTENT
    sampled = torch.zeros(len(x), 2, *x.shape[1:], device=x.device)
    for tree in range(TREES):
        subjects = torch.as_tensor(np.flatnonzero(which == tree), device=x.device)
        maps = forest.maps[tree].expand(len(subjects), -1, -1, -1)
        sampled[subjects] = grid_sample(maps, at[subjects], align_corners=False)
    return sampled[:, 0], sampled[:, 1]
