"""What a dataset manifest may say. Reading one gives facts, or names every mistake with its line."""

import hashlib
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from pipeline import document
from pipeline.template import Template
from universeg.standardise.normalise import INTENSITY
from universeg.tables import choose


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _yes_or_no(value: Any) -> Any:
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


# A name becomes part of a task's key, which joins names with "/".
Name = Annotated[str, Field(pattern=r"^[^/@~\x00-\x1f]+$", max_length=80)]
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=200)]
YesNo = Annotated[Literal["yes", "no", "unknown"], BeforeValidator(_yes_or_no)]  # YAML reads yes and no as booleans
Path_ = Annotated[str, Field(min_length=1, description="Path pattern: {part}, * within a name, ** over folders")]
Window = tuple[float, float]


class Citation(_Strict):
    text: str = Field(description="Authors, title, venue, year")
    doi: Annotated[str, Field(pattern=r"^10\.\d+/")] | None = None
    arxiv: Annotated[str, Field(pattern=r"^\d{4}\.\d{4,5}$")] | None = None


class Licence(_Strict):
    name: str | None = Field(description="As the owner names it; null where nobody knows")
    url: str | None = None
    research: YesNo
    commercial: YesNo
    redistribution: YesNo


class Source(_Strict):
    """One file to obtain: by `url`, or by a person who follows `get`."""

    file: FileName
    name: FileName | None = Field(None, description="Folder under downloads/; datasets that share an archive share it")
    url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    get: str | None = Field(None, description="What a person must do, step by step")
    bytes: Annotated[int, Field(gt=0)] | None = None
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")] | None = None
    members: tuple[str, ...] = Field((), description="Unpack only members that match one of these patterns")
    unpack: bool = True

    @model_validator(mode="after")
    def _one_way_to_get_it(self) -> Self:
        if (self.url is None) == (self.get is None):
            raise ValueError("give exactly one of 'url' and 'get'")
        return self


class ValueLabels(_Strict):
    """One label map per scan; each value has a name, values that share a name are one label, the rest is background."""

    kind: Literal["values"]
    path: Path_
    reader: str | None = None
    names: dict[int, Name]


class RangeLabels(_Strict):
    """One label map per scan in which a label is a range of values, ends included."""

    kind: Literal["ranges"]
    path: Path_
    reader: str | None = None
    names: dict[Name, tuple[float, float]]


class ColourLabels(_Strict):
    """One colour picture per scan; each label has a colour."""

    kind: Literal["colours"]
    path: Path_
    reader: str | None = None
    names: dict[Name, tuple[int, int, int]]


class FileLabels(_Strict):
    """One file per label: samples above `above` are inside, so masks may overlap."""

    kind: Literal["files"]
    names: dict[Name, Path_]
    reader: str | None = None
    above: float = 0
    missing: Literal["error", "absent"] = Field("error", description="What a label without its file means")


class OutlineLabels(_Strict):
    """Outlines: text files of points (contours), polygons or run lengths in JSON."""

    kind: Literal["contours", "polygons", "rle"]
    path: Path_
    names: dict[str, Name] = Field(description="Key, or pattern of the file name, to label")


Labels = Annotated[ValueLabels | RangeLabels | ColourLabels | FileLabels | OutlineLabels, Field(discriminator="kind")]


class Scans(_Strict):
    """Image files of one form: a path pattern whose named parts say subject, modality and frame."""

    image: Path_
    parts: dict[str, str] = Field({}, description="Regular expression of a named part; anything but '/' if not given")
    modality: Name | dict[str, Name] = Field(description="Its name, or names by the value of the part {modality}")
    channels: dict[int, Name] | None = Field(None, description="Modality of each channel of a multi-channel file")
    reader: str
    intensity: str
    window: Window | None = Field(None, description="Clip to this, where the source says other than the rule")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        template = self.template
        if isinstance(self.modality, dict) != ("modality" in template.names):
            raise ValueError("names by {modality} need that part in 'image', and the part needs names")
        choose(INTENSITY, self.intensity, "intensity rule")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"window {self.window} must be (low, high)")
        return self

    @cached_property
    def template(self) -> Template:
        parts = dict(self.parts)
        if isinstance(self.modality, dict):
            parts.setdefault("modality", "|".join(map(re.escape, sorted(self.modality, reverse=True))))
        return Template(self.image, parts)


class Expect(_Strict):
    scans: Annotated[int, Field(ge=0)] | None = Field(description="Usable (image, modality) pairs; null if unknown")
    subjects: Annotated[int, Field(ge=0)] | None = None


class Group(_Strict):
    """Scans of a dataset that share a layout and a label scheme."""

    name: Name
    scans: tuple[Scans, ...] = Field(min_length=1)
    subject: str = Field("{subject}", description="Person or specimen, made of the path's parts")
    frame: str | None = Field(None, description="Which of a subject's several images, made of the path's parts")
    labels: Labels
    axes: tuple[Literal[0, 1, 2], ...] = Field(min_length=1)
    expect: Expect
    known_bad: dict[str, str] = Field({}, description="Subject, or subject@frame: why it cannot be used")

    @model_validator(mode="after")
    def _parts_exist(self) -> Self:
        for scans in self.scans:
            for text in filter(None, (self.subject, self.frame)):
                unknown = set(re.findall(r"{(\w+)}", text)) - scans.template.names
                if unknown:
                    raise ValueError(f"{text!r} uses {sorted(unknown)}, which {scans.image!r} does not name")
        return self


class Table3(_Strict):
    row: str = Field(description="The dataset's name in Table 3 of the paper")
    scans: int | None = Field(description="This dataset's share of that row's scans")
    differs: str | None = Field(None, description="Why the expected scans differ from the paper's")


class Overlap(_Strict):
    dataset: str
    what: str


class Manifest(_Strict):
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
    sources: tuple[Source, ...] = ()
    groups: tuple[Group, ...] = ()
    generator: str | None = Field(None, description="Family of synthetic tasks, in place of sources and groups")

    @field_validator("groups")
    @classmethod
    def _names_differ(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        names = [group.name for group in groups]
        if len(set(names)) < len(names):
            raise ValueError(f"group names must differ: {names}")
        return groups

    @model_validator(mode="after")
    def _files_or_generator(self) -> Self:
        generated = self.access == "generated"
        if generated != (self.generator is not None) or generated != (not self.groups and not self.sources):
            raise ValueError("needs 'sources' and 'groups', or access 'generated' with 'generator'")
        return self

    @cached_property
    def archives(self) -> tuple[Source, ...]:
        """The sources, each with the folder name it is kept under."""
        return tuple(source.model_copy(update={"name": source.name or self.name}) for source in self.sources)

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
