"""Files beside the scans that no pattern matches: they are counted, so that no scan is lost without a remark."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from pipeline.attrition import Dropped
from pipeline.manifest.layout import Group
from pipeline.manifest.path_pattern import PathPattern, without_zeros
from pipeline.match.label_files import label_patterns
from pipeline.match.listing import Listing
from universeg.imageio.formats import FORMATS, ending_of

DATA_FILES = (".raw", ".zraw", ".raw.gz", ".img", ".img.gz")  # the samples of a .mhd, .nhdr or .hdr with the same stem
IF_IMAGES = "correct the pattern in the manifest; or, if the dataset does not need them, add them to `exclude`"
IF_NEEDED = "none if the dataset does not need them; otherwise correct the pattern in the manifest"


@dataclass(frozen=True)
class _Names:
    """What identifies the scans of one folder: the names of their files without endings, and the numbers in these."""

    stems: set[str] = field(default_factory=set)
    numbers: set[tuple[str, ...]] = field(default_factory=set)

    def have(self, name: str) -> bool:
        """Whether a file belongs to one of the scans: its name or the numbers in it begin with those of the scan."""
        stem, numbers = _stem(name), _numbers(_stem(name))
        ends = (end for end in range(1, len(stem) + 1) if not stem[end : end + 1].isalnum())
        same_numbers = any(numbers[: end + 1] in self.numbers for end in range(len(numbers)))
        return same_numbers or any(stem[:end] in self.stems for end in ends)


@dataclass(frozen=True)
class Matched:
    """One pattern of a group, and the files that match it."""

    group: str
    identity: frozenset[str]  # parts that the name of a scan is made of
    pattern: PathPattern
    reader: str
    files: list[str]
    is_label: bool = False
    may_be_missing: bool = False  # labels without which an image is left out, or used, without a report

    @cached_property
    def folders(self) -> Mapping[str, _Names]:
        """The folders of the files."""
        found: dict[str, _Names] = defaultdict(_Names)
        for path in self.files:
            stem, names = _stem(_name(path)), found[_folder(path)]
            names.stems.add(stem)
            names.numbers.add(_numbers(stem) or (stem,))
        return dict(found)

    @cached_property
    def without_regexes(self) -> PathPattern:
        """The pattern with any text for each part: what only this one matches is left out by a regular expression."""
        return PathPattern(self.pattern.text, {})

    @property
    def where(self) -> str:
        """The folders in the pattern."""
        return self.pattern.text.rpartition("/")[0] or "the folder of the images"

    def lacks(self, folder: str) -> bool:
        """Whether a folder should hold a scan by the pattern of the images, {subject}/T1.nii.gz, but no folder does."""
        if self._scan_folders is None:
            return False
        found = next(self._scan_folders.matches([folder]), None)
        return found is not None and tuple(found.parts.values()) not in self._parts_of_folders

    @cached_property
    def _parts_of_folders(self) -> set[tuple[str, ...]]:
        pattern = self._scan_folders
        return {tuple(match.parts.values()) for match in pattern.matches(self.folders)} if pattern else set()

    @cached_property
    def _scan_folders(self) -> PathPattern | None:
        folders, _, _ = self.pattern.text.rpartition("/")
        names = PathPattern(folders, {}).names
        if not names or "**" in folders or self.is_label or not self.files:
            return None
        return PathPattern(folders, {name: regex for name, regex in self.pattern.parts.items() if name in names})

    @cached_property
    def one_per_folder(self) -> bool:
        """Whether the folder decides which scan a file belongs to, as in {subject}/{subject}_T1.nii.gz."""
        folders, _, name = self.pattern.text.rpartition("/")
        return PathPattern(name, {}).names & self.identity <= PathPattern(folders, {}).names

    @cached_property
    def endings(self) -> set[str]:
        """Endings of files that look as if they should match."""
        found = {ending(path) for path in self.files} - {""}
        return found if self.is_label or self.reader not in FORMATS else found | set(FORMATS[self.reader].endings)


@dataclass(frozen=True, order=True)
class _Kind:
    """What the files of one remark have in common."""

    group: str
    where: str  # the folders in the pattern
    ending: str
    what: str
    known: bool


def leftovers(groups: Sequence[Group], matched: Sequence[Matched], listed: Listing) -> Iterator[Dropped]:
    """A remark for each kind of file that no pattern matches, in folders of scans and labels.

    It is unexpected if the files look like images or labels of the group and do not belong to a scan that was found.
    """
    used = {path for one in matched for path in one.files}
    accounted = [pattern for group in groups for pattern in patterns_of(group)]
    kinds: dict[_Kind, list[str]] = defaultdict(list)
    for path in listed.files:
        kind = None if path in used else _kind(path, matched)
        if kind is not None and not any(pattern.fits(path) for pattern in accounted):
            kinds[kind].append(path)
    for kind, paths in sorted(kinds.items()):
        files = f"{len(paths)} file{'s' * (len(paths) > 1)} ({kind.ending or 'no ending'}) in {kind.where}"
        remedy = IF_NEEDED if kind.known else IF_IMAGES
        yield Dropped(kind.group, "", reason=f"{files}: {kind.what}", remedy=remedy, file=paths[0], known=kind.known)


def patterns_of(group: Group) -> Iterator[PathPattern]:
    """All patterns of a group, also those of tables, of scans to segment, and of files that it ignores."""
    for scans in group.scans:
        yield scans.pattern
        if scans.table is not None:
            yield PathPattern(scans.table.path, {})
        yield from label_patterns(group.labels, scans).values()
    yield from (segment.pattern for segment in group.segment)
    yield from group.excluded


def _kind(path: str, matched: Sequence[Matched]) -> _Kind | None:
    """What kind of leftover a file is; None if it is in no folder of scans or labels, or is a part of one of these."""
    folder, name, kind = _folder(path), _name(path), ending(path)
    here = [one for one in matched if folder in one.folders]
    if not here:
        for one in matched:
            if kind in one.endings and one.lacks(folder):
                return _Kind(one.group, one.where, kind, "no pattern matches them, and their folder has no scan", False)
        return None
    if kind in DATA_FILES and any(_stem(name) in one.folders[folder].stems for one in here):
        return None
    for one in here:
        if one.without_regexes.fits(path) and not one.may_be_missing:
            return _Kind(one.group, one.where, kind, "the regular expressions of the pattern leave them out", True)
    looks_alike = any(kind in one.endings and not one.one_per_folder for one in here)
    known = not looks_alike or any(one.folders[folder].have(name) for one in here)
    return _Kind(here[0].group, here[0].where, kind, "no pattern matches them", known)


def _numbers(stem: str) -> tuple[str, ...]:
    return tuple(without_zeros(number) for number in re.findall(r"\d+", stem))


def _stem(name: str) -> str:
    return name[: len(name) - len(ending(name))]


def ending(path: str) -> str:
    """The ending of a file name in small letters, such as .nii.gz; "" for none, also in 1.2.840.10008."""
    if known := ending_of(path):
        return known
    found = re.search(r"(\.(?!\d+$)\w+)(\.gz)?$", _name(path))
    return found[0].lower() if found else ""


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def unusable_entries(groups: Sequence[Group], listed: Listing) -> Iterator[Dropped]:
    """A remark for each kind of entry that is no file and that no pattern matches, such as links that lead nowhere."""
    patterns = [pattern for group in groups for pattern in patterns_of(group)]
    kinds: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for path, problem in listed.unusable.items():
        if not any(pattern.fits(path) for pattern in patterns):
            kinds[problem.remedy, problem.known].append(path)
    for (remedy, known), paths in sorted(kinds.items()):
        more = f"; {len(paths) - 1} more entries have this problem" if len(paths) > 1 else ""
        reason = listed.unusable[paths[0]].reason + more
        yield Dropped("", "", reason=reason, remedy=remedy, file=paths[0], known=known)
