"""F0 and F0-driver, the families of the paper (section D): a random partition, deformed and textured for each subject.

The text and the authors' released driver (their script that makes the data) differ. F0 is the text: 16 shapes, slightly
varied intensities around a mean, Gaussian and Perlin noise. F0-driver has 5 to 19 shapes, strong Gaussian noise with
another strength in each shape, no Perlin noise on intensities, and blur, a bias field, gamma and black backgrounds.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from universeg.standardise.resample import Grid
from universeg.synth.config import SynthConfig
from universeg.synth.paper.appearance import draw_look, draw_palette, rendered
from universeg.synth.paper.degradation import degraded, draw_degradation, draw_flaws
from universeg.synth.paper.geometry import draw_shape_count, partitions
from universeg.synth.paper.labels import coverage, labels_by_area
from universeg.synth.paper.subjects import deformations, draw_velocities
from universeg.synth.paper.warp import warped_labels
from universeg.synth.task import RandomStreams, SynthTask

BATCH_SIZE = {"cpu": 1, "cuda": 32}  # subjects; on a CPU one is fastest, because it fits into the cache


def f0(streams: RandomStreams, config: SynthConfig, subjects: Sequence[int], size: int) -> SynthTask:
    """These subjects of one task of F0 or F0-driver. Images and masks of a subject do not depend on the others.

    The labels are the shapes that are large enough in all of these subjects.
    """
    task = Anatomies([streams], config, size)
    images = np.empty((len(subjects), size, size), np.uint8)
    masks = np.empty((task.shapes, len(subjects), size, size), np.uint8)
    areas = np.empty((task.shapes, len(subjects)))
    batch_size = BATCH_SIZE.get(streams.device.type, 1)
    for first in range(0, len(subjects), batch_size):
        batch = subjects[first : first + batch_size]
        rows = slice(first, first + len(batch))
        made = task.made([batch])
        images[rows], masks[:, rows], areas[:, rows] = (values.cpu().numpy() for values in made)
    return SynthTask(images, *labels_by_area(masks, areas / config.canvas**2, config.min_area))


def f0_tasks(
    tasks: Sequence[RandomStreams], config: SynthConfig, subjects: Sequence[Sequence[int]], size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """M subjects of each of T tasks at once, on the device.

    Images (T, M, size, size) 0..255, masks (T, shapes, M, size, size) bool, and whether each shape is a label
    (T, shapes): it is large enough in all subjects.
    """
    anatomies = Anatomies(tasks, config, size)
    images, covered, areas = anatomies.made(subjects)
    shape = anatomies.shapes, len(tasks), -1
    masks = (covered > 127).view(*shape, size, size)
    large = areas.view(shape).amin(2) >= config.min_area * config.canvas**2
    fits = large & masks.flatten(3).any(3).all(2)
    return images.view(len(tasks), -1, size, size), masks.transpose(0, 1), fits.T


class Anatomies:
    """What the subjects of each of T tasks have in common."""

    def __init__(self, tasks: Sequence[RandomStreams], config: SynthConfig, size: int) -> None:
        """Several tasks have the number of shapes of the first one, and the spacing of its bias fields."""
        self._tasks, self._config, self._size = tasks, config, size
        self._to_size = tasks[0].tensor(Grid((config.canvas, config.canvas), (1, 1), size).image_weights[0])
        self.shapes = draw_shape_count(tasks[0].rng("shapes"), config)
        self._maps = partitions(tasks, config, self.shapes)
        self._palettes = [draw_palette(streams, config, self.shapes) for streams in tasks]
        degradations = [draw_degradation(streams, config) for streams in tasks]
        self._degradations = [replace(one, bias_points=degradations[0].bias_points) for one in degradations]

    def made(self, subjects: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor, Tensor]:
        """Images (B, size, size) 0..255, coverage (shapes, B, size, size) 0..255, and areas (shapes, B) in pixels.

        `subjects` are as many of each task. B is the number of all: first those of the first task, and so on.
        """
        config = self._config
        drawn = [
            (
                draw_velocities(streams, config, own),
                draw_look(streams, palette, config.canvas, own),
                draw_flaws(streams, degradation, own),
            )
            for streams, palette, degradation, own in zip(
                self._tasks, self._palettes, self._degradations, subjects, strict=True
            )
        ]
        velocities, looks, flaws = zip(*drawn, strict=True)
        maps = warped_labels(self._maps, deformations(joined(velocities), config))
        pictures = degraded(self._degradations, joined(flaws), rendered(joined(looks), maps))
        pictures = self._to_size @ pictures @ self._to_size.T
        return (pictures * 255).round().clamp(0, 255).byte(), *coverage(maps, self.shapes, self._size)


def joined(parts: Sequence[Any]) -> Any:
    """Tensors, or lists or dataclasses of them, joined along their first axis."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    if isinstance(first, list):
        return [joined(same) for same in zip(*parts, strict=True)]
    return type(first)(*(joined([getattr(one, field.name) for one in parts]) for field in fields(first)))
