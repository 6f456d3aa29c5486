"""Levers: each calls the network with the shapes of the contract, and changes what it says."""

import pytest
import torch
from torch import nn

from universeg.episodes.levers import Levers, build
from universeg.episodes.levers.averages import Ensemble, Flipped
from universeg.episodes.levers.components import largest_component
from universeg.episodes.levers.refine import Refined, extent
from universeg.episodes.levers.resize import Resized, resize_images, resize_masks
from universeg.episodes.levers.select import MostSimilarSupport
from universeg.episodes.levers.tiles import Tiled
from universeg.model import ModelConfig, UniverSeg


class Recorded(nn.Module):
    """Marks bright pixels, and keeps what it was called with."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, target_image, support_images, support_labels):
        self.calls.append((target_image, support_images, support_labels))
        return (target_image - 0.5) * 20


def disc(side, row, column, radius):
    """A mask (side, side) with a disc; all lengths are shares of the side."""
    y, x = torch.meshgrid(*[(torch.arange(side) + 0.5) / side] * 2, indexing="ij")
    return ((y - row) ** 2 + (x - column) ** 2 < radius**2).float()


def episode(side=64, count=3, row=0.7):
    """A query with a disc at the right, and a support set with discs elsewhere: images are the masks."""
    query = disc(side, row, 0.7, 0.08)[None, None]
    support = torch.stack([disc(side, 0.3 + 0.1 * number, 0.3, 0.08) for number in range(count)])[None, :, None]
    return query, support, support.clone()


def test_every_lever_keeps_the_contract():
    network = UniverSeg(ModelConfig((4, 4))).eval()
    query, images, masks = (torch.cat([pixels, pixels.flip(-1)]) for pixels in episode())
    every = Levers(size=32, tiles=True, flips=True, draws=2, refine=True, select=2)
    with torch.inference_mode():
        for levers in (Levers(), every):
            logits = build(network, levers)(query, images, masks)
            assert logits.shape == query.shape
            assert logits.isfinite().all()
    assert build(network, Levers()) is network


def test_options_set_levers_in_the_network():
    network = Recorded()
    names = [type(module).__name__ for module in build(network, Levers(size=32, refine=True, flips=True)).modules()]
    assert names == ["Refined", "Flipped", "Resized", "Recorded"]
    names = [type(module).__name__ for module in build(network, Levers(select=2, draws=3)).modules()]
    assert names == ["MostSimilarSupport", "Ensemble", "Recorded"]


def test_tiles_need_their_size():
    with pytest.raises(ValueError, match="tiles needs size"):
        Levers(tiles=True)


def test_resized_shows_the_size_and_returns_the_size_of_the_query():
    network = Recorded()
    query, images, masks = episode()
    logits = Resized(network, 32)(query, images, masks)
    assert [pixels.shape[-1] for pixels in network.calls[0]] == [32, 32, 32]
    assert logits.shape == query.shape
    assert ((logits > 0) == (query > 0)).float().mean() > 0.99  # at the same place
    assert set(network.calls[0][2].unique().tolist()) == {0, 1}


def test_images_shrink_by_exact_means_and_masks_by_half_of_the_area():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    assert resize_images(image, 2)[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    mask = torch.tensor([[1.0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 1, 1], [0, 0, 1, 0]])[None, None]
    assert resize_masks(mask, 2)[0, 0].tolist() == [[1, 0], [0, 1]]
    assert resize_images(torch.full((2, 3, 1, 5, 5), 0.25), 7).eq(0.25).all()


def test_flips_average_mirrored_views():
    class Left(nn.Module):
        """Marks the left half, whatever it sees."""

        def forward(self, target_image, support_images, support_labels):
            logits = torch.full_like(target_image, -20)
            logits[..., : logits.shape[-1] // 2] = 20
            return logits

    logits = Flipped(Left())(*episode())
    assert torch.allclose(logits.sigmoid(), torch.tensor(0.5), atol=1e-3)
    network = Recorded()
    query, images, masks = episode()
    assert torch.allclose(
        Flipped(network)(query, images, masks).sigmoid(), network(query, images, masks).sigmoid(), atol=1e-4
    )
    seen = [call[0] for call in network.calls[:4]]
    assert [int(view[0, 0].argmax()) for view in seen] == [
        int(query.flip(axes).argmax()) for axes in ((), (-1,), (-2,), (-2, -1))
    ]
    assert all(torch.equal(images, masks) for _, images, masks in network.calls)  # both are mirrored alike


def test_ensemble_draws_different_support_sets_with_foreground():
    network = Recorded()
    query, images, masks = episode(count=6)
    masks[:, 1:] = 0
    Ensemble(network, 5)(query, images, masks)
    assert all(seen.any() for _, _, seen in network.calls)
    assert len({pixels.sum(dim=(2, 3, 4)).numpy().tobytes() for _, _, pixels in network.calls}) > 1
    again = Recorded()
    Ensemble(again, 5)(query, images, masks)
    assert all(torch.equal(a[1], b[1]) for a, b in zip(network.calls, again.calls, strict=True))


def test_select_shows_the_most_similar_examples_first():
    network = Recorded()
    query, images, masks = episode(count=4)
    images[0, 2] = query[0] * 0.5 + 0.2  # other contrast, same content
    images[0, 1] = query[0] * 0.9 + 0.1 * torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0))
    MostSimilarSupport(network, 2)(query, images, masks)
    assert torch.equal(network.calls[0][1], images[:, [2, 1]])
    assert torch.equal(network.calls[0][2], masks[:, [2, 1]])
    masks[:, [2, 1, 0]] = 0
    MostSimilarSupport(network, 2)(query, images, masks)
    assert torch.equal(network.calls[1][1], images[:, [2, 3]])  # the last place has foreground


def test_refine_looks_again_at_the_structure_at_full_resolution():
    network = Recorded()
    query, images, masks = episode(side=256)
    Refined(Resized(network, 64), 64)(query, images, masks)
    whole, crop = network.calls
    assert whole[0].shape[-1] == crop[0].shape[-1] == 64
    extents = [pixels[0, 0].sum() for pixels in (whole[0], crop[0])]
    assert extents[1] > 4 * extents[0]  # 256 / (2.5 x 0.16 x 256) = 2.5 times as large along each side
    rows, columns = extent(crop[0][0, 0] > 0.5)
    assert abs(sum(rows) / 2 - 32) < 2
    assert abs(sum(columns) / 2 - 32) < 2  # the query is in the middle
    for number in range(3):  # support images are cropped around their own masks
        assert crop[2][0, number].sum().item() == pytest.approx(crop[2][0, 0].sum().item(), rel=0.05)
    assert torch.equal(crop[1] > 0.5, crop[2] > 0.5)


def test_refine_averages_both_answers_and_keeps_what_is_outside_the_crop():
    class Stubborn(nn.Module):
        """Sure of the bright pixels of the whole image; and sure that a crop has nothing."""

        def forward(self, target_image, support_images, support_labels):
            whole = target_image.shape[-1] == 64
            return torch.where(target_image > 0.5, 20.0, -20.0) if whole else torch.full_like(target_image, -20)

    query, images, masks = episode()
    query = torch.maximum(query, disc(64, 0.1, 0.1, 0.04)[None, None])  # a smaller part, far away
    probability = Refined(Stubborn(), 32)(query, images, masks).sigmoid()[0, 0]
    assert probability[44, 44] == pytest.approx(0.5, abs=1e-3)
    assert probability[6, 6] > 0.99


@pytest.mark.parametrize("case", ["nothing found", "no support mask", "structure fills the image"])
def test_refine_makes_no_second_pass_where_there_is_nothing_to_gain(case):
    network = Recorded()
    query, images, masks = episode()
    if case == "nothing found":
        query = query * 0
    elif case == "no support mask":
        masks = masks * 0
    else:
        masks[..., 4:60, 4:60] = 1
    logits = Refined(network)(query, images, masks)
    assert len(network.calls) == 1
    assert torch.equal(logits, network.calls[0][0].sub(0.5).mul(20))


def test_tiles_show_the_same_part_of_query_and_support():
    network, whole = Recorded(), Recorded()
    query, images, masks = episode(side=64, row=0.3)
    images, masks = (torch.cat([pixels, query[:, None]], 1) for pixels in (images, masks))
    logits = Tiled(whole, network, 32)(query, images, masks)
    assert len(whole.calls) == 1
    assert all(call[0].shape[-1] == 32 and call[2].flatten(2).any(2).all() for call in network.calls)
    assert 4 <= len(network.calls) < 9  # tiles without any support foreground are skipped
    assert ((logits > 0) == (query > 0)).all()
    small = Recorded()
    Tiled(small, network, 64)(query, images, masks)
    assert len(small.calls) == 1


def test_the_largest_component_joins_corners():
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[0, :3] = True
    mask[4, 4] = mask[5, 5] = mask[6, 6] = mask[7, 7] = True
    found = largest_component(mask)
    assert found.sum() == 4
    assert found[5, 5]
    assert not largest_component(torch.zeros(4, 4, dtype=torch.bool)).any()
