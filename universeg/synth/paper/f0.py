"""The family of the paper: a random partition, deformed for each subject, painted with noise (section D).

Follows the authors' released driver where it and the paper's text differ. Paper: 16 shapes, Gaussian and Perlin noise.
Driver: 5 to 19 shapes (here only if asked for), Gaussian noise of a strength of its own in each shape, and Perlin-like
noise in the warp, the deformations and the bias field only.
"""

import numpy as np

from universeg.standardise.resample import Grid
from universeg.synth.config import SynthConfig
from universeg.synth.paper.appearance import draw_palette, painted
from universeg.synth.paper.degrade import degraded, draw_camera
from universeg.synth.paper.geometry import count_shapes, partition
from universeg.synth.paper.labels import coverage, kept
from universeg.synth.paper.subjects import deformations
from universeg.synth.paper.warp import nearest
from universeg.synth.task import RandomStreams, SynthTask

TOGETHER = {"cpu": 1, "cuda": 32}  # subjects in one batch; one fits a CPU's cache, which is fastest


def f0(streams: RandomStreams, config: SynthConfig, subjects: int, size: int) -> SynthTask:
    """One task; subject s is the same whatever the number of subjects."""
    shapes = count_shapes(streams.numbers("shapes"), config)
    anatomy = partition(streams, config, shapes)
    palette = draw_palette(streams, config, shapes)
    camera = draw_camera(streams, config)
    to_size = streams.tensor(Grid((config.canvas, config.canvas), (1, 1), size).image_weights[0])
    images = np.empty((subjects, size, size), np.uint8)
    masks = np.empty((shapes, subjects, size, size), np.uint8)
    shares = np.empty((shapes, subjects))
    together = TOGETHER.get(streams.device.type, 1)
    for first in range(0, subjects, together):
        batch = range(first, min(first + together, subjects))
        maps = nearest(anatomy, deformations(streams, config, batch))
        pictures = degraded(streams, camera, painted(streams, palette, maps, batch), batch)
        pictures = to_size @ pictures @ to_size.T
        own = slice(batch.start, batch.stop)
        images[own] = (pictures * 255).round().clamp(0, 255).byte().cpu().numpy()
        masks[:, own], counts = coverage(maps, shapes, size)
        shares[:, own] = counts / config.canvas**2
    return SynthTask(images, *kept(masks, shares, config.least_area))
