"""Which of the requested datasets are built now, wait for you, or are left out because of their licence."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from pipeline.backends import manual_steps
from pipeline.config import Config, ConfigError
from pipeline.manifest.licence import why_not_allowed
from pipeline.manifest.schema import Manifest

LICENCE_PAGE = "https://surfer.nmr.mgh.harvard.edu/registration.html"


class Selection(NamedTuple):
    """The requested datasets, by what happens to them."""

    build: list[str]
    waiting: dict[str, str]  # name -> what you must do first
    left_out: dict[str, str]  # name -> why the licence does not allow the use


def select(config: Config, manifests: Mapping[str, Manifest]) -> Selection:
    """Sort the datasets that the config requests; raises ConfigError for a name without a manifest."""
    for name in (*config.have, *(config.datasets if isinstance(config.datasets, tuple) else ())):
        if name not in manifests:
            near = get_close_matches(name, manifests, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(manifests))}"
            raise ConfigError(f"no manifest for dataset {name!r}; {hint}")
    wanted = config.datasets if isinstance(config.datasets, tuple) else sorted(manifests)
    reasons = {name: why_not_allowed(manifests[name], config.use) for name in dict.fromkeys(wanted)}
    allowed = [manifests[name] for name, why in reasons.items() if why is None]
    missing = {one.name: missing_sources(config, one) + _missing_licence(config, one) for one in allowed}
    waiting = {name: "\n".join(steps) for name, steps in missing.items() if steps}
    left_out = {name: why for name, why in reasons.items() if why is not None}
    return Selection([name for name, steps in missing.items() if not steps], waiting, left_out)


def missing_sources(config: Config, manifest: Manifest) -> list[str]:
    """What you must do before a dataset can be built: one step per file that cannot be downloaded, or password."""
    if manifest.name in config.have:
        return []
    return [
        f"{source.file}: {what.strip()} Save it as {place}."
        for source in manifest.archives
        for place in [config.root / "downloads" / str(source.name) / source.file]
        if not place.exists() and not _in_mirror(config.mirror, str(source.name), source.file)
        if (what := manual_steps(source.url, source.get))
    ] + [
        f"set the environment variable {name} to the password of {file}"
        for name, file in {source.variable: source.file for source in manifest.archives}.items()
        if name and not os.environ.get(name)
    ]


def makes_labels(config: Config, manifest: Manifest) -> bool:
    """Whether the config names a tool that creates the labels that this dataset lacks."""
    return config.segment.tool != "none" and manifest.segments


def _missing_licence(config: Config, manifest: Manifest) -> list[str]:
    licence = config.segment.licence
    if not makes_labels(config, manifest) or (licence is not None and licence.is_file()):
        return []
    problem = "" if licence is None else f" ({licence} does not exist)"
    return [
        f"{config.segment.tool} needs the licence file of FreeSurfer{problem}: register at {LICENCE_PAGE} (free),"
        " save the license.txt that you receive by e-mail, and set segment: {licence: FILE} in the config."
        " Or set segment: {tool: none} to use only the published labels."
    ]


def _in_mirror(mirror: str | None, name: str, file: str) -> bool:
    if mirror is None:
        return False
    return mirror.startswith(("http://", "https://")) or (Path(mirror) / name / file).exists()
