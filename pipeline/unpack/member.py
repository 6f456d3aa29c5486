"""The types that all archive readers share: an open archive, one member of it, and the error."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO


class UnpackError(ValueError):
    """An archive that cannot be unpacked. The message names the archive, the member, the reason and the remedy."""


@dataclass(frozen=True)
class Archive:
    """An open archive, and what its reader may use."""

    raw: IO[bytes]
    name: str
    scratch: Path  # folder for temporary files; it may not exist yet
    max_bytes: int  # limit of the unpacked size
    part_starts: tuple[int, ...] = (0,)  # byte offsets in `raw` at which the parts of a split archive begin
    password: str | None = None
    variable: str | None = None  # environment variable that should hold the password

    @property
    def password_hint(self) -> str:
        """What a person can do about the password. It never contains the password."""
        if self.variable:
            return f"set the environment variable {self.variable} to its password"
        return "give its `password` in the manifest"


@dataclass(frozen=True)
class Member:
    """One entry of an archive. Its name is not checked yet."""

    name: str  # "/" between its parts
    open: Callable[[], IO[bytes]]
    is_folder: bool = False
    refusal: str | None = None  # why it may not be unpacked, whatever its name is
