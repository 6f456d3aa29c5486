"""What a manifest says of one group: which files are images, whose they are, and where their labels lie."""

import re
from functools import cached_property
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.fields import Name, PartName, Pattern, Strict
from pipeline.labels import Labels
from pipeline.manifest.path_pattern import Template
from universeg.base.lookup import choose
from universeg.standardise.normalise import INTENSITY

INDEX = "index"  # the part that numbers the frames within a file
Window = tuple[float, float]
# Three letters, one of each pair: where the stored axes lead. R right, L left, A front, P back, S head, I feet.
Orientation = Annotated[str, Field(pattern=r"^[RLAPSI]{3}$")]
Column = str | tuple[str, int]


class Table(Strict):
    """A CSV, Excel or HDF5 file that adds parts to images: its rows are joined on the parts that both have."""

    path: Pattern
    columns: dict[PartName, Column] = Field(
        min_length=1, description="Part to column (or array): its name, or its name and how many columns further"
    )


class Range(Strict):
    """Frames from one number to another, ends included."""

    first: str = Field(description="Made of the parts")
    last: str = Field(description="Made of the parts")
    counted_from: Literal[0, 1] = Field(description="The number that the source gives to a file's first frame")


class ScanPattern(Strict):
    """Image files of one form: a path pattern whose named parts say subject, modality and frame."""

    image: Pattern
    parts: dict[str, str] = Field({}, description="Regular expression of a named part; anything but '/' if not given")
    modality: Name | dict[str, Name] | None = Field(
        None, description="Its name, or names by the value of the part {modality}"
    )
    channels: dict[int, Name] | None = Field(None, description="Modality of each channel of a multi-channel file")
    reader: str
    array: str | None = Field(None, description="Name of the array in a MATLAB or HDF5 file")
    stack: PartName | None = Field(None, description="Part that numbers the files of one scan: each is one slice")
    frames: tuple[int, ...] | Range | Literal["rows"] | None = Field(
        None, description="Images in one file: by number from 0, from the table, or one for each row of it"
    )
    table: Table | None = None
    orientation: Orientation | None = Field(
        None, description="Where the stored axes lead, if files do not say or say it wrong: LPS, RAS ..."
    )
    spacing: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        None, description="Millimetres along the stored axes, if files do not say or say it wrong"
    )
    intensity: str
    window: Window | None = Field(None, description="Clip to this, where the source says other than the rule")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.modality is None) == (self.channels is None):
            raise ValueError("give exactly one of 'modality' and 'channels'")
        if isinstance(self.modality, dict) != ("modality" in self.template.names):
            raise ValueError("names by {modality} need that part in 'image', and the part needs names")
        if self.stack is not None and (self.stack not in self.template.names or self.frames is not None):
            raise ValueError(f"stack {self.stack!r} must be a part of 'image', of files that are not divided in frames")
        if self.frames == "rows" and self.table is None:
            raise ValueError("frames 'rows' needs a 'table'")
        if self.orientation and len({"RLAPSI".index(letter) // 2 for letter in self.orientation}) < 3:
            raise ValueError(f"orientation {self.orientation!r} must have one letter of each pair R/L, A/P, S/I")
        choose(INTENSITY, self.intensity, "intensity rule")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"window {self.window} must be (low, high)")
        return self

    @cached_property
    def template(self) -> Template:
        columns = set(self.table.columns) if self.table else set()
        parts = {
            name: regex for name, regex in self.parts.items() if name not in columns or f"{{{name}}}" in self.image
        }
        if isinstance(self.modality, dict):
            parts.setdefault("modality", "|".join(map(re.escape, sorted(self.modality, reverse=True))))
        return Template(self.image, parts)

    @property
    def names(self) -> frozenset[str]:
        """The parts that an image of this form has, of its path, its table and its frame."""
        own = self.template.names - {self.stack}
        return own | set(self.table.columns if self.table else ()) | ({INDEX} if self.frames is not None else set())


class Expect(Strict):
    scans: Annotated[int, Field(ge=0)] | None = Field(description="Usable (image, modality) pairs; null if unknown")
    subjects: Annotated[int, Field(ge=0)] | None = None


class Segment(Strict):
    """ScanPattern to make label maps of, where none are published, by the tool that the workflow's config names."""

    image: Pattern
    parts: dict[PartName, str] = Field({}, description="Regular expression of a named part")
    into: str = Field(description="The subject's folder, made of the parts: mri/{orig,norm,aseg}.mgz are made below it")

    @model_validator(mode="after")
    def _parts_exist(self) -> Self:
        unknown = {name for _, name, _, _ in Formatter().parse(self.into) if name is not None} - self.template.names
        if unknown:
            raise ValueError(f"into {self.into!r} uses {sorted(unknown)}, which {self.image!r} does not name")
        return self

    @cached_property
    def template(self) -> Template:
        return Template(self.image, self.parts)


class Group(Strict):
    """ScanPattern of a dataset that share a layout and a label scheme."""

    name: Name
    scans: tuple[ScanPattern, ...] = Field(min_length=1)
    choose: PartName | None = Field(
        None, description="Of each subject only images with the value of this part that most labelled ones have"
    )
    instead_of: Name | None = Field(
        None, description="An earlier group that has the same scans in another form: this one is used where it has none"
    )
    exclude: tuple[Pattern, ...] = Field((), description="Files that are not there for this group")
    subject: str = Field("{subject}", description="Person or specimen, made of the parts")
    frame: str | None = Field(None, description="Which of a subject's several images, made of the parts")
    most_frames: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Of each subject and modality at most so many images, spread evenly"
    )
    labels: Labels
    segment: tuple[Segment, ...] = Field((), description="ScanPattern to make labels of, if the config says so")
    unlabelled: Literal["error", "skip"] = Field("error", description="What an image without a label means")
    axes: tuple[Literal[0, 1, 2], ...] = Field(min_length=1)
    expect: Expect
    known_bad: dict[str, str] = Field({}, description="Subject, or subject@frame: why it cannot be used")

    @model_validator(mode="after")
    def _parts_exist(self) -> Self:
        for scans in self.scans:
            for text in filter(None, (self.subject, self.frame, getattr(self.labels, "key", None))):
                unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - scans.names
                if unknown:
                    raise ValueError(f"{text!r} uses {sorted(unknown)}, which {scans.image!r} does not name")
            if self.choose is not None and self.choose not in scans.names:
                raise ValueError(f"choose {self.choose!r} must be a part, which {scans.image!r} does not name")
        return self

    @model_validator(mode="after")
    def _one_label_map(self) -> Self:
        if self.segment and list(self.labels.patterns) != [""]:
            raise ValueError("segment makes one label map of a scan: labels must have one 'path'")
        return self

    @cached_property
    def excluded(self) -> tuple[Template, ...]:
        return tuple(Template(text, {}) for text in self.exclude)
