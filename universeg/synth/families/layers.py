"""Family `layers`: layers with wavy borders, like those of the retina."""

from torch import Tensor

from universeg.synth.scene.appearance import rendered
from universeg.synth.scene.fields import shared_noise
from universeg.synth.scene.numbers import with_dims
from universeg.synth.scene.pose import Pose, anatomy_coordinates
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene

POSE = Pose(task_rotation=0.25, subject_rotation=0.1, subject_shift=0.1, subject_scale=0.1)


def layers(draws: Draws) -> Scene:
    """Labels are the layers. At least one is thin, and their thickness varies along the image."""
    count = draws.integer(3, 9)
    _, y = anatomy_coordinates(draws, POSE)
    thickness = draws.uniform_table(0.3, 1, count)
    thin = draws.integer(0, count - 1)
    thickness[..., thin : thin + 1] *= with_dims(draws.uniform(0.15, 0.5), 2)
    borders = (thickness.cumsum(-1) / thickness.sum(-1, keepdims=True)) * with_dims(draws.uniform(1, 1.8), 2)
    borders = draws.tensor(borders - with_dims(draws.uniform(0.5, 0.9), 2))
    waves = shared_noise(draws, draws.integer(1, 4), 1, draws.uniform(0.1, 1))[:, 0, draws.size // 2]
    depth = y + draws.log_uniform(0.02, 0.2) * waves[:, None]
    amount = with_dims(draws.log_uniform(0.005, 0.06), 4)
    swelling = amount * shared_noise(draws, draws.integer(2, 6), count - 1, draws.uniform(0.1, 1))
    kinds = sum((depth > borders[..., n, None, None] + swelling[:, n]).long() for n in range(count - 1))
    assert isinstance(kinds, Tensor)  # sum() of nothing would be the int 0
    return Scene(rendered(draws, kinds, count, 0), {f"layer {n + 1}": kinds == n for n in range(count)})
