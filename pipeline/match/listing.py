"""All files below a dataset's folder, and every entry that cannot be read as a file, with the reason."""

import filecmp
import os
import re
import stat
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.attrition import BadScan

# What desktop systems, storage devices and tools add; .git holds copies of the files of git-annex and DataLad
JUNK_FOLDERS = {
    *("__MACOSX", ".AppleDouble", ".Spotlight-V100", ".Trashes", ".fseventsd", "@eaDir", "#recycle", "lost+found"),
    *("$RECYCLE.BIN", "System Volume Information", ".git", ".datalad", ".ipynb_checkpoints"),
}
JUNK_FILES = re.compile(r"\._.*|~\$.*|\.DS_Store|Thumbs\.db|desktop\.ini|Icon\r", re.DOTALL)

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
RESTORE = "restore what it leads to (git-annex and DataLad: git annex get), or replace the link by the file"
NO_LOSS = "none: the files are listed in the folder itself"
MAX_LINKS = 200_000  # links to folders that are followed: folders with links to each other give too many paths
Identity = tuple[int, int]  # device and inode of a folder


@dataclass(frozen=True)
class Listing:
    """What is below a folder. Paths are relative to the folder, with "/"; each list is sorted."""

    root: Path
    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    unusable: dict[str, BadScan] = field(default_factory=dict)  # path -> why it is no file; known: nothing is lost
    has_links: bool = False

    def below(self, folder: str) -> list[str]:
        """All files below one of the folders."""
        end = f"{folder}{chr(ord('/') + 1)}"  # sorted behind all names that begin with the folder and "/"
        return self.files[bisect_left(self.files, f"{folder}/") : bisect_left(self.files, end)]


@dataclass(frozen=True)
class _Folder:
    """A folder to list."""

    path: str  # relative to the root; "" for the root
    parents: tuple[Identity, ...]  # the folder itself and those above it, as far as the root
    below_link: bool = False


def listing(root: Path) -> list[str]:
    """All files below a folder: sorted, relative, with "/"; without files that desktop systems add."""
    return list_files(root).files


def list_files(root: Path) -> Listing:
    """List a folder. One bad entry costs only itself.

    Links to files and folders are followed, also to outside of the folder: archives cannot contain links, so a person
    made them. A link to a folder that contains the link is not followed: that would never end.
    """
    if not root.is_dir():
        raise NotADirectoryError(f"{root}: no such folder; check 'have' and 'root' in the config")
    walk = _Walk(root)
    waiting = [_Folder("", (_identity(root.stat()),))]
    while waiting:
        waiting += reversed(list(walk.enter(waiting.pop())))
    unusable = dict(sorted(walk.unusable.items()))
    return Listing(root, sorted(walk.files), sorted(walk.folders), unusable, walk.has_links)


def same_content(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes; False if one cannot be read, which the stage that needs it reports."""
    try:
        return one.samefile(other) or filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


class _Walk:
    """The walk through one folder, which collects what it finds."""

    def __init__(self, root: Path) -> None:
        self.root, self.real_root = root, Path(os.path.realpath(root))
        self.files: list[str] = []
        self.folders: list[str] = []
        self.unusable: dict[str, BadScan] = {}
        self.has_links = False
        self.followed = 0  # links to folders

    def enter(self, folder: _Folder) -> Iterator[_Folder]:
        """List one folder; yield the folders in it that must be listed too."""
        try:
            with os.scandir(self.root / folder.path) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            reason = f"the folder cannot be listed: {error.strerror}"
            self._refuse(folder.path or ".", reason, "correct its permissions, or copy it again")
            return
        for entry in found:
            path = f"{folder.path}/{entry.name}" if folder.path else entry.name
            try:
                below = self._add(entry, path, folder)
            except OSError as error:
                reason = f"cannot be opened: {error.strerror}"
                self._refuse(path, reason, "correct its permissions, or copy it again")
                continue
            if below is not None:
                yield below

    def _add(self, entry: os.DirEntry[str], path: str, folder: _Folder) -> _Folder | None:
        """Add one entry; the folder to list if it is one. Raises OSError if it is not accessible."""
        if JUNK_FILES.fullmatch(entry.name) or entry.name in JUNK_FOLDERS:
            return None
        if entry.is_symlink():
            return self._add_link(path, folder)
        if entry.is_file():
            self.files.append(path)
        elif entry.is_dir():
            identity = _identity(entry.stat())
            if not (folder.below_link and identity in folder.parents):
                return self._below(path, identity, folder, folder.below_link)
        else:
            self._refuse_kind(path, entry.stat().st_mode)
        return None

    def _add_link(self, path: str, folder: _Folder) -> _Folder | None:
        link = self.root / path
        try:
            facts = link.stat()
        except OSError as error:
            self._refuse(path, f"is a link to {link.readlink()}: {error.strerror}", RESTORE)
            return None
        self.has_links = True
        if stat.S_ISREG(facts.st_mode):
            self.files.append(path)
        elif stat.S_ISDIR(facts.st_mode):
            return self._follow(path, _identity(facts), folder)
        else:
            self._refuse_kind(path, facts.st_mode)
        return None

    def _follow(self, path: str, identity: Identity, folder: _Folder) -> _Folder | None:
        """The folder that a link leads to; None, with a reason in `unusable`, if it is not listed."""
        target = os.path.realpath(self.root / path)
        self.followed += 1
        if identity in folder.parents or self.real_root.is_relative_to(target):
            self._refuse(path, f"is a link to {target}, a folder that contains the link", NO_LOSS, known=True)
        elif self.followed > MAX_LINKS:
            self._refuse(path, f"there are more than {MAX_LINKS} links to folders", "replace them by the folders")
        else:
            return self._below(path, identity, folder, below_link=True)
        return None

    def _below(self, path: str, identity: Identity, folder: _Folder, below_link: bool) -> _Folder:
        self.folders.append(path)
        return _Folder(path, (*folder.parents, identity), below_link)

    def _refuse_kind(self, path: str, mode: int) -> None:
        kind = KINDS.get(stat.S_IFMT(mode), "neither a file nor a folder")
        self._refuse(path, f"is {kind}, not a file", "remove it, or replace it by the file")

    def _refuse(self, path: str, reason: str, remedy: str, known: bool = False) -> None:
        self.unusable[path] = BadScan(reason, path, remedy, known)


def _identity(facts: os.stat_result) -> Identity:
    return facts.st_dev, facts.st_ino
