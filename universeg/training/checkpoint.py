"""Everything needed to go on with a run, written whole; and what must agree before one goes on."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast
from zipfile import is_zipfile

import torch
from torch.optim import Adam
from torch.optim.swa_utils import AveragedModel

from universeg.base.atomic_write import atomic_write
from universeg.model import UniverSeg
from universeg.training.config import TrainConfig

FORMAT = 2
FOLDER = "checkpoints"
# May differ when a run goes on: they change where, how long and what is shown, not what is learned. The tasks are
# compared by their digest, so that stores may move.
FREE = {"stores", "dev_stores", "tasks", "exclude_tasks", "out", "steps", "minutes", "device", "quiet", "loaders",
        "checkpoint_every", "keep_checkpoints", "validate_every", "preset", "forecast"}  # fmt: skip


@dataclass
class State:
    """A run at one of its steps."""

    model: UniverSeg
    optimiser: Adam
    average: AveragedModel | None = None  # of the weights, where one is kept
    step: int = 0  # steps that are done
    validated: int = 0  # step of the last validation
    best: float = -1.0  # highest mean Dice of a validation so far

    @property
    def network(self) -> UniverSeg:
        """What the run is for: the averaged weights where there are some."""
        return cast(UniverSeg, self.average.module) if self.average else self.model


def header(config: TrainConfig, precision: torch.dtype, **found: object) -> dict[str, Any]:
    """The config in plain types, with the precision it came to and what else was `found`: size, digests of tasks."""
    return {**_plain(asdict(config)), "precision": str(precision).removeprefix("torch."), **found}


def _plain(value: Any) -> Any:
    """Paths as text, also inside; what checkpoints may hold."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return str(value) if isinstance(value, Path) else value


def save(state: State, about: Mapping[str, Any]) -> Path:
    """Write the checkpoint of a step, then remove all but the last `keep_checkpoints`."""
    path = Path(about["out"]) / FOLDER / f"step-{state.step:08d}.pt"
    content = {
        "format": FORMAT,
        "config": dict(about),
        "step": state.step,
        "validated": state.validated,
        "best": state.best,
        "model": state.model.state_dict(),
        "average": state.average and state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
    }
    with atomic_write(path) as part:
        torch.save(content, part)
    for old in checkpoints(path.parent.parent)[: -about["keep_checkpoints"]]:
        old.unlink()
    return path


def checkpoints(out: Path) -> list[Path]:
    """The checkpoints of a run, in order of their steps."""
    return sorted(path for path in (out / FOLDER).glob("step-*.pt") if re.fullmatch(r"step-\d{8,}", path.stem))


def resume(state: State, about: Mapping[str, Any]) -> Path | None:
    """Bring `state` to the last checkpoint of the run, if it has one, and say which it was.

    Raises ValueError if that is of another run, naming each field that differs.
    """
    found = checkpoints(Path(about["out"]))
    if not found:
        return None
    path = found[-1]
    if not is_zipfile(path):
        raise ValueError(f"{path} is damaged or was cut short; delete it to go on from the one before, if there is one")
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if content["format"] != FORMAT:
        raise ValueError(f"{path}: has format {content['format']}, this version reads {FORMAT}; give another --out")
    _same_run(path, content["config"], about)
    state.model.load_state_dict(content["model"])
    state.optimiser.load_state_dict(content["optimiser"])
    if state.average:
        state.average.load_state_dict(content["average"])
    state.step, state.validated, state.best = (content[name] for name in ("step", "validated", "best"))
    return path


def _same_run(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    before = {**_plain(asdict(TrainConfig(out=Path()))), **before}  # settings that came later were at their default
    # A falling rate depends on where it ends.
    free = FREE - {"steps"} if now.get("schedule") == "cosine" else FREE
    different = [
        f"  {name}: was {before.get(name)}, is {now.get(name)}"
        for name in sorted(before.keys() | now.keys())
        if name not in free and before.get(name) != now.get(name)
    ]
    if different:
        raise ValueError(
            "\n".join(
                [
                    f"{path} is of another run; give what it had, or another --out for a new run"
                    " ('data' and 'dev' stand for the tasks and subjects of the stores):",
                    *different,
                ]
            )
        )
