from dataclasses import replace

import numpy as np
import pytest
from bright_ellipses import SIDE, picture

from universeg.prediction.check import likeness
from universeg.prediction.check.likeness import Look
from universeg.prediction.check.support_doctor import image_findings

REGION = np.ones((SIDE, SIDE), bool)
RNG = np.random.default_rng(5)
GAINS = np.linspace(1, 0.7, 9)


def looks(images):
    return [Look.of(image, REGION) for image in images]


def body(number):
    """A head to the top left of a trunk: every turn shows."""
    rng = np.random.default_rng(number)
    image = rng.normal(20, 6, (SIDE, SIDE))
    image[6:22, 8:24] += 120
    image[24:60, 12:50] += 60
    return np.roll(image, rng.integers(-2, 3), 0).clip(0, 255).astype(np.uint8)


def test_inverted_grey_levels_are_seen_and_usual_ones_are_not():
    images = [picture(number)[0] for number in range(9)]
    first, *others = looks(images)
    assert not likeness.contrast_is_inverted(first, others)
    assert likeness.contrast_is_inverted(Look.of(255 - images[0], REGION), others)


def test_the_negative_of_a_scan_is_seen_where_grey_levels_do_not_tell():
    """As many dark pixels as bright ones, at the same places in all images."""
    left = np.repeat([np.r_[np.full(SIDE // 2, 60.0), np.full(SIDE // 2, 195.0)]], SIDE, 0)
    noise = np.random.default_rng(3).normal(0, 10, (9, SIDE, SIDE))
    images = [(left * gain + one).clip(0, 255).astype(np.uint8) for gain, one in zip(GAINS, noise, strict=True)]
    first, *others = looks(images)
    negative = Look.of(255 - images[0], REGION)
    assert not likeness.contrast_is_inverted(first, others)
    assert likeness.contrast_is_inverted(negative, others)


def test_an_image_of_another_kind_is_not_called_inverted():
    """Its negative is nearer to the others, but far from them as well."""
    others = looks([np.clip(picture(number)[0] // 8 + 8, 0, 255).astype(np.uint8) for number in range(8)])
    bright = looks([(picture(9)[0] // 8 + 170).astype(np.uint8)])[0]
    assert not likeness.contrast_is_inverted(bright, others)


def test_a_mirrored_image_is_not_called_inverted():
    left = np.repeat([np.linspace(40, 200, SIDE)], SIDE, 0)
    noise = np.random.default_rng(3).normal(0, 10, (9, SIDE, SIDE))
    _, *others = looks([(left + one).clip(0, 255).astype(np.uint8) for one in noise])
    (mirrored,) = looks([(left[:, ::-1] + noise[0]).clip(0, 255).astype(np.uint8)])
    assert not likeness.contrast_is_inverted(mirrored, others)


def test_a_negative_is_not_called_turned():
    others = looks([body(number) for number in range(1, 8)])
    (negative,) = looks([255 - body(0)])
    assert likeness.turn(negative, others) == 0


def test_the_negative_is_that_of_the_inverted_image():
    image = picture(0)[0]
    assert np.abs(Look.of(image, REGION).negative - Look.of(255 - image, REGION).profile).max() < 1e-9


def test_padding_does_not_count_as_grey():
    region = REGION.copy()
    region[:, 40:] = False
    images = [np.where(region, picture(number)[0], 0).astype(np.uint8) for number in range(9)]
    first, *others = (Look.of(np.where(region, image, 0).astype(np.uint8), region) for image in images)
    negative = Look.of(np.where(region, 255 - images[0], 0).astype(np.uint8), region)
    assert likeness.contrast_is_inverted(negative, others)
    assert not likeness.contrast_is_inverted(first, others)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda image: image, ""),
        (lambda image: np.rot90(image, 1), "turned by 90 degrees clockwise"),
        (lambda image: np.rot90(image, 2), "turned by 180 degrees"),
        (np.fliplr, "mirrored left to right"),
        (np.flipud, "mirrored upside down"),
    ],
)
def test_a_turned_image_is_told_with_what_turns_it_back(change, name):
    others = looks([body(number) for number in range(1, 8)])
    assert likeness.TURNS[likeness.turn(Look.of(change(body(0)), REGION), others)] == name


def test_up_and_left_are_named_for_pictures_only():
    look, others = Look.of(np.flipud(body(0)), REGION), looks([body(number) for number in range(1, 8)])
    (picture_says,) = image_findings("a", look, others, volume=False)
    (volume_says,) = image_findings("a", look, others, volume=True)
    assert "looks turned or mirrored; mirrored upside down it is much more like" in str(picture_says)
    assert "looks turned or mirrored against the examples" in str(volume_says)
    assert "upside" not in str(volume_says)


def test_images_without_an_orientation_are_never_turned():
    images = [RNG.integers(0, 255, (SIDE, SIDE)).astype(np.uint8) for _ in range(8)]
    mirrored = [np.fliplr(body(number)) if number in (0, 3, 6) else body(number) for number in range(8)]
    for some in (images, mirrored):
        first, *others = looks(some)
        assert likeness.turn(first, others) == 0


def layers(number):
    """Tissue in layers, each at its own depth: no two images lie on each other, but all have the same direction."""
    rng = np.random.default_rng(number)
    rows = np.cumsum(rng.normal(0, 30, SIDE)) + 120
    return (rows[:, None] + rng.normal(0, 4, (SIDE, SIDE))).clip(0, 255).astype(np.uint8)


def test_layers_that_run_across_those_of_the_others_are_seen():
    first, *others = looks([layers(number) for number in range(8)])
    assert not likeness.lies_across(first, others)
    assert likeness.lies_across(looks([np.rot90(layers(0))])[0], others)
    assert not likeness.lies_across(looks([np.rot90(layers(0))])[0], others[:5]), "too few to say what is usual"
    some = [*others[:4], *looks([np.rot90(layers(number)) for number in (5, 6, 7)])]
    assert not likeness.lies_across(looks([np.rot90(layers(0))])[0], some), "no main direction"
    cells = looks([picture(number)[0] for number in range(8)])
    assert not likeness.lies_across(looks([np.rot90(picture(9)[0])])[0], cells)
    mean, spread = 1.0, 0.6
    vague = [
        replace(look, layered=mean + spread * off) for look, off in zip(others, (-1, 1, -1, 1, -1, 1, 0), strict=True)
    ]
    assert not likeness.lies_across(replace(first, layered=-mean), vague), "the direction of the others is not clear"


def test_another_kind_of_image_is_unlike():
    first, *others = looks([picture(number)[0] for number in range(9)])
    assert likeness.unlikeness(first, others) < likeness.UNLIKE
    noise = Look.of(RNG.integers(0, 255, (SIDE, SIDE)).astype(np.uint8), REGION)
    assert likeness.unlikeness(noise, others) > likeness.UNLIKE


def test_copies_are_found_in_spite_of_brightness_and_noise():
    images = [picture(number)[0] for number in range(5)]
    again = (images[3] * 0.9 + 8 + RNG.normal(0, 2, images[3].shape)).clip(0, 255).astype(np.uint8)
    assert likeness.copies(images) == []
    assert likeness.copies([*images, again]) == [(3, 5)]


def test_masks_follow_the_edges_of_their_own_images():
    images, masks = zip(*(picture(number) for number in range(8)), strict=True)
    fit = likeness.edge_fit(images, masks)
    assert likeness.masks_fit(fit, np.random.default_rng(0)) > 3
    assert likeness.better_order(fit) == {}
    moved = fit[:, [3, 4, 5, 6, 7, 0, 1, 2]]
    assert likeness.masks_fit(moved, np.random.default_rng(0)) < likeness.SHUFFLED
    assert likeness.better_order(moved)[3] == 0
