"""`universeg-audit`: does a network behave as the method says? (paper, section 3.1 and figures 17 and 18)"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import Tensor

from universeg.base.atomic_write import atomic_write
from universeg.base.device import Compute
from universeg.base.rng import rng_for
from universeg.episodes.dice import dice
from universeg.episodes.episode import TaskStores
from universeg.episodes.sampling import with_replacement
from universeg.evaluation.baselines import segmenter
from universeg.evaluation.config import AuditConfig
from universeg.evaluation.protocol import evaluation_set
from universeg.store import Task

HELP = """Check that a network behaves as the method says, whatever its Dice.

Examples:

universeg-audit --weights runs/first/best.safetensors --stores data/stores

universeg-audit --weights universeg.pt --stores data/stores --datasets MyHearts --support-size 64 --out results/audit

The order of the support must not matter; another task's support must change the answer; inverted labels must invert it,
and inverted images (of the query and of the support) must leave it as it is. The other task is another label of the
same images where there is one.

The exit status is 0 if all of it holds, 1 if something does not, 2 if that could not be found out."""


@dataclass(frozen=True)
class Observation:
    """What was seen on one query; Dice runs from 0 to 100, and is None where the first answer marks nothing or all."""

    task: str
    query: str
    other: str  # whose support was shown in place of the task's
    reordered: float  # largest change of a probability
    swapped: float | None  # Dice of the answers by both supports
    labels_inverted: float | None  # Dice of what is left out with what was marked
    images_inverted: float | None  # Dice of the answers


@dataclass(frozen=True)
class Check:
    """One behaviour: what is expected, what was found over all queries, and whether it holds."""

    name: str
    expected: str
    found: str
    holds: bool


def main(args: Sequence[str] | None = None) -> None:
    """The command."""
    config = tyro.cli(AuditConfig, prog="universeg-audit", description=HELP, args=args)
    try:
        observed = observe(config)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"universeg-audit: {error}\n")
        sys.exit(2)
    checks = judged(config, observed)
    _show(config, checks, len(observed))
    if config.out:
        report = {"checks": [asdict(check) for check in checks], "queries": [asdict(each) for each in observed]}
        with atomic_write(config.out / "audit.json") as part:
            part.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if all(check.holds for check in checks) else 1)


def observe(config: AuditConfig) -> list[Observation]:
    """Look at queries of each task in turn; raises ValueError where there are none."""
    stores = TaskStores(config.stores)
    queries = evaluation_set(stores, config.datasets, config.tasks).queries
    observer = _Observer(config, stores)
    rounds = max(map(len, queries.values()))
    chosen = [(task, names[turn]) for turn in range(rounds) for task, names in queries.items() if turn < len(names)]
    return [observer.look(task, query) for task, query in chosen[: config.episodes]]


def judged(config: AuditConfig, observed: Sequence[Observation]) -> list[Check]:
    """What holds over all queries."""
    moved = max(each.reordered for each in observed)
    swapped, labels, images = (
        [value for each in observed if (value := getattr(each, name)) is not None]
        for name in ("swapped", "labels_inverted", "images_inverted")
    )
    same = Check(
        "support reordered", f"no pixel moves by more than {config.same:g}", f"{moved:.1e}", moved <= config.same
    )
    inverted = f"Dice of at least {config.inverted:g} with"
    return [
        same,
        _check(
            "support of another task", f"Dice below {config.changed:g} with the answer", swapped, below=config.changed
        ),
        _check("labels inverted", f"{inverted} the answer's complement", labels, least=config.inverted),
        _check("images inverted", f"{inverted} the answer", images, least=config.inverted),
    ]


def _check(name: str, expected: str, values: Sequence[float], below: float = np.inf, least: float = -np.inf) -> Check:
    if not values:
        return Check(name, expected, "every answer marks nothing or all", False)
    mean = float(np.mean(values))
    return Check(name, expected, f"{mean:.1f}", least <= mean < below)


class _Observer:
    """A network, and the tasks whose supports it can be shown."""

    def __init__(self, config: AuditConfig, stores: TaskStores) -> None:
        self._config, self._stores = config, stores
        self._device = Compute.chosen(config.device).device
        self._network = segmenter(config.weights).to(self._device).eval()
        self._tasks = [
            task for store in stores.by_dataset.values() for task in store.tasks if store.subjects(task, "support")
        ]
        if len(self._tasks) < 2:
            raise ValueError(f"only {self._tasks[0]} has a support; give stores that have another task")

    def look(self, task: str, query: str) -> Observation:
        rng = rng_for("audit", self._config.seed, task, query)
        other = _partner(task, self._tasks, rng)
        image, _ = self._pixels(task, [query])
        images, masks = self._support(task, rng)
        order = torch.from_numpy(rng.permutation(self._config.support_size)).to(self._device)
        before = self._answer(image, images, masks)
        told = before.max() > 0.5 >= before.min()  # marks something, and not all
        return Observation(
            task,
            query,
            other,
            float(np.abs(self._answer(image, images[order], masks[order]) - before).max()),
            dice(self._answer(image, *self._support(other, rng)) > 0.5, before > 0.5) if told else None,
            dice(self._answer(image, images, 1 - masks) < 0.5, before > 0.5) if told else None,
            dice(self._answer(1 - image, 1 - images, masks) > 0.5, before > 0.5) if told else None,
        )

    def _support(self, task: str, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        names = self._stores.of(task).subjects(task, "support")
        return self._pixels(task, with_replacement(names, self._config.support_size, rng))

    def _pixels(self, task: str, names: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Images and masks, (n, 1, H, W) each."""
        images, masks = (
            torch.from_numpy(pixels).to(self._device).float()[:, None]
            for pixels in self._stores.of(task).read(task, names)
        )
        return images / 255, masks

    def _answer(self, image: Tensor, images: Tensor, masks: Tensor) -> NDArray[np.float32]:
        """How probable each pixel (H, W) of an image (1, 1, H, W) is."""
        with torch.inference_mode():
            logits: Tensor = self._network(image, images[None], masks[None])
        found: NDArray[np.float32] = logits.sigmoid()[0, 0].cpu().numpy()
        return found


def _partner(task: str, tasks: Sequence[str], rng: np.random.Generator) -> str:
    """Another task: another label of the same images where there is one, else any."""
    own = Task.parse(task)
    siblings = [each for each in tasks if (t := Task.parse(each)) != own and _place(t) == _place(own)]
    found = siblings or [each for each in tasks if each != task]
    return found[int(rng.integers(len(found)))]


def _place(task: Task) -> tuple[str, str, str, int]:
    return task.dataset, task.group, task.modality, task.axis


def _show(config: AuditConfig, checks: Sequence[Check], queries: int) -> None:
    table = Table("", "expected", "found", "")
    for check in checks:
        table.add_row(check.name, check.expected, check.found, "holds" if check.holds else "[bold red]does not hold")
    console = Console()
    head = f"Behaviour of {config.weights} on {queries} queries, N = {config.support_size}"
    console.print(head, markup=False, highlight=False, soft_wrap=True)
    console.print(table)


if __name__ == "__main__":
    main()
