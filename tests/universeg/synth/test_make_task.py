"""Whole tasks: their form, their statistics, and that the same arguments give the same bytes."""

import hashlib
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
import torch
from skimage.measure import label as connected_components

from universeg.synth import FAMILIES, SynthConfig, SynthTask, fresh_episode, make_task

SMALL = SynthConfig(canvas=64)

# Per family: mean intensity, name of the first label and its mean coverage, of 2 subjects of task 0 at 64 pixels; then
# mean intensity and mask area in percent of episode 0. If these change, all stores and training runs change.
EXPECTED = {
    "F0": (76.6, "shape 01", 53.6, 87.3, 2.5),
    "F0-driver": (58.8, "shape 01", 42.5, 39.1, 2.4),
    "regions": (90.4, "region 2", 8.4, 205.4, 3.6),
    "layers": (117.7, "layer 1", 77.3, 149.1, 6.6),
    "organs": (106.6, "body", 77.9, 69.0, 1.4),
    "nested": (123.3, "body", 8.0, 85.1, 0.4),
    "packing": (124.1, "cells", 50.6, 137.5, 8.1),
    "chain": (113.8, "one", 6.2, 153.1, 8.7),
    "projection": (93.1, "airways", 59.1, 129.7, 20.6),
    "vessels": (184.8, "tree", 62.7, 108.8, 2.9),
    "mesh": (148.9, "mesh", 40.6, 98.4, 46.5),
    "lesions": (33.3, "lesion", 23.5, 116.4, 12.2),
    "inner": (139.4, "all but whole", 238.3, 202.7, 0.8),
    "mosaic": (129.7, "frame 1", 31.4, 156.9, 5.9),
    "bands": (189.4, "all but middle", 213.8, 65.9, 26.8),
    "sonogram": (68.9, "lesion", 6.0, 109.1, 1.0),
    "glands": (140.2, "epithelium", 51.6, 125.4, 26.4),
}


def digest(task: SynthTask) -> str:
    parts = [task.images, *(task.labels[name] for name in sorted(task.labels))]
    named = [*sorted(task.labels), *sorted(task.dropped)]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts) + repr(named).encode()).hexdigest()


@pytest.fixture(scope="module")
def tasks() -> list[SynthTask]:
    return [make_task(seed=0, task=t, subjects=6, size=128) for t in range(12)]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_task_has_the_documented_form(name: str) -> None:
    task = make_task(0, 0, subjects=3, size=64, config=SynthConfig.of(name))
    assert task.images.shape == (3, 64, 64)
    assert task.images.dtype == np.uint8
    assert task.labels
    assert all(mask.shape == (3, 64, 64) and mask.dtype == np.uint8 for mask in task.labels.values())


def test_paper_has_16_shapes_and_names_those_that_are_too_small(tasks: list[SynthTask]) -> None:
    names = {f"shape {k:02d}" for k in range(1, 17)}
    for task in tasks:
        assert {*task.labels, *task.dropped} == names
        assert not {*task.labels} & {*task.dropped}
        assert all(reason.startswith("too small for a task") for reason in task.dropped.values())
    assert sum(len(task.dropped) for task in tasks) > 12, "small shapes should be common"


def test_the_driver_has_5_to_19_shapes() -> None:
    config = SynthConfig.of("F0-driver", canvas=16)
    made = [make_task(0, t, 1, 16, config) for t in range(120)]
    counts = {len(task.labels) + len(task.dropped) for task in made}
    assert {5, 19} <= counts <= set(range(5, 20))


def test_every_kept_mask_is_large_enough_in_every_subject(tasks: list[SynthTask]) -> None:
    quantum = 0.5 / 255  # of a pixel's coverage
    for task in tasks:
        for name, masks in task.labels.items():
            shares = masks.mean((1, 2)) / 255
            assert shares.min() >= 0.001 * (1 - quantum * 4), name


def test_labels_of_one_subject_do_not_overlap(tasks: list[SynthTask]) -> None:
    for task in tasks:
        total = sum(mask.astype(np.int64) for mask in task.labels.values())
        assert total.max() <= 255 + 2, "more than a whole pixel, beyond rounding"


def test_statistics_are_those_of_the_released_driver(tasks: list[SynthTask]) -> None:
    """Measured on the driver's tasks: medians of 6.6 % area, 6 to 9 components, and 0.48 Dice between subjects.

    Here areas are smaller, because there are 16 shapes instead of 12 on average. There are fewer components, because
    masks at half coverage have no tiny ones.
    """
    area, components, agreement = [], [], []
    for task in tasks:
        for masks in task.labels.values():
            inside = masks >= 128
            area += list(masks.mean((1, 2)) / 255)
            components += [connected_components(mask, connectivity=1).max() for mask in inside]
            agreement += [2 * (a & b).sum() / max(1, a.sum() + b.sum()) for a, b in combinations(inside, 2)]
    assert 0.04 < np.median(area) < 0.08
    assert 0.08 < np.quantile(area, 0.75) < 0.16
    assert 5 <= np.median(components) <= 11
    assert 0.36 < np.median(agreement) < 0.58
    assert np.quantile(agreement, 0.1) < 0.2, "the position must not be enough for every label"
    assert np.quantile(agreement, 0.9) > 0.65
    assert 9 < np.mean([len(task.labels) for task in tasks]) < 15


