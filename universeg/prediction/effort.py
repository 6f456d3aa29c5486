"""`--effort`: the levers for a person's examples, chosen by leave-one-out before any image is segmented."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from rich.console import Console
from rich.progress import Progress
from torch import nn

from universeg.base.console import say
from universeg.episodes.lever_flags import LeverFlags
from universeg.episodes.levers import ExampleTensors, Levers, build
from universeg.model import save_model
from universeg.model.networks import Network
from universeg.prediction.config import EffortConfig
from universeg.prediction.examples import Examples
from universeg.prediction.settings import USUAL_SIZE, Settings

DETAIL = 2  # images are prepared with this many times the pixels per side that the network sees
MOST_SLICES = 3  # of a volume that are tried
MOST_LABELS = 8  # structures that are tried: those in most examples


def with_detail(settings: Settings, effort: EffortConfig) -> Settings:
    """The settings, with larger images if a lever can use them."""
    if effort.effort == "quick" and not (effort.refine or effort.tiles):
        return settings
    return replace(settings, size=(settings.size or USUAL_SIZE) * DETAIL)


@dataclass(frozen=True)
class Improved:
    """The network with the levers that suit the examples, and the examples without those that make results worse."""

    model: nn.Module
    unadapted: nn.Module  # with the weights before they were adapted, for checks: adapted ones know the examples
    examples: Examples
    levers: Levers
    adapted: nn.Module | None = None  # the adapted weights without levers, if they are used

    @property
    def kept(self) -> frozenset[str]:
        """The names of the examples to show."""
        return frozenset(image.name for image in self.examples.images)


def improved(
    network: nn.Module,
    examples: Examples,
    effort: EffortConfig,
    size: int,
    output: Path,
    console: Console,
    quiet: bool,
) -> Improved:
    """`improve` for a command: shows a progress bar, and writes adapted weights into the output folder."""
    if not effort.does_something:
        return Improved(network, network, examples, Levers())
    with Progress(*Progress.get_default_columns(), console=console, disable=quiet) as progress:
        bar = progress.add_task("trying levers", total=1.0)
        found = improve(
            network,
            examples,
            effort,
            size,
            say=lambda line: None if quiet else say(console, line),
            advance=lambda share: progress.update(bar, completed=share),
        )
    if found.adapted is not None:
        path = output / "adapted.safetensors"
        save_adapted(found.adapted, path, size)
        say(console, f"the adapted weights are saved; to use them again: --weights {path}")
        say(console, "the expected Dice below was measured with the weights before they were adapted")
    return found


def improve(
    network: nn.Module,
    examples: Examples,
    effort: EffortConfig,
    size: int,
    say: Callable[[str], None] = lambda line: None,
    advance: Callable[[float], None] = lambda share: None,
) -> Improved:
    """Choose the levers for the examples.

    `size` is what the network sees, in pixels per side. `say` gets one line about each lever, `advance` the finished
    share; what `advance` raises ends the work.
    """
    from universeg.training.effort import choose  # training takes time to load, and one pass does not need it

    flags = {field.name: getattr(effort, field.name) for field in fields(LeverFlags)}
    levers = Levers(**flags, size=0 if examples.images[0].images.shape[-1] == size else size)
    (images, masks), origin = _tensors(examples)
    subjects = [examples.images[at].name for at in origin]
    if len(set(subjects)) < 2:
        say("levers: not tried, because that needs two examples with a structure")
        model = build(network, levers)
        return Improved(model, model, examples, levers)
    device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
    tensors = ExampleTensors.of(images, masks, subjects).to(device)
    choice = choose(network, tensors, effort.effort, levers, size, say=say, advance=advance)
    dropped = set(origin) - {origin[index] for index in choice.kept}
    kept = tuple(image for at, image in enumerate(examples.images) if at not in dropped)
    unadapted, adapted = build(network, choice.levers), choice.network if choice.is_adapted else None
    return Improved(choice.model, unadapted, replace(examples, images=kept), choice.levers, adapted)


def save_adapted(network: nn.Module, path: Path, size: int) -> None:
    """Write adapted weights, which see images of `size` pixels per side."""
    save_model(cast(Network, network), path, {"size": str(size)})


def _tensors(examples: Examples) -> tuple[tuple[torch.Tensor, torch.Tensor], list[int]]:
    """Images (n, 1, S, S) and masks (n, L, S, S) of pictures and of some slices of volumes; the example of each."""
    images, labels, origin = list[np.ndarray](), list[np.ndarray](), list[int]()
    for at, (image, usable) in enumerate(zip(examples.images, examples.usable, strict=True)):
        assert image.labels is not None, "an example has a mask"
        rows = np.flatnonzero(usable if image.axis is None else usable & image.labels.any(axis=(1, 2)))
        count = min(MOST_SLICES, len(rows))
        for row in rows[((np.arange(count) + 0.5) * len(rows) / max(1, count)).astype(int)]:
            images.append(image.images[row])
            labels.append(image.labels[row])
            origin.append(at)
    if not origin:
        return (torch.zeros(0), torch.zeros(0)), origin
    counts = Counter(int(value) for values in labels for value in np.unique(values) if value)
    tried = [value for value, _ in counts.most_common(MOST_LABELS)]
    masks = np.stack([[values == value for value in tried] for values in labels])
    return (torch.from_numpy(np.stack(images))[:, None].float() / 255, torch.from_numpy(masks)), origin
