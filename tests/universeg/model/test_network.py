"""The network against the equations of the paper, its weights files, and the weights in the package."""

import hashlib
import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import conv2d

from benchmarks.tiled import Tiled
from universeg import UniverSeg, load_model
from universeg.base.rng import rng_for
from universeg.episodes.dice import dice
from universeg.model import PAPER, ModelConfig, save_model, trained_size
from universeg.model.fused_conv import fused_convs
from universeg.model.registry import DEFAULT, weights_path
from universeg.model.support_set import AT_ONCE

SMALL = ModelConfig(widths=(6, 5, 4))
SMALL_PAPER = ModelConfig((6, 5, 4), cross_activation=True, downsample="bilinear")


def episode(batch=1, support=3, high=16, wide=24, seed=0):
    generator = torch.Generator().manual_seed(seed)
    query = torch.rand(batch, 1, high, wide, generator=generator)
    images = torch.rand(batch, support, 1, high, wide, generator=generator)
    return query, images, (images > 0.5).float()


def tiled(model, *inputs):
    return Tiled(model.config, model.state_dict())(*inputs)


def assert_close(found, expected):
    assert found.shape == expected.shape
    assert (found - expected).norm() <= 1e-5 * expected.norm()


def test_the_published_network_has_its_parameters():
    names = {name: tuple(tensor.shape) for name, tensor in UniverSeg().state_dict().items()}
    blocks = [*(f"enc_blocks.{n}" for n in range(4)), *(f"dec_blocks.{n}" for n in range(3))]
    layers = ["cross.cross_conv", "target.vmapped.conv", "support.vmapped.conv"]
    modules = [*(f"{block}.{layer}" for block in blocks for layer in layers), "out_conv.conv"]
    assert set(names) == {f"{module}.{part}" for module in modules for part in ("weight", "bias")}
    assert [sum(map(torch.numel, UniverSeg(config).parameters())) for config in (None, PAPER)] == [1_182_785, 1_551_809]
    assert names["enc_blocks.0.cross.cross_conv.weight"] == (64, 3, 3, 3)
    assert names["enc_blocks.1.cross.cross_conv.weight"] == (64, 128, 3, 3)
    assert names["dec_blocks.0.cross.cross_conv.weight"] == (64, 256, 3, 3)
    assert names["out_conv.conv.weight"] == (1, 64, 1, 1)


def test_the_network_of_the_paper_differs_from_the_published_one():
    assert ModelConfig(widths=(64, 64, 64, 64, 64), cross_activation=True, downsample="bilinear") == PAPER
    assert ModelConfig() == ModelConfig(widths=(64, 64, 64, 64), cross_activation=False, downsample="max")


def test_initial_weights_are_kaiming_normal_and_depend_on_the_seed():
    weight = UniverSeg().dec_blocks[0].cross.cross_conv.weight
    assert weight.std().item() == pytest.approx((2 / (1 + 0.01**2) / (256 * 9)) ** 0.5, rel=0.02)
    assert all(not tensor.any() for name, tensor in UniverSeg().state_dict().items() if name.endswith("bias"))
    same, other = UniverSeg(SMALL, seed=0), UniverSeg(SMALL, seed=1)
    assert torch.equal(UniverSeg(SMALL).out_conv.conv.weight, same.out_conv.conv.weight)
    assert not torch.equal(other.out_conv.conv.weight, same.out_conv.conv.weight)


@pytest.mark.parametrize("config", [ModelConfig(), PAPER], ids=["published", "paper"])
def test_networks_of_full_size_compute_the_equations(config):
    model, inputs = UniverSeg(config), episode(support=4, high=32, wide=32)
    with torch.inference_mode():
        assert_close(model(*inputs), tiled(model, *inputs))


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([SMALL, SMALL_PAPER]), st.integers(1, 3), st.integers(1, 6), st.integers(1, 5), st.integers(1, 5)
)
def test_each_item_of_a_batch_is_computed_by_the_equations(config, batch, support, high, wide):
    model, inputs = UniverSeg(config), episode(batch, support, 4 * high, 4 * wide)
    with torch.inference_mode():
        assert_close(model(*inputs), tiled(model, *inputs))


