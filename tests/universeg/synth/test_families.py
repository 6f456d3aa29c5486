"""What is particular to a family; what all families promise is tested in test_make_task and test_statistics."""

import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool2d

from universeg.synth.families.glands import glands
from universeg.synth.families.sonogram import sonogram
from universeg.synth.scene.random_draws import Draws
from universeg.synth.scene.scene import Scene

CPU = torch.device("cpu")


def scenes(family, count: int) -> list[Scene]:
    return [family(Draws((family.__name__, number), 6, 96, CPU)) for number in range(count)]


def test_the_lumen_of_glands_is_enclosed_by_epithelium() -> None:
    touched, enclosed = 0, 0
    for scene in scenes(glands, 12):
        whole, inside, walls = (scene.parts[name] for name in ("glands", "lumen", "epithelium"))
        assert torch.equal(whole, inside | walls)
        assert not (inside & walls).any()
        around = (max_pool2d(inside.float(), 3, 1, 1) > 0) & ~inside
        touched, enclosed = touched + int(around.sum()), enclosed + int((around & walls).sum())
    assert enclosed / touched > 0.95


def test_the_epithelium_of_glands_is_darker_than_the_lumen() -> None:
    """By the nuclei. In some tasks what lies in the lumen hides it."""
    darker = [
        (scene.images[scene.parts["lumen"]].mean() - scene.images[scene.parts["epithelium"]].mean()).item()
        for scene in scenes(glands, 12)
    ]
    assert np.median(darker) > 0.15


@pytest.mark.parametrize("side", [-1, 1])
def test_the_region_below_a_lesion_differs_between_subjects(side: int) -> None:
    """It is darker in some and brighter in others, compared with the regions beside it."""
    found = list[float]()
    for scene in scenes(sonogram, 12):
        for image, mask in zip(scene.images, scene.parts["lesion"], strict=True):
            rows, columns = mask.any(1).nonzero().flatten(), mask.any(0).nonzero().flatten()
            if len(rows) < 8 or len(columns) < 8 or rows[-1] > 70:
                continue
            below = image[rows[-1] + 2 : rows[-1] + 14]
            middle = below[:, columns[len(columns) // 3] : columns[2 * len(columns) // 3]]
            found.append(float(middle.mean() / below.mean().clamp(min=1e-3)) - 1)
    assert len(found) > 20
    assert np.mean(side * np.array(found) > 0.1) > 0.2
