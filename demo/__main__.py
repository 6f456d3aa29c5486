"""`make demo`: build tasks with Snakemake, train briefly, segment unseen tasks from their examples, draw the result.

The same is done with the weights in the package; and on real datasets, if the workflow has built any.

Each step is a command that you can type yourself; it is shown before it runs. Everything lands in demo/work.
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
REAL = Path("data/stores")  # where the workflow puts datasets that were built before
UNSEEN = "Synthetic/task005*"  # ten of the sixty synthetic tasks are kept from training
NEXT = f"""
Try next:
  .venv/bin/tensorboard --logdir {RUN}      how training went
  make demo DATASETS=WBC-JTSC                     real white blood cells (downloads 23 MB)
  .venv/bin/universeg-predict --help              your own images
  .venv/bin/snakemake --cores 32                  every dataset that can be had without asking"""
console = Console(highlight=False)


@dataclass(frozen=True)
class Demo:
    """What to demonstrate on."""

    datasets: tuple[str, ...] = ("Synthetic",)
    """Datasets whose tasks are segmented without having been trained on; Synthetic is always built, to train on."""
    mirror: str | None = None
    """Folder or URL that has the datasets' files, if not their owners."""
    minutes: float = 4
    """How long to train."""
    support_size: int = 8
    """Examples shown for each segmentation."""
    out: Path = Path("demo/result.png")
    """The picture; that of real datasets is real.png beside it."""


def run(title: str, *command: str) -> None:
    """Show a command, run it, stop the demo if it fails."""
    console.rule(title)
    console.print(f"$ {shlex.join(command)}\n", style="dim", soft_wrap=True)
    start = time.monotonic()
    if subprocess.run([Path(sys.executable).with_name(command[0]), *command[1:]], check=False).returncode:
        sys.exit(f"the demo stops here: '{command[0]}' failed, see above")
    console.print(f"[dim]{time.monotonic() - start:.0f} s[/dim]")


def look(
    networks: Mapping[str, UniverSeg], stores: Sequence[Path], tasks: Sequence[str], support_size: int, out: Path
) -> None:
    """Draw some queries of some tasks, and tell how well each network does on them."""
    for name, dice in draw(networks, stores, tasks, support_size, out).items():
        console.print(f"Mean Dice of the queries in the picture, {name}: [bold]{dice:.1f}[/bold] (0 to 100)")
    console.print(f"The picture: [bold]{out}[/bold]")


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
        "2. Train on synthetic tasks, but not on ten of them",
        *("universeg-train", "--stores", f"{STORES}/Synthetic.lmdb", "--out", str(RUN)),
        *("--exclude-tasks", UNSEEN, "--minutes", str(demo.minutes), "--support-size", str(demo.support_size)),
        *("--augment.preset", "none"),  # these pay off in longer runs
    )
    tasks = [UNSEEN if name == "Synthetic" else f"{name}/*" for name in demo.datasets]
    trained = RUN / "best.safetensors"
    run(
        "3. Segment tasks that neither network has seen, from their examples alone",
        *("universeg-evaluate", "--weights", str(trained), DEFAULT, "--out", f"{WORK}/evaluation"),
        *("--stores", str(STORES), "--datasets", *demo.datasets, "--tasks", *tasks),
        *("--support-size", str(demo.support_size), "--ensemble", "1"),
    )
    console.rule("4. Look")
    networks = {"just trained": load_model(trained), "in the package": load_model()}
    look(networks, [STORES / f"{name}.lmdb" for name in demo.datasets], tasks, demo.support_size, demo.out)
    if real := sorted(set(REAL.glob("*.lmdb")) - {REAL / "Synthetic.lmdb"}):
        shipped = {"in the package": networks["in the package"]}
        look(shipped, real, ["*"], SUPPORT_OF_REAL, demo.out.with_name("real.png"))
    console.print(NEXT, soft_wrap=True)


if __name__ == "__main__":
    main(tyro.cli(Demo, description=__doc__))
