"""Make one synthetic task with all its labels."""

import torch

from universeg.base.lookup import choose
from universeg.synth.config import SynthConfig
from universeg.synth.mixes import FAMILIES
from universeg.synth.paper.f0 import f0
from universeg.synth.scene.candidates import all_labels
from universeg.synth.task import RandomStreams, SynthTask, one_thread

DEFAULT = SynthConfig()


def make_task(
    seed: int,
    task: int,
    subjects: int,
    size: int,
    config: SynthConfig = DEFAULT,
    device: str | torch.device = "cpu",
) -> SynthTask:
    """Task number `task` of a seed, with `size` pixels per side. The same arguments and device give the same bytes.

    In F0 and F0-driver the images and masks of subject s do not depend on `subjects`, but the set of labels does,
    because a label must be large enough in all subjects; and `size` must divide `config.canvas`. In the other families
    everything depends on `subjects`. On a CPU this uses one thread; to be faster, make several tasks in parallel.
    Raises ValueError for an unknown family, a negative task, no subjects, or a size that does not divide the canvas.
    """
    family = choose(FAMILIES, config.family, "family of synthetic tasks")
    if task < 0 or subjects < 1:
        raise ValueError(f"expected task >= 0 and subjects >= 1, got task {task} and {subjects} subjects")
    if family is None and (size < 1 or config.canvas % size):
        raise ValueError(
            f"size {size} must divide the canvas of {config.canvas} pixels; choose another size or set "
            "SynthConfig.canvas to a multiple of it"
        )
    streams = task_streams(config, seed, task, device)
    with one_thread(), torch.inference_mode():
        return (
            f0(streams, config, range(subjects), size)
            if family is None
            else all_labels(family, streams, subjects, size)
        )


def task_streams(config: SynthConfig, seed: int, task: int, device: str | torch.device = "cpu") -> RandomStreams:
    """The random numbers of task number `task` of a seed."""
    return RandomStreams(("synthetic", config.family, seed, task), torch.device(device))
