"""The augmentations of Table 4."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import tyro
from kornia.geometry.transform import elastic_transform2d
from torch.testing import assert_close

from universeg.base.rng import rng_for
from universeg.training.augment import ROWS, Augmentation, AugmentConfig
from universeg.training.augment.geometry import Affine, Elastic, Flip, pixel_positions, sample
from universeg.training.augment.intensity import Blur, BrightnessContrast, FlipIntensities, Noise, Sharpness
from universeg.training.augment.labels import FlipLabels, SobelEdge
from universeg.training.augment.transform import EpisodeShape, IntensityTransform, LabelTransform, SpatialTransform

SIZE = 40, 32
BY_NAME = {row.name: row for row in ROWS}
EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def episodes(batch=2, support=3, size=SIZE, seed=0):
    """Smooth images, each with a different ellipse away from the centre."""
    rng = rng_for("test-augment", seed)
    y, x = np.mgrid[: size[0], : size[1]] / np.array(size)[:, None, None]
    images, masks = np.empty((2, batch, support + 1, 1, *size), np.float32)
    for image, mask in zip(images.reshape(-1, *size), masks.reshape(-1, *size), strict=True):
        row, column = rng.uniform(0.4, 0.6, 2)
        mask[:] = ((y - row) / 0.25) ** 2 + ((x - column) / 0.15) ** 2 < 1
        image[:] = 0.5 + 0.3 * np.sin(rng.uniform(5, 9) * x + 3 * y) * np.cos(5 * y) + 0.15 * mask
    return torch.from_numpy(images), torch.from_numpy(masks)


def always(*names):
    """An augmentation whose rows are applied to every episode."""
    return Augmentation([replace(BY_NAME[name], p=1.0) for name in names])


def rngs(batch=2, seed=0):
    return [rng_for("test-augment", seed, item) for item in range(batch)]


# Properties of every row


@EVERY_ROW
def test_shapes_and_ranges_are_kept_and_inputs_are_not_modified(row):
    images, masks = episodes()
    before = images.clone(), masks.clone()
    new_images, new_masks = always(row.name)(images, masks, rngs())
    assert new_images.shape == images.shape
    assert new_masks.shape == masks.shape
    assert new_images.dtype == new_masks.dtype == torch.float32
    assert 0 <= new_images.min() <= new_images.max() <= 1
    assert set(new_masks.unique().tolist()) == {0, 1}
    assert torch.equal(images, before[0])
    assert torch.equal(masks, before[1])


@EVERY_ROW
def test_a_row_changes_only_what_its_class_may_change(row):
    images, masks = episodes()
    new_images, new_masks = always(row.name)(images, masks, rngs())
    assert torch.equal(images, new_images) == isinstance(row.transform, LabelTransform)
    assert torch.equal(masks, new_masks) == isinstance(row.transform, IntensityTransform)


@EVERY_ROW
def test_the_result_depends_on_the_generators_only(row):
    images, masks = episodes()
    first, again, other = (always(row.name)(images, masks, rngs(seed=seed)) for seed in (0, 0, 1))
    assert all(map(torch.equal, first, again))
    if row.transform not in (FlipIntensities(), FlipLabels(), SobelEdge(), Flip()):  # these draw little or nothing
        assert not all(map(torch.equal, first, other))


@EVERY_ROW
def test_a_task_row_draws_once_and_an_in_task_row_once_per_entry(row):
    extent = EpisodeShape(4 if row.scope == "in-task" else 1, 4, SIZE)
    for name, values in row.transform.draw(rng_for(0), extent).items():
        draws = 4 if row.scope == "in-task" or name == "pixel_noise" else 1
        assert len(values) == draws
        assert len(np.unique(values, axis=0)) == draws


@EVERY_ROW
def test_equal_entries_stay_equal_only_with_task_rows(row):
    one = [values[:, :1].expand(-1, 4, -1, -1, -1) for values in episodes()]
    for old, new in zip(one, always(row.name)(*one, rngs()), strict=True):
        equal = [torch.equal(new[0, 0], new[0, n]) for n in range(1, 4)]
        if torch.equal(old, new) or (row.scope == "task" and row.what != "noise"):
            assert all(equal)
        else:
            assert not any(equal)


@EVERY_ROW
def test_the_result_of_an_episode_does_not_depend_on_its_batch(row):
    images, masks = episodes(batch=3)
    together = Augmentation([replace(row, p=0.6)])(images, masks, rngs(3))
    for item in range(3):
        part = slice(item, item + 1)
        alone = Augmentation([replace(row, p=0.6)])(images[part], masks[part], rngs(3)[part])
        assert_close(alone[0], together[0][part], atol=1e-6, rtol=0)
        assert torch.equal(alone[1], together[1][part])


@EVERY_ROW
def test_episodes_to_which_a_row_is_not_applied_keep_every_bit(row):
    images, masks = episodes(batch=6)
    augmentation = Augmentation([replace(row, p=0.5)])
    applied = {e for one in augmentation.draw(rngs(6), 4, SIZE) for e in one.episodes}
    assert 0 < len(applied) < 6
    new = augmentation(images, masks, rngs(6))
    for item in range(6):
        same = torch.equal(images[item], new[0][item]) and torch.equal(masks[item], new[1][item])
        assert same == (item not in applied)


@pytest.mark.parametrize("name", [row.name for row in ROWS if isinstance(row.transform, SpatialTransform)])
def test_image_and_mask_move_together(name):
    _, masks = episodes()
    shown, moved = always(name)(masks, masks, rngs())
    for value in (0, 1):  # if all pixels around a position have it, the nearest one has it
        assert moved[(shown - value).abs() < 1e-6].eq(value).all()
    assert ((shown >= 0.5) != (moved > 0)).float().mean() < 0.02
    assert not torch.equal(masks, moved)


@EVERY_ROW
def test_autocast_does_not_change_the_result(row):
    images, masks = episodes()
    plain = always(row.name)(images, masks, rngs())
    with torch.autocast("cpu", torch.bfloat16):
        assert all(map(torch.equal, always(row.name)(images, masks, rngs()), plain))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@EVERY_ROW
def test_a_gpu_gives_the_same_result(row):
    images, masks = episodes(size=(128, 128))
    here = always(row.name)(images, masks, rngs())
    there = always(row.name)(images.cuda(), masks.cuda(), rngs())
    assert there[0].is_cuda
    assert_close(there[0].cpu(), here[0], atol=5e-3, rtol=0)
    assert (there[1].cpu() != here[1]).float().mean() < 1e-3  # pixels on an edge can differ


# Table 4


def test_the_rows_are_those_of_table_4():
    affine, blur, noise = Affine((0, 360), 0.2, (0.8, 1.1)), Blur(5, (0.1, 1.1)), Noise((0, 0.05), (0, 0.05))
    assert {row.name: (row.p, row.transform) for row in ROWS} == {
        "task/flip-intensities": (0.5, FlipIntensities()),
        "task/flip-labels": (0.5, FlipLabels()),
        "task/flip": (0.5, Flip()),
        "task/sobel-edge": (0.5, SobelEdge()),
        "task/affine": (0.5, affine),
        "task/brightness-contrast": (0.5, BrightnessContrast((-0.1, 0.1), (0.8, 1.2))),
        "task/elastic": (0.25, Elastic((1, 2), (6, 8))),
        "task/blur": (0.5, blur),
        "task/noise": (0.5, noise),
        "task/sharpness": (0.5, Sharpness(5)),
        "in-task/affine": (0.5, affine),
        "in-task/brightness-contrast": (0.25, BrightnessContrast((-0.1, 0.1), (0.5, 1.5))),
        "in-task/blur": (0.25, blur),
        "in-task/noise": (0.25, noise),
        "in-task/sharpness": (0.25, Sharpness(5)),
        "in-task/elastic": (0.8, Elastic((1, 2.5), (7, 8))),
    }
    assert len(ROWS) == 16


def test_each_row_is_applied_with_its_probability_independently_of_the_others():
    cheap = [replace(row, transform=FlipLabels()) for row in ROWS]
    count = 4000
    drawn = Augmentation(cheap).draw([rng_for("often", n) for n in range(count)], 2, SIZE)
    for one in drawn:
        assert abs(len(one.episodes) / count - one.row.p) < 4 * (one.row.p * (1 - one.row.p) / count) ** 0.5, one.row
    pairs = np.zeros((len(ROWS), count), bool)
    for applied, one in zip(pairs, drawn, strict=True):
        applied[list(one.episodes)] = True
    correlation = np.corrcoef(pairs) - np.eye(len(ROWS))
    assert abs(correlation).max() < 5 / count**0.5, "rows are not independent"


@pytest.mark.parametrize(
    ("transform", "name", "low", "high"),
    [
        (BrightnessContrast((-0.1, 0.1), (0.5, 1.5)), "brightness", -0.1, 0.1),
        (BrightnessContrast((-0.1, 0.1), (0.5, 1.5)), "contrast", 0.5, 1.5),
        (Blur(5, (0.1, 1.1)), "sigma", 0.1, 1.1),
        (Sharpness(5), "factor", 0, 5),
        (Noise((0, 0.05), (0, 0.04)), "mean", 0, 0.05),
        (Noise((0, 0.05), (0, 0.04)), "sd", 0, 0.2),
        (Affine((0, 360), 0.2, (0.8, 1.1)), "shift", [-0.2 * 4, -0.2 * 2], [0.2 * 4, 0.2 * 2]),  # of width, of height
        (Flip(), "mirrored", -1, 1),
    ],
)
def test_draws_fill_their_range(transform, name, low, high):
    values = transform.draw(rng_for(0), EpisodeShape(4000, 1, (2, 4)))[name]
    low, high = np.array(low), np.array(high)
    assert np.all(low - 1e-6 <= values.min(0))
    assert np.all(values.max(0) <= high + 1e-6)
    assert np.all(np.ptp(values, axis=0) > 0.98 * (high - low))


def test_affine_draws_fill_their_range():
    undo = Affine((0, 360), 0.2, (0.8, 1.1)).draw(rng_for(0), EpisodeShape(4000, 4000, SIZE))["undo"]
    zoom = np.linalg.det(undo) ** -0.5
    turn = np.arctan2(undo[:, 0, 1], undo[:, 0, 0])
    assert (zoom.min(), zoom.max()) == pytest.approx((0.8, 1.1), abs=1e-3)
    assert np.histogram(turn, 8, (-np.pi, np.pi))[0] == pytest.approx(500, rel=0.2)


def test_elastic_draws_fill_their_range():
    drawn = Elastic((1, 2.5), (7, 8)).draw(rng_for(0), EpisodeShape(100, 100, SIZE))
    assert (drawn["alpha"].min(), drawn["alpha"].max()) == pytest.approx((1, 2.5), abs=0.05)
    assert (drawn["sigma"].min(), drawn["sigma"].max()) == pytest.approx((7, 8), abs=0.05)
    assert (drawn["noise"].min(), drawn["noise"].max()) == pytest.approx((-1, 1), abs=1e-3)


# Each transform, on known values


def warp(transform, images, masks, **params):
    points = pixel_positions(images.shape[-2:], images)[None, None]
    return sample(images, masks, transform.source_points(points, params))


def test_flip_mirrors_one_axis():
    images, masks = episodes(1)
    for axis, mirrored in ((-1, [-1.0, 1.0]), (-2, [1.0, -1.0])):
        new = warp(Flip(), images, masks, mirrored=torch.tensor([[mirrored]]))
        assert_close(new[0], images.flip(axis), atol=1e-5, rtol=0)
        assert torch.equal(new[1], masks.flip(axis))


def test_flip_draws_both_axes():
    flips = {tuple(Flip().draw(rng_for(n), EpisodeShape(1, 1, SIZE))["mirrored"][0]) for n in range(20)}
    assert flips == {(-1, 1), (1, -1)}


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 1), (180, 2), (270, 3)])
def test_affine_rotates(degrees, turns):
    images, masks = episodes(1, size=(32, 32))
    drawn = Affine((degrees, degrees), 0, (1, 1)).draw(rng_for(0), EpisodeShape(1, 4, (32, 32)))
    params = {name: torch.from_numpy(values)[None] for name, values in drawn.items()}
    new = warp(Affine((0, 0), 0, (1, 1)), images, masks, **params)
    assert_close(new[0], torch.rot90(images, -turns, (-2, -1)), atol=1e-4, rtol=0)


def test_affine_shifts_to_the_right_and_down_and_fills_with_0():
    images, masks = episodes(1)
    images = images.clamp(min=0.1)
    still = torch.eye(2)[None, None]
    new = warp(Affine((0, 0), 0, (1, 1)), images, masks, undo=still, shift=torch.tensor([[[3.0, 5.0]]]))
    assert_close(new[0][..., 5:, 3:], images[..., :-5, :-3], atol=1e-5, rtol=0)
    assert torch.equal(new[1][..., 5:, 3:], masks[..., :-5, :-3])
    assert new[0][..., :5, :].max() < 1e-5
    assert new[0][..., :, :3].max() < 1e-5


def test_affine_keeps_the_area_of_a_line_one_pixel_wide():
    line = torch.eye(64).view(1, 1, 1, 64, 64).clone()
    line[..., :10, :10] = line[..., -10:, -10:] = 0
    affine = Affine((0, 360), 0.05, (1, 1))
    drawn = affine.draw(rng_for(0), EpisodeShape(40, 40, (64, 64)))
    params = {name: torch.from_numpy(values)[None] for name, values in drawn.items()}
    new = warp(affine, *(line.expand(-1, 40, -1, -1, -1),) * 2, **params)[1]
    assert new.sum() / 40 == pytest.approx(44, rel=0.05)


def test_affine_enlarges():
    _, masks = episodes(1)
    drawn = Affine((0, 0), 0, (1.1, 1.1)).draw(rng_for(0), EpisodeShape(1, 4, SIZE))
    params = {name: torch.from_numpy(values)[None] for name, values in drawn.items()}
    new = warp(Affine((0, 0), 0, (1, 1)), masks, masks, **params)[1]
    assert new.sum() / masks.sum() == pytest.approx(1.21, abs=0.05)


def test_elastic_equals_kornia():
    images, masks = episodes(1, support=1, size=(128, 128))
    elastic = Elastic((2, 2), (7, 7))
    drawn = elastic.draw(rng_for(0), EpisodeShape(2, 2, (128, 128)))
    params = {name: torch.from_numpy(values)[None] for name, values in drawn.items()}
    new, _ = warp(elastic, images, masks, **params)
    theirs = elastic_transform2d(images[0], params["noise"][0], (63, 63), (7.0, 7.0), (2.0, 2.0))
    assert_close(new[0], theirs, atol=2e-3, rtol=0)


@pytest.mark.parametrize("side", [64, 128, 256])
def test_elastic_moves_by_three_pixels_of_128(side):
    elastic = Elastic((2, 2), (7, 7))
    drawn = elastic.draw(rng_for(0), EpisodeShape(4, 4, (side, side)))
    at = pixel_positions((side, side), torch.empty(0)).expand(1, 4, -1, -1, -1)
    moved = elastic.source_points(at, {name: torch.from_numpy(values)[None] for name, values in drawn.items()}) - at
    assert moved.square().mean().sqrt() * 128 / side == pytest.approx(2.8, abs=0.3)


def test_spatial_transforms_are_applied_in_order_in_one_resampling():
    images, masks = episodes(1, size=(64, 64))
    both = always("in-task/affine", "task/flip", "task/affine")
    drawn = both.draw(rngs(1), 4, (64, 64))
    steps = images, masks
    for one in drawn:
        steps = both.apply(*steps, [one])
    fused = both.apply(images, masks, drawn)
    assert (fused[1] != steps[1]).float().mean() < 0.01
    seen = steps[0] > 0.1  # a pixel that leaves the image in between is lost in separate steps
    assert (fused[0] - steps[0])[seen].abs().mean() < 0.01
    assert (fused[0] > 0.1).sum() > seen.sum()
    assert (both.apply(images, masks, drawn[::-1])[1] != steps[1]).float().mean() > 0.01, "the order matters"


def test_flip_intensities_and_labels():
    images, masks = episodes()
    assert torch.equal(always("task/flip-intensities")(images, masks, rngs())[0], 1 - images)
    assert torch.equal(always("task/flip-labels")(images, masks, rngs())[1], 1 - masks)


def test_sobel_edge_is_two_pixels_wide_and_the_image_border_is_no_edge():
    mask = torch.zeros(1, 2, 1, 12, 12)
    mask[..., 3:9, :8] = 1
    expected = torch.zeros(12, 12)
    expected[2:10, :9] = 1
    expected[4:8, :7] = 0
    new = SobelEdge().masks(mask, {})
    assert torch.equal(new[0, 0, 0], expected)
    assert torch.equal(new[0, 1, 0], expected)
    assert torch.equal(SobelEdge().masks(1 - mask, {}), new)


def test_labels_are_flipped_before_edges_are_taken():
    images, masks = episodes()
    label_rows = [row.name for row in ROWS if isinstance(row.transform, LabelTransform)]
    edges = always("task/sobel-edge")(images, masks, rngs())[1]
    assert torch.equal(always(*label_rows)(images, masks, rngs())[1], edges)


def test_brightness_and_contrast():
    images = torch.tensor([0.2, 0.4]).view(1, 1, 1, 1, 2)
    params = {"brightness": torch.tensor([[0.1]]), "contrast": torch.tensor([[0.5]])}
    new = BrightnessContrast((0, 0), (1, 1)).images(images, params)
    assert_close(new.flatten(), torch.tensor([0.35, 0.45]))


def test_blur_spreads_a_point_by_sigma():
    images = torch.zeros(1, 2, 1, 9, 9)
    images[..., 4, 4] = 1
    new = Blur(5, (0, 0)).images(images, {"sigma": torch.tensor([[0.1, 1.0]])})
    assert_close(new[0, 0], images[0, 0])
    weights = torch.exp(-0.5 * torch.arange(-2, 3) ** 2)
    weights = weights / weights.sum()
    assert_close(new[0, 1, 0, 2:7, 2:7], weights[:, None] * weights)
    assert new.sum() == pytest.approx(2)


def test_sharpness_0_smooths_1_changes_nothing_and_5_sharpens():
    images, _ = episodes(1, support=2)
    new = Sharpness(5).images(images, {"factor": torch.tensor([[0.0, 1.0, 5.0]])})
    assert_close(new[:, 1], images[:, 1])
    steps = (new.diff(dim=-1).square().sum((-1, -2)) / images.diff(dim=-1).square().sum((-1, -2))).flatten()
    assert steps[0] < 1 < steps[2]


def test_noise_has_its_mean_and_standard_deviation_and_differs_in_each_entry():
    images = torch.full((1, 3, 1, 64, 64), 0.5)
    noise = Noise((0.05, 0.05), (0.01, 0.01))
    drawn = noise.draw(rng_for(0), EpisodeShape(1, 3, (64, 64)))
    added = noise.images(images, {name: torch.from_numpy(values)[None] for name, values in drawn.items()}) - images
    assert added.mean() == pytest.approx(0.05, abs=0.005)
    assert added.std() == pytest.approx(0.1, rel=0.05)
    assert abs(torch.corrcoef(added[0].flatten(1))[0, 1]) < 0.05


# After augmentation there is still something to learn


def test_a_structure_is_never_moved_out_of_the_query_or_the_whole_support_set():
    images, masks = episodes(1, support=2)
    masks = torch.zeros_like(masks)
    masks[..., :2, :2] = 1
    augmentation = always("in-task/affine", "task/affine")
    kept = moved = 0
    for seed in range(30):
        new_images, new_masks = augmentation(images, masks, rngs(1, seed))
        assert new_masks[:, 0].any()
        assert new_masks[:, 1:].any()
        same = torch.equal(images, new_images), torch.equal(masks, new_masks)
        assert same in [(True, True), (False, False)], "image and mask must be kept together"
        kept += same[0]
        moved += not same[0]
    assert kept > 3
    assert moved > 3


@pytest.mark.parametrize(("name", "fill"), [("task/flip-labels", 1.0), ("task/sobel-edge", 1.0)])
def test_a_label_that_would_become_empty_is_kept(name, fill):
    images, masks = episodes(2)
    masks[0, 0] = fill  # all foreground: the query of the first episode, the support set of the second
    masks[1, 1:] = fill
    assert torch.equal(always(name)(images, masks, rngs())[1], masks)


def test_one_support_mask_can_become_empty():
    images, masks = episodes(1)
    masks[0, 2] = 1
    assert torch.equal(always("task/flip-labels")(images, masks, rngs(1))[1], 1 - masks)


def test_an_episode_with_an_empty_query_mask_is_augmented_too():
    images, masks = episodes(1)
    masks[:, 0] = 0
    new = always("task/affine")(images, masks, rngs(1))
    assert not new[1][:, 0].any()
    assert not torch.equal(new[0], images)


# Presets and errors


def test_presets_select_rows_by_scope():
    scopes = {name: {row.scope for row in AugmentConfig(name).rows} for name in ("none", "in-task", "task", "paper")}
    assert scopes == {"none": set(), "in-task": {"in-task"}, "task": {"task"}, "paper": {"in-task", "task"}}
    assert AugmentConfig().rows == ROWS
    images, masks = episodes()
    unchanged = Augmentation(AugmentConfig("none").rows)(images, masks, rngs())
    assert torch.equal(unchanged[0], images)
    assert torch.equal(unchanged[1], masks)


def test_the_paper_preset_keeps_ranges_and_foreground_over_many_steps():
    images, masks = episodes(batch=4)
    augmentation = Augmentation(AugmentConfig().rows)
    for step in range(40):
        new_images, new_masks = augmentation(images, masks, rngs(4, step))
        assert new_images.isfinite().all()
        assert 0 <= new_images.min() <= new_images.max() <= 1
        assert set(new_masks.unique().tolist()) == {0, 1}
        assert new_masks[:, 0].flatten(1).any(1).all()


def test_rows_can_be_left_out_on_the_command_line():
    config = tyro.cli(AugmentConfig, args=["--preset", "task", "--without", "task/affine", "task/noise"])
    assert len(config.rows) == 8
    assert not {"task/affine", "task/noise"} & {row.name for row in config.rows}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "all"}, "unknown preset of augmentations 'all'; known: in-task"),
        ({"without": ("affine",)}, "unknown augmentation 'affine'; known: in-task/affine"),
    ],
)
def test_unknown_names_raise(options, message):
    with pytest.raises(ValueError, match=message):
        AugmentConfig(**options)


def test_other_shapes_and_types_raise():
    images, masks = episodes()
    augmentation = Augmentation(ROWS)
    for wrong in ((images[:, 0], masks[:, 0]), (images, masks[:, 1:]), (images, masks.bool()), (images[:, :1],) * 2):
        with pytest.raises(ValueError, match=r"expected images and masks float32 \(B, N\+1, 1, H, W\)"):
            augmentation(*wrong, rngs())
    with pytest.raises(ValueError, match="expected one generator for each of 2 episodes, got 1"):
        augmentation(images, masks, rngs(1))


def test_the_documentation_lists_every_row():
    page = Path("docs/explanation/augmentation.md").read_text()
    for row in ROWS:
        assert f"`{row.name}`" in page
