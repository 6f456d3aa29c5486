"""Several tasks that are made at once: their form, their randomness, their labels, and the work that they share."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.synth import Operations
from universeg.base.rng import seed_for
from universeg.store import Task
from universeg.synth import FAMILIES, SynthConfig, SynthTask, episode, fresh_scene, fresh_scenes
from universeg.synth.paper.f0 import f0_tasks
from universeg.synth.scene import candidates
from universeg.synth.scene.batch_draws import BatchDraws
from universeg.synth.scene.fields import blurred, blurred_alike, draw_texture, texture_crops
from universeg.synth.scene.learnable import learnable, why_not_learnable
from universeg.synth.statistics import outside, summary
from universeg.synth.task import RandomStreams

CPU = torch.device("cpu")
TOGETHER = [name for name, family in FAMILIES.items() if family]


def draws(tasks: int = 4, subjects: int = 3, size: int = 32, purpose: str = "test") -> BatchDraws:
    return BatchDraws((purpose,), tasks, subjects, size, CPU)


def distinct(scenes: list) -> int:
    """The number of scenes with other images; the order of subjects does not count."""
    return len({frozenset(image.tobytes() for image in images) for images, _, _ in scenes})


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_has_the_documented_form_and_depends_only_on_its_arguments(name: str) -> None:
    batch = fresh_scenes(3, 40, 4, 3, 32, name, most_labels=2)
    for number, (images, labels, key) in enumerate(batch, 40):
        assert images.shape == (3, 32, 32)
        assert images.std((1, 2)).min() > 0.5, "no image may be flat"
        assert 1 <= len(labels) <= 2
        for masks in labels:
            assert masks.shape == images.shape
            assert {*np.unique(masks)} == {0, 1}
            assert masks.any((1, 2)).all()
        task = Task.parse(key)
        assert (task.dataset, task.group, task.label) == ("Synthetic", name, str(number))
    torch.randn(3)
    again = fresh_scenes(3, 40, 4, 3, 32, name, most_labels=2)
    for (images, labels, key), (same_images, same_labels, same_key) in zip(batch, again, strict=True):
        assert key == same_key
        assert np.array_equal(images, same_images)
        assert all(map(np.array_equal, labels, same_labels))
    others = fresh_scenes(4, 40, 4, 3, 32, name) + fresh_scenes(3, 44, 4, 3, 32, name)
    assert distinct([*batch, *others]) == sum(map(distinct, (batch, others)))


@pytest.mark.parametrize("name", FAMILIES)
def test_tasks_of_a_batch_differ(name: str) -> None:
    batch = fresh_scenes(0, 0, 8, 2, 32, name)
    assert distinct(batch) >= 6, "at most a quarter may be replaced by others"
    assert np.std([images.mean() for images, _, _ in batch]) > 3, "intensities"
    means = np.stack([labels[0].mean(0) for _, labels, _ in batch])
    assert len(np.unique(means.mean((1, 2)))) >= 6, "areas of labels"
    assert np.abs(means - means.mean(0)).mean() > 0.01, "positions of labels"


@pytest.mark.parametrize("name", ["F0", "nested", "vessels"])
def test_a_batch_of_one_task_is_the_task(name: str) -> None:
    ((images, labels, key),) = fresh_scenes(5, 7, 1, 4, 32, name, most_labels=3)
    alone = fresh_scene(5, 7, 4, 32, name, most_labels=3)
    assert key == alone[2]
    assert np.array_equal(images, alone[0])
    assert all(map(np.array_equal, labels, alone[1]))


@pytest.mark.parametrize("name", ["F0", "F0-driver"])
def test_tasks_of_the_paper_are_the_same_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """If those of F0-driver draw the numbers of single tasks: of each subject, and of the shapes of each task."""
    alone = fresh_scenes(2, 8, 3, 2, 32, name, most_labels=3)
    again = [fresh_scene(2, number, 2, 32, name, most_labels=3) for number in range(8, 11)]
    assert all(np.array_equal(one[0], other[0]) for one, other in zip(alone, again, strict=True)), "on a CPU"
    monkeypatch.setattr(episode, "F0_AT_ONCE", {"cpu": 2})  # two, and then one
    if name == "F0-driver":
        monkeypatch.setattr("universeg.synth.paper.f0.draw_shape_count", lambda rng, config: 12)
        drawn = episode._drawn_subjects
        monkeypatch.setattr(episode, "_drawn_subjects", lambda *args, together=False: drawn(*args))
        alone = [fresh_scene(2, number, 2, 32, name, most_labels=3) for number in range(8, 11)]
    at_once = fresh_scenes(2, 8, 3, 2, 32, name, most_labels=3)
    for (images, labels, key), (same_images, same_labels, same_key) in zip(at_once, alone, strict=True):
        assert key == same_key
        assert np.abs(images.astype(int) - same_images).mean() < 1
        assert len(labels) == len(same_labels)
        assert all((one != other).mean() < 0.005 for one, other in zip(labels, same_labels, strict=True))


def test_subjects_of_f0_driver_that_are_made_at_once_share_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """One generator for each purpose of a task, not for each of its 20 subjects; the subjects differ all the same."""
    monkeypatch.setattr(episode, "F0_AT_ONCE", {"cpu": 2})
    seeds = list[tuple[str | int, ...]]()

    def counted(*purpose: str | int) -> int:
        seeds.append(purpose)
        return seed_for(*purpose)

    monkeypatch.setattr("universeg.synth.task.seed_for", counted)
    monkeypatch.setattr("universeg.base.rng.seed_for", counted)
    made = fresh_scenes(2, 8, 2, 20, 32, "F0-driver")
    assert len(seeds) < 40
    for images, _, _ in made:
        assert len(np.unique(images, axis=0)) == 20
        assert np.abs(np.corrcoef(images.reshape(20, -1)) - np.eye(20)).max() < 0.99


@pytest.mark.slow
@pytest.mark.parametrize("name", ["F0", "F0-driver"])
def test_batches_of_the_paper_lie_in_their_bands(name: str) -> None:
    tasks, refused, config = list[SynthTask](), 0, SynthConfig.of(name, canvas=256 if name == "F0" else 128)
    for number in range(4):
        streams = [RandomStreams((name, number, task), CPU, together=name == "F0-driver") for task in range(5)]
        images, masks, fits = f0_tasks(streams, config, [range(5)] * 5, 128)
        refused += int((~fits).sum())
        for task, those in enumerate(fits):
            labels = masks[task, those].byte().numpy() * 255
            tasks.append(SynthTask(images[task].numpy(), {str(n): one for n, one in enumerate(labels)}, {}))
    share = refused / (refused + sum(len(task.labels) for task in tasks))
    assert outside(name, summary(tasks) | {"refused": share}) == []


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="expected at least one task, got 0"):
        fresh_scenes(0, 0, 0, 3, 32)
    with pytest.raises(ValueError, match="got 3 entries of size 33"):
        fresh_scenes(0, 0, 2, 3, 33)


def test_batches_draw_families_by_weight() -> None:
    groups = [Task.parse(fresh_scenes(0, n, 2, 1, 16, {"bands": 3, "layers": 1})[0][2]).group for n in range(40)]
    assert 20 < groups.count("bands") < 40


@pytest.mark.parametrize("name", TOGETHER)
def test_more_tasks_need_no_more_operations(name: str) -> None:
    family = FAMILIES[name]
    assert family
    counts = []
    for tasks in (2, 2, 6):  # the first time, matrices are computed that are then kept
        with Operations() as operations, torch.inference_mode():
            candidates._made_at_once(family, draws(tasks, 2, 16, name), 1)
        counts.append(operations.count)
    assert 100 < counts[1] == pytest.approx(counts[2], abs=5)  # trees that no subject shows need none


@pytest.mark.parametrize("name", TOGETHER)
def test_all_numbers_of_a_batch_are_on_its_device(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device `meta` computes shapes alone, but it refuses numbers of a CPU as a GPU does."""
    meta, family = torch.device("meta"), FAMILIES[name]
    assert family
    monkeypatch.setattr(torch, "Generator", lambda device: SimpleNamespace(manual_seed=lambda seed: None))
    with torch.inference_mode():
        made = candidates._block(family, BatchDraws((name,), 4, 3, 32, meta))
        masks = torch.stack(list(made.masks.values())).view(-1, 4, 3, 32, 32)
        assert learnable(made.pictures.view(4, 3, 32, 32), masks).device == made.pictures.device == meta


