"""Each baseline solves a task that is made for it."""

from pathlib import Path

import pytest
import torch

from universeg.evaluation.baselines import BASELINES, segmenter


def predict(name, query, images, masks):
    """The probabilities for a query (H, W), with support images and masks (N, H, W)."""
    logits = segmenter(Path(name))(query[None, None], images[None, :, None], masks[None, :, None])
    assert logits.shape == (1, 1, *query.shape)
    return logits.sigmoid()[0, 0]


@pytest.fixture
def halves():
    """Two noisy images, with a bright half on the left and on the right, and the masks of the bright halves."""
    noise = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.2
    masks = torch.zeros(2, 8, 8)
    masks[0, :, :4], masks[1, :, 4:] = 1, 1
    return noise + 0.7 * masks, masks


def test_mean_mask_is_the_mean_of_the_support_masks(halves):
    images, masks = halves
    three = torch.stack([masks[0], masks[0], masks[1]])
    found = predict("mean-mask", images[1], images[[0, 0, 1]], three)
    torch.testing.assert_close(found, three.mean(0))


def test_most_similar_is_the_mask_of_the_most_similar_image(halves):
    images, masks = halves
    for n in range(2):
        query = images[n] * 0.5 + 0.1  # brightness and contrast have no influence
        torch.testing.assert_close(predict("most-similar", query, images, masks).round(), masks[n])


def test_grey_finds_bright_pixels_at_any_position(halves):
    images, masks = halves
    torch.testing.assert_close(predict("grey", images[1], images[:1], masks[:1]).round(), masks[1])


@pytest.mark.parametrize("name", BASELINES)
def test_the_items_of_a_batch_are_independent(name, halves):
    images, masks = halves
    baseline = segmenter(Path(name))
    names = "target_image", "support_images", "support_labels"
    both = baseline(**dict(zip(names, (images[:, None], images[:, None, None], masks[:, None, None]), strict=True)))
    assert torch.isfinite(both).all()
    for n in range(2):
        alone = baseline(images[n][None, None], images[n][None, None, None], masks[n][None, None, None])
        torch.testing.assert_close(both[n], alone[0])
