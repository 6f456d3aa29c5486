"""Partitions: smooth regions that subjects share, layers one below another, and bands of smooth noise."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from universeg.synth.scene.appearance import painted
from universeg.synth.scene.fields import largest, related, smooth, stretched
from universeg.synth.scene.pose import Pose, posed
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import draw_outline, star

REACH = 1.6  # the partition fills [-REACH, REACH], so that it may be turned and moved
POSE = Pose(turns=0.15, zoom=(0.8, 1.3), zooms=0.1, shifts=0.12)
LAYERS = Pose(turn=0.25, turns=0.1, shifts=0.1, zooms=0.1)


def regions(draws: Draws) -> Scene:
    """Unlike F0's, regions stay whole; some subjects gain or lose small ones."""
    count = draws.count(4, 12)
    x, y = posed(draws, POSE)
    grid = draws.tensor(draws.numbers.standard_normal((1, count, *[draws.count(3, 8) + 3] * 2)))
    common = stretched(grid, draws.size).expand(draws.entries, -1, -1, -1)
    fields = grid_sample(common, torch.stack([x, y], -1) / REACH, padding_mode="reflection", align_corners=False)
    fields = fields + draws.log(0.02, 0.4) * smooth(draws, draws.count(4, 9), draws.entries, count)
    kinds = largest(fields)
    parts = {f"region {n + 1}": kinds == n for n in range(count)}
    if draws.chance(0.5):
        return Scene(painted(draws, kinds, count, 0), parts)
    level = star(x, y, draw_outline(draws, draws.number(0.6, 0.95), (0.01, 0.1)))
    rim = (level < 0) & (level > -draws.number(0.03, 0.12))
    if draws.chance(0.5):
        kinds = kinds.masked_fill(rim, count)
        parts["rim"] = rim
    parts = {name: mask & (level < 0) for name, mask in parts.items()}
    return Scene(painted(draws, kinds, count + 1, 0), parts, level < 0)


def layers(draws: Draws) -> Scene:
    """Layers with wavy borders; a few are thin, and one may swell in places."""
    count = draws.count(3, 9)
    _, y = posed(draws, LAYERS)
    thickness = draws.numbers.uniform(0.3, 1, count)
    thickness[draws.count(0, count - 1)] *= draws.number(0.15, 0.5)
    borders = (thickness.cumsum() / thickness.sum())[:-1] * draws.number(1, 1.8) - draws.number(0.5, 0.9)
    waves = related(draws, draws.count(1, 4), 1, draws.number(0.1, 1))[:, 0, draws.size // 2]
    depth = y + draws.log(0.02, 0.2) * waves[:, None]
    swell = draws.log(0.005, 0.06) * related(draws, draws.count(2, 6), count - 1, draws.number(0.1, 1))
    kinds = sum((depth > border + swell[:, n]).long() for n, border in enumerate(borders.tolist()))
    assert isinstance(kinds, Tensor)
    return Scene(painted(draws, kinds, count, 0), {f"layer {n + 1}": kinds == n for n in range(count)})


def bands(draws: Draws) -> Scene:
    """Where smooth noise is high, middling or low: fingers, islands, pores; never in one place."""
    noise = smooth(draws, draws.count(5, 18), draws.entries)
    noise = noise + draws.number(0, 0.5) * smooth(draws, draws.count(18, 40), draws.entries)
    low = draws.number(-1, 0.3)
    high = low + draws.log(0.3, 1.2)
    kinds = (noise > low).long() + (noise > high).long()
    parts = {name: kinds == n for n, name in enumerate(("low", "middle", "high"))}
    return Scene(painted(draws, kinds, 3, 0), parts)
