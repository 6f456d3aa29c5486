"""F0 and F0-driver, the families of the paper (section D): a random partition, deformed and textured for each subject.

The text and the authors' released driver (their script that makes the data) differ. F0 is the text: 16 shapes, slightly
varied intensities around a mean, Gaussian and Perlin noise. F0-driver has 5 to 19 shapes, strong Gaussian noise with
another strength in each shape, no Perlin noise on intensities, and blur, a bias field, gamma and black backgrounds.
"""

from collections.abc import Sequence

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


def f0(streams: RandomStreams, config: SynthConfig, subjects: Sequence[int], size: int) -> SynthTask:
    """These subjects of one task of F0 or F0-driver. Images and masks of a subject do not depend on the others.

    The labels are the shapes that are large enough in all of these subjects.
    """
    shapes = draw_shape_count(streams.rng("shapes"), config)
    anatomy = partition(streams, config, shapes)
    palette = draw_palette(streams, config, shapes)
    degradation = draw_degradation(streams, config)
    to_size = streams.tensor(Grid((config.canvas, config.canvas), (1, 1), size).image_weights[0])
    images = np.empty((len(subjects), size, size), np.uint8)
    masks = np.empty((shapes, len(subjects), size, size), np.uint8)
    areas = np.empty((shapes, len(subjects)))
    batch_size = BATCH_SIZE.get(streams.device.type, 1)
    for first in range(0, len(subjects), batch_size):
        batch = subjects[first : first + batch_size]
        maps = warped_labels(anatomy, deformations(streams, config, batch))
        pictures = degraded(streams, degradation, rendered(streams, palette, maps, batch), batch)
        pictures = to_size @ pictures @ to_size.T
        rows = slice(first, first + len(batch))
        images[rows] = (pictures * 255).round().clamp(0, 255).byte().cpu().numpy()
        masks[:, rows], counts = coverage(maps, shapes, size)
        areas[:, rows] = counts / config.canvas**2
    return SynthTask(images, *labels_by_area(masks, areas, config.min_area))
