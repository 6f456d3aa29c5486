"""Download a file over HTTP(S): resume, retry, and never accept an incomplete file."""

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pipeline.backends.base import URL_CHARACTER, Backend, Download, FetchError, check_disk_space, describe
from pipeline.backends.progress import progress_bar, say

if TYPE_CHECKING:
    import requests

TRIES = 6  # without any new byte
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 300.0
TIMEOUT_S = (15, 60)  # to connect; between two blocks of the body
BLOCK = 1 << 16  # bytes; the most that a broken connection can lose
TRANSIENT = {408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529}

_NO_ACCESS = "request access and download the file by hand, or save the login in ~/.netrc"
_GONE = "the file was moved or deleted: correct `url` in the manifest, or use a mirror"
REMEDY = {401: _NO_ACCESS, 403: _NO_ACCESS, 404: _GONE, 410: _GONE}


class Http(Backend):
    """A file on a web server."""

    form = "http://host/path or https://host/path"
    pattern = re.compile(rf"https?://{URL_CHARACTER}+")

    def page(self, url: str) -> str:
        return url

    def download(self, job: Download) -> None:
        download_over_http(job)


class _Retry(Exception):
    """A failure that may pass; `after_s` is the waiting time that the server requests."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


def download_over_http(job: Download) -> None:
    """Fill `job.part`; raises FetchError, and keeps the partial file if a later call can resume it.

    Each new byte resets the count of tries, so a large file arrives even over an unreliable connection. Raises
    OSError if the disk fails.
    """
    if job.version() and job.size() == job.bytes:
        return
    failures, furthest = 0, job.size()
    while True:
        try:
            _attempt(job)
            return
        except _Retry as error:
            failures = 1 if job.size() > furthest else failures + 1
            furthest = max(furthest, job.size())
            if failures >= TRIES:
                expected = "an unknown number of bytes" if job.bytes is None else f"{job.bytes} bytes"
                raise FetchError(
                    f"{job.where}: gave up after {failures} tries: {error} (expected {expected}, got {job.size()});"
                    " run again later to resume, or use a mirror"
                ) from None
            wait_s = min(LONGEST_WAIT_S, error.after_s or FIRST_WAIT_S * 2 ** (failures - 1))
            say(f"{job.shown}: {error}; trying again in {wait_s:.0f} s")
            time.sleep(wait_s)


def get_json(job: Download, url: str, **query: str) -> Any:
    """The JSON that a server returns; raises FetchError if it returns none."""
    import requests

    try:
        response = requests.get(url, params=query, timeout=TIMEOUT_S)
        response.raise_for_status()
        return response.json()
    except requests.RequestException as error:
        raise FetchError(
            f"{job.where}: the server did not describe the file: {describe(error)}; correct `url` in the manifest,"
            " or run again later"
        ) from None


def _attempt(job: Download) -> None:
    import requests
    import urllib3

    headers = {"Accept-Encoding": "identity"}  # compressed bytes would have other offsets than the published file
    size, version = job.size(), job.version()
    if size and version:
        headers |= {"Range": f"bytes={size}-", "If-Range": version}
    # `from None` throughout: the messages of the libraries quote the whole URL, which may hold a token.
    try:
        with requests.get(job.url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            offset = _offset(job, response, size)
            if offset is not None:
                _receive(job, response, offset)
    except requests.exceptions.SSLError as error:
        raise FetchError(f"{job.where}: no secure connection: {describe(error)}; check the clock and proxy") from None
    except requests.TooManyRedirects:
        raise FetchError(f"{job.where}: endless redirects; correct `url` in the manifest") from None
    except (requests.ConnectionError, requests.Timeout, urllib3.exceptions.HTTPError) as error:
        raise _Retry(describe(error)) from None
    except requests.RequestException as error:
        raise FetchError(f"{job.where}: {describe(error)}; correct `url` in the manifest") from None


def _offset(job: Download, response: "requests.Response", size: int) -> int | None:
    """The position in the file at which the body starts; None if the partial file is complete."""
    span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", ""))
    if response.status_code == 200:
        job.start(_version(response))
        return 0
    if response.status_code == 206 and span and span[1] == str(size):
        return size
    if response.status_code == 416 and span and span[2] == str(size):
        return None
    if response.status_code in (206, 416):
        job.discard()
        raise _Retry(f"requested the bytes from {size} on, the server sent another range")
    if response.status_code in TRANSIENT:
        raise _Retry(f"HTTP {response.status_code}", _retry_after_s(response))
    remedy = REMEDY.get(response.status_code, "correct `url` in the manifest, or use a mirror")
    raise FetchError(f"{job.where}: expected HTTP 200, got {response.status_code} {response.reason}; {remedy}")


def _version(response: "requests.Response") -> str | None:
    etag = response.headers.get("ETag", "W/")
    # A weak ETag promises the same meaning, not the same bytes: a download must not be resumed on it.
    return response.headers.get("Last-Modified") if etag.startswith("W/") else etag


def _receive(job: Download, response: "requests.Response", offset: int) -> None:
    """Append the body to the partial file; its length must be the announced and the expected one."""
    length = response.headers.get("Content-Length", "")
    total = offset + int(length) if length.isdecimal() else None
    if total is not None and job.bytes is not None and total != job.bytes:
        job.discard()
        kind = response.headers.get("Content-Type", "unknown type")
        raise FetchError(
            f"{job.where}: expected {job.bytes} bytes, the server announces {total} ({kind}): the file has changed, or"
            " this is a login page; open the URL, then correct the manifest or download the file by hand"
        )
    check_disk_space(job.part.parent, (total or job.bytes or 0) - offset, job.where)
    with (
        job.part.open("ab") as file,
        progress_bar(job.to.name, total or job.bytes, offset, of_bytes=True, progress=job.progress) as advance,
    ):
        for block in _body(response):
            file.write(block)
            advance(len(block))
            if job.bytes is not None and file.tell() > job.bytes:
                break
    _check_length(job, total)


def _body(response: "requests.Response") -> Iterator[bytes]:
    yield from response.raw.stream(BLOCK, decode_content=False)


def _check_length(job: Download, total: int | None) -> None:
    got = job.size()
    if total is not None and got < total:
        raise _Retry(f"the body ended after {got} of {total} bytes")
    if job.bytes is not None and got != job.bytes:
        job.discard()
        more = "more" if got > job.bytes else str(got)
        raise FetchError(f"{job.where}: expected {job.bytes} bytes, got {more}; correct the manifest or use a mirror")


def _retry_after_s(response: "requests.Response") -> float | None:
    import urllib3

    try:
        return urllib3.Retry().get_retry_after(response.raw)
    except urllib3.exceptions.InvalidHeader:
        return None
