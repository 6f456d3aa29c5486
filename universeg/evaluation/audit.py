"""`universeg-audit`: check that a network behaves as the method promises (paper, section 3.1, figures 17 and 18)."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor
from tyro.conf import arg

from universeg.base.atomic_write import atomic_write
from universeg.base.bounds import at_least
from universeg.base.command import run_command
from universeg.base.console import say
from universeg.base.device import Compute
from universeg.base.rng import rng_for
from universeg.episodes.dice import dice
from universeg.episodes.sampling import with_replacement
from universeg.episodes.segment import THRESHOLD
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.baselines import segmenter
from universeg.evaluation.protocol import evaluation_set
from universeg.store import Task

NAME = "universeg-audit"

HELP = """Check that a network behaves as the method promises. This does not measure how good its predictions are.

Examples:

universeg-audit --weights runs/first/best.safetensors --stores data/stores

universeg-audit --weights synthetic --stores data/stores --datasets MyHearts --support-size 64 --out results/audit

Four checks, on queries of the test split: the order of the support set has no influence; the support set of another
task changes the prediction; inverted support labels invert the prediction; inverted images (query and support) do not
change it. The other task is another label of the same images if there is one.

Exit status: 0 if all checks pass, 1 if a check fails, 2 if the checks could not be made."""


@dataclass(frozen=True, kw_only=True)
class AuditConfig:
    weights: Annotated[Path, arg(aliases=["-w"])]
    """The network: a weights file (.safetensors, published .pt), or the name of weights (see universeg-weights)."""
    stores: tuple[Path, ...]
    """Task stores (*.lmdb), or folders of them."""
    out: Annotated[Path | None, arg(aliases=["-o"])] = None
    """Folder for audit.json, with the numbers of every query. Default: only print the table."""
    datasets: tuple[str, ...] = ()
    """Datasets to use. Default: all held-out datasets."""
    tasks: tuple[str, ...] = ("*",)
    """Only tasks that match one of these patterns of dataset/group/modality/label/axis; * also matches /."""
    episodes: int = 24
    """Number of queries, taken from each task in turn."""
    support_size: int = 16
    """Image-mask pairs in the support set (N)."""
    seed: int = 0
    """Seed of the support sets."""
    same: float = 1e-5
    """Reordered support set: no probability may change by more than this."""
    changed: float = 90.0
    """Support set of another task: the mean Dice of the predictions with both support sets must be below this."""
    inverted: float = 80.0
    """Inverted labels: the mean Dice of the inverted prediction with the first prediction must be at least this.
    Inverted images: the mean Dice of both predictions must be at least this."""
    device: str = "auto"
    """cpu, cuda, cuda:1 or mps; auto: a GPU if there is one."""

    def __post_init__(self) -> None:
        at_least(self, 1, "episodes")
        at_least(self, 2, "support_size")
        at_least(self, 0, "same", "changed", "inverted")


@dataclass(frozen=True)
class Observation:
    """The measurements on one query. Dice is 0..100; it is None if the first prediction is empty or the whole image."""

    task: str
    query: str
    other: str  # the other task, whose support set was used
    reordered: float  # largest change of a probability
    swapped: float | None  # Dice of the predictions with both support sets
    labels_inverted: float | None  # Dice of the inverted prediction with the first one
    images_inverted: float | None  # Dice of the prediction with the first one


@dataclass(frozen=True)
class Check:
    """One check over all queries: what is expected, what was found, and whether it holds."""

    name: str
    expected: str
    found: str
    holds: bool


def main(args: Sequence[str] | None = None) -> None:
    """The command; for its exit status see HELP."""
    run_command(NAME, _audit, args, failure=2, interrupted="nothing was written")


def _audit(args: Sequence[str]) -> int:
    config = tyro.cli(AuditConfig, prog=NAME, description=HELP, args=args)
    observations = observe(config)
    checks = make_checks(config, observations)
    _show(config, checks, len(observations))
    if config.out:
        report = {"checks": [asdict(check) for check in checks], "queries": [asdict(each) for each in observations]}
        with atomic_write(config.out / "audit.json") as part:
            part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if all(check.holds for check in checks) else 1


def observe(config: AuditConfig) -> list[Observation]:
    """Measure on queries of each task in turn. Raises ValueError if there are no queries or only one task."""
    stores = TaskStores(config.stores)
    queries = evaluation_set(stores, config.datasets, config.tasks).queries
    observer = _Observer(config, stores)
    most = max(map(len, queries.values()))
    chosen = [(task, names[n]) for n in range(most) for task, names in queries.items() if n < len(names)]
    return [observer.observe(task, query) for task, query in chosen[: config.episodes]]


def make_checks(config: AuditConfig, observations: Sequence[Observation]) -> list[Check]:
    """The four checks over all queries."""
    change = max(each.reordered for each in observations)
    swapped, labels, images = (
        [value for each in observations if (value := getattr(each, name)) is not None]
        for name in ("swapped", "labels_inverted", "images_inverted")
    )
    order = f"largest change of a probability at most {config.same:g}"
    other = f"Dice with the first prediction below {config.changed:g}"
    same = f"Dice with the first prediction at least {config.inverted:g}"
    complement = f"Dice of the inverted prediction with the first one at least {config.inverted:g}"
    return [
        Check("support set reordered", order, f"{change:.1e}", change <= config.same),
        _mean_check("support set of another task", other, swapped, below=config.changed),
        _mean_check("labels inverted", complement, labels, least=config.inverted),
        _mean_check("images inverted", same, images, least=config.inverted),
    ]


def _mean_check(
    name: str, expected: str, values: Sequence[float], below: float = np.inf, least: float = -np.inf
) -> Check:
    if not values:
        return Check(name, expected, "every prediction is empty or the whole image", False)
    mean = float(np.mean(values))
    return Check(name, expected, f"{mean:.1f}", least <= mean < below)


class _Observer:
    """Measures a network on queries, with support sets of any task of the stores."""

    def __init__(self, config: AuditConfig, stores: TaskStores) -> None:
        self._config, self._stores = config, stores
        self._device = Compute.chosen(config.device).device
        self._network = segmenter(config.weights).to(self._device).eval()
        self._tasks = [
            task for store in stores.by_dataset.values() for task in store.tasks if store.subjects(task, "support")
        ]
        if len(self._tasks) < 2:
            raise ValueError(f"only one task has a support split, {self._tasks[0]}; give stores with another task")

    def observe(self, task: str, query: str) -> Observation:
        rng = rng_for("audit", self._config.seed, task, query)
        other = _other_task(task, self._tasks, rng)
        image, _ = self._pixels(task, [query])
        images, masks = self._support(task, rng)
        order = torch.from_numpy(rng.permutation(self._config.support_size)).to(self._device)
        first = self._predict(image, images, masks)
        usable = first.max() > THRESHOLD >= first.min()  # neither empty nor the whole image
        mask = first > THRESHOLD
        return Observation(
            task,
            query,
            other,
            float(np.abs(self._predict(image, images[order], masks[order]) - first).max()),
            dice(self._predict(image, *self._support(other, rng)) > THRESHOLD, mask) if usable else None,
            dice(self._predict(image, images, 1 - masks) < THRESHOLD, mask) if usable else None,
            dice(self._predict(1 - image, 1 - images, masks) > THRESHOLD, mask) if usable else None,
        )

    def _support(self, task: str, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        names = self._stores.of(task).subjects(task, "support")
        return self._pixels(task, with_replacement(names, self._config.support_size, rng))

    def _pixels(self, task: str, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Images and masks, (n, 1, H, W) each, in [0, 1]."""
        images, masks = (
            torch.from_numpy(pixels).to(self._device).float()[:, None]
            for pixels in self._stores.of(task).read(task, names)
        )
        return images / 255, masks

    def _predict(self, image: Tensor, images: Tensor, masks: Tensor) -> NDArray[np.float32]:
        """The probability of each pixel (H, W) of an image (1, 1, H, W)."""
        with torch.inference_mode():
            logits: Tensor = self._network(image, images[None], masks[None])
        found: NDArray[np.float32] = logits.sigmoid()[0, 0].cpu().numpy()
        return found


def _other_task(task: str, tasks: Sequence[str], rng: np.random.Generator) -> str:
    """Another label of the same images if there is one, else any other task."""
    own = Task.parse(task)
    same_images = [each for each in tasks if (t := Task.parse(each)) != own and _images_of(t) == _images_of(own)]
    found = same_images or [each for each in tasks if each != task]
    return found[int(rng.integers(len(found)))]


def _images_of(task: Task) -> tuple[str, str, str, int]:
    return task.dataset, task.group, task.modality, task.axis


def _show(config: AuditConfig, checks: Sequence[Check], queries: int) -> None:
    table = Table("", "expected", "found", "")
    for check in checks:
        table.add_row(check.name, check.expected, check.found, "holds" if check.holds else "[bold red]does not hold")
    console = Console()
    head = f"Behaviour of {config.weights} on {queries} queries, support size N = {config.support_size}"
    say(console, head)
    console.print(table)


if __name__ == "__main__":
    main()