@settings(max_examples=10, deadline=None)
@given(st.sampled_from([SMALL, SMALL_PAPER]), st.permutations(range(5)))
def test_the_order_of_the_support_does_not_matter(config, order):
    model, (query, images, masks) = UniverSeg(config), episode(2, 5)
    with torch.inference_mode():
        assert_close(model(query, images[:, order], masks[:, order]), model(query, images, masks))


@pytest.mark.parametrize("config", [SMALL, SMALL_PAPER])
@pytest.mark.parametrize("entries", [1, 2, 5])
def test_the_number_of_entries_processed_at_once_does_not_matter(monkeypatch, config, entries):
    model, inputs = UniverSeg(config), episode(2, 5)
    monkeypatch.setitem(AT_ONCE, "cpu", entries * 2 * 6 * 16 * 24 * 4)  # bytes of the features of the first block
    with torch.inference_mode():
        assert_close(model(*inputs), tiled(model, *inputs))


@pytest.mark.parametrize(("high", "wide"), [(1, 1), (1, 7), (2, 1), (3, 4)])
def test_fused_convolutions_are_exact_up_to_the_edge(high, wide):
    generator = torch.Generator().manual_seed(0)
    features, first, second = (
        torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
        for shape in [(2, 3, high, wide), (5, 3, 3, 3), (4, 5, 3, 3)]
    )
    expected = conv2d(conv2d(features, first, padding=1), second, padding=1)
    torch.testing.assert_close(fused_convs(features, first, second), expected)
    assert torch.autograd.gradcheck(fused_convs, (features, first, second))


def test_no_entry_is_stored_at_full_size_for_the_gradient():
    model, stored = UniverSeg(ModelConfig((8, 4))), list[torch.Size]()
    inputs = episode(support=6, high=16, wide=16)
    with saved_tensors_hooks(lambda tensor: stored.append(tensor.shape) or tensor, lambda tensor: tensor):
        model(*inputs)
    assert (6, 4, 8, 8) in stored  # features of all entries in the second block
    assert not any(shape[0] == 6 and shape[1] > 2 and shape[-1] == 16 for shape in stored if len(shape) == 4)


def test_gradients_are_those_of_the_equations():
    model, inputs = UniverSeg(SMALL), episode()
    model(*inputs).square().sum().backward()
    found = {name: p.grad for name, p in model.named_parameters()}
    twin = {name: tensor.clone().requires_grad_() for name, tensor in model.state_dict().items()}
    Tiled(SMALL, twin)(*inputs).square().sum().backward()
    for name, parameter in twin.items():
        if parameter.grad is None:  # the new support of the last block is not used
            assert name.startswith("dec_blocks.1.support")
        else:
            assert_close(found[name], parameter.grad)


@pytest.mark.parametrize(
    ("shapes", "words"),
    [
        ([(1, 1, 12, 12), (1, 2, 1, 12, 12), (1, 2, 1, 12, 12)], "multiples of 8, got 12 x 12; pad or resize"),
        ([(1, 1, 8, 8), (1, 2, 1, 8, 8), (1, 3, 1, 8, 8)], r"\(1, 2, 1, 8, 8\) and \(1, 3, 1, 8, 8\)"),
        ([(1, 1, 8, 8), (2, 2, 1, 8, 8), (2, 2, 1, 8, 8)], r"expected target_image \(B, 1, H, W\)"),
        ([(1, 1, 8, 8), (1, 0, 1, 8, 8), (1, 0, 1, 8, 8)], "N at least 1"),
        ([(1, 1, 8, 8), (1, 2, 8, 8), (1, 2, 8, 8)], "expected target_image"),
        ([(1, 8, 8), (1, 2, 1, 8, 8), (1, 2, 1, 8, 8)], "expected target_image"),
        ([(1, 1, 0, 0), (1, 2, 1, 0, 0), (1, 2, 1, 0, 0)], "expected target_image"),
    ],
)  # fmt: skip
def test_wrong_shapes_are_refused(shapes, words):
    with pytest.raises(ValueError, match=words):
        UniverSeg(ModelConfig((2,) * 4))(*map(torch.zeros, shapes))


@pytest.mark.parametrize(("fields", "words"), [({"widths": ()}, "widths"), ({"downsample": "mean"}, "max, bilinear")])
def test_impossible_networks_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        ModelConfig(**fields)


