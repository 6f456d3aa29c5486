"""PANet, ALPNet and SE-net compute what their papers say, have the right size, are saved, and learn."""

import hashlib
from dataclasses import replace
from functools import cache
from statistics import fmean

import pytest
import torch
from torch.nn import functional

from universeg.model import ModelConfig, UniverSeg, load_model, save_model
from universeg.model.baselines import BASELINE_NETWORKS, BaselineConfig, alpnet, panet
from universeg.model.baselines.alpnet import local_scores
from universeg.model.baselines.panet import alignment_loss, prototypes, scores
from universeg.model.networks import learning_step, new_network
from universeg.training.augment import AugmentConfig
from universeg.training.loader import load_steps
from universeg.training.trainer import Trainer, initial_model

EVERY = pytest.mark.parametrize(  # ALPNet has a ResNet-101
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "alpnet" else ()) for name in BASELINE_NETWORKS]
)
# Table 1 of the paper has 14.71, 43.02 and 0.92 million; docs/how-to/reproduce-the-paper.md says why SE-net differs.
PARAMETERS = {"panet": 14_714_688, "alpnet": 43_024_448, "senet": 977_661}


def random_episode(batch=2, entries=3, side=32, seed=0):
    rng = torch.Generator().manual_seed(seed)
    query, images = (
        torch.rand(batch, 1, side, side, generator=rng),
        torch.rand(batch, entries, 1, side, side, generator=rng),
    )
    masks = torch.zeros_like(images)
    masks[..., 4:20, 8:28] = 1
    return query, images, masks


def random_features(batch=1, entries=3, seed=0):
    """Features (B, C, 6, 6) of a query and (B, N, C, 6, 6) of the support, and masks (B, N, 1, 6, 6)."""
    rng = torch.Generator().manual_seed(seed)
    query, support = torch.randn(batch, 5, 6, 6, generator=rng), torch.randn(batch, entries, 5, 6, 6, generator=rng)
    masks = torch.zeros(batch, entries, 1, 6, 6)
    masks[..., :4, 2:] = 1
    return query, support, masks


@cache
def network_of(name):
    """A new network, not to be changed by tests: the largest takes half a second to draw."""
    return BASELINE_NETWORKS[name](seed=0).eval().requires_grad_(False)


@EVERY
def test_the_number_of_parameters_is_that_of_the_original(name):
    network = network_of(name)
    assert sum(each.numel() for each in network.parameters()) == PARAMETERS[name]
    if name == "senet":
        segmenting = [network.segmenter, network.classifier]
        assert sum(each.numel() for part in segmenting for each in part.parameters()) == 925_067  # the paper's 0.92 M


