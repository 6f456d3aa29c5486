"""Masks that are turned or mirrored against their images are told, and laid on them on request."""

import numpy as np
import pytest
from bright_ellipses import examples_of, prepared

from universeg.prediction.check.fixes import fixed_examples
from universeg.prediction.check.likeness import TURNS
from universeg.prediction.check.mask_turn import mask_turn, turned
from universeg.prediction.check.support_doctor import support_findings

SIZE = 64


def scene(seed, height=SIZE):
    """A bright shape without symmetry, each time at another place, and its mask."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((height, SIZE))
    top, left = rng.integers(4, height // 2 - 8), rng.integers(4, 24)
    mask = (rows >= top) & (rows < top + 18) & (columns >= left) & (columns < left + 10)
    mask |= (rows >= top) & (rows < top + 6) & (columns >= left) & (columns < left + 24)
    return (60 + 90 * mask + rng.normal(0, 8, mask.shape)).clip(0, 255).astype(np.uint8), mask


def examples(turn=0, height=SIZE, count=8):
    images = []
    for seed in range(count):
        image, mask = scene(seed, height)
        images.append(prepared(image, turned(mask[None].astype(np.uint8), turn)[0] > 0, f"{seed}.png"))
    return examples_of(*images)


@pytest.mark.parametrize("turn", range(1, len(TURNS)))
def test_every_turn_of_all_masks_is_told_and_undone(turn):
    (finding,) = [one for one in support_findings(examples(turn)) if one.fix and one.fix.action == "turn"]
    assert "they look turned or mirrored against their images; " in str(finding)
    assert TURNS[finding.fix.turn] in str(finding)
    fixed = fixed_examples(examples(turn), [finding])
    for image, right in zip(fixed.images, examples().images, strict=True):
        assert np.array_equal(image.labels, right.labels)


def test_masks_that_lie_on_their_images_are_not_told():
    assert support_findings(examples()) == []
    assert support_findings(examples(height=40)) == []


def test_few_examples_and_empty_masks_say_nothing():
    few = examples(4, count=3).images
    regions = [image.region for image in few]
    assert mask_turn([image.images[0] for image in few], [image.labels[0] > 0 for image in few], regions) == 0
    many = examples().images
    empty = [np.zeros((SIZE, SIZE), bool)] * 8
    assert mask_turn([image.images[0] for image in many], empty, [image.region for image in many]) == 0


def test_only_turns_that_keep_the_sides_are_considered():
    images = examples(6, height=40).images
    turn = mask_turn(
        [image.images[0] for image in images],
        [image.labels[0] > 0 for image in images],
        [image.region for image in images],
    )
    assert TURNS[turn] == "mirrored upside down"
    for wrong in (1, 3, 5, 7):
        images = examples(height=40).images
        masks, regions = [turned(image.labels, wrong)[0] > 0 for image in images], [image.region for image in images]
        assert mask_turn([image.images[0] for image in images], masks, regions) not in (1, 3, 5, 7)


def test_turns_are_what_their_names_say():
    marks = np.array([[[1, 2], [3, 4]]], np.uint8)
    named = {TURNS[turn]: turned(marks, turn)[0].tolist() for turn in range(len(TURNS))}
    assert named["turned by 90 degrees clockwise"] == [[3, 1], [4, 2]]
    assert named["mirrored left to right"] == [[2, 1], [4, 3]]
    assert named["mirrored upside down"] == [[3, 4], [1, 2]]
    assert named["turned by 90 degrees clockwise and mirrored left to right"] == [[1, 3], [2, 4]]
