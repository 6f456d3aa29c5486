"""Measure the labels of a family, and compare the measures with their expected ranges (bands)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch

from universeg.synth.scene.learnable import agreement, visibility, width
from universeg.synth.task import SynthTask

Band = tuple[float, float]  # smallest and largest allowed value

MEASURES: Mapping[str, str] = {
    "area": "fraction of the image",
    "components": "connected components of a mask, with diagonal neighbours",
    "width": "of lines, or about the radius of discs, as a fraction of the image side",
    "contrast": "to the surroundings, in standard deviations; for thin lines without slow shading",
    "agreement": "Dice of the masks of two subjects",
    "refused": "fraction of labels that cannot be learnt",
}

# The median over the labels of 16 or more tasks must lie within its band.
BANDS: Mapping[str, Mapping[str, Band]] = {
    family: dict(zip(MEASURES, bands, strict=True))
    for family, *bands in (
        # area, components, width, contrast, agreement, refused
        ("F0", (0.04, 0.08), (3, 8), (0.05, 0.08), (0.8, 1.6), (0.3, 0.6), (0.1, 0.4)),
        ("F0-driver", (0.05, 0.11), (3, 8), (0.05, 0.09), (0.6, 1.3), (0.3, 0.65), (0.1, 0.4)),
        ("regions", (0.06, 0.16), (1, 2), (0.1, 0.22), (0.7, 1.6), (0.4, 0.8), (0, 0.4)),
        ("layers", (0.08, 0.2), (1, 1), (0.09, 0.2), (0.7, 1.8), (0.45, 0.8), (0, 0.2)),
        ("organs", (0.015, 0.06), (1, 1), (0.05, 0.12), (0.8, 2), (0.35, 0.65), (0, 0.35)),
        ("nested", (0.015, 0.06), (1, 1), (0.05, 0.14), (0.5, 2), (0.3, 0.6), (0, 0.35)),
        ("packing", (0.1, 0.3), (15, 60), (0.025, 0.07), (0.6, 1.8), (0.12, 0.35), (0, 0.45)),
        ("chain", (0.03, 0.08), (2, 6), (0.04, 0.08), (0.6, 1.8), (0.25, 0.6), (0, 0.35)),
        ("projection", (0.07, 0.17), (1, 1), (0.1, 0.2), (1, 2.5), (0.6, 0.85), (0, 0.15)),
        ("vessels", (0.04, 0.1), (3, 40), (0.014, 0.027), (0.6, 1.6), (0.06, 0.2), (0.1, 0.6)),
        ("mesh", (0.04, 0.2), (4, 20), (0.012, 0.025), (0.8, 2.2), (0.05, 0.25), (0, 0.45)),
        ("lesions", (0.012, 0.05), (1, 2), (0.05, 0.12), (0.8, 2.5), (0, 0.15), (0, 0.4)),
        ("inner", (0.006, 0.03), (1, 1), (0.04, 0.09), (0.5, 1.3), (0.15, 0.45), (0, 0.3)),
        ("sonogram", (0.025, 0.08), (1, 2), (0.09, 0.2), (0.7, 1.8), (0.08, 0.3), (0, 0.3)),
        ("glands", (0.12, 0.32), (6, 20), (0.05, 0.11), (0.8, 2), (0.15, 0.4), (0, 0.25)),
        ("mosaic", (0.02, 0.08), (1, 1), (0.07, 0.16), (0.6, 1.8), (0.15, 0.45), (0.1, 0.5)),
        ("bands", (0.15, 0.4), (4, 16), (0.05, 0.13), (0.8, 2.5), (0.2, 0.45), (0, 0.4)),
    )
}


@dataclass(frozen=True)
class LabelMeasures:
    """Measures of one label: the median over its subjects, or a mean of all."""

    area: float
    components: float
    width: float
    contrast: float
    agreement: float


def measure(task: SynthTask) -> Iterator[LabelMeasures]:
    """The measures of every label of a task. Needs scikit-image, which the extra `workflow` installs."""
    from skimage.measure import label as connected_components

    pictures = torch.from_numpy(task.images).float() / 255
    for coverage in task.labels.values():
        masks = coverage > 127
        inside = torch.from_numpy(masks)
        yield LabelMeasures(
            area=float(np.median(masks.mean((1, 2)))),
            components=median(int(connected_components(mask, connectivity=2).max()) for mask in masks),
            width=float(width(inside)) / masks.shape[-1],
            contrast=visibility(pictures, inside),
            agreement=float(agreement(inside)),
        )


def summary(tasks: list[SynthTask]) -> dict[str, float]:
    """The median of each measure over all labels of the tasks, and the fraction of labels that were refused."""
    found = [one for task in tasks for one in measure(task)]
    names = [name for name in MEASURES if name != "refused"]
    refused = sum(len(task.dropped) for task in tasks)
    medians = {name: median(getattr(one, name) for one in found) for name in names}
    return medians | {"refused": refused / (refused + len(found))}


def outside(family: str, found: Mapping[str, float]) -> list[str]:
    """One line for each measure of a family's summary that is outside its band."""
    return [
        f"{family}: {name} ({MEASURES[name]}) is {found[name]:.3g}, expected {low:g} to {high:g}"
        for name, (low, high) in BANDS[family].items()
        if not low <= found[name] <= high
    ]
