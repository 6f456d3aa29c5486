"""Tasks that nobody labelled: invented anatomies, subjects and images (paper, section D, and beyond).

A family is composed of five layers: geometry (the anatomy), subjects (how it varies), labels (which parts are asked
for), appearance (intensities) and degradation (from intensities to a picture). F0 is the paper's recipe: geometry.py,
subjects.py, labels.py, appearance.py, degrade.py. The others share shapes.py, pose.py, rules.py, paint.py and
camera.py, each family being one file that composes them. To add one, add such a file, and its line in families.py.
"""

import torch

from universeg.base.lookup import choose
from universeg.synth.config import SynthConfig
from universeg.synth.episode import fresh_episode
from universeg.synth.mixes import FAMILIES, MIXES, drawn_family, weights_of
from universeg.synth.paper.f0 import f0
from universeg.synth.scene.proposals import all_labels
from universeg.synth.task import RandomStreams, SynthTask, one_thread

__all__ = ["FAMILIES", "MIXES", "SynthConfig", "SynthTask", "drawn_family", "fresh_episode", "make_task", "weights_of"]

DEFAULT = SynthConfig()


def make_task(
    seed: int,
    task: int,
    subjects: int,
    size: int,
    config: SynthConfig = DEFAULT,
    device: str | torch.device = "cpu",
) -> SynthTask:
    """Task number `task` of a seed at `size` pixels a side: the same bytes for the same arguments on the same device.

    In F0, subject s does not depend on `subjects`, but which labels are kept does: each must be large enough in all of
    them; `size` must divide the canvas; for another size give a config with a canvas that is a multiple of it. In the
    other families everything depends on `subjects`. On a CPU one thread is used; for more speed make several tasks at
    once.
    """
    family = choose(FAMILIES, config.family, "family of synthetic tasks")
    if task < 0 or subjects < 1:
        raise ValueError(f"expected task >= 0 and subjects >= 1, got task {task} and {subjects} subjects")
    if family is None and (size < 1 or config.canvas % size):
        raise ValueError(
            f"size {size} must divide the canvas of {config.canvas} pixels; choose another size or set "
            "SynthConfig.canvas to a multiple of it"
        )
    streams = RandomStreams(("synthetic", config.family, seed, task), torch.device(device))
    with one_thread(), torch.inference_mode():
        return f0(streams, config, subjects, size) if family is None else all_labels(family, streams, subjects, size)
