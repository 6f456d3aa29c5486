"""Bring one file over HTTP(S): resumed where it stopped, retried where that can help, never silently short."""

import json
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3
from tqdm import tqdm

from pipeline.fetch.receipt import clean
from universeg.base.atomic_write import atomic_write

TRIES = 6  # without getting any further
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0
TIMEOUT_S = (15, 60)  # to connect; between two pieces of the body
BLOCK = 1 << 16  # bytes; what a broken connection can lose
PASSING = {408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529}

REMEDY = {
    401: "get access and put the file there by hand, or keep the login in ~/.netrc",
    403: "get access and put the file there by hand, or keep the login in ~/.netrc",
    404: "it has moved or gone: correct `url` in the manifest, or use a mirror",
    410: "it has moved or gone: correct `url` in the manifest, or use a mirror",
}


class FetchError(ValueError):
    """A file that could not be had; the message says which, from where, expected, got, and what to do."""


class _TryAgain(Exception):
    """Something that may pass; `after_s` is how long the server asks us to wait."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


def say(line: str) -> None:
    """Tell the person a line on stderr without breaking a progress bar."""
    tqdm.write(line, file=sys.stderr)


def off(progress: bool | None) -> bool | None:
    """tqdm's `disable`: without an answer a bar is shown on terminals only."""
    return None if progress is None else not progress


