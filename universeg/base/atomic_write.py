"""Write a file completely or not at all; read JSON that was written so."""

import errno
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REMEDIES = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room: your quota is used up",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f)",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "choose a folder that you may write to, or correct its permissions",
    errno.EPERM: "choose a folder that you may write to, or correct its permissions",
}


class WriteError(OSError):
    """A file could not be written. The message names the file and the remedy."""

    def __str__(self) -> str:
        return str(self.strerror)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. If the block succeeds, the file is synced to disk and renamed to `path`.

    The temporary name contains machine and process id, so two writers never share it; the last to finish wins.
    Temporary files that killed processes of this machine left behind are deleted first. Raises WriteError if the disk
    is full or may not be written.
    """
    try:
        with _atomic_write(path) as part:
            yield part
    except OSError as error:
        if isinstance(error, WriteError) or error.errno not in REMEDIES:
            raise
        remedy = f"No file was made; {REMEDIES[error.errno]}, then run again"
        raise WriteError(error.errno, f"{path} cannot be written: {os.strerror(error.errno)}. {remedy}") from error


@contextmanager
def _atomic_write(path: Path) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.{platform.node()}"
    for leftover in path.parent.glob(f"{prefix}.*.part"):
        if not _is_running(leftover.name.removeprefix(f"{prefix}.").removesuffix(".part")):
            leftover.unlink(missing_ok=True)
    part = path.with_name(f"{prefix}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON in UTF-8, completely or not at all. Raises TypeError if it is not JSON."""
    with atomic_write(path) as part:
        part.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What `write_json` wrote. Raises ValueError, which names the file, if it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: is damaged or was edited ({error}); delete it and run again") from error


def _is_running(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:  # it runs, and belongs to another user
        return True
    return True
