"""Names of devices and precisions."""

import pytest
import torch

from universeg.base.device import Compute, device_named


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def test_auto_is_the_cpu_without_a_gpu(no_gpu):
    assert device_named("auto") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_device_is_named():
    with pytest.raises(ValueError, match=r"device 'cuda' cannot be used here.*try --device cpu"):
        device_named("cuda")


def test_precision_is_float32_unless_requested():
    assert Compute.chosen("cpu").precision == torch.float32
    assert Compute.chosen("cpu", "bfloat16").precision == torch.bfloat16


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ({"amx_bf16": True, "cpu_name": "Intel Xeon"}, torch.bfloat16),
        ({"avx512_bf16": True, "cpu_name": "Intel Xeon"}, torch.float32),
        ({"avx512_bf16": True, "cpu_name": "AMD EPYC"}, torch.bfloat16),
        ({"cpu_name": "AMD EPYC"}, torch.float32),
        ({}, torch.float32),
    ],
)
def test_auto_takes_the_faster_precision(no_gpu, monkeypatch, capabilities, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert Compute.chosen("auto", "auto") == Compute(torch.device("cpu"), precision)


@pytest.mark.parametrize(("precision", "computed"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_convolutions_compute_in_the_chosen_precision(precision, computed):
    with Compute.chosen("cpu", precision).autocast():
        assert torch.nn.Conv2d(1, 1, 3)(torch.zeros(1, 1, 8, 8)).dtype == computed
