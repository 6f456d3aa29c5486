"""Gradients are exchanged in buckets while the rest is computed; the sum over two equal processes is simulated."""

import pytest
import torch

from universeg.model import ModelConfig, UniverSeg
from universeg.training import gradient_exchange
from universeg.training.gradient_exchange import GradientExchange


@pytest.fixture
def sent(monkeypatch):
    """The sizes of what was sent, in order."""
    sizes = list[int]()

    class Work:
        def __init__(self, flat):
            self.flat = flat

        def wait(self):
            self.flat.mul_(2).add_(2)  # another process, whose gradients are larger by 2

    monkeypatch.setattr(
        gradient_exchange.distributed, "all_reduce", lambda flat, async_op: sizes.append(len(flat)) or Work(flat)
    )
    monkeypatch.setattr(gradient_exchange, "BUCKET_BYTES", 1000)
    return sizes


def backward(network):
    network.zero_grad(set_to_none=True)
    images = torch.rand(1, 3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    network(images[:, 0], images[:, 1:], images[:, 1:]).square().mean().backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def test_gradients_become_the_mean_and_travel_during_the_backward_pass(sent):
    network = UniverSeg(ModelConfig((4, 3)))
    exchange = GradientExchange(network, 2)
    for step in range(3):
        sent.clear()
        own = backward(network)
        early = len(sent)
        exchange.finish()
        assert len(sent) > 3
        assert sum(sent) == sum(gradient.numel() for gradient in own.values())
        assert early == (0 if step == 0 else len(sent)), "after the first step, all are sent before backward returns"
        for name, parameter in network.named_parameters():
            if name in own:
                torch.testing.assert_close(parameter.grad, own[name] + 1)
            else:
                assert parameter.grad is None


def test_buckets_are_sent_in_one_order_by_all_processes(sent):
    network = UniverSeg(ModelConfig((4, 3)))
    exchange = GradientExchange(network, 2)
    for _ in range(2):
        sent.clear()
        backward(network)
        exchange.finish()
    expected = list(sent)
    sent.clear()
    for parameter in network.parameters():  # the opposite of the order of a backward pass
        if parameter.grad is not None:
            exchange._arrived(parameter)
    assert sent == expected


def test_alone_nothing_is_sent(sent):
    network = UniverSeg(ModelConfig((2, 2)))
    exchange, own = GradientExchange(network, 1), backward(network)
    exchange.finish()
    assert sent == []
    assert all(torch.equal(p.grad, own[name]) for name, p in network.named_parameters() if name in own)
