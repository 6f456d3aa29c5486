"""Checkpoints: all state that is needed to continue a run, and the check that it is the same run."""

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
# Settings that may differ when a run continues: they change the place, the length and the log of the run, not the
# result. Tasks are compared by their digest, so stores can be moved.
MAY_DIFFER = {"stores", "dev_stores", "tasks", "exclude_tasks", "out", "steps", "minutes", "device", "quiet", "loaders",
              "checkpoint_every", "keep_checkpoints", "validate_every", "preset", "forecast"}  # fmt: skip


@dataclass
class State:
    """The state of a run after one of its steps."""

    model: UniverSeg
    optimiser: Adam
    average: AveragedModel | None = None  # the EMA of the weights, if it is used
    step: int = 0  # steps that are done
    validated: int = 0  # step of the last validation
    best: float = -1.0  # highest mean Dice of a validation so far

    @property
    def network(self) -> UniverSeg:
        """The network to validate and to save: with the averaged weights if there are any."""
        return cast(UniverSeg, self.average.module) if self.average else self.model


def header(config: TrainConfig, precision: torch.dtype, **found: object) -> dict[str, Any]:
    """The config in plain types, with the chosen precision and what was `found` in the data: size, digests of tasks."""
    return {**_plain(asdict(config)), "precision": str(precision).removeprefix("torch."), **found}


def _plain(value: Any) -> Any:
    """Dictionaries, tuples, numbers and text only, as checkpoints require; paths become text."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return str(value) if isinstance(value, Path) else value


def save(state: State, about: Mapping[str, Any]) -> Path:
    """Write the checkpoint of the current step, then delete all but the last `keep_checkpoints`."""
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
    """Load the last checkpoint of the run into `state`; returns its path, or None if there is none.

    Raises ValueError if the checkpoint is damaged, has another format, or is of another run (with each difference).
    """
    found = checkpoints(Path(about["out"]))
    if not found:
        return None
    path = found[-1]
    if not is_zipfile(path):
        raise ValueError(
            f"{path} is damaged or incomplete; delete it to continue from the previous one, if there is one"
        )
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if content["format"] != FORMAT:
        raise ValueError(f"{path} has format {content['format']}, this version reads {FORMAT}; give another --out")
    _check_same_run(path, content["config"], about)
    state.model.load_state_dict(content["model"])
    state.optimiser.load_state_dict(content["optimiser"])
    if state.average:
        state.average.load_state_dict(content["average"])
    state.step, state.validated, state.best = (content[name] for name in ("step", "validated", "best"))
    return path


def _check_same_run(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    # A checkpoint may be older than a setting; that setting then had its default.
    before = {**_plain(asdict(TrainConfig(out=Path()))), **before}
    # A falling rate depends on the last step.
    may_differ = MAY_DIFFER - {"steps"} if now.get("schedule") == "cosine" else MAY_DIFFER
    different = [
        f"  {name}: was {before.get(name)}, is {now.get(name)}"
        for name in sorted(before.keys() | now.keys())
        if name not in may_differ and before.get(name) != now.get(name)
    ]
    if different:
        raise ValueError(
            "\n".join(
                [
                    f"{path} is of another run. Give the same settings, or another --out for a new run"
                    " ('data' and 'dev' are digests of the training and the validation tasks and subjects):",
                    *different,
                ]
            )
        )