@dataclass(frozen=True)
class Download:
    """A URL and the partial file that it fills; beside that, the version of the file that it is a part of."""

    url: str
    part: Path
    to: Path  # the final path, for messages
    bytes: int | None  # expected; None if unknown
    progress: bool | None
    address: str = ""  # what the manifest says, where `url` is signed anew for each call

    @property
    def shown(self) -> str:
        """Where it comes from, without secrets; the same for each call."""
        return clean(self.address or self.url)

    @property
    def where(self) -> str:
        return f"{self.shown} -> {self.to}"

    @property
    def note(self) -> Path:
        return self.part.with_name(self.part.name + ".json")

    def have(self) -> int:
        """Bytes of the body so far."""
        return self.part.stat().st_size if self.part.exists() else 0

    def version(self) -> str | None:
        """The ETag or date of what the part is a part of; None if it cannot be resumed."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return str(note["version"]) if note["url"] == self.shown else None

    def begin(self, response: requests.Response) -> None:
        """Forget what there was, and note which version of the file the part will be a part of."""
        self.forget()
        etag = response.headers.get("ETag", "W/")
        # A weak ETag promises the same meaning, not the same bytes: no ground to join two halves on.
        version = response.headers.get("Last-Modified") if etag.startswith("W/") else etag
        if version:
            with atomic_write(self.note) as file:
                file.write_text(json.dumps({"url": self.shown, "version": version}), encoding="utf-8")

    def forget(self) -> None:
        self.note.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)


def download(job: Download) -> None:
    """Fill `job.part`; raises FetchError, keeping the part if a later call can resume it. OSError if the disk fails.

    Each new furthest byte starts the count of tries anew, so that a long file over a bad line arrives in the end.
    """
    if job.version() and job.have() == job.bytes:
        return
    failures, furthest = 0, job.have()
    while True:
        try:
            _attempt(job)
            return
        except _TryAgain as error:
            failures = 1 if job.have() > furthest else failures + 1
            furthest = max(furthest, job.have())
            if failures >= TRIES:
                raise FetchError(
                    f"{job.where}: gave up after {failures} tries: {error} (expected {_count(job.bytes)}, got"
                    f" {job.have()}); run again later to go on from there, or use a mirror"
                ) from None
            wait_s = min(LONGEST_WAIT_S, error.after_s or FIRST_WAIT_S * 2 ** (failures - 1))
            say(f"{job.shown}: {error}; trying again in {wait_s:.0f} s")
            time.sleep(wait_s)


def _attempt(job: Download) -> None:
    headers = {"Accept-Encoding": "identity"}  # the bytes as published: compressing them would move every offset
    have, version = job.have(), job.version()
    if have and version:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    # `from None` throughout: the libraries' messages quote the whole URL, and with it any token.
    try:
        with requests.get(job.url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            offset = _offset(job, response, have)
            if offset is not None:
                _receive(job, response, offset)
    except requests.exceptions.SSLError as error:
        raise FetchError(f"{job.where}: no safe connection: {reason(error)}; check the clock and proxy") from None
    except requests.TooManyRedirects:
        raise FetchError(f"{job.where}: redirected in a circle; correct `url` in the manifest") from None
    except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
        raise _TryAgain(reason(error)) from None
    except requests.RequestException as error:
        raise FetchError(f"{job.where}: {reason(error)}; correct `url` in the manifest") from None


def _offset(job: Download, response: requests.Response, have: int) -> int | None:
    """Where in the file the body begins; None if nothing is left to come."""
    span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", ""))
    if response.status_code == 200:
        job.begin(response)
        return 0
    if response.status_code == 206 and span and span[1] == str(have):
        return have
    if response.status_code == 416 and span and span[2] == str(have):
        return None
    if response.status_code in (206, 416):
        job.forget()
        raise _TryAgain(f"the server answered another range than the rest from byte {have}")
    if response.status_code in PASSING:
        raise _TryAgain(f"HTTP {response.status_code}", _retry_after_s(response))
    remedy = REMEDY.get(response.status_code, "correct `url` in the manifest, or use a mirror")
    raise FetchError(f"{job.where}: expected HTTP 200, got {response.status_code} {response.reason}; {remedy}")


def _receive(job: Download, response: requests.Response, offset: int) -> None:
    """Append the body to the part; what is announced and what is expected must be what comes."""
    length = response.headers.get("Content-Length", "")
    total = offset + int(length) if length.isdecimal() else None
    kind = response.headers.get("Content-Type", "unknown type")
    if total is not None and job.bytes is not None and total != job.bytes:
        job.forget()
        raise FetchError(
            f"{job.where}: expected {job.bytes} bytes, got an answer of {total} ({kind}): the owner changed the file,"
            f" or this is a page that wants a login; look at the URL, then correct the manifest or fetch by hand"
        )
    need_room(job.part.parent, (total or job.bytes or 0) - offset, job.where)
    with (
        job.part.open("ab") as file,
        tqdm(
            total=total or job.bytes,
            initial=offset,
            desc=job.to.name,
            unit="B",
            unit_scale=True,
            disable=off(job.progress),
        ) as bar,
    ):
        for block in _body(response):
            file.write(block)
            bar.update(len(block))
            if job.bytes is not None and file.tell() > job.bytes:
                break
    _check_length(job, total)


def _body(response: requests.Response) -> Iterator[bytes]:
    yield from response.raw.stream(BLOCK, decode_content=False)


def _check_length(job: Download, total: int | None) -> None:
    got = job.have()
    if total is not None and got < total:
        raise _TryAgain(f"the body ended after {got} of {total} bytes")
    if job.bytes is not None and got != job.bytes:
        job.forget()
        more = "more" if got > job.bytes else str(got)
        raise FetchError(f"{job.where}: expected {job.bytes} bytes, got {more}; correct the manifest or use a mirror")


def need_room(folder: Path, bytes_needed: int, where: str) -> None:
    """Raise FetchError unless the disk of `folder` has room."""
    free = shutil.disk_usage(folder).free
    if bytes_needed > free:
        raise FetchError(f"{where}: needs {bytes_needed} bytes of disk, {free} are free; make room, then run again")


def _retry_after_s(response: requests.Response) -> float | None:
    try:
        return urllib3.Retry().get_retry_after(response.raw)
    except urllib3.exceptions.InvalidHeader:
        return None


def reason(error: Exception) -> str:
    """What went wrong at the bottom, without any query or login of a URL."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    deepest = reason if isinstance(reason, Exception) else error
    return re.sub(r"//[^/@\s]*@", "//", re.sub(r"\?[^\s'\")]*", "?...", f"{type(deepest).__name__}: {deepest}"))


def _count(number: int | None) -> str:
    return "an unknown number of bytes" if number is None else f"{number} bytes"