def test_intensities_use_the_range(tasks: list[SynthTask]) -> None:
    images = np.concatenate([task.images for task in tasks])
    assert images.min((1, 2)).max() < 40
    assert np.median(images.max((1, 2))) > 200  # resizing after the rescaling averages the peaks of noise
    assert 0.2 < images.mean() / 255 < 0.4
    assert np.median(images.std((1, 2))) > 25


@pytest.mark.parametrize("size", [64, 128, 256])
def test_size_changes_resolution_only(size: int) -> None:
    full, task = (make_task(3, 1, 2, side) for side in (256, size))
    ratio = 256 // size
    assert list(task.labels) == list(full.labels)
    for name, masks in task.labels.items():
        mean = full.labels[name].reshape(2, size, ratio, size, ratio).mean((2, 4))
        assert np.abs(masks - mean).max() <= 0.5
    mean = full.images.reshape(2, size, ratio, size, ratio).mean((2, 4))
    assert np.corrcoef(task.images.ravel(), mean.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("name", FAMILIES)
def test_random_draws_have_not_changed(name: str) -> None:
    task = make_task(0, 0, 2, 64, SynthConfig.of(name))
    images, masks, _ = fresh_episode(0, 0, 2, 64, name)
    first = min(task.labels)
    found = (task.images.mean(), first, task.labels[first].mean(), images.mean(), 100 * masks.mean())
    assert found == tuple(pytest.approx(value, abs=0.3) if value != first else first for value in EXPECTED[name])


def test_same_bytes_after_other_tasks_and_with_other_threads() -> None:
    before = torch.get_num_threads()
    found = set()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.add(digest(make_task(1, 7, 3, 128)))
            make_task(1, threads, 2, 64)
            torch.randn(5)
            assert torch.get_num_threads() == threads, "the caller's setting must be restored"
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


@pytest.mark.slow
def test_same_bytes_in_a_new_process() -> None:
    code = (
        "import sys, hashlib; from universeg.synth import make_task; t = make_task(1, 7, 2, 64);"
        "sys.stdout.write(' '.join(hashlib.sha256(x.tobytes()).hexdigest() for x in [t.images, *t.labels.values()]))"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    task = make_task(1, 7, 2, 64)
    here = [hashlib.sha256(x.tobytes()).hexdigest() for x in (task.images, *task.labels.values())]
    assert there.stdout.split() == here


def test_fewer_subjects_are_the_first_of_more() -> None:
    few, many = make_task(2, 0, 2, 64), make_task(2, 0, 9, 64)
    assert np.array_equal(few.images, many.images[:2])
    assert {*many.labels} <= {*few.labels}
    for name, masks in many.labels.items():
        assert np.array_equal(few.labels[name], masks[:2])


def test_seed_task_and_subject_each_matter() -> None:
    task = make_task(0, 0, 2, 64, SMALL)
    others = [task.images[1], make_task(1, 0, 1, 64, SMALL).images[0], make_task(0, 1, 1, 64, SMALL).images[0]]
    for other in others:
        assert np.abs(np.corrcoef(task.images[0].ravel(), other.ravel())[0, 1]) < 0.95
        assert not np.array_equal(task.images[0], other)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_gpu_makes_the_same_anatomy() -> None:
    host, device = make_task(0, 0, 3, 128), make_task(0, 0, 3, 128, device="cuda")
    assert digest(device) == digest(make_task(0, 0, 3, 128, device="cuda"))
    for name in {*host.labels} & {*device.labels}:
        assert np.mean(np.abs(host.labels[name].astype(int) - device.labels[name]) > 64) < 0.01


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_labels": "many"}, "unknown n_labels 'many'; known: paper, code"),
        ({"canvas": 255}, "canvas must be even and at least 16, got 255"),
        ({"blur_sd": (2, 1)}, r"blur_sd must be two numbers, 0 <= low <= high, got \(2, 1\)"),
        ({"warp_spacings": ()}, r"warp_spacings must be one or more spacings of at least 1 pixel, got \(\)"),
        ({"bias_spacing": (0, 4)}, r"bias_spacing must be at least 1 pixel, got \(0, 4\)"),
        ({"black_background": 1.5}, "black_background must be between 0 and 1, got 1.5"),
    ],
)
def test_config_rejects_values_that_cannot_be_used(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SynthConfig(**change)  # type: ignore[arg-type]


def test_size_must_divide_the_canvas() -> None:
    with pytest.raises(ValueError, match=r"size 100 must divide the canvas of 256 pixels.*canvas to a multiple"):
        make_task(0, 0, 1, 100)
    with pytest.raises(ValueError, match="size 512 must divide"):
        make_task(0, 0, 1, 512)
    assert make_task(0, 0, 1, 96, SynthConfig(canvas=192)).images.shape == (1, 96, 96)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="unknown family of synthetic tasks 'F9'; known: F0,"):
        make_task(0, 0, 1, 64, SynthConfig(family="F9"))
    with pytest.raises(ValueError, match="got task 0 and 0 subjects"):
        make_task(0, 0, 0, 64)


def test_a_task_rejects_masks_of_another_shape() -> None:
    images = np.zeros((2, 8, 8), np.uint8)
    with pytest.raises(ValueError, match=r"shape 01: expected uint8 \(2, 8, 8\), got uint8 \(2, 4, 4\)"):
        SynthTask(images, {"shape 01": images[:, :4, :4]}, {})
