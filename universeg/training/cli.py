"""`universeg-train`: the command line of training."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec

from universeg.base.command import run_command
from universeg.training.cost_estimate import estimate
from universeg.training.presets import parse_args
from universeg.training.trainer import train

NAME = "universeg-train"
EXTRA = ("kornia", "tensorboard")  # packages that only training needs

HELP = """Train UniverSeg on task stores, on synthetic tasks that are made during training, or on both.

Examples:

universeg-train --stores data/stores --out runs/first

universeg-train --preset small-cpu --synthetic train --out runs/synthetic --forecast

universeg-train --preset small-cpu --synthetic train --out runs/synthetic

universeg-train --stores data/stores --out runs/hearts --tasks 'MyHearts/*' '*/*/*/liver/*'

universeg-train --preset gpu --stores data/stores --init runs/synthetic/best.safetensors --out runs/second

torchrun --standalone --nproc-per-node 4 -m universeg train --preset gpu --stores data/stores --out runs/four

To continue a stopped run, give the same command again: it starts from the last checkpoint. SIGTERM and Ctrl-C save a
checkpoint first. With a constant learning rate, a larger --steps extends a finished run.

Files in the folder of the run: best.safetensors (the weights with the highest mean validation Dice) and
last.safetensors, both for universeg-predict and universeg-evaluate; metrics.jsonl; tensorboard/ (view it with
tensorboard --logdir runs); checkpoints/.

The default network is the one that the authors of the paper published. For the network that the paper's text describes:
--model.widths 64 64 64 64 64 --model.cross-activation --model.downsample bilinear"""


def main(args: Sequence[str] | None = None) -> None:
    """The command. Exit status: 1, with a message, if training fails; 128 + its number after a stop signal."""
    run_command(NAME, _train, args)


def _train(args: Sequence[str]) -> int:
    config = parse_args(args, NAME, HELP)
    if missing := [package for package in EXTRA if find_spec(package) is None]:
        raise ValueError(f"training needs {' and '.join(missing)}: pip install 'universeg[train]'")
    if config.forecast:
        for line in estimate(config):
            sys.stdout.write(f"{line}\n")
        return 0
    stopped_by = train(config)
    return 128 + stopped_by if stopped_by else 0


if __name__ == "__main__":
    main()
