"""Each is right on a task made for it, and wrong on one that is not."""

from pathlib import Path

import pytest
import torch

from universeg.evaluation.baselines import BASELINES, segmenter


def answer(name, query, images, masks):
    """The mask for a query (H, W), by images and masks (N, H, W)."""
    logits = segmenter(Path(name))(query[None, None], images[None, :, None], masks[None, :, None])
    assert logits.shape == (1, 1, *query.shape)
    return logits.sigmoid()[0, 0]


@pytest.fixture
def halves():
    """A bright square left or right in a noisy image, and its mask."""
    noise = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.2
    masks = torch.zeros(2, 8, 8)
    masks[0, :, :4], masks[1, :, 4:] = 1, 1
    return noise + 0.7 * masks, masks


def test_the_mean_mask_is_the_mean(halves):
    images, masks = halves
    three = torch.stack([masks[0], masks[0], masks[1]])
    found = answer("mean-mask", images[1], images[[0, 0, 1]], three)
    torch.testing.assert_close(found, three.mean(0))


def test_the_most_similar_image_lends_its_mask(halves):
    images, masks = halves
    for n in range(2):
        darker = images[n] * 0.5 + 0.1  # brightness and contrast do not count
        torch.testing.assert_close(answer("most-similar", darker, images, masks).round(), masks[n])


def test_grey_finds_what_is_bright_wherever_it_lies(halves):
    images, masks = halves
    torch.testing.assert_close(answer("grey", images[1], images[:1], masks[:1]).round(), masks[1])


def test_items_of_a_batch_do_not_mix(halves):
    images, masks = halves
    for baseline in BASELINES.values():
        both = baseline()(images[:, None], images[:, None, None], masks[:, None, None])
        for n in range(2):
            alone = baseline()(images[n][None, None], images[n][None, None, None], masks[n][None, None, None])
            torch.testing.assert_close(both[n], alone[0])
