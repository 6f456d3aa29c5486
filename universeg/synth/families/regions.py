"""Family `regions`: smooth regions that fill the image; subjects share their arrangement."""

import torch
from torch.nn.functional import grid_sample

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.fields import from_control_points, index_of_largest, smooth_noise
from universeg.synth.scene.numbers import with_dims
from universeg.synth.scene.pose import Pose, anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene
from universeg.synth.scene.shapes import draw_outline, outline_level

EXTENT = 1.6  # regions fill [-EXTENT, EXTENT], more than the image, because subjects are rotated and shifted
POSE = Pose(subject_rotation=0.15, task_scale=(0.8, 1.3), subject_scale=0.1, subject_shift=0.12)


def regions(draws: Draws) -> Scene:
    """Labels are the regions, and in some tasks the rim of a body that contains them.

    Regions are connected, unlike those of F0. Small ones are missing in some subjects.
    """
    count = draws.integer(4, 12)
    x, y = anatomy_coordinates(draws, POSE)
    grid = draws.tensor(draws.normal_table(count, *[draws.integer(3, 8) + 3] * 2))
    common = from_control_points(grid, draws.size).expand(draws.subjects, -1, -1, -1)
    fields = grid_sample(common, torch.stack([x, y], -1) / EXTENT, padding_mode="reflection", align_corners=False)
    own = with_dims(draws.log_uniform(0.02, 0.4), 4)
    fields = fields + own * smooth_noise(draws, draws.integer(4, 9), count)
    kinds = index_of_largest(fields)
    parts = {f"region {n + 1}": kinds == n for n in range(count)}
    if draws.chance(0.5):
        return Scene(rendered(draws, kinds, count, 0, few_tissues=0.5), parts)
    level = outline_level(x, y, draw_outline(draws, draws.uniform(0.6, 0.95), (0.01, 0.1)))
    rim = (level < 0) & (level > -draws.uniform(0.03, 0.12))
    if draws.chance(0.5):
        kinds = kinds.masked_fill(rim, count)
        parts["rim"] = rim
    parts = {name: mask & (level < 0) for name, mask in parts.items()}
    return Scene(rendered(draws, kinds, count + 1, 0, few_tissues=0.5), parts, level < 0)
