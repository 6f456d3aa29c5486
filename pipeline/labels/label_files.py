"""What a manifest says of label files, whatever they hold: the part that all label kinds share."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.fields import Name, PartName, Pattern, Strict


class LabelFiles(Strict):
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


class OneFile(LabelFiles):
    path: Pattern

    @property
    def patterns(self) -> Mapping[str, str]:
        return {"": self.path}
