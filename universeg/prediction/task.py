"""The examples, the network and what is known of both, before any image is segmented."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from torch import nn

from universeg.base.console import say
from universeg.base.threads import Processors
from universeg.prediction.channel import best_channel
from universeg.prediction.check.checkup import THOROUGH, Checkup, Plan, check_up
from universeg.prediction.check.config import CheckConfig
from universeg.prediction.check.fixes import Sources
from universeg.prediction.check.reading import Checked, fixed, read_examples
from universeg.prediction.check.support_doctor import support_findings
from universeg.prediction.check.trial_doctor import trial_findings
from universeg.prediction.config import PredictConfig
from universeg.prediction.doubts import how_volumes_are_used, without_effect
from universeg.prediction.effort import improved, with_detail
from universeg.prediction.examples import Examples, load_examples
from universeg.prediction.label_files import known_labels
from universeg.prediction.labels import Label, colour
from universeg.prediction.pairing import Pair
from universeg.prediction.predict import as_trained, ready
from universeg.prediction.segmenter import Segmenter
from universeg.prediction.settings import Channel, Settings

STARTED = Processors.now()


@dataclass(frozen=True)
class Task:
    """Everything that is needed to segment images, and what Dice to expect."""

    config: PredictConfig  # with the image size and the plane of slices
    pairs: tuple[Pair, ...]
    segmenter: Segmenter
    checkup: Checkup

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is probably wrong with the examples, and what was fixed."""
        return (*(f"fixed: {line}" for line in self.checkup.fixed), *(one.told for one in self.checkup.findings))


def prepared_task(config: PredictConfig, pairs: Sequence[Pair], console: Console) -> Task:
    """Read the examples, load the network, choose the levers, and check the examples by one another.

    Raises ValueError or OSError if the examples or the weights cannot be used.
    """
    size = as_trained(config.settings, config.weights).size
    config = replace(config, settings=with_detail(replace(config.settings, size=size), config.effort))
    network = ready(config.weights, config.settings.device)
    given = config.settings
    if config.settings.channel == "best":
        config = replace(config, settings=_with_best_channel(network, config, pairs, console))
    read = read_examples(_sources(pairs), lambda sources: _examples(config, pairs, sources), config.checks.fix)
    examples, quiet = read.examples, config.quiet or config.json
    for line in without_effect(given, config.save_consistency, examples):
        say(console, f"warning: {line}")
    if examples.plane is not None:
        config = replace(config, settings=replace(config.settings, axis=examples.plane.axis))
    for line in [] if config.quiet else how_volumes_are_used(examples):
        say(console, line)
    torch.set_num_threads(min(torch.get_num_threads(), Processors.now().free_since(STARTED)))
    better = improved(network, examples, config.effort, size, config.output, console, quiet)
    segmenter, checkup = _checked(better.unadapted, better.examples, config, console)
    segmenter = Segmenter(better.model, segmenter.examples, config.settings)
    found = (*read.findings, *checkup.findings)
    return Task(config, tuple(pairs), segmenter, replace(checkup, findings=found, fixed=(*read.fixed, *checkup.fixed)))


def _with_best_channel(network: nn.Module, config: PredictConfig, pairs: Sequence[Pair], console: Console) -> Settings:
    """The settings with the channel that leave-one-out finds best, which is told."""

    def read(channel: Channel) -> Examples:
        chosen = replace(config, settings=replace(config.settings, channel=channel))
        return _examples(chosen, pairs, _sources(pairs))

    best, scores = best_channel(network, config.settings, read)
    told = ", ".join(f"{name} {score:.0f}" for name, score in scores.items())
    if not config.quiet:
        say(console, f"channel: {best} (expected Dice of each: {told})")
    return replace(config.settings, channel=best)


def plan_of(checks: CheckConfig) -> Plan:
    """Which checks to make, before images are segmented or in their place."""
    if checks.check:
        return Plan(THOROUGH, with_curve=True, with_influences=checks.influence)
    return Plan(with_influences=checks.influence)


def progress_on(console: Console, quiet: bool) -> Progress:
    """The progress bars of the command."""
    columns = *Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, disable=quiet)


def _checked(
    model: nn.Module, examples: Examples, config: PredictConfig, console: Console
) -> tuple[Segmenter, Checkup]:
    """The segmenter with its checkup; masks that leave-one-out finds inverted are fixed on request."""
    segmenter, checks = Segmenter(model, examples, config.settings), config.checks
    if not (checks.confidence or checks.check):
        return segmenter, Checkup(tuple(support_findings(examples)))
    checkup = _check_up(segmenter, config, console)
    if not checks.fix or checkup.estimate is None:
        return segmenter, checkup
    found = [one for one in trial_findings(checkup.estimate) if one.fix]
    if not found:
        return segmenter, checkup
    again: Checked = fixed(examples, lambda _: found)
    segmenter = Segmenter(model, again.examples, config.settings)
    return segmenter, replace(_check_up(segmenter, config, console), fixed=again.fixed)


def _check_up(segmenter: Segmenter, config: PredictConfig, console: Console) -> Checkup:
    plan, quiet = plan_of(config.checks), config.quiet or config.json
    with progress_on(console, quiet) as progress:
        bar = progress.add_task("checking examples", total=plan.work(len(segmenter.examples.images)))
        return check_up(segmenter, plan, lambda: progress.advance(bar))


def _sources(pairs: Sequence[Pair]) -> Sources:
    structures = pairs[0].structures
    masks = [pair.masks if len(pair.masks) > 1 or structures else pair.masks[0] for pair in pairs]
    return Sources(tuple(pair.image for pair in pairs), tuple(masks), bool(structures))


def _examples(config: PredictConfig, pairs: Sequence[Pair], sources: Sources) -> Examples:
    """The support set; names of structures from a file, or from the folders of their masks."""
    known = known_labels(config.support, config.labels)
    if pairs[0].structures:
        known = {n: Label(n, name, colour(n - 1)) for n, name in enumerate(pairs[0].structures, 1)}
    return load_examples(sources.images, sources.masks, config.settings, known, sources.structures)
