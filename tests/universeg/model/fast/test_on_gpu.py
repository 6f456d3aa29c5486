"""The choice between equations, fused steps and graphs, and the check of the fused steps at their first use."""

from types import SimpleNamespace

import pytest
import torch

from universeg.model import PAPER, ModelConfig, UniverSeg
from universeg.model.fast import on_gpu, plain

CPU = torch.device("cpu")


@pytest.fixture
def chosen(monkeypatch):
    """Calls the choice as the network does on a GPU; gives what was computed, and with which steps."""
    monkeypatch.setattr(on_gpu, "fused_steps", lambda *key: plain)

    def call(larger=True, features=4, images=None):
        inputs = (
            torch.rand(1, 1, 8, 8),
            torch.rand(1, 2, 1, 8, 8) if images is None else images,
            torch.rand(1, 2, 1, 8, 8),
        )
        network = UniverSeg(ModelConfig((2, 2))).eval()
        steps = (lambda module, *values: ("steps", module)) if larger else None
        return on_gpu.logits(network, lambda *values: ("equations", None), steps, features, inputs)

    return call


def test_fused_steps_are_used_where_they_fit(chosen):
    assert chosen() == ("steps", plain)
    assert chosen(larger=False)[0] == "equations"
    assert chosen(features=on_gpu.MOST_FEATURES + 1)[0] == "equations"


def test_who_needs_the_gradient_of_the_support_gets_it(chosen):
    images = torch.rand(1, 2, 1, 8, 8, requires_grad=True)
    assert chosen(images=images)[0] == "equations"
    with torch.no_grad():
        assert chosen(images=images)[0] == "steps"


def test_everything_can_be_turned_off(chosen, monkeypatch):
    monkeypatch.setattr(on_gpu.settings, "fused", False)
    assert chosen()[0] == "equations"


def test_the_network_asks_only_on_a_gpu_and_computes_the_same(monkeypatch):
    images = torch.rand(2, 4, 1, 8, 8)
    inputs = images[:, 0], images[:, 1:], (images[:, 1:] > 0.5).float()
    asked = list[tuple[object, ...]]()
    monkeypatch.setattr(on_gpu, "fused_steps", lambda *key: asked.append(key) or plain)
    monkeypatch.setattr(on_gpu.settings, "graphs", False)
    network = UniverSeg(ModelConfig((4, 3, 2)))
    expected = network(*inputs)
    assert not asked
    assert torch.equal(expected, network._by_equations(*inputs)), "a CPU computes the same bits as without this folder"
    monkeypatch.setattr(torch.Tensor, "is_cuda", property(lambda tensor: True))
    assert (network(*inputs) - expected).norm() < 1e-5 * expected.norm()
    assert asked == [(CPU, torch.float32, 4, True)]
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        network(*inputs)
    assert asked[1:] == [(CPU, torch.bfloat16, 4, False)]


def test_the_networks_that_have_larger_steps():
    assert UniverSeg()._has_larger_steps
    assert not UniverSeg(PAPER)._has_larger_steps
    assert not UniverSeg(ModelConfig((4,)))._has_larger_steps


def test_the_check_finds_each_step_and_each_gradient_that_is_wrong():
    assert on_gpu.worst_difference(plain, CPU, torch.float32, 4, gradients=True) < 1e-5

    def scaled(factor, gradient_factor):
        def finish(rows, shared, pool):
            total = plain.finish(rows, shared, pool)
            first = total[0] * factor
            if gradient_factor != 1 and first.requires_grad:
                first.register_hook(lambda gradient: gradient * gradient_factor)
            return (first, *total[1:])

        return SimpleNamespace(first_block=plain.first_block, finish=finish, enlarge_and_join=plain.enlarge_and_join)

    for wrong in (scaled(1.02, 1), scaled(1, 1.05)):
        assert on_gpu.worst_difference(wrong, CPU, torch.float32, 4, gradients=True) > 0.01
    assert on_gpu.worst_difference(scaled(1, 1.05), CPU, torch.float32, 4, gradients=False) < 1e-5


def test_steps_that_differ_or_fail_are_not_used_and_that_is_told(monkeypatch):
    pytest.importorskip("triton", reason="the extra 'kernels' is not installed")
    check = on_gpu.fused_steps.__wrapped__
    monkeypatch.setattr(on_gpu, "worst_difference", lambda *args: float("nan"))
    with pytest.warns(UserWarning, match="not used on cpu: they differ by nan of the plain ones"):
        assert check(CPU, torch.float32, 4, True) is None

    def fail(*args):
        raise FileNotFoundError("no C compiler")

    monkeypatch.setattr(on_gpu, "worst_difference", fail)
    with pytest.warns(UserWarning, match="do not run on cpu, so the network is slower: no C compiler"):
        assert check(CPU, torch.bfloat16, 4, True) is None
    assert check(CPU, torch.float64, 4, True) is None, "no tolerance is known"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_a_gpu_the_network_gives_the_same(monkeypatch):
    network = UniverSeg(ModelConfig((16, 16, 16))).cuda()
    images = torch.rand(2, 5, 1, 32, 32).cuda()
    inputs = images[:, 0], images[:, 1:], (images[:, 1:] > 0.5).float()
    found = []
    for fused in (True, False):
        monkeypatch.setattr(on_gpu.settings, "fused", fused)
        network.zero_grad()
        logits = network(*inputs)
        logits.square().mean().backward()
        found.append([logits.detach(), *(p.grad.clone() for p in network.parameters() if p.grad is not None)])
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() <= 5e-3 * other.norm()
