"""The model of a group: which files are images, which person they are of, and where their labels are."""

import re
from functools import cached_property
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.fields import Name, PartName, Pattern, Strict
from pipeline.labels import Labels
from pipeline.manifest.path_pattern import PathPattern
from universeg.base.lookup import choose
from universeg.standardise.normalise import INTENSITY

INDEX = "index"  # the named part with the number of a frame within its file, from 0
Window = tuple[float, float]
# Directions of the stored axes: one letter of each pair R (right) L (left), A (front) P (back), S (head) I (feet).
Orientation = Annotated[str, Field(pattern=r"^[RLAPSI]{3}$")]
Column = str | tuple[str, int]


class Table(Strict):
    """A CSV, TSV, Excel or HDF5 file that adds parts to images. Its rows are joined by the parts that both have."""

    path: Pattern
    columns: dict[PartName, Column] = Field(
        min_length=1,
        description="Part to name of its column (or array); [name, n] is the column n places after that column",
    )


class Range(Strict):
    """The frames from a first to a last number, both included."""

    first: str = Field(description="First number, made of the named parts")
    last: str = Field(description="Last number, made of the named parts")
    counted_from: Literal[0, 1] = Field(description="The number that the dataset gives to the first frame of a file")


class ScanPattern(Strict):
    """Image files with the same layout: a path pattern whose named parts give the subject, modality and frame."""

    image: Pattern
    parts: dict[str, str] = Field(
        {}, description="Named part to its regular expression; a part without one is any text without '/'"
    )
    modality: Name | dict[str, Name] | None = Field(
        None, description="Name of the modality, or names by the value of the part {modality}"
    )
    channels: dict[int, Name] | None = Field(
        None, description="Index along the last axis to name of its modality, for files with several channels"
    )
    reader: str = Field(description="Name of the reader; README.md lists them")
    array: str | None = Field(None, description="Name of the array in a MATLAB or HDF5 file")
    stack: PartName | None = Field(
        None, description="Part that numbers the files of one scan, if each file is one slice"
    )
    frames: tuple[int, ...] | Range | Literal["rows"] | None = Field(
        None,
        description="Which images of a file to use, if it has several: numbers from 0; a range given by named parts;"
        " or 'rows': one for each row of the table",
    )
    table: Table | None = None
    orientation: Orientation | None = Field(
        None, description="Directions of the stored axes (LPS, RAS, ...), if the files do not have them or are wrong"
    )
    spacing: tuple[Annotated[float, Field(gt=0)], ...] | None = Field(
        None, description="Millimetres along the stored axes, if the files do not have them or are wrong"
    )
    intensity: str = Field(description="Rule of intensity normalisation: ct, mr or unit")
    window: Window | None = Field(
        None, description="Lowest and highest intensity, if the source gives other limits than the rule"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.modality is None) == (self.channels is None):
            raise ValueError("give exactly one of 'modality' and 'channels'")
        if isinstance(self.modality, dict) != ("modality" in self.pattern.names):
            raise ValueError(
                "a part {modality} in 'image' needs names by its value in 'modality', and the names need that part"
            )
        if self.stack is not None and (self.stack not in self.pattern.names or self.frames is not None):
            raise ValueError(
                f"stack {self.stack!r} must be a part of 'image', and cannot be used together with 'frames'"
            )
        if self.frames == "rows" and self.table is None:
            raise ValueError("frames 'rows' needs a 'table'")
        if self.orientation and len({"RLAPSI".index(letter) // 2 for letter in self.orientation}) < 3:
            raise ValueError(f"orientation {self.orientation!r} must have one letter of each pair R/L, A/P, S/I")
        choose(INTENSITY, self.intensity, "intensity rule")
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"window {self.window} must be (low, high)")
        return self

    @cached_property
    def pattern(self) -> PathPattern:
        """The pattern of the image files, with the regular expressions of its parts."""
        columns = set(self.table.columns) if self.table else set()
        parts = {
            name: regex for name, regex in self.parts.items() if name not in columns or f"{{{name}}}" in self.image
        }
        if isinstance(self.modality, dict):
            parts.setdefault("modality", "|".join(map(re.escape, sorted(self.modality, reverse=True))))
        return PathPattern(self.image, parts)

    @property
    def is_volume(self) -> bool:
        """Whether the manifest says that the images are volumes: it gives their orientation, or three spacings."""
        return self.orientation is not None or len(self.spacing or ()) == 3

    @property
    def names(self) -> frozenset[str]:
        """The named parts that an image has: from its path, its table and its frame."""
        own = self.pattern.names - {self.stack}
        return own | set(self.table.columns if self.table else ()) | ({INDEX} if self.frames is not None else set())


class Expect(Strict):
    """The numbers that the group should have. Other numbers are reported."""

    scans: Annotated[int, Field(ge=0)] | None = Field(
        description="Number of usable pairs of image and modality; null if unknown"
    )
    subjects: Annotated[int, Field(ge=0)] | None = Field(None, description="Number of persons; null if unknown")


class Segment(Strict):
    """Scans for which a tool creates label maps, if none are published; `segment` in the config names the tool."""

    image: Pattern
    parts: dict[PartName, str] = Field({}, description="Named part to its regular expression")
    into: str = Field(
        description="The subject's folder, made of the named parts; the tool writes mri/{orig,norm,aseg}.mgz there"
    )

    @model_validator(mode="after")
    def _parts_exist(self) -> Self:
        unknown = {name for _, name, _, _ in Formatter().parse(self.into) if name is not None} - self.pattern.names
        if unknown:
            raise ValueError(f"into {self.into!r} uses {sorted(unknown)}, which are not parts of {self.image!r}")
        return self

    @cached_property
    def pattern(self) -> PathPattern:
        """The pattern of the image files, with the regular expressions of its parts."""
        return PathPattern(self.image, self.parts)


class Group(Strict):
    """A part of a dataset whose scans have the same file layout and the same labels."""

    name: Name
    scans: tuple[ScanPattern, ...] = Field(
        min_length=1, description="Image files; several entries for several layouts or modalities"
    )
    choose: PartName | None = Field(
        None,
        description="A part. For each subject, only images with the most frequently labelled value of it are used",
    )
    instead_of: Name | None = Field(
        None,
        description="An earlier group with the same scans in another form; this group is used only if that has none",
    )
    exclude: tuple[Pattern, ...] = Field((), description="Patterns of files that this group ignores")
    subject: str = Field("{subject}", description="Name of the person or specimen, made of the named parts")
    frame: str | None = Field(
        None, description="Name that distinguishes several images of a subject, made of the named parts"
    )
    most_frames: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Use at most this many images of each subject and modality, evenly spaced"
    )
    labels: Labels
    segment: tuple[Segment, ...] = Field(
        (), description="Scans for which a tool creates labels, if none are published and the config names a tool"
    )
    unlabelled: Literal["error", "skip"] = Field(
        "error",
        description="Images without a label. 'error': each is reported; 'skip': they are expected, and left out",
    )
    axes: tuple[Literal[0, 1, 2], ...] = Field(
        min_length=1,
        description="Axes along which volumes are sliced: 0 sagittal, 1 coronal, 2 axial planes; [0] for pictures",
    )
    expect: Expect
    known_bad: dict[str, str] = Field({}, description="Subject, or subject@frame, to the reason why it is not used")

    @model_validator(mode="after")
    def _parts_exist(self) -> Self:
        for scans in self.scans:
            for text in filter(None, (self.subject, self.frame, getattr(self.labels, "key", None))):
                unknown = {name for _, name, _, _ in Formatter().parse(text) if name is not None} - scans.names
                if unknown:
                    raise ValueError(f"{text!r} uses {sorted(unknown)}, which are not parts of {scans.image!r}")
            if self.choose is not None and self.choose not in scans.names:
                raise ValueError(f"choose {self.choose!r} is not a part of {scans.image!r}")
        return self

    @model_validator(mode="after")
    def _one_label_map(self) -> Self:
        if self.segment and list(self.labels.patterns) != [""]:
            raise ValueError("segment creates one label map per scan, so 'labels' must have one 'path'")
        return self

    @cached_property
    def excluded(self) -> tuple[PathPattern, ...]:
        """The patterns of files that this group ignores."""
        return tuple(PathPattern(text, {}) for text in self.exclude)
