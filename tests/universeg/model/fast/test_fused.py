"""The fused steps against their plain twins: on a GPU, else in Triton's interpreter on the CPU."""

import os

import pytest
import torch

pytest.importorskip("triton", reason="the extra 'kernels' is not installed")

from universeg.model import ModelConfig, UniverSeg
from universeg.model.fast import fused, plain
from universeg.model.fast.on_gpu import TOLERANCE, difference, examples
from universeg.model.fast.work import Work

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"  # see tests/conftest.py
EXACT = torch.float64


def some(*shape, dtype=EXACT, learnt=True, seed=0):
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.randn(shape, generator=generator, dtype=dtype).to(DEVICE).requires_grad_(learnt)


def assert_same(name, *args):
    """Results and gradients of a fused step are those of its plain twin, with gradients that differ in each value."""
    found, gradients = results(getattr(fused, name), args)
    expected, expected_gradients = results(getattr(plain, name), args)
    assert len(found) == len(expected)
    for one, other in zip(found + gradients, expected + expected_gradients, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def results(step, args):
    given = step(*args)
    made = [value for value in (given if isinstance(given, tuple) else (given,)) if value is not None]
    learnt = [value for value in args if isinstance(value, torch.Tensor) and value.requires_grad]
    total = sum((value * some(*value.shape, learnt=False, seed=n)).sum() for n, value in enumerate(made))
    return made, list(torch.autograd.grad(total, learnt))


@pytest.mark.parametrize(
    ("batch", "entries", "high", "wide", "features"), [(2, 3, 6, 8, 5), (1, 1, 2, 2, 3), (1, 2, 4, 40, 17)]
)
def test_the_first_block(batch, entries, high, wide, features):
    """Sizes: several of everything; the smallest image, where every pixel is at three edges; several programs."""
    rows = some(entries * batch, 2, high, wide, learnt=False)
    kernels = some(4, 2, 3, 3), some(features, 4, 3, 3)
    assert_same("first_block", rows, *kernels, some(batch, features, high, wide))


@pytest.mark.parametrize("pool", [True, False])
@pytest.mark.parametrize(("batch", "entries", "high", "wide", "features"), [(2, 3, 6, 8, 5), (1, 2, 20, 16, 18)])
def test_the_end_of_a_block(batch, entries, high, wide, features, pool):
    assert_same("finish", some(entries * batch, features, high, wide), some(batch, features, high, wide), pool)


def test_only_some_results_of_a_block_are_used():
    """The gradients of the others are missing, not zero."""
    rows, shared = some(6, 5, 4, 4), some(2, 5, 4, 4)
    for used in (0, 2):
        gradients = [torch.autograd.grad(step.finish(rows, shared, True)[used].square().sum(), (rows, shared))
                     for step in (fused, plain)]  # fmt: skip
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other)


def test_equal_values_in_a_window_give_the_gradient_to_the_first():
    rows, shared = torch.ones(1, 3, 4, 4, dtype=EXACT, device=DEVICE, requires_grad=True), some(1, 3, 1, 1)
    assert_same("finish", rows, shared.expand(-1, -1, 4, 4), True)


@pytest.mark.parametrize(("high", "wide"), [(1, 1), (1, 3), (2, 2), (3, 5), (8, 12)])
def test_enlarging_and_joining(high, wide):
    assert_same("enlarge_and_join", some(3, 5, high, wide), some(3, 4, 2 * high, 2 * wide))


@pytest.mark.slow
@pytest.mark.parametrize(("widths", "at_once"), [((6, 5, 4), 8), ((3, 2), 1)])
def test_the_network_in_larger_steps_computes_the_equations(widths, at_once, monkeypatch):
    network = UniverSeg(ModelConfig(widths)).to(DEVICE, EXACT)
    monkeypatch.setattr("universeg.model.network.entries_at_once", lambda query, width: at_once)
    query, images = some(2, 1, 8, 4, learnt=False), some(2, 2, 1, 8, 4, learnt=False)
    inputs, direction = (query, images, (images > 0).to(EXACT)), some(2, 1, 8, 4, learnt=False, seed=1)
    found = []
    for compute in (
        network._by_equations,
        lambda *values: network._in_larger_steps(plain, *values),
        lambda *values: network._in_larger_steps(fused, *values),
    ):
        network.zero_grad()
        logits = compute(*inputs)
        (logits * direction).sum().backward()
        gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
        found.append((logits.detach(), gradients))
    (logits, gradients), *others = found
    assert len(gradients) == len(list(network.parameters())) - 2, "all but the last block's support branch"
    for other, other_gradients in others:
        torch.testing.assert_close(other, logits)
        torch.testing.assert_close(other_gradients, gradients)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_in_the_precisions_of_training(dtype):
    for name, args in examples(torch.device(DEVICE), dtype, 4):
        if DEVICE == "cpu" and dtype == torch.bfloat16 and name == "first_block":
            continue  # the interpreter has no matrix product of bfloat16
        assert difference(getattr(fused, name), getattr(plain, name), args) < TOLERANCE[dtype] / 2, name


def test_work_is_divided_so_that_every_entry_is_done_once():
    for entries in (1, 2, 5, 64):
        for batch, side in ((1, 8), (8, 32), (64, 64)):
            work = Work.on(torch.empty(batch, side, side, 64, device="meta"), entries * batch, 4)
            parts = [min(entries, (n + 1) * work.per_split) - n * work.per_split for n in range(work.splits)]
            assert min(parts) > 0
            assert sum(parts) == entries
            assert work.tiles * work.at_once >= side * side // 4
