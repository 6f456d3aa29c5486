"""What config/config.yaml may say, and which datasets it asks for."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipeline.manifest.schema import Manifest
from pipeline.manifest.licence import Use, refusal
from pipeline.backends import steps

# Step it whenever pipeline code changes what a store contains: stores made by another recipe are then rebuilt.
RECIPE = 2


LICENCE_PAGE = "https://surfer.nmr.mgh.harvard.edu/registration.html"
UserPath = Annotated[Path, AfterValidator(Path.expanduser)]


class ConfigError(ValueError):
    """A config that cannot be used; the message lists each key that is wrong."""


class Synthetic(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tasks: Annotated[int, Field(ge=1)] = 1000
    subjects: Annotated[int, Field(ge=2)] = 100
    seed: int = 0
    family: str | None = None  # its name is checked when tasks are made: this file opens without torch


class Segmenting(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tool: Literal["none", "freesurfer", "synthseg"] = "none"
    licence: UserPath | None = None
    container: str = "docker://freesurfer/freesurfer:7.4.1"


class Config(BaseModel):
    """The workflow's settings; config/config.yaml explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: UserPath = Path("data")
    manifests: tuple[UserPath, ...] = (Path("dataset_manifests"),)
    datasets: tuple[str, ...] | Literal["obtainable", "all"] = "obtainable"
    use: Use = "research"
    mirror: str | None = None
    have: dict[str, UserPath] = {}
    resolution: Annotated[int, Field(ge=16, le=1024)] = 128
    geometry: Literal["isotropic", "stretch"] = "isotropic"
    min_pixels: Annotated[int, Field(ge=1)] = 1
    chunks: Annotated[int, Field(ge=1, le=1000)] = 8
    strict: bool = False
    synthetic: Synthetic = Synthetic()
    segment: Segmenting = Segmenting()

    @field_validator("have")
    @classmethod
    def _folders_exist(cls, have: dict[str, Path]) -> dict[str, Path]:
        gone = [f"{name}: {folder}" for name, folder in have.items() if not folder.is_dir()]
        if gone:
            raise ValueError(f"names folders that do not exist: {', '.join(gone)}")
        return have


class Plan(NamedTuple):
    """Datasets to build, those that a person must ask for first, and those that may not be used so."""

    build: list[str]
    waiting: dict[str, str]  # name -> what to do
    left_out: dict[str, str]  # name -> why


def parse(settings: Mapping[str, Any]) -> Config:
    """Check the settings; raises ConfigError with every mistake."""
    try:
        return Config.model_validate(dict(settings))
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise ConfigError("\n".join(["the config cannot be used (config/config.yaml explains it):", *lines])) from error


def plan(config: Config, manifests: Mapping[str, Manifest]) -> Plan:
    """Divide the datasets that the config asks for into those that can be built now and those that wait."""
    for name in (*config.have, *(config.datasets if isinstance(config.datasets, tuple) else ())):
        if name not in manifests:
            near = get_close_matches(name, manifests, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(manifests))}"
            raise ConfigError(f"no manifest for dataset {name!r}; {hint}")
    wanted = config.datasets if isinstance(config.datasets, tuple) else sorted(manifests)
    refused = {name: refusal(manifests[name], config.use) for name in dict.fromkeys(wanted)}
    allowed = [manifests[name] for name, why in refused.items() if why is None]
    missing = {one.name: missing_sources(config, one) + _missing_licence(config, one) for one in allowed}
    waiting = {name: "\n".join(steps) for name, steps in missing.items() if steps}
    left_out = {name: why for name, why in refused.items() if why is not None}
    return Plan([name for name, steps in missing.items() if not steps], waiting, left_out)


def missing_sources(config: Config, manifest: Manifest) -> list[str]:
    """For each file of a dataset that only a person can get and that is not there yet: what to do."""
    if manifest.name in config.have:
        return []
    return [
        f"{source.file}: {what.strip()} Save it as {place}."
        for source in manifest.archives
        for place in [config.root / "downloads" / str(source.name) / source.file]
        if not place.exists() and not _in_mirror(config.mirror, str(source.name), source.file)
        if (what := steps(source))
    ] + [
        f"set the environment variable {name} to the password of {file}"
        for name, file in {source.variable: source.file for source in manifest.archives}.items()
        if name and not os.environ.get(name)
    ]


def segments(config: Config, manifest: Manifest) -> bool:
    """Whether labels that the dataset lacks are to be made."""
    return config.segment.tool != "none" and manifest.segments


def _missing_licence(config: Config, manifest: Manifest) -> list[str]:
    licence = config.segment.licence
    if not segments(config, manifest) or (licence is not None and licence.is_file()):
        return []
    gone = "" if licence is None else f", which is not at {licence}"
    return [
        f"{config.segment.tool} is to make its labels, and needs FreeSurfer's licence{gone}: register at {LICENCE_PAGE}"
        " (free), save the license.txt that comes by mail, and name it in the config: segment: {licence: FILE}."
        " Or set segment: {tool: none} to use only the labels that are there."
    ]


def _in_mirror(mirror: str | None, name: str, file: str) -> bool:
    if mirror is None:
        return False
    return mirror.startswith(("http://", "https://")) or (Path(mirror) / name / file).exists()
