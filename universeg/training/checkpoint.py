"""Checkpoints: all state that is needed to continue a run, and the check that it is the same run."""

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch.optim import Adam
from torch.optim.swa_utils import AveragedModel

from universeg.base.atomic_write import atomic_write
from universeg.model import Network
from universeg.training.config import TrainConfig

FORMAT = 3
DIGEST_BYTES = 64  # at the end of a checkpoint: the SHA-256 of all before it; torch allows bytes after its own
FOLDER = "checkpoints"
# Settings that may differ when a run continues: they change the place, the length and the log of the run, not the
# result. Tasks are compared by their digest, so stores can be moved.
MAY_DIFFER = {"stores", "dev_stores", "copy_stores", "tasks", "exclude_tasks", "exclude_overlaps", "overlaps",
              "datasets", "out", "steps", "minutes", "cooldown", "device", "computed_in", "quiet", "loaders",
              "checkpoint_every", "keep_checkpoints", "validate_every", "patience", "preset", "forecast"}  # fmt: skip


@dataclass
class State:
    """The state of a run after one of its steps."""

    model: Network
    optimiser: Adam
    average: AveragedModel | None = None  # the EMA of the weights, if it is used
    step: int = 0  # steps that are done
    validated: int = 0  # step of the last validation
    best: float = -1.0  # highest mean Dice of a validation so far
    best_step: int = 0  # step of that validation

    def stalled(self, config: TrainConfig) -> bool:
        """Whether the last `config.patience` validations, or more, had no new highest Dice."""
        return 0 < config.patience * config.validate_every <= self.validated - self.best_step

    @property
    def network(self) -> Network:
        """The network to validate and to save: with the averaged weights if there are any."""
        return cast(Network, self.average.module) if self.average else self.model


def header(config: TrainConfig, precision: torch.dtype, **found: object) -> dict[str, Any]:
    """The config in plain types, the precision of this device, and what was `found` in the data: sizes, digests.

    With the precision "auto", a run may continue on a device that computes in another one.
    """
    return {**_plain(asdict(config)), "computed_in": str(precision).removeprefix("torch."), **found}


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
        "best_step": state.best_step,
        "model": state.model.state_dict(),
        "average": state.average and state.average.state_dict(),
        "optimiser": state.optimiser.state_dict(),
    }
    buffer = io.BytesIO()  # torch writes the name of a file into it, and that of an unfinished file is random
    torch.save(content, buffer)
    data = buffer.getvalue()
    with atomic_write(path) as part:
        part.write_bytes(data + hashlib.sha256(data).hexdigest().encode())
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
    data = path.read_bytes()
    if hashlib.sha256(data[:-DIGEST_BYTES]).hexdigest().encode() != data[-DIGEST_BYTES:]:
        raise ValueError(
            f"{path} is damaged or incomplete; delete it to continue from the previous one, if there is one"
        )
    content: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    if content["format"] != FORMAT:
        raise ValueError(f"{path} has format {content['format']}, this version reads {FORMAT}; give another --out")
    _check_same_run(path, content["config"], about)
    state.model.load_state_dict(content["model"])
    for group in content["optimiser"]["param_groups"]:
        group["fused"] = state.optimiser.defaults["fused"]  # as this device has it
    state.optimiser.load_state_dict(content["optimiser"])
    if state.average:
        state.average.load_state_dict(content["average"])
    for name in ("step", "validated", "best", "best_step"):
        setattr(state, name, content[name])
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
