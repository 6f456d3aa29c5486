"""How a group's masks are written: the kinds of labels that a manifest may name, and what it says of each."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.fields import Name, PartName, Pattern, Strict


class _LabelFiles(Strict):
    """What is said of label files, whatever they hold."""

    stack: PartName | None = Field(None, description="Part that numbers the files of one label: each is one slice")
    reader: str | None = Field(None, description="The images' reader if not given")
    array: str | None = Field(None, description="Name of the array in a MATLAB or HDF5 file")
    grid: Literal["same", "voxels", "world", "extent"] = Field(
        "same",
        description="How samples meet the image's: 'same' grid, or it is an error; 'voxels': one by one, whatever the"
        " label file says of its place; 'world': by physical coordinates; 'extent': the label covers the whole image",
    )
    frames: Literal["one", "same", "counted"] = Field(
        "one",
        description="Of images that are frames: 'one' label for each file; the label file's frame of the 'same'"
        " number; or its frames 'counted' from the image's first chosen one",
    )
    combine: dict[Name, tuple[str, ...]] | None = Field(
        None, description="The labels, each made of named masks: united, without those that '-' precedes"
    )

    @property
    def patterns(self) -> Mapping[str, str]:
        """Path pattern of each mask that has its own file; of "" where one file has all."""
        raise NotImplementedError

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the masks that the files hold."""
        names = self.names  # type: ignore[attr-defined]
        return tuple(dict.fromkeys(names.values() if self._named_by_value else names))

    _named_by_value: bool = False

    @model_validator(mode="after")
    def _combines_what_is_there(self) -> Self:
        used = {part.removeprefix("-") for parts in (self.combine or {}).values() for part in parts}
        if unknown := used - set(self.masks):
            raise ValueError(f"combine uses {sorted(unknown)}; the masks are {sorted(self.masks)}")
        return self


class _OneFile(_LabelFiles):
    path: Pattern

    @property
    def patterns(self) -> Mapping[str, str]:
        return {"": self.path}


class ValueLabels(_OneFile):
    """One label map per scan; each value has a name, values that share a name are one label, the rest is background."""

    kind: Literal["values"]
    names: dict[int, Name]
    _named_by_value = True


class RangeLabels(_OneFile):
    """One label map per scan in which a label is a range of values, ends included."""

    kind: Literal["ranges"]
    names: dict[Name, tuple[float, float]]


class ColourLabels(_OneFile):
    """One colour picture per scan; each label has a colour."""

    kind: Literal["colours"]
    names: dict[Name, tuple[int, int, int]]


class FileLabels(_LabelFiles):
    """One file per label: samples brighter than `above` are inside, so masks may overlap."""

    kind: Literal["files"]
    names: dict[Name, Pattern]
    above: float = 0
    missing: Literal["error", "absent"] = Field("error", description="What a label without its file means")

    @property
    def patterns(self) -> Mapping[str, str]:
        return self.names


class ContourLabels(_LabelFiles):
    """One text file per label: a point of the outline per line, column and row in pixels."""

    kind: Literal["contours"]
    names: dict[Name, Pattern]
    missing: Literal["error", "absent"] = Field("error", description="What a label without its file means")

    @property
    def patterns(self) -> Mapping[str, str]:
        return self.names


class PolygonLabels(_OneFile):
    """One JSON, XML or CSV file per picture with named polygons."""

    kind: Literal["polygons"]
    names: dict[str, Name] = Field(description="Name in the file to label")
    _named_by_value = True


class RunLabels(_OneFile):
    """One JSON file for all pictures with run lengths as COCO writes them."""

    kind: Literal["rle"]
    key: str = Field(description="The picture's entry in the file, made of the path's parts")
    names: dict[str, Name] = Field(description="Name in the entry to label")
    _named_by_value = True


Labels = Annotated[
    ValueLabels | RangeLabels | ColourLabels | FileLabels | ContourLabels | PolygonLabels | RunLabels,
    Field(discriminator="kind"),
]
