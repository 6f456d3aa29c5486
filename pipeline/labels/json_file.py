"""Read a JSON file of labels. Its size is limited."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipeline.attrition import BadScan

MAX_BYTES = 1 << 30  # enough for the run lengths of a few hundred large pictures


def load_json(path: Path) -> Any:
    """The content of the file; raises BadScan if it cannot be read as JSON."""
    try:
        status = path.stat()
        if status.st_size > MAX_BYTES:
            raise BadScan(f"is larger than {MAX_BYTES} bytes", str(path), "split it")
        return _cached(path, status.st_mtime_ns)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, BadScan):
            raise
        reason = f"cannot be read as JSON: {type(error).__name__}: {error}"
        raise BadScan(reason, str(path), "fetch the file again") from error


@lru_cache(maxsize=1)  # because one file often has the labels of all pictures
def _cached(path: Path, saved_ns: int) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
