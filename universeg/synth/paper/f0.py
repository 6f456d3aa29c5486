"""F0, the family of the paper (section D): a random partition, deformed and rendered with noise for each subject.

The paper's text and the authors' released driver (their script that makes the data) differ. The text has 16 shapes, and
Gaussian and Perlin noise. The driver has 5 to 19 shapes, Gaussian noise with another strength in each shape, and
Perlin-like noise only in the warp, the deformations and the bias field. This code follows the driver, except that the
default is 16 shapes.
"""

import numpy as np

from universeg.standardise.resample import Grid
from universeg.synth.config import SynthConfig
from universeg.synth.paper.appearance import draw_palette, rendered
from universeg.synth.paper.degradation import degraded, draw_degradation
from universeg.synth.paper.geometry import draw_shape_count, partition
from universeg.synth.paper.labels import coverage, labels_by_area
from universeg.synth.paper.subjects import deformations
from universeg.synth.paper.warp import warped_labels
from universeg.synth.task import RandomStreams, SynthTask

BATCH_SIZE = {"cpu": 1, "cuda": 32}  # subjects; on a CPU one is fastest, because it fits into the cache


def f0(streams: RandomStreams, config: SynthConfig, subjects: int, size: int) -> SynthTask:
    """One task of F0. Images and masks of subject s do not depend on the number of subjects."""
    shapes = draw_shape_count(streams.rng("shapes"), config)
    anatomy = partition(streams, config, shapes)
    palette = draw_palette(streams, config, shapes)
    degradation = draw_degradation(streams, config)
    to_size = streams.tensor(Grid((config.canvas, config.canvas), (1, 1), size).image_weights[0])
    images = np.empty((subjects, size, size), np.uint8)
    masks = np.empty((shapes, subjects, size, size), np.uint8)
    areas = np.empty((shapes, subjects))
    batch_size = BATCH_SIZE.get(streams.device.type, 1)
    for first in range(0, subjects, batch_size):
        batch = range(first, min(first + batch_size, subjects))
        maps = warped_labels(anatomy, deformations(streams, config, batch))
        pictures = degraded(streams, degradation, rendered(streams, palette, maps, batch), batch)
        pictures = to_size @ pictures @ to_size.T
        rows = slice(batch.start, batch.stop)
        images[rows] = (pictures * 255).round().clamp(0, 255).byte().cpu().numpy()
        masks[:, rows], counts = coverage(maps, shapes, size)
        areas[:, rows] = counts / config.canvas**2
    return SynthTask(images, *labels_by_area(masks, areas, config.min_area))
