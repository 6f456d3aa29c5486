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
    limit_reason: str  # why it is the limit, and what to do
    part_starts: tuple[int, ...] = (0,)  # byte offsets in `raw` at which the parts of a split archive begin
    password: str | None = None
    variable: str | None = None  # environment variable that should hold the password

    def too_large(self, member: str, declared: int | None = None) -> UnpackError:
        """The error for an archive that exceeds the limit in this member; `declared` is the size that it states."""
        states = f"; its headers state {declared} bytes" if declared is not None else ""
        return UnpackError(f"unpacks to more than {self.max_bytes} bytes (at {member!r}{states}): {self.limit_reason}")

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
    size: int | None = None  # bytes, as the header states; None if the whole archive must be read to know it