@pytest.mark.slow
@pytest.mark.parametrize("name", TOGETHER)
def test_batches_lie_in_the_bands_of_their_family(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list[torch.Tensor]()

    def kept(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        found.append(learnable(pictures, masks))
        return found[-1]

    monkeypatch.setattr(candidates, "learnable", kept)
    tasks = list[SynthTask]()
    for number in range(20):
        for images, labels, _ in fresh_scenes(1, 4 * number, 4, 5, 128, name, most_labels=40):
            tasks.append(SynthTask(images, {str(n): masks * 255 for n, masks in enumerate(labels)}, {}))
    refused = 1 - float(torch.cat([fits.flatten() for fits in found]).float().mean())
    assert outside(name, summary(tasks) | {"refused": refused}) == []


def test_numbers_belong_to_a_task_and_decisions_to_the_batch() -> None:
    """Rows are all subjects of the first task, then those of the second."""
    some = draws()
    for numbers in (some.uniform(2, 3), some.log_uniform(2, 3), some.normal(1), some.whole_number(2, 9000.5)):
        assert isinstance(numbers, torch.Tensor)
        assert numbers.shape == (12, 1, 1)
        by_task = numbers.view(4, 3)
        assert (by_task == by_task[:, :1]).all()
        assert len(by_task[:, 0].unique()) == 4
    many = draws(tasks=400, subjects=1)
    for made, low, high in (
        (many.uniform(2, 3), 2, 3),
        (many.log_uniform(2, 8), 2, 8),
        (many.whole_number(2, many.uniform(7.1, 7.9)), 2, 7),
        (many.uniform_each(many.uniform(-1, 0), 1), -1, 1),
    ):
        assert isinstance(made, torch.Tensor)
        assert low <= made.min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < made.max() <= high
    middle = many.log_uniform(2, 8)
    assert isinstance(middle, torch.Tensor)
    assert middle.median() == pytest.approx(4, rel=0.2)
    assert isinstance(some.integer(0, 5), int)
    assert isinstance(some.chance(0.5), bool)
    assert isinstance(some.shared.uniform(0, 1), float)
    sds = some.normal_each(some.uniform(1, 2), 5)
    assert sds.shape == (12, 5, 1, 1)
    chances = many.chance_each((many.uniform(0, 1) > 0.5).float())
    assert 100 < chances.sum() < 300


def test_tables_of_a_batch_belong_to_a_task() -> None:
    some = draws()
    for table in (some.uniform_table(0, 1, 6), some.normal_table(6), some.integer_table(0, 9000, 6)):
        assert table.shape == (12, 6)
        assert (table.view(4, 3, 6) == table.view(4, 3, 6)[:, :1]).all()
        assert len(table.unique(dim=0)) == 4
    assert all(row.sort().values.tolist() == list(range(6)) for row in some.permutation_table(6))
    assert len(some.normal_table_each(6).unique(dim=0)) == 12


def test_each_task_of_a_batch_has_its_own_blur() -> None:
    some, images = draws(), torch.rand(12, 32, 32, generator=torch.Generator().manual_seed(0))
    sd = torch.tensor([0.5, 1, 2, 4]).repeat_interleave(3)[:, None, None]
    found = blurred(some, images, sd, 2 * sd)
    for task, one in enumerate((0.5, 1, 2, 4)):
        rows = slice(3 * task, 3 * task + 3)
        torch.testing.assert_close(found[rows], blurred_alike(images[rows], one, 2 * one))


def test_each_task_of_a_batch_has_its_own_texture() -> None:
    some = draws(subjects=40)
    textures = some.once(draw_texture)
    side = textures.shape[-1]
    assert textures.shape == (4, side, side)
    assert len(textures.unique(dim=0)) == 4
    torch.testing.assert_close(textures.mean((1, 2)), torch.zeros(4), atol=1e-5, rtol=0)
    places = torch.arange(4 * side**2, dtype=torch.float32).view(4, side, side)  # each value tells its place
    crops = texture_crops(some, places)
    assert crops.shape == (160, 32, 32)
    assert ((crops / side**2).long().flatten(1) == torch.arange(4).repeat_interleave(40)[:, None]).all()
    assert (crops.diff(dim=-1) == 1).all()
    down = crops.diff(dim=-2)[:, 0, 0]
    assert {*down.tolist()} == {float(side), -float(side)}, "half of them are mirrored"
    left, top = crops.amin((1, 2)) % side, crops.amin((1, 2)) // side % side
    for corner in (left, top):
        assert {int(corner.min()), int(corner.max())} == {0, side - 32}


def test_a_batch_refuses_the_labels_that_single_tasks_refuse() -> None:
    refused = 0
    for name in ("nested", "vessels", "lesions"):
        family = FAMILIES[name]
        assert family
        made = candidates._block(family, draws(6, 3, 64, name))
        pictures = made.pictures.view(6, 3, 64, 64)
        masks = torch.stack(list(made.masks.values())).view(-1, 6, 3, 64, 64)
        expected = [
            [not why_not_learnable(pictures[task], label[task]) for task in range(len(pictures))] for label in masks
        ]
        assert learnable(pictures, masks).tolist() == expected
        refused += sum(not fits for row in expected for fits in row)
    assert refused > 5


def test_a_batch_refuses_by_contrast_of_lines_and_area_of_the_median_subject() -> None:
    """Lines need more contrast than discs, and one large or small subject does not decide."""
    generator = torch.Generator().manual_seed(0)
    place = torch.arange(128.0)
    pictures, labels = torch.rand(60, 5, 128, 128, generator=generator), list[torch.Tensor]()
    for task in range(60):
        x, y = torch.rand(2, 5, 1, 1, generator=generator) * 100 + 14
        radius = 1.5 * 30 ** torch.rand(5, 1, 1, generator=generator)
        disc = torch.hypot(place - x, place[:, None] - y) < radius
        line = ((place - x).abs() < 1).expand(5, 128, 128)
        labels.append(line if task % 2 else disc)
    masks = torch.stack(labels)
    pictures += torch.linspace(0, 0.3, 60).view(60, 1, 1, 1) * masks
    expected = [not why_not_learnable(*pair) for pair in zip(pictures, masks, strict=True)]
    assert learnable(pictures, masks[None]).tolist() == [expected]
    assert 10 < sum(expected[::2]) < 30 > sum(expected[1::2]) > 5


def test_tasks_without_labels_are_replaced_and_if_they_are_many_others_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches = list[int]()

    def some_fit(pictures: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        fits = torch.ones(masks.shape[:2], dtype=torch.bool)
        fits[:, : failing[len(batches)]] = False
        batches.append(len(fits))
        return fits

    monkeypatch.setattr(candidates, "learnable", some_fit)
    failing = [1, 1]
    made = fresh_scenes(0, 0, 4, 3, 32, "chain")
    assert len(batches) == 1
    assert distinct(made) == 3
    (images, (first, *others), _), (last, (label,), _) = (
        fresh_scenes(0, 0, 4, 3, 32, "chain", most_labels=9)[0],
        made[3],
    )
    assert np.array_equal(made[0][1][0], first)
    assert np.array_equal(last, np.roll(images, 1, 0)), "the last one is the first one in another order"
    assert np.array_equal(label, np.roll(others[0], 1, 0)), "and with another label"
    batches.clear()
    failing = [4, 2, 1]
    made = fresh_scenes(0, 0, 4, 3, 32, "chain")
    assert len(batches) == 3
    assert distinct(made) == 4
    batches.clear()
    failing = [4] * candidates.MAX_SCENES
    with pytest.raises(AssertionError, match="too few of 200 tasks have a label"):
        fresh_scenes(0, 0, 4, 3, 16, "bands")
