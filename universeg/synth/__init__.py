"""Tasks that nobody labelled: invented anatomies, subjects and images (paper, section D).

A family is composed of five layers: geometry (the anatomy), subjects (how it varies), labels (which parts are asked
for), appearance (intensities) and degrade (from intensities to a picture). To add a family, add a file that composes
layers, and its line in FAMILIES.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch

from universeg.synth.config import SynthConfig
from universeg.synth.f0 import f0
from universeg.synth.task import Source, SynthTask
from universeg.tables import choose

__all__ = ["FAMILIES", "SynthConfig", "SynthTask", "make_task"]

Family = Callable[[Source, SynthConfig, int, int], SynthTask]

FAMILIES: Mapping[str, Family] = {"F0": f0}

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

    Subject s does not depend on `subjects`, but which labels are kept does: each must be large enough in all of them.
    `size` must divide the canvas; for another size give a config with a canvas that is a multiple of it. On a CPU
    one thread is used; for more speed make several tasks at once.
    """
    family = choose(FAMILIES, config.family, "family of synthetic tasks")
    if task < 0 or subjects < 1:
        raise ValueError(f"expected task >= 0 and subjects >= 1, got task {task} and {subjects} subjects")
    if size < 1 or config.canvas % size:
        raise ValueError(
            f"size {size} must divide the canvas of {config.canvas} pixels; choose another size or set "
            "SynthConfig.canvas to a multiple of it"
        )
    source = Source(("synthetic", config.family, seed, task), torch.device(device))
    with _one_thread(), torch.inference_mode():
        return family(source, config, subjects, size)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums that several threads share may round differently; one thread always gives the same bytes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
