"""Several stores as one source of pixels."""

import numpy as np
import pytest
import torch

from universeg.episodes.episode import Episode
from universeg.episodes.task_stores import TaskStores


def test_the_pixels_of_a_batch_are_those_of_the_names(stores_folder):
    stores = TaskStores([stores_folder])
    episodes = [
        Episode("One/g/m/b/0", "max", "s0", ("s1", "s2", "s1")),
        Episode("Two/g/m/c/0", "mid", "s3", ("s4",) * 3),
    ]
    batch = stores.read(episodes)
    assert batch.query.shape == batch.query_mask.shape == (2, 1, 32, 32)
    assert batch.support.shape == batch.support_masks.shape == (2, 3, 1, 32, 32)
    for item, episode in enumerate(episodes):
        images, masks = stores.of(episode.task).read(episode.task, [episode.query, *episode.support], episode.slicing)
        np.testing.assert_array_equal(batch.query[item, 0], images[0])
        np.testing.assert_array_equal(batch.query_mask[item, 0], masks[0])
        np.testing.assert_array_equal(batch.support[item, :, 0], images[1:])
        np.testing.assert_array_equal(batch.support_masks[item, :, 0], masks[1:])
    tensors = batch.split_floats(torch.device("cpu"))
    pixels = batch.query / 255, batch.query_mask, batch.support / 255, batch.support_masks
    for tensor, expected in zip(tensors, pixels, strict=True):
        assert tensor.dtype == torch.float32
        np.testing.assert_allclose(tensor.numpy(), expected, rtol=1e-6)


def test_larger_images_are_averaged_down(tmp_path, make_store, stores_folder):
    make_store(tmp_path, "Large", side=64)
    episode = Episode("Large/g/m/a/0", "mid", "s0", ("s1", "s2"))
    whole, half = (TaskStores([tmp_path], size).read([episode]) for size in (64, 32))
    assert half.images.shape == half.masks.shape == (1, 3, 1, 32, 32)
    means = whole.images.reshape(1, 3, 1, 32, 2, 32, 2).astype(float).mean((4, 6))
    assert np.abs(half.images - means).max() <= 0.5
    np.testing.assert_array_equal(half.masks, whole.masks.reshape(1, 3, 1, 32, 2, 32, 2).mean((4, 6)) >= 0.5)
    assert TaskStores([stores_folder, tmp_path], 32).size == 32  # stores of several sizes
    with pytest.raises(ValueError, match=r"(?s)images of 48 pixels need stores of 48, 96, .* 64 pixels: .*Large"):
        TaskStores([tmp_path], 48)


def test_stores_that_do_not_fit_together_are_refused(tmp_path, make_store, stores_folder):
    make_store(tmp_path / "a", "Large", side=64)
    with pytest.raises(ValueError, match=r"(?s)the same image size.*32 pixels.*64 pixels"):
        TaskStores([stores_folder, tmp_path / "a"])
    make_store(tmp_path / "b", "One")
    with pytest.raises(ValueError, match="are both stores of One; give only one of them"):
        TaskStores([stores_folder, tmp_path / "b"])
    assert len(TaskStores([stores_folder, stores_folder / "One.lmdb"]).by_dataset) == 3  # the same file twice is one
    make_store(tmp_path / "c", "Odd", role="rumour")
    with pytest.raises(ValueError, match="role must be train, held-out or extra, got rumour; build the store again"):
        TaskStores([tmp_path / "c"])


def test_missing_stores_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"no store .* in this folder; build one"):
        TaskStores([tmp_path])
    with pytest.raises(ValueError, match="give at least one"):
        TaskStores([])
