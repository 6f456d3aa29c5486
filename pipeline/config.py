"""The settings of the workflow. `snakemake` resolves them and writes them once; every stage reads that file.

To add an option: add a field to Config, marked with the stages whose output it changes, and use it in these stages.
"""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator

from pipeline.fields import Strict
from pipeline.manifest.licence import Use
from universeg.base.atomic_write import atomic_write

if TYPE_CHECKING:
    from filelock import BaseFileLock

# Increase it whenever a change of the code changes what a store contains. Existing stores are then rebuilt.
RECIPE = 4

UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
Geometry = Literal["isotropic", "stretch"]


class ConfigError(ValueError):
    """A config that cannot be used. The message lists every key that is wrong."""


class Affects:
    """Mark of a setting: the stages whose output it changes. Snakemake runs them again when the setting changes."""

    def __init__(self, *stages: str) -> None:
        self.stages = stages


class Synthetic(Strict):
    """Which synthetic tasks to generate (paper, section D)."""

    tasks: Annotated[int, Field(ge=1)] = 1000
    subjects: Annotated[int, Field(ge=2)] = 100
    seed: int = 0
    family: str | None = None  # checked by the stage, because this file must not import torch


class Segmenting(Strict):
    """Which tool creates the labels that a dataset lacks."""

    tool: Literal["none", "freesurfer", "synthseg"] = "none"
    licence: UserPath | None = None
    container: str = "docker://freesurfer/freesurfer:7.4.1"


class Config(Strict):
    """The workflow's settings; config/config.yaml explains each."""

    root: Annotated[UserPath, Affects()] = Path("data")
    manifests: Annotated[tuple[UserPath, ...], Field(min_length=1), Affects()] = (Path("dataset_manifests"),)
    datasets: Annotated[tuple[str, ...] | Literal["obtainable", "all"], Affects()] = "obtainable"
    use: Annotated[Use, Affects()] = "research"
    mirror: Annotated[str | None, Affects()] = None
    have: Annotated[dict[str, UserPath], Affects()] = Field(default_factory=dict)  # the rules compare each folder
    resolution: Annotated[int, Field(ge=16, le=1024), Affects("shard", "synthetic", "store")] = 128
    geometry: Annotated[Geometry, Affects("shard", "store")] = "isotropic"
    min_pixels: Annotated[int, Field(ge=1), Affects("shard", "store")] = 1
    chunks: Annotated[int, Field(ge=1, le=1000), Affects("to_segment", "shard", "synthetic")] = 8
    strict: Annotated[bool, Affects("store")] = False
    synthetic: Annotated[Synthetic, Affects("synthetic")] = Synthetic()
    segment: Annotated[Segmenting, Affects("to_segment", "segmented")] = Segmenting()

    @field_validator("have")
    @classmethod
    def _folders_exist(cls, have: dict[str, Path]) -> dict[str, Path]:
        missing = [f"{name}: {folder}" for name, folder in have.items() if not folder.is_dir()]
        if missing:
            raise ValueError(f"these folders do not exist: {', '.join(missing)}")
        return have

    def with_manifests_in(self, checkout: Path) -> Self:
        """The same settings, with manifest folders that do not exist here replaced by those of the checkout.

        Raises ConfigError for a folder that exists in neither place.
        """
        folders = tuple(folder if folder.is_dir() else checkout / folder for folder in self.manifests)
        missing = [str(given) for given, folder in zip(self.manifests, folders, strict=True) if not folder.is_dir()]
        if missing:
            where = f"looked in {Path.cwd()} and in {checkout}"
            raise ConfigError(f"manifests: no such folder: {', '.join(missing)}; {where}")
        return self.model_copy(update={"manifests": folders})

    def affecting(self, stage: str) -> dict[str, Any]:
        """The settings that change the output of a stage: name -> value as in JSON."""
        values = self.model_dump(mode="json")
        return {
            name: values[name]
            for name, field in type(self).model_fields.items()
            if any(isinstance(mark, Affects) and stage in mark.stages for mark in field.metadata)
        }


def parse(settings: Mapping[str, Any]) -> Config:
    """Check the settings of a config file; raises ConfigError that lists every mistake."""
    try:
        return Config.model_validate(dict(settings))
    except ValidationError as error:
        raise ConfigError(f"the config has mistakes (config/config.yaml explains each key):{_list(error)}") from error


def write_config(config: Config, path: Path) -> None:
    """Write the resolved settings as JSON, for `load_config`."""
    with atomic_write(path) as part:
        part.write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")


def claim(root: Path) -> "BaseFileLock":
    """A lock on the folder `root`, so that only one run works there. Keep the result as long as the run lasts.

    The kernel releases the lock when the process ends, also when it is killed, so nothing has to be unlocked by hand.
    Raises ConfigError if another run has the lock, or if the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    path = root / ".run.lock"
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(timeout=0)
        path.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
    except Timeout:
        raise ConfigError(
            f"{root}: another run works in this folder ({path.read_text(encoding='utf-8')}); wait until it ends,"
            " or set another `root`"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{root}: cannot be written ({error.strerror or error}); make room, correct its permissions, or set another"
            " `root`"
        ) from error
    return lock


def load_config(path: Path) -> Config:
    """Read the resolved settings that `write_config` wrote; raises ConfigError that lists every mistake."""
    try:
        return Config.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise ConfigError(f"{path}: not a resolved config; run snakemake, which writes it:{_list(error)}") from error


def _list(error: ValidationError) -> str:
    """One line for each mistake, with the key."""
    mistakes = ((".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")) for one in error.errors())
    return "".join(f"\n  {key}: {message}" for key, message in mistakes)


def config(out: Path, settings: Path = Path("config/config.yaml")) -> None:
    """Write the resolved settings, which all other stages read. Snakemake does this at the start of each run.

    Args:
        out: The JSON file to write. Relative paths in it are relative to the folder where the stages run.
        settings: A config file (YAML). Keys that it lacks have their defaults.
    """
    import yaml

    write_config(parse(yaml.safe_load(settings.read_text(encoding="utf-8")) or {}), out)
