"""Labels of every family lie in their expected ranges (bands)."""

from functools import cache

import numpy as np
import pytest

from universeg.synth import FAMILIES, MIXES, SynthConfig, SynthTask, make_task
from universeg.synth.statistics import BANDS, MEASURES, LabelMeasures, measure, outside, summary

# Medians of eight images each at 128 pixels: nuclei of white blood cells, hippocampus, retinal vessels.
REAL = {
    "cells": {"area": 0.127, "components": 1, "width": 0.144, "agreement": 0.54},
    "hippocampus": {"area": 0.069, "components": 1, "width": 0.098, "contrast": 0.34, "agreement": 0.67},
    "vessels": {"area": 0.066, "components": 37, "width": 0.0164, "contrast": 0.97, "agreement": 0.11},
}


@cache
def tasks_of(family: str, tasks: int = 16) -> tuple[SynthTask, ...]:
    subjects = 5 if family == "F0-driver" else 3  # one with few subjects refuses fewer labels than its band says
    return tuple(make_task(0, number, subjects, 128, SynthConfig.of(family)) for number in range(tasks))


@cache
def labels_of(family: str) -> list[LabelMeasures]:
    return [one for task in tasks_of(family) for one in measure(task)]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_lies_in_its_bands(family: str) -> None:
    assert outside(family, summary(list(tasks_of(family)))) == []


def test_bands_are_complete_and_can_fail() -> None:
    assert set(BANDS) == set(FAMILIES)
    assert all(set(bands) == set(MEASURES) for bands in BANDS.values())
    assert all(low <= high for bands in BANDS.values() for low, high in bands.values())
    # the tasks of one family must not fit the bands of another
    for family, other in [("F0", "nested"), ("vessels", "nested"), ("packing", "regions"), ("lesions", "projection")]:
        assert outside(other, summary(list(tasks_of(family)))), f"{family} fits the bands of {other}"


def test_a_value_outside_its_band_is_named() -> None:
    found = {name: sum(band) / 2 for name, band in BANDS["F0"].items()} | {"area": 0.9}
    (line,) = outside("F0", found)
    assert line == "F0: area (fraction of the image) is 0.9, expected 0.04 to 0.08"


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_training_families_cover_real_tasks(name: str) -> None:
    """At least one family has all real values between its 5 % and 95 % quantiles."""
    for family in MIXES["train"]:
        labels = labels_of(family)
        values = {key: [getattr(one, key) for one in labels] for key in REAL[name]}
        if all(np.quantile(values[m], 0.05) <= REAL[name][m] <= np.quantile(values[m], 0.95) for m in values):
            return
    pytest.fail(f"no family covers {name}")
