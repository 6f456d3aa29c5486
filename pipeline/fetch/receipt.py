"""What was received, and the receipt that says so. Neither holds a credential or a time of day."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from universeg.base.atomic_write import atomic_write

FORMAT = 1
Origin = Literal["url", "mirror", "by hand"]

_SECRET = re.compile(r"token|key|sig|secret|pass|pwd|auth|cred|session|code|jwt|policy", re.IGNORECASE)
_LONGEST_PLAIN = 40  # a longer value in a query is more likely a signature than a name


@dataclass(frozen=True)
class Received:
    """One file at its place under downloads/, its size and digest checked."""

    source: str  # folder under downloads/
    file: str
    bytes: int
    sha256: str
    origin: Origin
    place: str  # clean URL or path that it came from


def clean(url: str) -> str:
    """The URL without user, password, fragment and the values of query fields that may be secret."""
    parts = urlsplit(url)
    fields = [_hidden(field) for field in parts.query.split("&") if field]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "&".join(fields), ""))


def _hidden(field: str) -> str:
    name, equals, value = field.partition("=")
    if not equals:  # a bare value: nobody can tell what it is
        return "..." if len(field) > _LONGEST_PLAIN or _SECRET.search(field) else field
    return f"{name}=..." if _SECRET.search(name) or len(value) > _LONGEST_PLAIN else field


def write_receipt(path: Path, dataset: str, received: Sequence[Received]) -> None:
    """Write the receipt of a dataset whole; the same files from the same places give the same bytes."""
    content = {"format": FORMAT, "dataset": dataset, "files": [asdict(file) for file in received]}
    with atomic_write(path) as part:
        part.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def received(receipt: Path | None, downloads: Path) -> Callable[[Path], str | None]:
    """What tells the sha256 of a file by its receipt; None if it is not in it, or has changed since."""
    if receipt is None:
        return lambda _: None
    files = json.loads(receipt.read_text(encoding="utf-8"))["files"]
    known = {downloads / file["source"] / file["file"]: (file["bytes"], file["sha256"]) for file in files}
    made = receipt.stat().st_mtime_ns

    def sha256(path: Path) -> str | None:
        size, digest = known.get(path, (None, None))
        now = path.stat() if size is not None and path.exists() else None
        return digest if now and now.st_size == size and max(now.st_mtime_ns, now.st_ctime_ns) <= made else None

    return sha256
