"""What a dataset manifest may say. Reading one gives facts, or names every mistake with its line."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.fields import Strict, YesNo
from pipeline.manifest import strict_yaml as document
from pipeline.manifest.layout import Group
from pipeline.manifest.source_file import SourceFile


class Citation(Strict):
    text: str = Field(description="Authors, title, venue, year")
    doi: Annotated[str, Field(pattern=r"^10\.\d+/")] | None = None
    arxiv: Annotated[str, Field(pattern=r"^\d{4}\.\d{4,5}$")] | None = None


class Licence(Strict):
    name: str | None = Field(description="As the owner names it; null where nobody knows")
    url: str | None = None
    research: YesNo
    commercial: YesNo
    redistribution: YesNo


class Table3(Strict):
    row: str = Field(description="The dataset's name in Table 3 of the paper")
    scans: int | None = Field(description="This dataset's share of that row's scans")
    differs: str | None = Field(None, description="Why the expected scans differ from the paper's")


class Overlap(Strict):
    dataset: str
    what: str


class Manifest(Strict):
    """One dataset: who made it, who may use it, where it is, and what its files mean."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
    title: str
    domain: str
    homepage: str | None
    citation: tuple[Citation, ...]
    licence: Licence
    access: Literal["open", "registration", "application", "unavailable", "generated"]
    role: Literal["train", "held-out"] = Field(description="Held-out datasets are never sampled in training")
    table3: Table3 | None = None
    overlaps: tuple[Overlap, ...] = ()
    sources: tuple[SourceFile, ...] = ()
    groups: tuple[Group, ...] = ()
    generator: str | None = Field(None, description="Family of synthetic tasks, in place of sources and groups")

    @field_validator("groups")
    @classmethod
    def _names_differ(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        names = [group.name for group in groups]
        if len(set(names)) < len(names):
            raise ValueError(f"group names must differ: {names}")
        for number, group in enumerate(groups):
            if group.instead_of is not None and group.instead_of not in names[:number]:
                raise ValueError(f"group {group.name!r}: instead_of {group.instead_of!r} must be an earlier group")
        return groups

    @model_validator(mode="after")
    def _files_or_generator(self) -> Self:
        generated = self.access == "generated"
        if generated != (self.generator is not None) or generated != (not self.groups and not self.sources):
            raise ValueError("needs 'sources' and 'groups', or access 'generated' with 'generator'")
        return self

    @property
    def main_groups(self) -> tuple[Group, ...]:
        """Without those that are other forms of the same scans."""
        return tuple(group for group in self.groups if group.instead_of is None)

    @property
    def segments(self) -> bool:
        """Whether a tool can make labels of its scans."""
        return any(group.segment for group in self.groups)

    @cached_property
    def archives(self) -> tuple[SourceFile, ...]:
        """Every file of the sources, each with the folder name it is kept under."""
        files = (one for source in self.sources for one in source.each)
        return tuple(source.model_copy(update={"name": source.name or self.name}) for source in files)

    def digest(self, *fields: str) -> str:
        """Short digest of the named fields, or of all: facts count, comments and order of keys do not."""
        facts = self.model_dump(mode="json", include=set(fields) or None)
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def load_manifest(path: Path) -> Manifest:
    """Read one manifest; raises DocumentError with every mistake, also a file not named after its dataset."""
    manifest = document.load(path, Manifest)
    if path.stem != manifest.name:
        raise document.DocumentError(f"{path}: is about {manifest.name!r}; name the file {manifest.name}.yaml")
    return manifest


def load_manifests(*folders: Path) -> dict[str, Manifest]:
    """All manifests of some folders by dataset name; one bad or repeated one is an error."""
    manifests: dict[str, Manifest] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.yaml"))):
        if path.stem in manifests:
            raise document.DocumentError(f"{path}: another folder has a manifest of {path.stem}")
        manifests[path.stem] = load_manifest(path)
    return manifests
