"""Adapting to examples: Dice before and after, beside a U-Net that is trained on the same examples for the same time.

python -m benchmarks.adapting data/stores --tasks 'BUS-BRA/*' 'WBC-CV/*cytoplasm*' --out results/adapting
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from typing import Annotated, Any, Literal

import numpy as np
import torch
import tyro

from benchmarks.supervised import supervised_dice
from universeg import load_model
from universeg.base.atomic_write import atomic_write
from universeg.episodes.dice import dice
from universeg.episodes.levers import ExampleTensors
from universeg.episodes.task_stores import TaskStores
from universeg.evaluation.protocol import evaluation_set, query_episodes, support_pool
from universeg.evaluation.scorer import weights_digest
from universeg.store import subject_of
from universeg.training.adapt import AdaptConfig, adapt, adapt_if_better

SUPPORT = 16  # pairs in the support set of a query, before and after
Way = Literal["both", "u-net", "adapted"]
Row = dict[str, Any]


def main(
    stores: Annotated[Path, tyro.conf.Positional],
    out: Path,
    tasks: tuple[str, ...] = ("*",),
    examples: tuple[int, ...] = (5, 12, 40),
    queries: int = 20,
    minutes: float = 2,
    way: Way = "both",
    always: bool = False,
    weights: Path = Path("synthetic"),
    split: Literal["dev", "test"] = "dev",
) -> None:
    """Measure all tasks with each number of examples, and print a Markdown table.

    `minutes` of processor time are what the U-Net gets; the table says how many adapting took, with its check. `always`
    adapts without the check. After a kill, the same command continues: finished rows are in rows.json in `out`.
    """
    torch.set_num_threads(1)
    opened = TaskStores(sorted(stores.glob("*.lmdb")))
    chosen = evaluation_set(opened, list(opened.by_dataset), tasks, split, queries).queries
    kept = out / "rows.json"
    rows: dict[str, Row] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    kind = "always" if always else "check"
    for task, names in chosen.items():
        pool = len(opened.of(task).subjects(task, "support"))
        for count in dict.fromkeys(min(number, pool) for number in examples):
            made = {
                f"u-net {minutes:g}": partial(_supervised, opened, task, names, count, 60 * minutes),
                f"{kind} {weights_digest(weights)[:8]}": partial(_adapted, opened, task, names, count, weights, always),
            }
            for (key, make), own in zip(made.items(), ("u-net", "adapted"), strict=True):
                name = f"{task} | {count} examples | {len(names)} queries | {key} | {split}"
                if way in ("both", own) and name not in rows:
                    rows[name] = {"task": task, "examples": count, **make()}
                    print(name, rows[name], flush=True)
                    _save(kept, name, rows[name])
    _show([row for name, row in rows.items() if name.endswith(f"| {split}")])


def _save(kept: Path, name: str, row: Row) -> None:
    """Add one row to the file, which another process may have added rows to."""
    rows: dict[str, Row] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    with atomic_write(kept) as part:
        part.write_text(json.dumps({**rows, name: row}, indent=1), encoding="utf-8")


def _supervised(stores: TaskStores, task: str, queries: Sequence[str], examples: int, seconds: float) -> Row:
    dices = supervised_dice(stores, {task: queries}, examples, stores.size, seconds=seconds)[task]
    return {"u-net": float(np.mean(dices)), "minutes of the u-net": seconds / 60}


def _adapted(stores: TaskStores, task: str, queries: Sequence[str], examples: int, weights: Path, always: bool) -> Row:
    """Dice before and after, the standard error of the gain, and the minutes of processor time of adapting."""
    store, network = stores.of(task), load_model(weights)
    names = support_pool(store, task, examples, 0)
    images, masks = (torch.from_numpy(pixels)[:, None] for pixels in store.read(task, names))
    tensors = ExampleTensors.of(images / 255, masks, [subject_of(name) for name in names])
    config = AdaptConfig(size=stores.size)
    began = process_time()
    found = adapt(network, tensors, config) if always else adapt_if_better(network, tensors, config).network
    minutes = (process_time() - began) / 60
    before, after = (_dice(stores, each, task, queries, tensors, names, examples) for each in (network, found))
    gain = np.subtract(after, before)
    return {
        "before": float(np.mean(before)),
        "after": float(np.mean(after)),
        "error": float(gain.std(ddof=1) / np.sqrt(len(gain))),
        "minutes": minutes,
        "used": found is not network,
    }


def _dice(
    stores: TaskStores,
    network: torch.nn.Module,
    task: str,
    queries: Sequence[str],
    tensors: ExampleTensors,
    names: Sequence[str],
    examples: int,
) -> list[float]:
    store, found = stores.of(task), list[float]()
    network.eval()
    for query in queries:
        (episode,) = query_episodes(store, task, query, SUPPORT, 1, 0, examples)
        images, masks = store.read(task, [query])
        support = tensors.support([names.index(name) for name in episode.support], 0)
        with torch.inference_mode():
            logits = network(torch.from_numpy(images)[:, None] / 255, *support)
        found.append(dice((logits[0, 0] > 0).numpy(), masks[0] > 0))
    return found


def _show(rows: Sequence[Row]) -> None:
    """One line for each task and number of examples, with what is known of it."""
    found: dict[tuple[str, int], Row] = {}
    for row in rows:
        found[row["task"], row["examples"]] = {**found.get((row["task"], row["examples"]), {}), **row}
    print("| task | examples | one pass | adapted | gain | minutes | U-Net | its minutes |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for (task, count), row in sorted(found.items()):
        print(f"| {task} | {count} | {' | '.join(_cells(row))} |")


def _cells(row: Mapping[str, Any]) -> list[str]:
    adapted = ["", "", "", ""]
    if "after" in row:
        gain = f"{row['after'] - row['before']:+.1f} ± {row['error']:.1f}"
        after = f"{row['after']:.1f}" if row["used"] else "not used"
        adapted = [f"{row['before']:.1f}", after, gain, f"{row['minutes']:.1f}"]
    supervised = [f"{row['u-net']:.1f}", f"{row['minutes of the u-net']:.1f}"] if "u-net" in row else ["", ""]
    return [*adapted, *supervised]


if __name__ == "__main__":
    tyro.cli(main)
