"""The settings of the workflow. `snakemake` writes the resolved ones once, and every stage reads that file.

To add an option: a field here (with the stages whose output it changes), and the code that uses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator

from pipeline.fields import Strict
from pipeline.manifest.licence import Use
from universeg.base.atomic_write import atomic_write

# Increase it whenever a change of the code changes what a store contains. Stores of another recipe are then rebuilt.
RECIPE = 2

UserPath = Annotated[Path, AfterValidator(Path.expanduser)]
Geometry = Literal["isotropic", "stretch"]


class ConfigError(ValueError):
    """A config that cannot be used. The message lists every key that is wrong."""


@dataclass(frozen=True)
class Affects:
    """The stages whose output a setting changes: Snakemake runs them again when it changes."""

    stages: tuple[str, ...]

    def __init__(self, *stages: str) -> None:
        object.__setattr__(self, "stages", stages)


class Synthetic(Strict):
    """How many synthetic tasks to make (paper, section D)."""

    tasks: Annotated[int, Field(ge=1)] = 1000
    subjects: Annotated[int, Field(ge=2)] = 100
    seed: int = 0
    family: str | None = None  # the stage checks the name: this file must load without torch


class Segmenting(Strict):
    """Which tool makes the labels that a dataset lacks."""

    tool: Literal["none", "freesurfer", "synthseg"] = "none"
    licence: UserPath | None = None
    container: str = "docker://freesurfer/freesurfer:7.4.1"


class Config(Strict):
    """The workflow's settings; config/config.yaml explains each."""

    root: UserPath = Path("data")
    manifests: tuple[UserPath, ...] = (Path("dataset_manifests"),)
    datasets: tuple[str, ...] | Literal["obtainable", "all"] = "obtainable"
    use: Use = "research"
    mirror: str | None = None
    have: dict[str, UserPath] = Field(default_factory=dict)
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
        """The same settings; folders of manifests that are not in the current folder are taken from the checkout."""
        folders = tuple(folder if folder.is_dir() else checkout / folder for folder in self.manifests)
        return self.model_copy(update={"manifests": folders})

    def affecting(self, stage: str) -> dict[str, Any]:
        """The settings that change the output of a stage, by name, in plain types."""
        values = self.model_dump(mode="json")
        return {
            name: values[name]
            for name, field in type(self).model_fields.items()
            if any(isinstance(mark, Affects) and stage in mark.stages for mark in field.metadata)
        }


def parse(settings: Mapping[str, Any]) -> Config:
    """Check the settings; raises ConfigError with every mistake."""
    try:
        return Config.model_validate(dict(settings))
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise ConfigError("\n".join(["the config cannot be used (config/config.yaml explains it):", *lines])) from error


def load_config(path: Path) -> Config:
    """The resolved settings that `config` wrote; raises ConfigError if the file is not one."""
    try:
        return Config.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise ConfigError(f"{path}: not a resolved config; run snakemake, which writes it ({error})") from error


def config(settings: str, out: Path) -> None:
    """Write the resolved settings, which all other stages read.

    Args:
        settings: All settings, as JSON.
        out: The file; relative paths in it count from the current folder.
    """
    with atomic_write(out) as part:
        part.write_text(Config.model_validate_json(settings).model_dump_json(indent=2) + "\n", encoding="utf-8")
