"""Raw files under downloads/: by URL, from a mirror, or put there by a person. Nothing is ever overwritten."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import quote, urlsplit, urlunsplit

import pooch
from filelock import FileLock, Timeout

from pipeline.backends import download, manual_steps
from pipeline.backends.http import Download, FetchError, need_room, say
from pipeline.fetch.receipt import Origin, Received, clean, write_receipt
from pipeline.manifest.source_file import SourceFile
from universeg.base.atomic_write import atomic_write

__all__ = ["FetchError", "NeedsPerson", "Received", "fetch", "write_receipt"]


AGAIN = "Run again; if it stays so, correct the manifest."


class NeedsPerson(ValueError):
    """Files that only a person can get; the message lists the steps and the exact paths to fill."""


def fetch(
    sources: Sequence[SourceFile], downloads: Path, mirror: str | None = None, progress: bool | None = None
) -> list[Received]:
    """Have every source at `downloads/<source.name>/<source.file>`, its size and digest as the manifest says.

    `mirror` is a folder or http(s) prefix that serves `<source.name>/<source.file>` in place of the original URLs.
    Raises NeedsPerson before anything is fetched if a file is missing that only a person can get, FetchError else.
    """
    paths = [downloads / str(source.name) / source.file for source in sources]
    missing = [
        _asked(source, path, what)
        for source, path in zip(sources, paths, strict=True)
        if mirror is None and not path.exists() and (what := manual_steps(source))
    ]
    if missing:
        raise NeedsPerson("\n".join(missing))
    return [_have(source, path, mirror, progress) for source, path in zip(sources, paths, strict=True)]


def _asked(source: SourceFile, path: Path, what: str) -> str:
    return f"{source.file} cannot be fetched without a person:\n  {what}\n  Put the file at {path.absolute()}"


def _have(source: SourceFile, path: Path, mirror: str | None, progress: bool | None) -> Received:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with _alone(path):
                if not path.exists():  # still: another process may just have brought it
                    return _bring(source, path, mirror, progress)
        return _keep(source, path)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "make room, then run again to go on" if full else "check the folder and who may write there"
        raise FetchError(f"{path}: {error.strerror or error}; {remedy}") from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Datasets share archives: one process brings a file, the others wait and find it ready."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"{path}: waiting for another process that is fetching it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _bring(source: SourceFile, path: Path, mirror: str | None, progress: bool | None) -> Received:
    """Fetch into a folder beside `path`, check there, and give the file its name when all is right."""
    origin, place = _origin(source, path, mirror)
    local = origin == "mirror" and not place.startswith(("http://", "https://"))
    shown = place if local else clean(place)
    stage = path.with_name(f".{path.name}.part")
    stage.mkdir(exist_ok=True)
    for stray in stage.glob("tmp*"):  # pooch's, of a process that was killed
        stray.unlink()
    say(f"{shown} -> {path}")
    body = stage / ".body"
    if local:
        need_room(stage, Path(place).stat().st_size, f"{shown} -> {path}")
        shutil.copyfile(place, body)
        published = None
    else:
        published = download(Download(place, body, path, source.bytes, progress), source.get)
    received = _accept(source, published, body, path, origin, shown)
    _settle(received, stage / path.name, path)
    shutil.rmtree(stage)
    return received


def _accept(source: SourceFile, published: str | None, body: Path, path: Path, origin: Origin, shown: str) -> Received:
    """Check the body that has come, under the name beside it that is not yet the final one."""
    digest = source.digest or published

    def link(_url: str, out: str, _pooch: object) -> None:
        Path(out).unlink()
        _link(body, Path(out))  # the body stays until all is done: a kill while hashing costs no download

    pooch.get_logger().setLevel("WARNING")  # it would tell people to change its own arguments
    try:
        pooch.retrieve(shown, digest, path.name, body.parent, downloader=link)
        sha256 = _checked(source, digest, body.parent / path.name, trust=True)
    except ValueError as error:  # pooch's, for a digest, and ours
        shutil.rmtree(body.parent)
        raise FetchError(f"{shown} -> {path}: {str(error).rstrip('.')}. {AGAIN}") from error
    return Received(str(source.name), source.file, (body.parent / path.name).stat().st_size, sha256, origin, shown)


def _origin(source: SourceFile, path: Path, mirror: str | None) -> tuple[Origin, str]:
    """Where a missing file is to come from."""
    if mirror is None:
        return "url", str(source.url)  # without one, `fetch` has asked for a person
    if mirror.startswith(("http://", "https://")):
        parts = urlsplit(mirror)
        tail = f"{quote(str(source.name))}/{quote(source.file)}"
        return "mirror", urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{tail}"))
    if "://" in mirror:
        raise FetchError(f"mirror {clean(mirror)}: expected a folder or an http(s) URL")
    there = Path(mirror).expanduser() / str(source.name) / source.file
    if there.is_file():
        return "mirror", str(there)
    if source.url is None:
        raise NeedsPerson(f"{_asked(source, path, str(source.get))}, or in the mirror at {there}")
    raise FetchError(f"{there}: the mirror lacks it; put it there, or run without a mirror to use {clean(source.url)}")


def _link(existing: Path, new: Path) -> None:
    try:
        new.hardlink_to(existing)
    except OSError:  # a file system without links
        existing.rename(new)


def _settle(received: Received, found: Path, path: Path) -> None:
    """Give a checked file its final name; a note beside it remembers where it came from."""
    with found.open("rb") as file:
        os.fsync(file.fileno())
    with atomic_write(_note(path)) as part:
        note = {"sha256": received.sha256, "origin": received.origin, "place": received.place}
        part.write_text(json.dumps(note), encoding="utf-8")
    found.replace(path)


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.origin.json")


def _keep(source: SourceFile, path: Path) -> Received:
    """Accept a file that is there; without a note of ours a person has put it there."""
    try:
        sha256 = _checked(source, source.digest, path)
    except FetchError as error:
        raise FetchError(f"{path}: {error}; delete the file to fetch it again, or correct the manifest") from error
    note = json.loads(_note(path).read_text(encoding="utf-8")) if _note(path).exists() else {}
    ours = note.get("sha256") == sha256
    origin, place = (note["origin"], note["place"]) if ours else ("by hand", path.as_posix())
    say(f"{path}: kept, {'digest is right' if source.digest else 'no digest to check'} ({origin})")
    return Received(str(source.name), source.file, path.stat().st_size, sha256, cast(Origin, origin), place)


def _checked(source: SourceFile, wanted: str | None, path: Path, trust: bool = False) -> str:
    """The file's sha256; raises FetchError if its size or digest is not what is wanted.

    With `trust` a wanted sha256 is not computed again: pooch has just done so.
    """
    size = path.stat().st_size
    if source.bytes not in (None, size):
        raise FetchError(f"expected {source.bytes} bytes, got {size}")
    algorithm, _, digest = (wanted or "sha256:").partition(":")
    if trust and digest and algorithm == "sha256":
        return digest
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    got = sha256 if algorithm == "sha256" else str(pooch.file_hash(str(path), algorithm))
    if digest and got != digest:
        raise FetchError(f"expected {wanted}, got {algorithm}:{got}")
    if not digest and not source.digests:
        say(f"{source.name}/{source.file}: the manifest has no digest; pin it as sha256:{sha256}")
    return sha256
