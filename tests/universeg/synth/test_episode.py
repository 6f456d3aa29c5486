"""Episodes of new synthetic tasks, and mixes of families."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
import torch
from PIL import Image

from universeg.store import Task
from universeg.synth import FAMILIES, fresh_episode, weights_of
from universeg.synth.__main__ import draw


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("size", [64, 128])
def test_an_episode_has_the_documented_form(name: str, size: int) -> None:
    for number in range(3):
        images, masks, key = fresh_episode(0, number, 5, size, name)
        assert images.shape == masks.shape == (5, size, size)
        assert images.dtype == masks.dtype == np.uint8
        assert {*np.unique(masks)} == {0, 1}
        assert masks.any((1, 2)).all(), "no mask may be empty"
        assert images.std((1, 2)).min() > 0.5, "no image may be flat"
        task = Task.parse(key)
        assert (task.dataset, task.group, task.label) == ("Synthetic", name, str(number))


def test_vessels_too_thin_for_a_small_picture_are_skipped() -> None:
    """The first trees of task 0 have no branch that is visible at 16 pixels."""
    _, masks, _ = fresh_episode(0, 0, 2, 16, "vessels")
    assert masks.any((1, 2)).all()


def test_an_episode_depends_only_on_its_arguments() -> None:
    first = fresh_episode(3, 8, 4, 64)
    torch.randn(3)
    np.random.default_rng(0).random()
    again = fresh_episode(3, 8, 4, 64)
    assert first[2] == again[2]
    assert all(np.array_equal(one, other) for one, other in zip(first[:2], again[:2], strict=True))
    for other in (fresh_episode(4, 8, 4, 64, [first[2].split("/")[1]]), fresh_episode(3, 9, 4, 64)):
        assert not np.array_equal(first[0], other[0])


def test_other_threads_do_not_change_the_bytes_and_keep_their_number_of_threads() -> None:
    """Episodes are made in a thread beside training. Torch has a number of threads for each calling thread."""
    expected = [fresh_episode(0, number, 4, 64) for number in range(6)]
    threads, stop = torch.get_num_threads(), Event()
    seen = set()
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: [fresh_episode(0, number, 4, 64) for number in range(6)])
        found.add_done_callback(lambda _: stop.set())
        while not stop.wait(0.001):
            seen.add(torch.get_num_threads())
            torch.randn(200, 200) @ torch.randn(200, 200)
    assert seen == {threads}
    assert torch.get_num_threads() == threads
    for one, other in zip(expected, found.result(), strict=True):
        assert all(map(np.array_equal, one, other))


def test_families_are_drawn_by_weight() -> None:
    assert weights_of("F0") == {"F0": 1}
    assert weights_of({"nested": 3, "F0": 1}) == {"nested": 3, "F0": 1}
    assert weights_of({"validation": 1, "F0": 1}) == {"mosaic": 0.5, "bands": 0.5, "F0": 1}
    assert set(weights_of("train")) == set(FAMILIES) - set(weights_of("validation"))
    assert set(weights_of("all")) == set(FAMILIES)
    assert weights_of(["F0", "nested", "F0"]) == {"F0": 1, "nested": 1}, "a repeated name counts once"
    assert weights_of({"validation": 1, "F0": 1, "bands": 0}) == {"mosaic": 0.5, "F0": 1}
    groups = [Task.parse(fresh_episode(0, n, 1, 32, {"nested": 9, "F0": 1})[2]).group for n in range(60)]
    assert 0 < groups.count("F0") < 20


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"unknown family of synthetic tasks 'nets'; known: F0,.*nested"):
        fresh_episode(0, 0, 4, 64, {"nets": 1})
    with pytest.raises(ValueError, match="weight of synthetic family 'F0' must be finite and at least 0, got -1"):
        fresh_episode(0, 0, 4, 64, {"F0": -1})
    with pytest.raises(ValueError, match="'F0' has the weight 0, which removes it, but no name before it includes it"):
        fresh_episode(0, 0, 4, 64, {"nested": 1, "F0": 0})
    with pytest.raises(ValueError, match="at least one family"):
        fresh_episode(0, 0, 4, 64, [])
    with pytest.raises(ValueError, match="got 0 entries of size 64"):
        fresh_episode(0, 0, 0, 64)
    with pytest.raises(ValueError, match="got 4 entries of size 63"):
        fresh_episode(0, 0, 4, 63)


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family])
def test_blocks_of_subjects_belong_to_one_task(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of the task are the same in every block; those of the subjects differ."""
    monkeypatch.setattr("universeg.synth.scene.candidates.BATCH_PIXELS", 2 * 32**2)
    images, masks, _ = fresh_episode(0, 1, 7, 32, name)
    assert images.shape == masks.shape == (7, 32, 32)
    assert all(not np.array_equal(images[0], image) for image in images[1:])


def test_a_sheet_is_drawn(tmp_path: Path) -> None:
    draw("chain", tmp_path / "chain.jpg", tasks=2, subjects=3)
    with Image.open(tmp_path / "chain.jpg") as picture:
        assert picture.width > 6 * 128
    with pytest.raises(ValueError, match=r"unknown family of synthetic tasks 'rows'; known: F0,"):
        draw("rows", tmp_path / "rows.jpg")
