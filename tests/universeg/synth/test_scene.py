"""Building blocks of the families: label rules, and the check that a label can be learnt."""

import pytest
import torch

from universeg.synth.scene.label_rules import derived_labels, edge
from universeg.synth.scene.learnable import agreement, contrast, is_thin, visibility, why_not_learnable, width
from universeg.synth.scene.random_draws import Draws


def disc(radius: float, *middles: tuple[float, float]) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    return torch.stack([torch.hypot(x - a, y - b) < radius for a, b in middles])


def test_measures_of_known_masks() -> None:
    masks = disc(10, (32, 32), (32, 32))
    assert width(masks) == pytest.approx(10, rel=0.2)
    assert agreement(masks) == 1
    assert agreement(disc(10, (12, 12), (50, 50))) == 0
    line = torch.zeros(2, 64, 64, dtype=torch.bool)
    line[:, :, 30:32] = True
    assert width(line) == 2
    assert not is_thin(line), "2 of 64 pixels are not thin"
    noise = torch.randn(2, 64, 64, generator=torch.Generator().manual_seed(0))
    assert contrast(noise + 3 * masks, masks) == pytest.approx(3, rel=0.1)
    assert contrast(noise - 3 * masks, masks) == pytest.approx(-3, rel=0.1)
    assert abs(contrast(noise, masks)) < 0.2


def test_shading_does_not_hide_lines() -> None:
    line = torch.zeros(2, 128, 128, dtype=torch.bool)
    line[:, :, 60:62] = True
    shade = torch.linspace(0, 1, 128).expand(2, 128, 128)
    assert is_thin(line)
    assert abs(contrast(shade.mT + 0.03 * line, line)) < 0.2
    assert visibility(shade.mT + 0.03 * line, line) > 1


def test_labels_that_cannot_be_learnt_are_rejected_with_the_reason() -> None:
    noise = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    elsewhere = disc(6, (12, 12), (50, 14), (30, 50))
    assert why_not_learnable(noise, elsewhere) == "not visible and not in a fixed position"
    assert why_not_learnable(noise + elsewhere, elsewhere) == ""
    assert why_not_learnable(noise * (1 - 0.7 * elsewhere.float()) + 0.35 * elsewhere, elsewhere) == "", (
        "only the texture differs"
    )
    assert why_not_learnable(noise, disc(6, (30, 30), (31, 30), (30, 31))) == "", "it is always at the same position"
    assert why_not_learnable(noise, disc(1.1, (30, 30), (31, 30), (30, 31))) == "nearly empty in a subject"
    assert why_not_learnable(noise, disc(50, (30, 30), (31, 30), (30, 31))) == "too large"


def test_the_edge_has_the_requested_width() -> None:
    square = torch.zeros(1, 20, 20, dtype=torch.bool)
    square[:, 4:16, 4:16] = True
    assert int(edge(square, 1).sum()) == 12**2 - 10**2
    assert int(edge(square, 2).sum()) == 12**2 - 8**2
    assert not edge(torch.ones(1, 9, 9, dtype=torch.bool), 2).any(), "the border of the image is no edge"


def test_labels_are_parts_and_masks_derived_from_them() -> None:
    parts = {"one": disc(10, (20, 20), (30, 40)), "other": disc(6, (50, 50), (48, 20))}
    labels = dict[str, torch.Tensor]()
    for number in range(40):
        labels |= derived_labels(Draws(("test", number), 2, 64, torch.device("cpu")), parts)
    assert {"one", "other", "side of one", "all but other", "edge of one"} <= set(labels)
    both = next(name for name in labels if " and " in name)
    assert torch.equal(labels[both], parts["one"] | parts["other"])
    assert torch.equal(labels["all but other"], ~parts["other"])
    side, whole = labels["side of one"].flatten(1).sum(1), parts["one"].flatten(1).sum(1)
    assert not (labels["side of one"] & ~parts["one"]).any()
    assert ((side > 0.2 * whole) & (side < 0.8 * whole)).all(), (
        "the cut is near the centre of the part, wherever it lies"
    )
