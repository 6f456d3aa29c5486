"""What all download backends share: the class Backend, a download job, its error, and URLs without secrets."""

import importlib.util
import json
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from universeg.base.atomic_write import write_json

URL_CHARACTER = r"[^\s\\\x00-\x1f]"  # URLs become arguments of programs and parts of other URLs

_SECRET = re.compile(r"token|key|sig|secret|pass|pwd|auth|cred|session|code|jwt|policy", re.IGNORECASE)
_LONGEST_PLAIN = 40  # a longer value in a query is more likely a signature than a name


class FetchError(ValueError):
    """A file could not be obtained. The message names file, source, expected and actual value, and what to do."""


@dataclass(frozen=True)
class Download:
    """One download job: a URL, and the partial file to fill. A JSON file beside it notes the version of the file."""

    url: str
    part: Path
    to: Path  # the final path, for messages
    bytes: int | None  # expected; None if unknown
    progress: bool | None  # whether to show a bar; None: on a terminal only
    manifest_url: str = ""  # the URL in the manifest, if `url` is a signed one that differs in each call

    @property
    def shown(self) -> str:
        """The URL for messages, without secrets; the same in each call."""
        return clean(self.manifest_url or self.url)

    @property
    def where(self) -> str:
        return f"{self.shown} -> {self.to}"

    @property
    def note(self) -> Path:
        return self.part.with_name(self.part.name + ".json")

    def size(self) -> int:
        """Bytes downloaded so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def version(self) -> str | None:
        """The ETag or date of the file that the partial file is a part of; None if it cannot be resumed."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return str(note["version"]) if note["url"] == self.shown else None

    def start(self, version: str | None) -> None:
        """Delete the partial file, and note the version of the file that is downloaded now. None: not resumable."""
        self.discard()
        if version:
            write_json(self.note, {"url": self.shown, "version": version})

    def discard(self) -> None:
        """Delete the partial file and its note."""
        self.note.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)


class Backend(ABC):
    """One kind of URL, and how to download a file from it."""

    form: str  # how the URL is written, for messages
    pattern: re.Pattern[str]  # of a whole URL; its named groups are the parts
    client: str | None = None  # Python module that must be installed
    extra: str | None = None  # pip extra that installs it
    credentials: Sequence[str] = ()  # places: a file, or $NAME for an environment variable; one of them is enough
    how_to_log_in: str = ""  # how to get credentials, and where to save them

    @abstractmethod
    def download(self, job: Download) -> str | None:
        """Fill `job.part` from `job.url`, and return the digest that the server publishes ("md5:..."), if any.

        An earlier call may have left a partial file, which may be resumed. Raises FetchError; OSError if the disk
        fails. Import the client here, not at the top of the file: most datasets do not need it.
        """

    @abstractmethod
    def page(self, url: str) -> str:
        """The http(s) address that answers if the file exists."""

    def parts(self, url: str) -> Mapping[str, str]:
        """The named parts of a URL; a part that is absent is "". Raises ValueError if the URL is malformed."""
        match = self.pattern.fullmatch(url)
        if not match:
            raise ValueError(f"{url!r} does not have the form {self.form}")
        return match.groupdict(default="")

    def missing_requirements(self, url: str) -> str | None:
        """What you must install or set up on this machine before the download can start; None if nothing."""
        if self.client and importlib.util.find_spec(self.client) is None:
            return f"{clean(url)} needs {self.client}: pip install '.[{self.extra}]'."
        if self.credentials and not any(map(_exists, self.credentials)):
            return f"{clean(url)} needs a login: {self.how_to_log_in}."
        return None


def _exists(place: str) -> bool:
    return bool(os.environ.get(place[1:])) if place.startswith("$") else Path(place).expanduser().exists()


def clean(url: str) -> str:
    """The URL without user, password and fragment; values of query fields that may be secret become "..."."""
    parts = urlsplit(url)
    fields = [_without_secret(field) for field in parts.query.split("&") if field]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "&".join(fields), ""))


def _without_secret(field: str) -> str:
    name, equals, value = field.partition("=")
    if not equals:  # a value without a name: it may be anything
        return "..." if len(field) > _LONGEST_PLAIN or _SECRET.search(field) else field
    return f"{name}=..." if _SECRET.search(name) or len(value) > _LONGEST_PLAIN else field


def describe(error: Exception) -> str:
    """Type and text of the innermost error, without the queries and logins of URLs in it."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    innermost = reason if isinstance(reason, Exception) else error
    without_queries = re.sub(r"\?[^\s'\")]*", "?...", f"{type(innermost).__name__}: {innermost}")
    return without_logins(without_queries)


def without_logins(text: str) -> str:
    """The text without the user and password of URLs in it."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def check_disk_space(folder: Path, bytes_needed: int, where: str) -> None:
    """Raise FetchError unless the disk of `folder` has this many bytes free. `where` begins the message."""
    free = shutil.disk_usage(folder).free
    if bytes_needed > free:
        raise FetchError(
            f"{where}: needs {bytes_needed} bytes of disk space, {free} are free; make room, then run again"
        )