@pytest.mark.parametrize("config", [SMALL, SMALL_PAPER])
def test_a_saved_network_is_loaded_again(tmp_path, config):
    model = UniverSeg(config, seed=3)
    save_model(model, tmp_path / "w.safetensors", {"step": "7"})
    found = load_model(tmp_path / "w.safetensors")
    assert found.config == config
    assert not found.training
    with torch.inference_mode():
        assert torch.equal(found(*episode()), model(*episode()))


def test_published_weights_are_loaded(tmp_path):
    model = UniverSeg(seed=3)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    with torch.inference_mode():
        assert torch.equal(load_model(str(tmp_path / "w.pt"))(*episode()), model(*episode()))


def _other_network(path):
    tensors = UniverSeg(SMALL).state_dict()
    del tensors["out_conv.conv.bias"]
    save_file({k: v.contiguous() for k, v in tensors.items()}, path, {
        "format": "universeg-1", "model": json.dumps({"widths": [6, 5, 5]})
    })  # fmt: skip


class NotATensor:
    pass


WRONG_FILES = {
    "w.safetensors": [
        (lambda path: path.write_bytes(b"nothing"), "not a readable .safetensors file"),
        (lambda path: save_file({}, path, {"format": "x"}), "expected the format universeg-1"),
        (lambda path: save_file({}, path, {"format": "universeg-1", "model": "{}"}), "its header has no network"),
        (
            _other_network,
            r"another architecture.*\n  out_conv.conv.bias: is missing\n"
            r"  .*expected \(5, 20, 3, 3\), got \(5, 18, 3, 3\)",
        ),
    ],
    "w.pt": [
        (lambda path: path.write_bytes(b"nothing"), "not a weights file, or it is incomplete"),
        (lambda path: torch.save({"model": {}, "step": 1}, path), "it contains model, step.*best.safetensors"),
        (lambda path: torch.save({"model": NotATensor()}, path), "it contains .*NotATensor"),
        (lambda path: torch.save({"a": torch.zeros(1)}, path), r"a: is not part of the network|and \d+ more"),
    ],
}


@pytest.mark.parametrize(
    ("name", "write", "words"), [(name, *case) for name, cases in WRONG_FILES.items() for case in cases]
)
def test_wrong_files_are_refused_with_advice(tmp_path, name, write, words):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=f"(?s){name}.*({words})"):
        load_model(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"x.pt: no such file; give a .safetensors"):
        load_model(tmp_path / "x.pt")


def test_any_number_of_features_works():
    for widths in itertools.product((1, 3), repeat=2):
        with torch.inference_mode():
            assert UniverSeg(ModelConfig(widths))(*episode()).shape == (1, 1, 16, 24)


def test_the_weights_in_the_package_are_those_of_the_model_card():
    card = (weights_path(DEFAULT).parent / "README.md").read_text()
    assert hashlib.sha256(weights_path(DEFAULT).read_bytes()).hexdigest() in card
    assert weights_path(DEFAULT).stat().st_size <= 5_000_000
    assert trained_size(weights_path(DEFAULT)) == 128
    assert load_model().config == ModelConfig()


@pytest.mark.slow
def test_the_weights_in_the_package_follow_the_support_set():
    """Images with a bright disc and a dark square: the support masks tell which one to segment."""
    rng, scenes = rng_for("discs and squares"), []
    y, x = np.mgrid[:128, :128]
    for _ in range(10):
        rows, columns = rng.uniform(30, 98, 2), rng.permutation([rng.uniform(24, 44), rng.uniform(84, 104)])
        disc = (y - rows[0]) ** 2 + (x - columns[0]) ** 2 < 16**2
        square = (abs(y - rows[1]) < 14) & (abs(x - columns[1]) < 14)
        scenes.append(((0.2 + 0.6 * disc - 0.15 * square + rng.normal(0, 0.03, disc.shape)).clip(0, 1), disc, square))
    images, discs, squares = (torch.tensor(np.array(one)).float()[:, None] for one in zip(*scenes, strict=True))
    network = load_model()
    for masks, others in ((discs, squares), (squares, discs)):
        support = images[2:].expand(2, -1, -1, -1, -1), masks[2:].expand(2, -1, -1, -1, -1)
        with torch.inference_mode():
            found = network(images[:2], *support) > 0
        labelled, other = (
            np.mean([dice(f.numpy(), m.numpy() > 0) for f, m in zip(found, ground_truth[:2], strict=True)])
            for ground_truth in (masks, others)
        )
        assert labelled > other + 20
