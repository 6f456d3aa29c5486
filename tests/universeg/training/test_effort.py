"""Choosing levers: by leave-one-out on the examples, told in one line each."""

import numpy as np
import pytest
import torch
from torch import nn

from universeg.episodes.levers import ExampleTensors, Levers
from universeg.training import effort as choosing
from universeg.training.adapt import Adaptation
from universeg.training.effort import choose

SIDE = 64


def examples(count=8, wrong=()):
    """Images that are their own masks: squares in different places. The masks of `wrong` are inverted."""
    masks = torch.zeros(count, 1, SIDE, SIDE)
    for number in range(count):
        masks[number, 0, 10 + number : 20 + number, 30 : 40 + number] = 1
    images = masks.clone()
    for number in wrong:
        masks[number] = 1 - masks[number]
    return ExampleTensors.of(images, masks, tuple(f"case{number}" for number in range(count)))


class Sees(nn.Module):
    """Marks the bright pixels if it likes what it is called with, else only a part of them."""

    def __init__(self, likes=lambda images, masks: True):
        super().__init__()
        self.likes, self.calls = likes, 0

    def forward(self, target_image, support_images, support_labels):
        self.calls += 1
        rows = torch.arange(target_image.shape[-2])[:, None] % 2 < (
            2 if self.likes(support_images, support_labels) else 1
        )
        return torch.where((target_image > 0.5) & rows, 20.0, -20.0)


def test_quick_uses_only_what_is_set_and_predicts_nothing():
    network, said = Sees(), list[str]()
    found = choose(network, examples(), "quick", Levers(flips=True), size=32, say=said.append)
    assert network.calls == 0
    assert found.levers == Levers(flips=True, size=32)  # as the network was trained
    assert (found.network, found.expected, found.lines, said) == (network, (), (), [])
    assert found.kept == tuple(range(8))


def test_a_lever_is_used_if_the_examples_are_better_with_it():
    network, said, shares = Sees(lambda images, masks: images.shape[-1] == 256), list[str](), list[float]()
    larger = ExampleTensors.of(
        *(torch.nn.functional.interpolate(each, (256, 256)) for each in (examples().images, examples().masks))
    )
    found = choose(network, larger, "normal", size=64, say=said.append, advance=shares.append)
    assert found.levers == Levers(size=256)
    assert found.lines == tuple(said)
    assert said[0].startswith("one pass: ")
    assert said[1].startswith("256 pixels: ")
    assert said[1].endswith("-> 100.0 on 8 of your examples: used")
    assert said[2].startswith("refine: 100.0 -> ")
    assert said[2].endswith(": not used")
    assert len(found.expected) == 8
    assert np.mean(found.expected) == 100
    assert shares[-1] == 1


def test_an_example_that_the_others_contradict_is_left_out():
    network = Sees(lambda images, masks: masks.mean() < 0.1)  # an inverted mask spoils the support set
    found = choose(network, examples(wrong=[3]), "normal")
    assert found.kept == (0, 1, 2, 4, 5, 6, 7)
    assert any(line.startswith("without case3: ") and line.endswith(": used") for line in found.lines)
    tolerant = choose(Sees(), examples(wrong=[3]), "normal")
    assert tolerant.kept == tuple(range(8))
    assert any(line.startswith("without case3: ") and line.endswith(": not used") for line in tolerant.lines)
    assert not any("without" in line for line in choose(Sees(), examples(), "normal").lines)


def test_too_few_examples_to_choose_by():
    network = Sees()
    found = choose(network, examples(2), "best", Levers(adapt="never"))
    assert network.calls == 0
    assert "that needs 3 examples" in found.lines[0]


@pytest.mark.parametrize("used", [True, False])
def test_best_adapts_and_tries_levers_with_the_networks_of_the_check(monkeypatch, used):
    network, fold, final = Sees(lambda images, masks: False), Sees(), Sees()
    tensors = examples()

    def adapted(model, part, settings, advance):
        assert model is network
        assert len(part) == 8
        advance(1.0)
        trials = tuple(choosing.leave_one_out(part, fold, 4, 16, 0))
        return Adaptation(final if used else model, used, (1.0,), trials, (2.0,))

    monkeypatch.setattr(choosing, "adapt_if_better", adapted)
    found = choose(network, tensors, "best")
    assert (found.network is final) is used
    assert found.is_adapted is used
    assert found.levers.adapt == ("check" if used else "never")
    assert len(found.expected) == (4 if used else 8)
    assert final.calls == 0  # it has seen all examples, so it is never scored on them
    assert (fold.calls > 0) is used
    assert np.mean(found.expected) == 100 if used else np.mean(found.expected) < 100


def test_adapting_without_a_check_comes_last_and_promises_nothing(monkeypatch):
    network, final = Sees(), Sees()
    monkeypatch.setattr(choosing, "adapt", lambda model, part, settings, advance: final)
    found = choose(network, examples(), "normal", Levers(adapt="always"))
    assert found.network is final
    assert final.calls == 0
    assert found.expected == ()


def test_what_is_set_is_not_tried():
    found = choose(Sees(), examples(), "normal", Levers(refine=True))
    assert found.levers.refine
    assert not any(line.startswith("refine") for line in found.lines)
