"""The model of a manifest: everything that its YAML file can say, and how it is read.

To add a key: add a field with a description here, in `source_file.py`, in `layout.py` or in `pipeline/labels`, then run
`python -m pipeline schema`.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.main import IncEx

from pipeline.fields import Strict, YesNo
from pipeline.manifest.layout import Group
from pipeline.manifest.source_file import SourceFile
from pipeline.manifest.strict_yaml import DocumentError, load_yaml

DATASET_NAME = r"^[A-Za-z0-9][A-Za-z0-9-]*$"


class Citation(Strict):
    """A publication that describes the dataset."""

    text: str = Field(description="Authors, title, venue, year")
    doi: Annotated[str, Field(pattern=r"^10\.\d+/")] | None = None
    arxiv: Annotated[str, Field(pattern=r"^\d{4}\.\d{4,5}$")] | None = None


class Licence(Strict):
    """What the dataset may be used for."""

    name: str | None = Field(description="Name of the licence, as the owner writes it; null if unknown")
    url: str | None = Field(None, description="Web address of the licence text")
    research: YesNo
    commercial: YesNo
    redistribution: YesNo


class Table3(Strict):
    """The dataset in Table 3 of the paper."""

    row: str = Field(description="The dataset's name in the table")
    scans: int | None = Field(description="The number of scans that the table gives for it; its part of a shared row")
    differs: str | None = Field(None, description="Why the expected number of scans is not that of the table")
    tasks: int | None = Field(
        None,
        description="The number of tasks that the original builder made of it: combinations of group, modality, label"
        " and axis; null if unknown",
    )
    tasks_differ: str | None = Field(None, description="Why the number of tasks here is not that of the builder")


class Overlap(Strict):
    """Another dataset with the same scans."""

    dataset: str = Field(description="Name of the other dataset")
    what: str = Field(description="What both have in common")
    shared: Literal["known", "likely", "possible", "unused"] = Field(
        description="How sure it is that scans or persons are in both stores; 'unused': they are only in parts of a"
        " dataset that its manifest does not use"
    )
    subjects: tuple[str, ...] = Field(
        (), description="Subjects of this dataset that both have; empty: any may be, because it is not known which"
    )


class RealFiles(Strict):
    """What was compared when real files of the dataset were read with this manifest."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")] | None = Field(
        description="Commit of this project that read them; null if it was not recorded"
    )
    checked: str = Field(description="How many files were read, and what was compared")


class Manifest(Strict):
    """One dataset: who made it, who may use it, where it is, and what its files mean."""

    name: Annotated[str, Field(pattern=DATASET_NAME)] = Field(
        description="Name of the dataset, and of its manifest without .yaml"
    )
    title: str
    domain: str = Field(description="Part of the body, or kind of image")
    homepage: str | None = Field(description="Web address; null if there is none")
    citation: tuple[Citation, ...]
    licence: Licence
    access: Literal["open", "registration", "application", "unavailable", "generated"] = Field(
        description="What a person must do to get the data: nothing; create an account; apply; it is not available;"
        " or this code generates it"
    )
    role: Literal["train", "held-out", "extra"] = Field(
        description="train: for training; held-out: evaluated by default, never used for training; extra: never used"
        " for training, and evaluated only if it is named"
    )
    table3: Table3 | None = None
    overlaps: tuple[Overlap, ...] = Field((), description="Other datasets with the same scans or persons")
    real_files: RealFiles | None = Field(None, description="Which commit read real files; null if none did")
    sources: tuple[SourceFile, ...] = Field((), description="The files to download")
    groups: tuple[Group, ...] = Field((), description="Parts of the dataset with their own file layout or labels")
    generator: str | None = Field(None, description="Family of synthetic tasks, instead of sources and groups")

    @field_validator("groups")
    @classmethod
    def _names_differ(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        names = [group.name for group in groups]
        if len(set(names)) < len(names):
            raise ValueError(f"two groups have the same name: {names}; rename one")
        for number, group in enumerate(groups):
            if group.instead_of is not None and group.instead_of not in names[:number]:
                raise ValueError(f"group {group.name!r}: instead_of {group.instead_of!r} is not an earlier group")
        return groups

    @model_validator(mode="after")
    def _files_or_generator(self) -> Self:
        generated = self.access == "generated"
        if generated != (self.generator is not None) or generated != (not self.groups and not self.sources):
            raise ValueError(
                "give 'sources' and 'groups'; or, for generated tasks, only access 'generated' and 'generator'"
            )
        return self

    @property
    def main_groups(self) -> tuple[Group, ...]:
        """The groups, without those that have the same scans as another group in another form (`instead_of`)."""
        return tuple(group for group in self.groups if group.instead_of is None)

    @property
    def segments(self) -> bool:
        """Whether a tool can create labels for some of its scans."""
        return any(group.segment for group in self.groups)

    @cached_property
    def archives(self) -> tuple[SourceFile, ...]:
        """Every single file of the sources; `name` is the folder under downloads/ in which it is kept."""
        files = (one for source in self.sources for one in source.each)
        return tuple(source.model_copy(update={"name": source.name or self.name}) for source in files)

    def digest(self, *fields: str) -> str:
        """A short digest of the named fields, or of all that describe the data, so without `real_files`.

        It does not depend on comments, the order of keys, or sizes that only forecasts use.
        """
        unused: dict[str, bool | IncEx] = {"real_files": True, "sources": {"__all__": {"about_bytes"}}}
        facts = self.model_dump(mode="json", include=set(fields) or None, exclude=unused)
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def load_manifest(path: Path) -> Manifest:
    """Read one manifest. Raises DocumentError with all mistakes; a file that is not named after its dataset is one."""
    manifest = load_yaml(path, Manifest)
    if path.stem != manifest.name:
        raise DocumentError(f"{path}: its name is {manifest.name!r}; name the file {manifest.name}.yaml")
    return manifest


def load_manifests(*folders: Path) -> dict[str, Manifest]:
    """Dataset name -> manifest, for all manifests in some folders.

    Raises DocumentError if a manifest has mistakes, two folders have a manifest of the same dataset, or a folder does
    not exist or has no manifests, or no folder is given.
    """
    if not folders:
        raise DocumentError("no folder of manifests is given; name one in `manifests` in the config")
    manifests: dict[str, Manifest] = {}
    for path in (path for folder in folders for path in manifest_files(folder)):
        if path.stem in manifests:
            raise DocumentError(f"{path}: another folder also has a manifest of {path.stem}; remove one of them")
        manifests[path.stem] = load_manifest(path)
    return manifests


def manifest_files(folder: Path) -> list[Path]:
    """The manifests in a folder, sorted; raises DocumentError if the folder does not exist or has none."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        problem = "has no manifests (*.yaml)" if folder.is_dir() else "this folder of manifests does not exist"
        raise DocumentError(f"{folder}: {problem}; correct `manifests` in the config, or the option --manifests")
    return paths