@EVERY
@torch.inference_mode()
def test_it_is_called_like_universeg(name):
    network, (query, images, masks) = network_of(name), random_episode()
    logits = network(target_image=query, support_images=images, support_labels=masks)
    assert logits.shape == query.shape
    reordered = network(query, images.flip(1), masks.flip(1))
    torch.testing.assert_close(reordered, logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(network(query[1:], images[1:], masks[1:])[0], logits[1], atol=1e-4, rtol=1e-4)
    assert (network(query, images, 1 - masks) - logits).abs().max() > 1e-3, "the masks have no influence"
    assert (network(query, 1 - images, masks) - logits).abs().max() > 1e-3, "the support images have no influence"
    with pytest.raises(ValueError, match=r"multiples of \d+, got 36 x 36"):
        network(torch.zeros(1, 1, 36, 36), torch.zeros(1, 1, 1, 36, 36), torch.zeros(1, 1, 1, 36, 36))


@EVERY
def test_the_initial_weights_depend_on_the_seed_alone(name):
    again, other = (next(BASELINE_NETWORKS[name](seed=seed).parameters()) for seed in (0, 1))
    first = next(network_of(name).parameters())
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_panet_has_a_prototype_for_each_mask_of_enlarged_features():
    _, support, _ = random_features(batch=2)
    masks = torch.zeros(2, 3, 1, 24, 24)
    masks[:, :2, :, 3:17, 5:11] = 1  # the third mask is empty: its prototype is zero, and counts in the mean
    large = functional.interpolate(support.flatten(0, 1), size=(24, 24), mode="bilinear").view(2, 3, 5, 24, 24)
    inside = (large * masks).sum((-2, -1)) / masks.sum((-2, -1)).clamp(min=1e-5)
    outside = (large * (1 - masks)).sum((-2, -1)) / (1 - masks).sum((-2, -1))
    expected = torch.stack([outside.mean(1), inside.mean(1)], dim=1)
    torch.testing.assert_close(prototypes(support, masks), expected)


def test_panet_scores_by_twenty_times_the_cosine():
    query, support, masks = random_features()
    both = prototypes(support, masks)
    expected = [20 * functional.cosine_similarity(query, both[:, n, :, None, None]) for n in (0, 1)]
    torch.testing.assert_close(scores(query, both), torch.stack(expected, dim=1))


def test_panet_alignment_segments_the_support_with_prototypes_of_the_prediction():
    query, support, masks = random_features()
    found = scores(query, prototypes(support, masks))
    inside = (found.argmax(1, keepdim=True) == 1).float()
    back = [(query * part).sum((-2, -1)) / part.sum((-2, -1)) for part in (1 - inside, inside)]
    losses = []
    for n in range(3):
        both = [20 * functional.cosine_similarity(support[:, n], each[..., None, None]) for each in back]
        losses.append(functional.cross_entropy(torch.stack(both, dim=1), masks[:, n, 0].long()))
    torch.testing.assert_close(alignment_loss(query, found, support, masks)[0], sum(losses) / 3, rtol=1e-4, atol=1e-4)
    nothing = torch.stack([torch.ones(1, 6, 6), torch.zeros(1, 6, 6)], dim=1)
    assert alignment_loss(query, nothing, support, masks).item() == 0


def alpnet_score(query, local, whole):
    """ALPNet's score of one class, with loops; prototypes are lists of vectors."""
    chosen = [*local, *whole] if local else [torch.stack(whole).mean(0)]
    cosines = 20 * torch.stack([functional.cosine_similarity(query, each[None, :, None, None]) for each in chosen])
    return (cosines.softmax(0) * cosines).sum(0)


@pytest.mark.parametrize("large", [True, False], ids=["mask with whole windows", "mask without"])
def test_alpnet_has_a_prototype_for_each_window_inside_the_mask(large):
    query, support, masks = random_features()
    if not large:
        masks[:] = 0
        masks[..., 1:3, 1:3] = 1  # across four windows
    local, whole = {0: [], 1: []}, {0: [], 1: []}
    for n in range(3):
        for label in (0, 1):
            part = (masks[0, n, 0] == label).float()
            whole[label].append((support[0, n] * part).sum((-2, -1)) / part.sum())
            for y in range(0, 6, 2):
                for x in range(0, 6, 2):
                    if part[y : y + 2, x : x + 2].mean() > 0.95:
                        local[label].append(support[0, n, :, y : y + 2, x : x + 2].mean((-2, -1)))
    assert bool(local[1]) == large
    expected = [alpnet_score(query, local[0], []), alpnet_score(query, local[1], whole[1])]
    torch.testing.assert_close(local_scores(query, support, masks), torch.stack(expected, dim=1), rtol=1e-4, atol=1e-4)


def test_alpnet_alignment_takes_the_prediction_as_the_support():
    query, support, masks = random_features()
    found = local_scores(query, support, masks)
    inside = (found[:, 1:] > found[:, :1]).float()
    each = [local_scores(support[:, n], query[:, None], inside[:, None]) for n in range(3)]
    expected = [functional.cross_entropy(one, masks[:, n, 0].long()) for n, one in enumerate(each)]
    torch.testing.assert_close(alpnet.alignment_loss(query, found, support, masks)[0], sum(expected) / 3)


def test_senet_averages_the_gates_of_the_support_set():
    network, (query, images, masks) = BASELINE_NETWORKS["senet"]().eval(), random_episode(batch=1)
    with torch.inference_mode():
        gates = [network._gates(images[:, [n]], masks[:, [n]]) for n in range(3)]
        together = network._gates(images, masks)
        for number, gate in enumerate(together):
            torch.testing.assert_close(gate, sum(each[number] for each in gates) / 3)
        assert len(together) == 9
        shut = network.segmenter(query, [torch.zeros_like(gate) for gate in together])
    assert all(stage.abs().max() == 0 for stage in shut)


@EVERY
def test_only_the_prototype_networks_have_a_loss_of_their_own(name):
    network, episode = new_network(name, ModelConfig(), BaselineConfig(), 0), random_episode()
    logits, extra = learning_step(network, *episode)
    assert extra.shape == (2,)
    assert (extra > 0).all() == (name != "senet")
    if name == "senet":
        return
    for weight in (0.5, 0.0):
        network.config = BaselineConfig(alignment=weight)
        weighted_logits, weighted = learning_step(network, *episode)
        torch.testing.assert_close(weighted, weight * extra, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(weighted_logits, logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(network(*episode), logits, rtol=1e-4, atol=1e-4)


def test_weights_files_say_which_network_they_hold(tmp_path):
    network = BASELINE_NETWORKS["senet"](BaselineConfig(alignment=0.5), seed=3).eval()
    save_model(network, tmp_path / "w.safetensors")
    loaded = load_model(tmp_path / "w.safetensors")
    assert (type(loaded), loaded.config) == (type(network), network.config)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(*random_episode()), network(*random_episode()))
    network.name = "unknown"
    save_model(network, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="has no network of this version"):
        load_model(tmp_path / "w.safetensors")


def test_the_names_of_networks():
    assert new_network("paper", ModelConfig(), BaselineConfig(), 0).config.cross_activation
    assert new_network("universeg", ModelConfig((8,)), BaselineConfig(), 0).config.widths == (8,)
    with pytest.raises(ValueError, match="leave out the --model"):
        new_network("panet", ModelConfig((8,)), BaselineConfig(), 0)
    with pytest.raises(ValueError, match="leave them out"):
        new_network("universeg", ModelConfig(), BaselineConfig(pretrained=True), 0)
    with pytest.raises(ValueError, match="senet has no pretrained weights"):
        new_network("senet", ModelConfig(), BaselineConfig(pretrained=True), 0)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """VGG-16 as torchvision publishes it: with a classifier, and the start of its hash in the name."""
    theirs = panet.PANet(seed=5).trunk.state_dict() | {"classifier.0.weight": torch.zeros(1)}
    torch.save(theirs, tmp_path / "vgg.pth")
    digest = hashlib.sha256((tmp_path / "vgg.pth").read_bytes()).hexdigest()[:8]
    path = (tmp_path / "vgg.pth").rename(tmp_path / f"vgg-{digest}.pth")
    monkeypatch.setattr(panet, "ADDRESS", path.as_uri())
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return path


def test_pretrained_weights_are_fetched_only_if_they_are_wanted(server, config):
    config = replace(config, network="panet", model=ModelConfig())
    wanted = initial_model(replace(config, baseline=BaselineConfig(pretrained=True))).trunk.features[0].weight
    assert torch.equal(wanted, panet.PANet(seed=5).trunk.features[0].weight)
    assert not torch.equal(wanted, initial_model(config).trunk.features[0].weight)
    with pytest.raises(ValueError, match="not both"):
        replace(config, init=server, baseline=BaselineConfig(pretrained=True))
    (server.parent / "hub" / "checkpoints" / server.name).unlink()
    server.unlink()
    with pytest.raises(OSError, match="download it in a browser into the folder"):
        initial_model(replace(config, baseline=BaselineConfig(pretrained=True)))


def test_init_must_hold_the_same_network(config, tmp_path):
    save_model(BASELINE_NETWORKS["senet"](), tmp_path / "senet.safetensors")
    with pytest.raises(ValueError, match=r"holds SENet .* this run has UniverSeg"):
        initial_model(replace(config, init=tmp_path / "senet.safetensors"))
    save_model(UniverSeg(), tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=r"holds UniverSeg .* this run has SENet"):
        initial_model(replace(config, init=tmp_path / "w.safetensors", network="senet", model=ModelConfig()))


@pytest.mark.weekly
@pytest.mark.parametrize(
    ("name", "steps", "rate", "side"), [("panet", 50, 3e-4, 64), ("alpnet", 25, 3e-4, 64), ("senet", 50, 1e-3, 32)]
)
def test_it_learns(name, steps, rate, side, config, make_store, tmp_path):
    store = make_store(tmp_path, "Discs", labels=("a", "b"), slicings=("mid",), side=side)
    config = replace(
        config, stores=(store,), network=name, model=ModelConfig(), steps=steps, support_size=2, learning_rate=rate,
        augment=AugmentConfig(preset="none"), baseline=BaselineConfig(alignment=0),
    )  # fmt: skip
    trainer = Trainer(config)
    losses = [trainer.learn(episodes)[0][1] for episodes in load_steps(trainer.load, config, range(1, steps + 1))]
    assert fmean(losses[-10:]) < 0.7 * fmean(losses[:5]), losses  # the loss is 1 - soft Dice
