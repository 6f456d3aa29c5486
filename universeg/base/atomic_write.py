"""Write a file whole or not at all."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `path`; it is synced and takes the name `path` only if the block succeeds.

    The sibling is named after machine and process, so two writers never share one; the last to finish wins. What a
    killed writer of this machine left is swept up.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = f".{path.name}.{platform.node()}"
    for left in path.parent.glob(f"{mine}.*.part"):
        if not _is_running(left.name.removeprefix(f"{mine}.").removesuffix(".part")):
            left.unlink(missing_ok=True)
    part = path.with_name(f"{mine}.{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _is_running(process: str) -> bool:
    try:
        os.kill(int(process), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True
