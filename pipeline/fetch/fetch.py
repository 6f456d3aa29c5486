"""Obtain files below downloads/: from their URL, from a mirror, or saved there by a person. Never overwrite one."""

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import quote, urlsplit, urlunsplit

from filelock import FileLock, Timeout

from pipeline.backends import download, manual_steps
from pipeline.backends.base import Download, FetchError, check_disk_space, clean
from pipeline.backends.progress import say
from pipeline.fetch.receipt import Origin, Received
from pipeline.manifest.source_file import SourceFile
from universeg.base.atomic_write import read_json, write_json


class NeedsPerson(ValueError):
    """Files that only a person can obtain; the message lists the steps, and the exact paths to save them at."""


def fetch(
    sources: Sequence[SourceFile], downloads: Path, mirror: str | None = None, progress: bool | None = None
) -> list[Received]:
    """Obtain every source as `downloads/<source.name>/<source.file>`, and check its size and digest.

    Args:
        sources: The files; a file that exists is only checked.
        downloads: The folder.
        mirror: Folder or http(s) prefix that serves `<source.name>/<source.file>` in place of the original URLs.
        progress: Whether to show bars; None: on a terminal only.

    Raises NeedsPerson, before any download, if a file is missing that only a person can obtain; FetchError if a
    download or a check fails.
    """
    paths = [downloads / str(source.name) / source.file for source in sources]
    missing = [
        _instructions(source, path, steps)
        for source, path in zip(sources, paths, strict=True)
        if mirror is None and not path.exists() and (steps := manual_steps(source.url, source.get))
    ]
    if missing:
        raise NeedsPerson("\n".join(missing))
    return [_obtain(source, path, mirror, progress) for source, path in zip(sources, paths, strict=True)]


def _instructions(source: SourceFile, path: Path, steps: str) -> str:
    return f"{source.file} cannot be downloaded without you:\n  {steps}\n  Save the file as {path.absolute()}"


def _obtain(source: SourceFile, path: Path, mirror: str | None, progress: bool | None) -> Received:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with _lock(path):
                if not path.exists():  # another process may have downloaded it while this one waited
                    return _download(source, path, mirror, progress)
        return _check_existing(source, path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room, then run again to resume" if full else "check the folder and its permissions"
        raise FetchError(f"{path}: {error.strerror or error}; {remedy}") from error


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Datasets share archives: one process downloads a file, the others wait until it is complete."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"{path}: waiting for another process that downloads it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _download(source: SourceFile, path: Path, mirror: str | None, progress: bool | None) -> Received:
    """Download into a folder beside `path`, check the file there, then move it to `path`.

    The downloaded file stays where it is until it is moved, so a process that is killed loses no byte.
    """
    origin, place = _origin(source, path, mirror)
    is_local = origin == "mirror" and not place.startswith(("http://", "https://"))
    shown = place if is_local else clean(place)
    folder = path.with_name(f".{path.name}.part")
    folder.mkdir(exist_ok=True)
    say(f"{shown} -> {path}")
    body = folder / ".body"
    published = None
    if is_local:
        check_disk_space(folder, Path(place).stat().st_size, f"{shown} -> {path}")
        shutil.copyfile(place, body)
    else:
        published = download(Download(place, body, path, source.bytes, progress), source.get)
    try:
        sha256 = _check(source, source.digest or published, body)
    except ValueError as error:
        shutil.rmtree(folder)
        raise FetchError(
            f"{shown} -> {path}: {error}. Run again; if the error persists, correct the manifest."
        ) from error
    received = Received(str(source.name), source.file, body.stat().st_size, sha256, origin, shown)
    _finish(received, body, path)
    shutil.rmtree(folder)
    return received


def _origin(source: SourceFile, path: Path, mirror: str | None) -> tuple[Origin, str]:
    """From where to obtain a missing file: the kind of origin, and the URL or path."""
    if mirror is None:
        return "url", str(source.url)  # `fetch` has raised NeedsPerson for a source without URL
    if mirror.startswith(("http://", "https://")):
        parts = urlsplit(mirror)
        tail = f"{quote(str(source.name))}/{quote(source.file)}"
        return "mirror", urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{tail}"))
    if "://" in mirror:
        raise FetchError(f"mirror {clean(mirror)}: expected a folder or an http(s) URL")
    copy = Path(mirror).expanduser() / str(source.name) / source.file
    if copy.is_file():
        return "mirror", str(copy)
    if source.url is None:
        raise NeedsPerson(f"{_instructions(source, path, str(source.get))}, or in the mirror as {copy}")
    raise FetchError(
        f"{copy}: the mirror does not have this file; save it there, or run without a mirror to use {clean(source.url)}"
    )


def _finish(received: Received, body: Path, path: Path) -> None:
    """Move a checked file to its final path; a note beside it records where it came from."""
    with body.open("rb") as file:
        os.fsync(file.fileno())
    write_json(_note(path), {"sha256": received.sha256, "origin": received.origin, "place": received.place})
    body.replace(path)


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.origin.json")


def _check_existing(source: SourceFile, path: Path) -> Received:
    """Check a file that exists. If its note is missing or of another file, a person has saved it there."""
    try:
        sha256 = _check(source, source.digest, path)
    except FetchError as error:
        raise FetchError(f"{path}: {error}; delete the file to download it again, or correct the manifest") from error
    note = read_json(_note(path)) if _note(path).exists() else {}
    is_noted = note.get("sha256") == sha256
    origin, place = (note["origin"], note["place"]) if is_noted else ("by hand", path.as_posix())
    say(f"{path}: exists, {'digest is right' if source.digest else 'no digest to check'} ({origin})")
    return Received(str(source.name), source.file, path.stat().st_size, sha256, cast(Origin, origin), place)


def _check(source: SourceFile, expected: str | None, path: Path) -> str:
    """The SHA-256 of a file; raises FetchError if its size or its digest ("md5:...") is not the expected one."""
    size = path.stat().st_size
    if source.bytes not in (None, size):
        raise FetchError(f"expected {source.bytes} bytes, got {size}")
    sha256 = _hash(path, "sha256")
    if expected:
        algorithm = expected.partition(":")[0]
        got = sha256 if algorithm == "sha256" else _hash(path, algorithm)
        if f"{algorithm}:{got}" != expected:
            raise FetchError(f"expected {expected}, got {algorithm}:{got}")
    elif not source.digests:
        say(f"{source.name}/{source.file}: the manifest has no digest; pin it as sha256:{sha256}")
    return sha256


def _hash(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
