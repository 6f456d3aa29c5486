"""The base class of all parts of a manifest, and the kinds of text that many of them use."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Strict(BaseModel):
    """A part of a manifest or config. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _yes_or_no(value: Any) -> Any:
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


# A name becomes part of a task's key, which joins names with "/".
Name = Annotated[str, Field(pattern=r"^[^/@~\x00-\x1f]+$", max_length=80)]
FileName = Annotated[str, Field(pattern=r"^[^/\\\x00]+$", max_length=200)]
YesNo = Annotated[Literal["yes", "no", "unknown"], BeforeValidator(_yes_or_no)]  # YAML reads yes and no as booleans
Pattern = Annotated[
    str,
    Field(
        min_length=1, description="Path pattern: {part} is a named part, * is any text without '/', **/ is any folders"
    ),
]
PartName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")]
