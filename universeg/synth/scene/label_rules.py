"""Which labels a task offers, given the parts of its anatomy."""

from collections.abc import Callable, Mapping
from math import pi

from torch import Tensor
from torch.nn.functional import pad

from universeg.synth.scene.numbers import cos, sin
from universeg.synth.scene.random_draws import Draws


def derived_labels(draws: Draws, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Name and mask (M, H, W) bool of each label: all parts, and further labels by chance.

    Often the union of two parts is added; rarely the edge, one side or the complement of a part.
    """
    labels = dict(parts)
    names = list(parts)
    if len(names) > 1 and draws.chance(0.4):
        one, other = (names[n] for n in draws.task_rng.permutation(len(names))[:2])
        labels[f"{one} and {other}"] = parts[one] | parts[other]
    rare: Mapping[str, Callable[[Tensor], Tensor]] = {
        "edge of": lambda masks: edge(masks, max(1, round(draws.size / 96))),
        "side of": lambda masks: _side(draws, masks),
        "all but": lambda masks: ~masks,
    }
    for words, derive in rare.items():
        if draws.chance(0.12):
            name = draws.choice(names)
            labels[f"{words} {name}"] = derive(parts[name])
    return labels


def _side(draws: Draws, masks: Tensor) -> Tensor:
    """The part of each mask on one side of a straight cut near its centre. Only its position distinguishes it."""
    angle = draws.uniform(-pi, pi)
    x, y = draws.coordinates
    along = x * cos(angle) + y * sin(angle)
    total = masks.sum((1, 2), keepdim=True).clamp(min=1)
    middle = (along * masks).sum((1, 2), keepdim=True) / total
    spread = ((along - middle).square() * masks).sum((1, 2), keepdim=True).div(total).sqrt()
    return masks & (along > middle + draws.uniform(-0.7, 0.7) * spread)


def edge(masks: Tensor, reach: int) -> Tensor:
    """The pixels of masks (..., H, W) within `reach` pixels (city-block distance) of a pixel outside the mask.

    The border of the image is no edge.
    """
    core = masks
    for _ in range(reach):
        framed = pad(core, (1, 1, 1, 1), value=True)
        core = core & framed[..., :-2, 1:-1] & framed[..., 2:, 1:-1]
        core = core & framed[..., 1:-1, :-2] & framed[..., 1:-1, 2:]
    return masks & ~core
