"""What the parts of a manifest are made of: strict models, and the few kinds of text that occur everywhere."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Strict(BaseModel):
    """A part of a manifest: a key that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _yes_or_no(value: Any) -> Any:
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


# A name becomes part of a task's key, which joins names with "/".
Name = Annotated[str, Field(pattern=r"^[^/@~\x00-\x1f]+$", max_length=80)]
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=200)]
YesNo = Annotated[Literal["yes", "no", "unknown"], BeforeValidator(_yes_or_no)]  # YAML reads yes and no as booleans
Pattern = Annotated[str, Field(min_length=1, description="Path pattern: {part}, * within a name, ** over folders")]
PartName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
