"""Label rules: what a task may ask for, given the parts of its anatomy."""

from collections.abc import Callable, Mapping
from math import cos, pi, sin

from torch import Tensor
from torch.nn.functional import pad

from universeg.synth.scene.random_draws import Draws


def questions(draws: Draws, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parts; often also two of them together; seldom one side, the edge or the outside of one.

    Masks are (M, H, W) bool.
    """
    asked = dict(parts)
    names = list(parts)
    if len(names) > 1 and draws.chance(0.4):
        one, other = (names[n] for n in draws.numbers.permutation(len(names))[:2])
        asked[f"{one} and {other}"] = parts[one] | parts[other]
    seldom: Mapping[str, Callable[[Tensor], Tensor]] = {
        "edge of": lambda masks: edge(masks, max(1, round(draws.size / 96))),
        "side of": lambda masks: _side(draws, masks),
        "all but": lambda masks: ~masks,
    }
    for words, made_of in seldom.items():
        if draws.chance(0.12):
            name = draws.one_of(names)
            asked[f"{words} {name}"] = made_of(parts[name])
    return asked


def _side(draws: Draws, masks: Tensor) -> Tensor:
    """What lies beyond a straight cut near the middle of each mask: a label that is told by its place alone."""
    angle = draws.number(-pi, pi)
    x, y = draws.places
    along = x * cos(angle) + y * sin(angle)
    total = masks.sum((1, 2), keepdim=True).clamp(min=1)
    middle = (along * masks).sum((1, 2), keepdim=True) / total
    spread = ((along - middle).square() * masks).sum((1, 2), keepdim=True).div(total).sqrt()
    return masks & (along > middle + draws.number(-0.7, 0.7) * spread)


def edge(masks: Tensor, reach: int) -> Tensor:
    """The pixels of masks that are at most `reach` pixels (in steps along rows and columns) from the outside."""
    core = masks
    for _ in range(reach):
        framed = pad(core, (1, 1, 1, 1), value=True)
        core = core & framed[:, :-2, 1:-1] & framed[:, 2:, 1:-1] & framed[:, 1:-1, :-2] & framed[:, 1:-1, 2:]
    return masks & ~core
