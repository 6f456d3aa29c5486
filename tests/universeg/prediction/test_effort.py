"""`--effort` and the flags of levers: what the network gets, what is told, and what is kept."""

from dataclasses import replace
from io import StringIO

import nibabel as nib
import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn

from universeg.episodes.levers import Levers
from universeg.model import ModelConfig, UniverSeg, load_model, trained_size
from universeg.prediction.config import EffortConfig
from universeg.prediction.effort import _tensors, improved, with_detail
from universeg.prediction.examples import load_examples
from universeg.prediction.settings import Settings
from universeg.training.effort import Choice


def squares(count=5, side=64, values=(1,)):
    """Images with bright squares, and their masks with one square for each value."""
    images, masks = list[np.ndarray](), list[np.ndarray]()
    for number in range(count):
        mask = np.zeros((side, side), np.uint8)
        for place, value in enumerate(values):
            mask[10 + 20 * place : 20 + 20 * place, 20 + 4 * number : 30 + 4 * number] = value
        images.append((mask > 0) * 150 + np.arange(side, dtype=np.uint8)[:, None] % 7)
        masks.append(mask)
    return images, masks


def prepared(size=32, **options):
    return load_examples(*squares(**options), Settings(size=size))


class Bright(nn.Module):
    def __init__(self):
        super().__init__()
        self.shapes = set()

    def forward(self, target_image, support_images, support_labels):
        self.shapes.add(tuple(support_images.shape[1:]))
        return (target_image - 0.5) * 20


def run(network, examples, effort, tmp_path, size=32):
    said = StringIO()
    found = improved(network, examples, effort, size, tmp_path, Console(file=said, width=200), quiet=False)
    return found.model, found.examples, said.getvalue()


def test_without_levers_nothing_changes(tmp_path):
    network, examples = Bright(), prepared()
    effort = EffortConfig()
    assert not effort.does_something
    model, left, said = run(network, examples, effort, tmp_path)
    assert model is network
    assert left is examples
    assert said == ""
    assert not network.shapes


@pytest.mark.parametrize(
    ("effort", "size"),
    [({}, 32), ({"flips": True}, 32), ({"refine": True}, 64), ({"effort": "normal"}, 64), ({"tiles": True}, 64)],
)
def test_images_are_larger_where_a_lever_can_use_it(effort, size):
    assert with_detail(Settings(size=32), EffortConfig(**effort)).size == size
    assert with_detail(Settings(), EffortConfig(effort="best")).size == 256


def test_a_flag_of_its_own_is_used_without_trials(tmp_path):
    network, examples = Bright(), prepared(64)
    model, left, said = run(network, examples, EffortConfig(refine=True), tmp_path)
    assert [type(module).__name__ for module in model.modules()] == ["Refined", "Resized", "Bright"]
    assert model.size == 32
    assert not network.shapes
    assert said.strip().startswith("trying levers")  # only the progress bar
    assert len(left.images) == 5


def test_levers_are_tried_on_the_examples(tmp_path):
    network = Bright()
    _, left, said = run(network, prepared(64), EffortConfig(effort="normal"), tmp_path)
    assert (4, 1, 32, 32) in network.shapes  # each is segmented by the four others, at the size of the network
    assert "one pass: " in said
    assert "on your 5 examples" in said
    assert "refine: " in said
    assert len(left.images) == 5


def test_what_the_choice_drops_and_adapts_is_dropped_and_saved(tmp_path, monkeypatch):
    network, adapted = UniverSeg(ModelConfig((4, 4))), UniverSeg(ModelConfig((4, 4)), seed=7)
    seen, told = list[object](), StringIO()

    def choose(model, tensors, effort, levers, size, say, advance):
        seen.extend([effort, levers, size, tensors.images.shape])
        say("adapt: used")
        return Choice(adapted, adapted, Levers(adapt="check"), (0, 1, 3, 4), (), ())

    monkeypatch.setattr("universeg.training.effort.choose", choose)
    examples = prepared(64)
    found = improved(network, examples, EffortConfig(effort="best", minutes=3), 32, tmp_path, Console(file=told), False)
    model, left, said = found.model, found.examples, told.getvalue().replace("\n", "")
    assert found.unadapted is network
    assert seen == ["best", Levers(minutes=3, size=32), 32, (5, 1, 64, 64)]
    assert model is adapted
    assert left.images == (*examples.images[:2], *examples.images[3:])
    path = tmp_path / "adapted.safetensors"
    assert f"--weights {path}" in said
    again = load_model(path)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), adapted.parameters(), strict=True))
    assert trained_size(path) == 32


def test_too_few_examples(tmp_path):
    model, _, said = run(Bright(), prepared(count=1), EffortConfig(effort="best", flips=True), tmp_path)
    assert type(model).__name__ == "Flipped"
    assert "needs two examples" in said


def test_structures_and_slices_become_trials(tmp_path):
    examples = prepared(values=(3, 9))
    (images, masks), origin = _tensors(examples)
    assert (images.shape, masks.shape, origin) == ((5, 1, 32, 32), (5, 2, 32, 32), [0, 1, 2, 3, 4])
    assert 0.9 < images.max() <= 1
    assert masks[:, 0].flatten(1).any(1).all()
    assert not (masks[:, 0] & masks[:, 1]).any()

    paths = list[tuple[str, str]]()
    for number in range(2):
        scan = np.random.default_rng(number).normal(100, 20, (32, 32, 12)).astype(np.float32)
        labels = np.zeros(scan.shape, np.uint8)
        labels[8:20, 8:20, 2:9] = 1
        for name, values in (("image", scan), ("mask", labels)):
            nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / f"{name}{number}.nii.gz")
        paths.append((str(tmp_path / f"image{number}.nii.gz"), str(tmp_path / f"mask{number}.nii.gz")))
    volumes = load_examples(*zip(*paths, strict=True), Settings(size=32))
    (images, masks), origin = _tensors(volumes)
    assert origin == [0, 0, 0, 1, 1, 1]  # three slices of each
    assert masks.flatten(1).any(1).all()
    one_dropped = replace(volumes, images=volumes.images[:1])
    assert len(_tensors(one_dropped)[1]) == 3
