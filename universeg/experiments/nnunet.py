"""The supervised upper bound: nnU-Net, trained on the support split of each held-out task (paper, sections 5.1 and B).

Five folds of the support split are trained and averaged. The dev split chooses between the last weights of the folds
and their best ones, and the test split is reported. nnU-Net itself runs in processes of its own.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from universeg.base.atomic_write import write_json
from universeg.base.console import say
from universeg.episodes.dice import dice
from universeg.experiments.config import ExperimentConfig
from universeg.experiments.nnunet_commands import CHECKPOINTS, NUMBER, NnunetRun, Soft
from universeg.experiments.scores import row_of
from universeg.experiments.step_files import read_step
from universeg.store import Store, Task, subject_of
from universeg.store.export.case import Case, ExportTask, png
from universeg.store.export.layouts import nnunet as write_raw

SPLITS = {"support": "train", "dev": "test", "test": "test"}  # in nnU-Net's folders; dev and test are both predicted


@dataclass(frozen=True)
class Names:
    """The cases of a task: name of the case -> name in the store, for each split."""

    support: Mapping[str, str]
    dev: Mapping[str, str]
    test: Mapping[str, str]

    @classmethod
    def of(cls, store: Store, task: str) -> "Names":
        splits = ({f"{split}{n:04d}": name for n, name in enumerate(store.subjects(task, split))} for split in SPLITS)
        return cls(*splits)


def run_nnunet(config: ExperimentConfig) -> list[str]:
    """Train and test nnU-Net on every task that is not done yet; returns a line for each task that cannot be done.

    Raises ValueError if nnU-Net is not installed, or if one of its commands fails.
    """
    if find_spec("nnunetv2") is None:
        raise ValueError("this experiment needs nnU-Net: pip install 'universeg[nnunet]'")
    console, left_out = Console(stderr=True, quiet=config.quiet), list[str]()
    for task in config.queries.queries:
        folder = task_folder(config, task)
        if (folder / "result.json").exists():
            before, wanted = read_step(folder / "result.json")["trainer"], config.trainer or config.numbers.nnunet
            if before != wanted:
                left_out.append(f"{task}: done before with {before}, not {wanted}; delete {folder} to do it again")
            continue
        names = Names.of(config.task_stores.of(task), task)
        if len(set(map(subject_of, names.support.values()))) < 2:
            left_out.append(f"{task}: nnU-Net needs two subjects in the support split")
            continue
        say(console, f"nnU-Net: {task}")
        write_json(folder / "result.json", _do_task(config, task, names, folder))
    return left_out


def task_folder(config: ExperimentConfig, task: str) -> Path:
    """Where the files of a task are."""
    return config.out / "nnunet" / re.sub(r"[^\w.-]", "_", task)


def soft_prediction(config: ExperimentConfig, task: str, query: str) -> NDArray[np.float32] | None:
    """The probability (H, W) that nnU-Net predicted for a query, to 1/255; None if the task is not done."""
    path = task_folder(config, task) / "predictions.npz"
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as found:
        place = found["queries"].tolist().index(query)
        probability: NDArray[np.float32] = found["soft"][place].astype(np.float32) / 255
    return probability


def _do_task(config: ExperimentConfig, task: str, names: Names, folder: Path) -> dict[str, Any]:
    store, run = config.task_stores.of(task), NnunetRun(config, folder)
    write_raw(folder / "raw", _export_task(store, task, names), NUMBER, lambda: None)
    run.plan()
    splits = folds(names.support, config.folds)
    write_json(run.preprocessed / "splits_final.json", splits)
    for fold in range(len(splits)):
        run.train(fold)
    chosen, by_checkpoint = "", dict[str, float]()
    for checkpoint in CHECKPOINTS:
        soft = run.predict(checkpoint, len(splits))
        values = [value for _, value, _ in _scores(store, task, names.dev or names.test, soft)]
        by_checkpoint[checkpoint] = float(np.mean(values))
        if not chosen or by_checkpoint[checkpoint] > by_checkpoint[chosen]:
            chosen, predictions = checkpoint, soft
    found = list(_scores(store, task, names.test, predictions))
    np.savez_compressed(folder / "predictions.npz", queries=[n for n, _, _ in found], soft=[s for _, _, s in found])
    return {
        "task": task,
        "dataset": store.header["dataset"],
        "row": row_of(store),
        "scores": [[task, name, value] for name, value, _ in found],
        "chosen_on": "dev" if names.dev else "test, since there is no dev split",
        "dice_of_checkpoints": by_checkpoint,
        "checkpoint": chosen,
        "trainer": run.trainer,
        "folds": len(splits),
        "parameters": run.parameters(),
        "seconds": run.seconds(),
    }


def _export_task(store: Store, task: str, names: Names) -> ExportTask:
    def cases() -> Iterator[Case]:
        for split, folder in SPLITS.items():
            for case, name in getattr(names, split).items():
                images, masks = store.read(task, [name])
                yield Case(case, subject_of(name), folder, partial(png, images[0]), partial(_png_mask, masks[0]))

    count = sum(len(getattr(names, split)) for split in SPLITS)
    return ExportTask("task", task, [Task.parse(task).label], ["image"], cases, count)


def _png_mask(mask: NDArray[np.uint8], factor: int) -> bytes:
    return png(mask * np.uint8(factor))


def folds(support: Mapping[str, str], count: int) -> list[dict[str, list[str]]]:
    """Training and validation cases of each fold; images of one subject are in the same fold.

    There are fewer folds than `count` if there are fewer subjects.
    """
    subjects = sorted({subject_of(name) for name in support.values()})
    count = min(count, len(subjects))
    place = {subject: number % count for number, subject in enumerate(subjects)}
    fold_of = {case: place[subject_of(name)] for case, name in support.items()}
    return [
        {
            "train": [case for case, fold in fold_of.items() if fold != number],
            "val": [case for case, fold in fold_of.items() if fold == number],
        }
        for number in range(count)
    ]


def _scores(
    store: Store, task: str, cases: Mapping[str, str], soft: Mapping[str, Soft]
) -> Iterator[tuple[str, float, Soft]]:
    """Name, Dice and predicted probability (H, W), 0..255, of each case."""
    for case, name in cases.items():
        truth = store.read(task, [name])[1][0] > 0
        yield name, dice(soft[case] > 127.5, truth), soft[case]
