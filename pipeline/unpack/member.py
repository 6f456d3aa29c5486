"""What a reader of archives is given, what it gives, and how it fails."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO


class UnpackError(ValueError):
    """An archive that cannot be unpacked; the message names archive, member, reason and remedy."""


@dataclass(frozen=True)
class Archive:
    """An opened archive and what its reader may use."""

    raw: IO[bytes]
    name: str
    scratch: Path  # a folder for what can only be read as a whole; it may not be there yet
    most: int  # bytes that it may grow to
    starts: tuple[int, ...] = (0,)  # where its pieces begin
    password: str | None = None
    variable: str | None = None  # environment variable that should hold the password

    @property
    def hint(self) -> str:
        """What a person can do about the password; never the password."""
        if self.variable:
            return f"set the environment variable {self.variable} to its password"
        return "give its `password` in the manifest"


@dataclass(frozen=True)
class Member:
    """One entry of an archive, its name not yet trusted."""

    name: str  # "/" between its parts
    open: Callable[[], IO[bytes]]
    folder: bool = False
    refused: str | None = None  # what it is, if it may not be unpacked whatever its name
