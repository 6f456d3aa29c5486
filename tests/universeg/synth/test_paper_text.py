"""F0 is what the paper's text says (section D), in stores and during training; F0-driver is the released driver."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import Config
from pipeline.manifest.schema import load_manifest
from universeg.synth import SynthConfig, fresh_episode, make_task
from universeg.synth.config import SUBJECTS, TASKS
from universeg.synth.paper.appearance import Palette, draw_look, draw_palette, rendered
from universeg.synth.task import RandomStreams

CPU = torch.device("cpu")
# What both families share: geometry, deformations, drift of means, and the least area of a label.
COMMON = {
    "canvas": 256,
    "shape_spacings": (32, 64, 128),
    "warp_spacings": (16, 32, 64, 128),
    "warp_sd": (4, 15),
    "velocity_spacings": (8, 16, 32, 64),
    "velocity_sd": (2, 40),
    "mean_drift_sd": (0.01, 0.1),
    "perlin_spacings": (8, 16, 32, 64),
    "bias_spacing": (32, 50),
    "min_area": 0.001,
}
OWN = {
    "F0": {
        "n_labels": "paper",
        "min_noise_sd": (0.01, 0.05),
        "max_noise_sd": (0.05, 0.3),
        "perlin_sd": (0.02, 0.2),
        "black_background": 0,
        "blur_sd": (0, 0),
        "bias_sd": (0, 0),
        "gamma_sd": 0,
    },
    "F0-driver": {
        "n_labels": "code",
        "min_noise_sd": (0.01, 0.1),
        "max_noise_sd": (0.2, 1.0),
        "perlin_sd": (0, 0),
        "black_background": 0.2,
        "blur_sd": (0.5, 5),
        "bias_sd": (0.1, 1.0),
        "gamma_sd": 0.25,
    },
}


@pytest.mark.parametrize("family", OWN)
def test_the_settings_of_a_family_do_not_change(family: str) -> None:
    assert asdict(SynthConfig.of(family)) == {"family": family, **COMMON, **OWN[family]}


def test_the_workflow_makes_the_papers_tasks() -> None:
    assert load_manifest(Path("dataset_manifests/Synthetic.yaml")).generator == "F0"
    settings = Config().synthetic
    assert (settings.tasks, settings.subjects, settings.family) == (TASKS, SUBJECTS, None) == (1000, 100, None)


@pytest.mark.parametrize(("size", "entries"), [(64, 5), (128, 3)])
def test_an_episode_has_subjects_and_a_label_of_a_stored_task(monkeypatch, size: int, entries: int) -> None:
    """With a shortened list of tasks, so that the stored task can be found."""
    monkeypatch.setattr("universeg.synth.episode.TASKS", 2)
    monkeypatch.setattr("universeg.synth.episode.SUBJECTS", 8)
    stored = [make_task(5, number, 8, size) for number in range(2)]
    seen, matched = set(), 0
    for number in range(6):
        images, masks, _ = fresh_episode(5, number, entries, size, "F0")
        task, *places = _find(images, stored)
        assert len(set(places)) == entries, "each image is another subject"
        labels = [name for name, cover in stored[task].labels.items() if np.array_equal(masks, cover[places] > 127)]
        matched += len(labels) == 1
        seen.add(task)
    assert seen == {0, 1}
    assert matched >= 3, "the others are too small in a subject that the episode does not have, so they are not stored"


def _find(images, stored) -> list[int]:
    """The number of the stored task, then that of the subject of each image."""
    for number, task in enumerate(stored):
        places = [k for image in images for k, other in enumerate(task.images) if np.array_equal(image, other)]
        if len(places) == len(images):
            return [number, *places]
    raise AssertionError("no stored task has these images")


def test_an_episode_of_f0_has_at_most_16_labels_from_a_thousand_tasks(monkeypatch) -> None:
    drawn = []
    made = make_task(0, 0, 2, 16)

    def f0(streams, config, subjects, size):
        drawn.append((streams.prefix, config.n_labels, tuple(subjects)))
        return made

    monkeypatch.setattr("universeg.synth.episode.f0", f0)
    for number in range(40):
        fresh_episode(0, number, 2, 16, "F0")
    assert {shapes for _, shapes, _ in drawn} == {"paper"}
    numbers = [prefix[-1] for prefix, *_ in drawn]
    assert {prefix[:-1] for prefix, *_ in drawn} == {("synthetic", "F0", 0)}
    assert max(numbers) > 900 > 100 > min(numbers) >= 0
    assert max(max(subjects) for *_, subjects in drawn) > 90
    drawn.clear()
    fresh_episode(0, 0, 2, 16, "F0-driver")
    assert {(prefix[1], shapes) for prefix, shapes, _ in drawn} == {("F0-driver", "code")}


def test_perlin_noise_is_smooth_and_as_strong_as_configured() -> None:
    maps = torch.zeros(200, 64, 64, dtype=torch.uint8)
    flat = Palette(np.zeros(1), np.zeros(1), (0, 0), black=0, perlin_points=(4, 8), perlin_sd=0.3)
    images = rendered(draw_look(RandomStreams(("perlin",), CPU), flat, 64, range(200)), maps)
    # A corner is a grid point of both grids: normal numbers, sd uniform in [0, 0.3], so a variance of 0.03 each.
    assert images[:, 0, 0].square().mean().sqrt().item() == pytest.approx(0.06**0.5, rel=0.2)
    steps = (images[:, 1:] - images[:, :-1]).abs().mean()
    assert steps < 0.15 * images.std(), "neighbours are nearly equal, unlike Gaussian noise"
    one, two = images[:2].flatten(1)
    assert abs(torch.corrcoef(torch.stack([one, two]))[0, 1].item()) < 0.9


def test_a_task_of_the_text_has_perlin_noise_and_one_of_the_driver_has_none() -> None:
    for family, has_it in (("F0", True), ("F0-driver", False)):
        palette = draw_palette(RandomStreams(("p",), CPU), SynthConfig.of(family), 16)
        assert bool(palette.perlin_points) == has_it


def test_intensities_of_a_subject_differ_slightly_from_the_means_of_the_task() -> None:
    palette = draw_palette(RandomStreams(("drift",), CPU), SynthConfig(), 16)
    assert 0 < np.abs(palette.drifted - palette.means).max() < 0.4
