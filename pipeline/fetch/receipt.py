"""Which files of a dataset were obtained, and the receipt that lists them. It holds no credentials and no times."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from universeg.base.atomic_write import read_json, write_json

FORMAT = 2
Origin = Literal["url", "mirror", "by hand"]


@dataclass(frozen=True)
class Received:
    """One file below downloads/, whose size and digest are checked."""

    source: str  # folder below downloads/
    file: str
    bytes: int
    sha256: str
    origin: Origin
    place: str  # the URL (without secrets) or path that it came from


def write_receipt(path: Path, dataset: str, received: Sequence[Received]) -> None:
    """Write the receipt of a dataset; the same files from the same places give the same bytes."""
    files = [asdict(file) for file in received]
    write_json(path, {"format": FORMAT, "dataset": dataset, "files": files, "sum": _sum(files)})


def read_receipt(path: Path) -> list[dict[str, Any]]:
    """The files of a receipt, with the fields of `Received`. Raises ValueError if it is damaged or was edited."""
    content = read_json(path)
    files: list[dict[str, Any]] = content.get("files", []) if isinstance(content, dict) else []
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.get("sum") != _sum(files):
        raise ValueError(f"{path}: is damaged, was edited, or is of another version; delete it and run again")
    return files


def _sum(files: Sequence[Any]) -> str:
    """A digest that finds damage and edits by hand; the digests of files are trusted later."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]


def recorded_sha256(receipt: Path | None, downloads: Path) -> Callable[[Path], str | None]:
    """A function that returns the SHA-256 of a file from the receipt, so that it need not be computed again.

    It returns None if the receipt does not list the file, or the file has changed since the receipt was written.
    """
    if receipt is None:
        return lambda _: None
    files = read_receipt(receipt)
    known = {downloads / file["source"] / file["file"]: (file["bytes"], file["sha256"]) for file in files}
    written_ns = receipt.stat().st_mtime_ns

    def sha256(path: Path) -> str | None:
        size, digest = known.get(path, (None, None))
        now = path.stat() if size is not None and path.exists() else None
        return digest if now and now.st_size == size and max(now.st_mtime_ns, now.st_ctime_ns) <= written_ns else None

    return sha256
