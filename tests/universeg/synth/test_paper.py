"""The layers of F0, one by one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from universeg.standardise.resample import Grid
from universeg.synth import SynthConfig
from universeg.synth.paper.appearance import Palette, draw_look, draw_palette, rendered
from universeg.synth.paper.degradation import blur, degraded, draw_degradation, draw_flaws
from universeg.synth.paper.f0 import joined
from universeg.synth.paper.geometry import partitions, warp_fields
from universeg.synth.paper.labels import coverage, labels_by_area
from universeg.synth.paper.noise import smooth_noise
from universeg.synth.paper.subjects import deformations, draw_velocities, integrated
from universeg.synth.paper.warp import warped, warped_labels
from universeg.synth.task import RandomStreams

CPU = torch.device("cpu")
SMALL = SynthConfig(canvas=64)


def streams(*task: str | int) -> RandomStreams:
    return RandomStreams(("test", *task), CPU)


@pytest.mark.parametrize(("driver_sd", "rms"), [(1, 2), (3, 6), (6, 11), (10, 17), (15, 23), (20, 29)])
def test_deformation_is_as_strong_as_the_drivers(driver_sd: float, rms: float) -> None:
    config = SynthConfig(velocity_sd=(2 * driver_sd, 2 * driver_sd))
    fields = torch.cat([deformations(draw_velocities(streams(t), config, range(3)), config) for t in range(8)])
    assert fields.square().sum(1).mean().sqrt().item() == pytest.approx(rms, rel=0.15)


def test_warp_roughens_the_borders_of_shapes() -> None:
    def border(config: SynthConfig) -> float:
        maps = partitions([streams(t) for t in range(6)], config, 16)
        return (maps[:, 1:] != maps[:, :-1]).float().mean().item()

    assert border(SynthConfig()) > 1.1 * border(SynthConfig(warp_sd=(0, 0)))


def test_up_to_16_shapes_share_a_warp_and_more_do_not() -> None:
    assert warp_fields([streams("few")], SMALL, 16).shape == (1, 1, 2, 64, 64)
    (fields,) = warp_fields([streams("many")], SMALL, 19)
    assert fields.shape == (19, 2, 64, 64)
    difference = (fields - fields[:1]).square().mean((1, 2, 3))
    assert (difference.diff() > 0).all(), "it changes steadily from the first shape to the last"


def test_a_constant_velocity_gives_an_equal_displacement() -> None:
    velocity = torch.tensor([3.0, -2.0])[None, :, None, None].expand(1, 2, 16, 16)
    assert torch.allclose(integrated(velocity), velocity, atol=1e-4)


def test_displacement_points_right_then_down() -> None:
    picture = torch.arange(12.0).view(3, 4)
    right = torch.tensor([1.0, 0.0])[None, :, None, None].expand(1, 2, 3, 4)
    expected = torch.stack([picture[:, 1], picture[:, 2], picture[:, 3], picture[:, 3]], 1)
    assert torch.allclose(warped(picture[None, None], right)[0, 0], expected, atol=1e-5)
    down = right.flip(1)
    moved = warped_labels(picture[None].byte() + 1, down)[0]
    assert moved.tolist() == [[5, 6, 7, 8], [9, 10, 11, 12], [0, 0, 0, 0]]
    assert warped_labels(picture[None].byte() + 1, down * 0.4)[0].tolist() == (picture.byte() + 1).tolist()
    assert not warped_labels(picture[None].byte() + 1, down * -100).any()


def test_smooth_noise_is_linear_between_grid_points_and_sums_grids() -> None:
    ramp = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
    full = smooth_noise([ramp, torch.full((1, 1, 1, 1), 5.0)], (5, 5))[0, 0] - 5
    assert torch.allclose(full[0], torch.linspace(0, 1, 5), atol=1e-5)
    assert torch.allclose(full[:, 0], torch.linspace(0, 2, 5), atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(ratio=st.integers(1, 4), size=st.integers(1, 12), batch=st.integers(1, 3), seed=st.integers(0, 99))
def test_coverage_equals_that_of_the_pipeline(ratio: int, size: int, batch: int, seed: int) -> None:
    shapes, side = 4, ratio * size
    maps = torch.randint(shapes, (batch, side, side), generator=torch.Generator().manual_seed(seed)).byte()
    masks, counts = coverage(maps, shapes, size)
    grid = Grid((side, side), (1, 1), size)
    for shape in range(shapes):
        for image in range(batch):
            inside = (maps[image] == shape).numpy()
            assert np.abs(masks[shape, image].numpy() - 255 * grid.mask(inside)).max() <= 0.501
            assert counts[shape, image] == inside.sum()


def test_half_covered_pixels_count_as_inside() -> None:
    masks, _ = coverage(torch.tensor([[[0, 1], [0, 1]]], dtype=torch.uint8), 2, 1)
    assert masks.ravel().tolist() == [128, 128]


def test_two_small_shapes_in_a_row_are_both_dropped() -> None:
    masks = np.zeros((4, 2, 8, 8), np.uint8)
    shares = np.array([[0.5, 0.5], [0.2, 0.0009], [0.0, 0.2], [0.001, 0.3]])
    labels, dropped = labels_by_area(masks, shares, 0.001)
    assert list(labels) == ["shape 01", "shape 04"]
    assert list(dropped) == ["shape 02", "shape 03"]
    assert dropped["shape 02"] == "too small for a task: covers only 0.090% of the image in one subject"


def test_means_lie_within_the_drift_and_noise_within_its_range() -> None:
    palette = Palette(np.array([0.2, 0.6]), np.array([0.3, 0.5]), (0.01, 0.1), black=0.25)
    maps = torch.arange(64).div(32, rounding_mode="floor").byte().repeat(64, 1)  # the left half is shape 0
    images = rendered(draw_look(streams("paint"), palette, 64, range(200)), maps[None].expand(200, -1, -1))
    left, right = images[:, :, :32], images[:, :, 32:]
    black = left.abs().amax((1, 2)) == 0
    assert 0.15 < black.float().mean() < 0.35
    assert ((right.mean((1, 2)) > 0.49) & (right.mean((1, 2)) < 0.61)).all()
    assert ((left.mean((1, 2)) > 0.19) & (left.mean((1, 2)) < 0.31))[~black].all()
    sds = right.std((1, 2))
    assert 0.009 < sds.min() < 0.02
    assert 0.09 < sds.max() < 0.11


def test_each_subject_has_its_own_pixel_noise() -> None:
    palette = Palette(np.zeros(1), np.zeros(1), (1, 1), black=0)
    look = draw_look(streams("noise"), palette, 64, [0, 1])
    one, two = rendered(look, torch.zeros(2, 64, 64, dtype=torch.uint8)).flatten(1)
    assert abs(torch.corrcoef(torch.stack([one, two]))[0, 1].item()) < 0.1


def test_means_drift_by_the_configured_amount() -> None:
    palettes = [draw_palette(streams(t), replace(SMALL, mean_drift_sd=(0.05, 0.05)), 16) for t in range(60)]
    drift = np.concatenate([palette.drifted - palette.means for palette in palettes])
    assert drift.std() == pytest.approx(0.05, rel=0.1)
    ends = np.concatenate([palette.drifted for palette in palettes])
    assert 0 <= ends.min() < 0.02 < 0.98 < ends.max() <= 1


def test_bias_and_gamma_are_as_strong_as_configured() -> None:
    ramp = torch.linspace(0, 1, 64).repeat(64, 1)[None].expand(200, -1, -1)
    plain = replace(SMALL, bias_sd=(0, 0), blur_sd=(0, 0), gamma_sd=0)

    def with_flaws(config: SynthConfig) -> torch.Tensor:
        degradation = draw_degradation(streams(), config)
        return degraded([degradation], draw_flaws(streams(), degradation, range(200)), ramp)

    same = with_flaws(plain)
    assert torch.allclose(same, ramp, atol=1e-5)
    powered = with_flaws(replace(plain, gamma_sd=0.25))
    exponents = (powered[:, 0, 32].log() / ramp[:, 0, 32].log()).log()
    assert exponents.std().item() == pytest.approx(0.25, rel=0.15)
    uneven = with_flaws(replace(plain, bias_sd=(1, 1)))
    # Corners are grid points: independent normal numbers whose sd is uniform in [0, 1], so a variance of 1/3 each.
    ratio = (uneven[:, 0, -1] / uneven[:, -1, -1]).log()
    assert ratio.square().mean().sqrt().item() == pytest.approx((2 / 3) ** 0.5, rel=0.25)


def test_several_tasks_are_degraded_each_by_its_own_blur() -> None:
    images = torch.rand(6, 64, 64, generator=torch.Generator().manual_seed(0))
    config = replace(SMALL, blur_sd=(20, 20), bias_sd=(1, 1), bias_spacing=(40, 40), gamma_sd=0.3)
    degradations = [draw_degradation(streams(task), config) for task in range(2)]
    flaws = [draw_flaws(streams(task), degradations[task], range(3)) for task in range(2)]
    alone = [degraded([degradations[n]], flaws[n], images[3 * n : 3 * n + 3]) for n in range(2)]
    torch.testing.assert_close(degraded(degradations, joined(flaws), images), torch.cat(alone))


def test_blur_keeps_sums_inside_and_darkens_the_border() -> None:
    weights = blur(64, 3.0, CPU)
    assert weights[32].sum() == pytest.approx(1, abs=1e-4)
    distance = torch.arange(64.0) - 32
    assert (weights[32] * distance**2).sum().sqrt().item() == pytest.approx(3, rel=0.03)
    assert 0.5 < weights[0].sum() < 0.65
    assert torch.equal(blur(8, 0.0, CPU), torch.eye(8))


def test_pictures_are_in_range_and_a_flat_one_is_black() -> None:
    degradation = draw_degradation(streams(), replace(SMALL, bias_sd=(0, 0), blur_sd=(0, 0)))
    noisy = torch.randn(1, 64, 64, generator=torch.Generator().manual_seed(0))
    images = torch.cat([noisy * 1000, torch.zeros(1, 64, 64), noisy - 100])
    pictures = degraded([degradation], draw_flaws(streams(), degradation, range(3)), images)
    assert pictures.amin((1, 2)).tolist() == [0, 0, 0]
    assert pictures.amax((1, 2)).tolist() == [1, 0, 0]
