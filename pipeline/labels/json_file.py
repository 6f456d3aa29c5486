"""A JSON file of labels, bounded."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.attrition import BadScan

LARGEST = 1 << 30  # bytes; run lengths of a few hundred large pictures


def load(path: Path) -> Any:
    """What the file says; raises BadScan."""
    try:
        size = path.stat()
        if size.st_size > LARGEST:
            raise BadScan(f"is larger than {LARGEST} bytes", str(path), "split it")
        return _loaded(path, size.st_mtime_ns)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, BadScan):
            raise
        reason = f"cannot be read as JSON: {type(error).__name__}: {error}"
        raise BadScan(reason, str(path), "fetch the file again") from error


@lru_cache(maxsize=1)  # one file often holds the labels of all pictures
def _loaded(path: Path, saved_ns: int) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
