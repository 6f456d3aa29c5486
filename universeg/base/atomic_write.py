"""Write a file completely or not at all."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`. If the block succeeds, the file is synced to disk and renamed to `path`.

    The temporary name contains machine and process id, so two writers never share it; the last to finish wins.
    Temporary files that killed processes of this machine left behind are deleted first.
    """
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


def _is_running(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:  # it runs, and belongs to another user
        return True
    return True
