"""The keys of a manifest that describe label files: those that all label kinds share."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.fields import Name, PartName, Pattern, Strict
from pipeline.labels.findings import Background


class LabelFiles(Strict):
    """The label files of a scan: where they are, and how they are read."""

    names_are_values: ClassVar[bool] = False  # whether `names` maps a code in the file to a label, not the reverse

    names: Mapping[Any, Any]
    stack: PartName | None = Field(
        None, description="Part that numbers the files of one label, if each file is one slice"
    )
    reader: str | None = Field(None, description="Reader of the label files; default: the reader of the images")
    array: str | None = Field(None, description="Name of the array in a MATLAB or HDF5 file")
    grid: Literal["same", "voxels", "world", "extent"] = Field(
        "same",
        description="How the samples of a label are matched with those of its image. 'same': both have the same grid,"
        " anything else is an error; 'voxels': by index, the position in the header of the label file is ignored;"
        " 'world': the nearest sample by physical coordinates; 'extent': the label covers the whole image at another"
        " size",
    )
    frames: Literal["one", "same", "counted"] = Field(
        "one",
        description="For images that are frames of a file. 'one': each label file has one label for all frames;"
        " 'same': the frame of the label file with the same number; 'counted': the frames of the label file in order,"
        " the first for the first frame of the image that is used",
    )
    combine: dict[Name, tuple[str, ...]] | None = Field(
        None,
        description="Labels made of the named masks: the union of the masks, without those that start with '-'."
        " Masks are added and removed in the order of the list",
    )

    @property
    def patterns(self) -> Mapping[str, str]:
        """Mask -> path pattern of its file; the mask is "" if one file has all masks."""
        raise NotImplementedError

    @property
    def masks(self) -> tuple[str, ...]:
        """Names of the masks in the files."""
        return tuple(dict.fromkeys(self.names.values() if self.names_are_values else self.names))

    @model_validator(mode="after")
    def _combines_known_masks(self) -> Self:
        used = {part.removeprefix("-") for parts in (self.combine or {}).values() for part in parts}
        if unknown := used - set(self.masks):
            raise ValueError(f"combine uses {sorted(unknown)}; the masks are {sorted(self.masks)}")
        return self


class OneFile(LabelFiles):
    """All masks of a scan are in one file."""

    path: Pattern

    @property
    def patterns(self) -> Mapping[str, str]:
        return {"": self.path}


class OneLabelMap(OneFile):
    """All masks of a scan are values of one label map."""

    background: Background = Field(
        (),
        description="Values without a name that are expected and mean background, as 0 does; 'others': all of them."
        " Other values without a name are reported",
    )


class FilePerLabel(LabelFiles):
    """Each label has its own file."""

    names: dict[Name, Pattern] = Field(description="Label to path pattern of its file")
    missing: Literal["error", "absent"] = Field(
        "error",
        description="If a label has no file. 'error': the scan is not used; 'absent': the label is not in the image",
    )

    @property
    def patterns(self) -> Mapping[str, str]:
        return self.names
