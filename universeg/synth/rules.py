"""Label rules: what a task may ask for, given the parts of its anatomy."""

from collections.abc import Mapping

from torch import Tensor
from torch.nn.functional import pad

from universeg.synth.draws import Draws


def questions(draws: Draws, parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The parts; often also two of them together; seldom only the edge of one. Masks are (M, H, W) bool."""
    asked = dict(parts)
    names = list(parts)
    if len(names) > 1 and draws.chance(0.4):
        one, other = (names[n] for n in draws.numbers.permutation(len(names))[:2])
        asked[f"{one} and {other}"] = parts[one] | parts[other]
    if draws.chance(0.12):
        name = draws.one_of(names)
        asked[f"edge of {name}"] = edge(parts[name], max(1, round(draws.size / 96)))
    return asked


def edge(masks: Tensor, reach: int) -> Tensor:
    """The pixels of masks that are at most `reach` pixels (in steps along rows and columns) from the outside."""
    core = masks
    for _ in range(reach):
        framed = pad(core, (1, 1, 1, 1), value=True)
        core = core & framed[:, :-2, 1:-1] & framed[:, 2:, 1:-1] & framed[:, 1:-1, :-2] & framed[:, 1:-1, 2:]
    return masks & ~core
