"""`make demo`: build tasks with Snakemake, train for a few minutes, segment new tasks, and draw a picture.

The new tasks are also segmented with the weights in the package. If the workflow has already built real datasets, the
weights in the package segment these too.

Each step is a command that you can also type yourself; it is printed before it runs. All files are in demo/work.
"""

import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
import yaml
from rich.console import Console

from demo.picture import draw
from universeg import UniverSeg, load_model
from universeg.model.registry import DEFAULT

WORK = Path("demo/work")
SUPPORT_OF_REAL = 16
STORES, RUN = WORK / "data" / "stores", WORK / "run"
REAL = Path("data/stores")  # the workflow's own folder, with datasets that were built before
UNSEEN = "Synthetic/task005*"  # 10 of the 60 synthetic tasks, which are not used for training
NEXT = f"""
Try next:
  .venv/bin/tensorboard --logdir {RUN}      the log of the training
  make demo DATASETS=WBC-JTSC                     real white blood cells (downloads 23 MB)
  .venv/bin/universeg-predict --help              your own images
  .venv/bin/snakemake --cores 32                  every dataset that can be downloaded without an access request"""
console = Console(highlight=False)


@dataclass(frozen=True)
class Demo:
    """The settings of the demo."""

    datasets: tuple[str, ...] = ("Synthetic",)
    """Datasets to segment without training on them. Synthetic is always built, because it is the training set."""
    mirror: str | None = None
    """Folder or URL to download the datasets from, instead of their owners' servers."""
    minutes: float = 3
    """Training time in minutes."""
    support_size: int = 8
    """Labelled examples in each support set."""
    out: Path = Path("demo/result.png")
    """The picture. The one of real datasets is real.png in the same folder."""


def run(title: str, *command: str) -> None:
    """Print a command and run it. If it fails, stop the demo."""
    console.rule(title)
    console.print(f"$ {shlex.join(command)}\n", style="dim", soft_wrap=True)
    start = time.monotonic()
    if subprocess.run([Path(sys.executable).with_name(command[0]), *command[1:]], check=False).returncode:
        sys.exit(f"the demo stops: '{command[0]}' failed, see its message above")
    console.print(f"[dim]{time.monotonic() - start:.0f} s[/dim]")


def draw_and_print(
    networks: Mapping[str, UniverSeg], stores: Sequence[Path], tasks: Sequence[str], support_size: int, out: Path
) -> None:
    """Draw a query of some of the tasks, and print the mean Dice of each network."""
    for name, dice in draw(networks, stores, tasks, support_size, out).items():
        console.print(f"Mean Dice (0 to 100) of the queries in the picture, network {name}: [bold]{dice:.1f}[/bold]")
    console.print(f"Picture: [bold]{out}[/bold]")


def main(demo: Demo) -> None:
    config = {
        **yaml.safe_load(Path("demo/config.yaml").read_text(encoding="utf-8")),
        "datasets": sorted({"Synthetic", *demo.datasets}),
        "mirror": demo.mirror,
    }
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    run("1. Build tasks", "snakemake", "--cores", "2", "--configfile", f"{WORK}/config.yaml", "--quiet", "all")
    run(
        "2. Train on 50 of the 60 synthetic tasks",
        *("universeg-train", "--stores", f"{STORES}/Synthetic.lmdb", "--out", str(RUN)),
        *("--exclude-tasks", UNSEEN, "--minutes", str(demo.minutes), "--support-size", str(demo.support_size)),
        *("--augment.preset", "none"),  # augmentation helps only in longer runs
    )
    tasks = [UNSEEN if name == "Synthetic" else f"{name}/*" for name in demo.datasets]
    trained = RUN / "best.safetensors"
    run(
        "3. Evaluate on tasks that no network was trained on",
        *("universeg-evaluate", "--weights", str(trained), DEFAULT, "--out", f"{WORK}/evaluation"),
        *("--stores", str(STORES), "--datasets", *demo.datasets, "--tasks", *tasks),
        *("--support-size", str(demo.support_size), "--ensemble", "1"),
        # each of the ten synthetic tasks has over ten labels, and the store has a task for each label
        *("--queries", "1" if demo.datasets == ("Synthetic",) else "0"),
    )
    console.rule("4. Draw a picture")
    networks = {"just trained": load_model(trained), "in the package": load_model()}
    draw_and_print(networks, [STORES / f"{name}.lmdb" for name in demo.datasets], tasks, demo.support_size, demo.out)
    if real := sorted(set(REAL.glob("*.lmdb")) - {REAL / "Synthetic.lmdb"}):
        shipped = {"in the package": networks["in the package"]}
        draw_and_print(shipped, real, ["*"], SUPPORT_OF_REAL, demo.out.with_name("real.png"))
    console.print(NEXT, soft_wrap=True)


if __name__ == "__main__":
    main(tyro.cli(Demo, description=__doc__))
