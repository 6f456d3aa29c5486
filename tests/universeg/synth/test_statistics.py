from functools import cache

import numpy as np
import pytest
import torch

from universeg.synth import FAMILIES, MIXES, SynthConfig, SynthTask, make_task
from universeg.synth.scene.label_rules import edge, questions
from universeg.synth.scene.learnable import agreement, contrast, thin, visibility, why_not, width
from universeg.synth.scene.random_draws import Draws
from universeg.synth.statistics import BANDS, MEASURES, Measured, measured, outside, summary

# Medians of eight images each at 128 pixels: nuclei of white blood cells, hippocampus, retinal vessels.
REAL = {
    "cells": {"area": 0.127, "components": 1, "width": 0.144, "agreement": 0.54},
    "hippocampus": {"area": 0.069, "components": 1, "width": 0.098, "contrast": 0.34, "agreement": 0.67},
    "vessels": {"area": 0.066, "components": 37, "width": 0.0164, "contrast": 0.97, "agreement": 0.11},
}


@cache
def some(family: str, tasks: int = 16) -> tuple[SynthTask, ...]:
    return tuple(make_task(0, number, 5, 128, SynthConfig(family=family)) for number in range(tasks))


@cache
def labels_of(family: str) -> list[Measured]:
    return [one for task in some(family) for one in measured(task)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_lies_in_its_bands(family: str) -> None:
    assert outside(family, summary(list(some(family)))) == []


def test_bands_are_complete_and_can_fail() -> None:
    assert set(BANDS) == set(FAMILIES)
    assert all(set(bands) == set(MEASURES) for bands in BANDS.values())
    assert all(low <= high for bands in BANDS.values() for low, high in bands.values())
    # a family's tasks taken for another's
    for family, other in [("F0", "nested"), ("vessels", "nested"), ("packing", "regions"), ("lesions", "projection")]:
        assert outside(other, summary(list(some(family)))), f"{family} would pass for {other}"


def test_a_value_outside_is_said_in_words() -> None:
    found = {name: sum(band) / 2 for name, band in BANDS["F0"].items()} | {"area": 0.9}
    (line,) = outside("F0", found)
    assert line == "F0: area (share of the picture) is 0.9, expected 0.04 to 0.08"


@pytest.mark.parametrize("name", REAL)
def test_training_covers_what_real_tasks_are_like(name: str) -> None:
    """At least one family has real values between its 5 % and 95 % quantiles, all of them at once."""
    for family in MIXES["train"]:
        labels = labels_of(family)
        values = {measure: [getattr(one, measure) for one in labels] for measure in REAL[name]}
        if all(np.quantile(values[m], 0.05) <= REAL[name][m] <= np.quantile(values[m], 0.95) for m in values):
            return
    pytest.fail(f"no family is like {name}")


# The measures, on masks whose values are known


def disc(radius: float, *middles: tuple[float, float]) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    return torch.stack([torch.hypot(x - a, y - b) < radius for a, b in middles])


def test_measures_of_known_masks() -> None:
    masks = disc(10, (32, 32), (32, 32))
    assert width(masks) == pytest.approx(10, rel=0.2)
    assert agreement(masks) == 1
    assert agreement(disc(10, (12, 12), (50, 50))) == 0
    line = torch.zeros(2, 64, 64, dtype=torch.bool)
    line[:, :, 30:32] = True
    assert width(line) == 2
    assert not thin(line), "not at 64 pixels a side"
    noise = torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(0))
    assert contrast(noise + 3 * masks, masks) == pytest.approx(3, rel=0.1)
    assert contrast(noise - 3 * masks, masks) == pytest.approx(-3, rel=0.1)
    assert abs(contrast(noise, masks)) < 0.2


def test_shading_hides_no_lines() -> None:
    line = torch.zeros(2, 128, 128, dtype=torch.bool)
    line[:, :, 60:62] = True
    shade = torch.linspace(0, 1, 128).expand(2, 128, 128)
    assert thin(line)
    assert abs(contrast(shade.mT + 0.03 * line, line)) < 0.2
    assert visibility(shade.mT + 0.03 * line, line) > 1


def test_what_cannot_be_learnt_is_refused_with_the_reason() -> None:
    noise = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    apart = disc(6, (12, 12), (50, 14), (30, 50))
    assert why_not(noise, apart) == "neither seen nor in one place"
    assert why_not(noise + apart, apart) == ""
    assert why_not(noise * (1 - 0.7 * apart.float()) + 0.35 * apart, apart) == "", "only the texture differs"
    assert why_not(noise, disc(6, (30, 30), (31, 30), (30, 31))) == "", "it is always in one place"
    assert why_not(noise, disc(1.1, (30, 30), (31, 30), (30, 31))) == "nearly empty in a subject"
    assert why_not(noise, disc(50, (30, 30), (31, 30), (30, 31))) == "too large"


def test_the_edge_is_as_wide_as_asked() -> None:
    square = torch.zeros(1, 20, 20, dtype=torch.bool)
    square[:, 4:16, 4:16] = True
    assert int(edge(square, 1).sum()) == 12**2 - 10**2
    assert int(edge(square, 2).sum()) == 12**2 - 8**2
    assert not edge(torch.ones(1, 9, 9, dtype=torch.bool), 2).any(), "the picture's border is no edge"


def test_questions_are_parts_and_what_is_made_of_them() -> None:
    parts = {"one": disc(10, (20, 20), (30, 40)), "other": disc(6, (50, 50), (48, 20))}
    asked = dict[str, torch.Tensor]()
    for number in range(40):
        asked |= questions(Draws(("test", number), 2, 64, torch.device("cpu")), parts)
    assert {"one", "other", "side of one", "all but other", "edge of one"} <= set(asked)
    both = next(name for name in asked if " and " in name)
    assert torch.equal(asked[both], parts["one"] | parts["other"])
    assert torch.equal(asked["all but other"], ~parts["other"])
    side, whole = asked["side of one"].flatten(1).sum(1), parts["one"].flatten(1).sum(1)
    assert not (asked["side of one"] & ~parts["one"]).any()
    assert ((side > 0.2 * whole) & (side < 0.8 * whole)).all(), "the cut is near the middle, wherever the part lies"
