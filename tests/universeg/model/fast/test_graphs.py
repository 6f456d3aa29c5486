"""When a computation is recorded, replayed and given up; on a CPU with a stand-in for the record."""

import copy
import gc
import warnings

import pytest
import torch

from universeg.model import ModelConfig, UniverSeg
from universeg.model.fast import graphs
from universeg.model.fast.graphs import SEEN_BEFORE, InferenceGraphs, ShapeCache


def episode(batch=1, support=2, side=8):
    images = torch.rand(batch, support + 1, 1, side, side, generator=torch.Generator().manual_seed(side))
    return images[:, 0], images[:, 1:], (images[:, 1:] > 0.5).float()


class Stand:
    """Stands in for a graph: counts its records and replays, and gives zeros."""

    def __init__(self):
        self.records, self.replays = 0, 0

    def __call__(self, compute, inputs, pool):
        self.records += 1
        shape = inputs[0].shape

        def replay(values):
            self.replays += 1
            return torch.zeros(shape)

        return replay


@pytest.fixture
def stand():
    return Stand()


@pytest.fixture
def network():
    return UniverSeg(ModelConfig((2, 2))).eval()


def calls(infer, network, inputs, count=SEEN_BEFORE + 3):
    with torch.inference_mode():
        return [infer(network, network, inputs) for _ in range(count)]


def test_a_shape_that_is_seen_often_is_recorded_once(stand, network):
    infer = InferenceGraphs(stand)
    found = calls(infer, network, episode())
    assert (stand.records, stand.replays) == (1, 3)
    assert all(value.any() for value in found[:SEEN_BEFORE])
    assert not any(value.any() for value in found[SEEN_BEFORE:])
    calls(infer, network, episode(support=3), SEEN_BEFORE)
    assert stand.records == 1, "another shape has a count of its own"
    calls(infer, network, episode(support=3), 1)
    assert stand.records == 2


@pytest.mark.parametrize("change", ["training", "gradients", "hook", "large"])
def test_only_small_inference_is_recorded(stand, network, change, monkeypatch):
    infer, inputs = InferenceGraphs(stand), episode()
    if change == "training":
        network.train()
    if change == "hook":
        network.enc_blocks[1].register_forward_hook(lambda *_: None)
    if change == "large":
        monkeypatch.setattr(graphs, "MOST_PIXELS", inputs[0].numel() + inputs[1].numel() - 1)
    if change == "gradients":
        for _ in range(5):
            infer(network, network, inputs)
    else:
        calls(infer, network, inputs)
    assert stand.records == 0


def test_other_weights_have_another_graph_and_changed_weights_the_same(stand, network):
    infer, inputs = InferenceGraphs(stand), episode()
    calls(infer, network, inputs)
    network.out_conv.conv.bias.data.add_(1)  # in place: a replay reads the new values
    calls(infer, network, inputs)
    assert stand.records == 1
    network.out_conv.conv.bias.data = torch.ones(1)
    calls(infer, network, inputs)
    assert stand.records == 2
    calls(infer, copy.deepcopy(network), inputs)
    assert stand.records == 3


def test_precision_is_part_of_the_shape(stand, network):
    infer, inputs = InferenceGraphs(stand), episode()
    calls(infer, network, inputs)
    with torch.autocast("cpu", torch.bfloat16):
        calls(infer, network, inputs)
    assert stand.records == 2


def test_graphs_go_with_their_network(stand):
    infer, network = InferenceGraphs(stand), UniverSeg(ModelConfig((2, 2))).eval()
    calls(infer, network, episode())
    assert len(infer._of) == 1
    del network
    gc.collect()
    assert len(infer._of) == 0


def test_while_another_thread_uses_the_graphs_the_network_computes(stand, network):
    infer = InferenceGraphs(stand)
    with infer._lock:
        found = calls(infer, network, episode())
    assert stand.records == 0
    assert all(value.any() for value in found)


def test_the_graph_that_was_not_used_for_longest_is_dropped():
    made = list[int]()
    cache = ShapeCache[int](most=2, seen_before=0)

    def get(key):
        return cache.get(key, lambda: made.append(key) or key)

    assert [get(key) for key in (1, 2, 1, 3, 1, 2)] == [1, 2, 1, 3, 1, 2]
    assert made == [1, 2, 3, 2]


def test_a_failure_is_told_once_and_the_network_still_computes(network):
    def fail(compute, inputs, pool):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    infer, inputs = InferenceGraphs(fail), episode()
    with torch.inference_mode():
        expected = network(*inputs)
    with pytest.warns(
        UserWarning, match="no CUDA graph could be recorded, so small work is slower: operation not perm"
    ):
        found = calls(infer, network, inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found += calls(infer, network, episode(support=2))
    assert all(torch.equal(value, expected) for value in found)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
@pytest.mark.parametrize("autocast", [False, True])
def test_a_graph_gives_what_the_network_computes(network, autocast):
    network, infer = network.cuda(), InferenceGraphs()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=autocast):
        for side in (8, 16, 8):
            inputs = tuple(value.cuda() for value in episode(side=side))
            expected = network._by_equations(*inputs)
            found = [infer(network, network._by_equations, inputs) for _ in range(SEEN_BEFORE + 2)]
            for value in found:
                torch.testing.assert_close(value, expected)
        network.out_conv.conv.bias.add_(1)
        changed = infer(network, network._by_equations, inputs)
        torch.testing.assert_close(changed, network._by_equations(*inputs))
        assert not torch.equal(changed, expected)
