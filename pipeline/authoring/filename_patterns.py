"""Find patterns in file names: files whose names differ only in numbers form a group with a named subject."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from universeg.imageio.formats import FORMATS

READER_OF: Mapping[str, str] = {  # ending of a file name -> name of its reader
    **{ending: name for name, format in FORMATS.items() for ending in format.endings},
    ".avi": "video",
}
FEW_VALUES = 4  # a number with at most this many values distinguishes kinds of files, not subjects

# A name as BIDS has it: sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz, also below other folders.
_BIDS = re.compile(
    r"(?:^|/)sub-(?P<subject>[A-Za-z0-9]+)/(?:ses-(?P<session>[A-Za-z0-9]+)/)?(?:[^/]+/)*sub-(?P=subject)_[^/]*$"
)
_WORD = re.compile(r"([A-Za-z0-9]+)")


@dataclass(frozen=True)
class FileGroup:
    """Files with the same path pattern."""

    pattern: str  # with the part {subject}
    parts: Mapping[str, str]  # named part -> regular expression
    reader: str
    files: Mapping[str, str]  # subject -> path
    count: int  # of all files; more than `files` if a subject has several
    stack: str = ""  # the pattern with the part {slice} too, if the files of a subject may be slices in one folder
    slices: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of these: subject -> {slice} -> path


def ending(path: str) -> str | None:
    """The ending of a file name, as in READER_OF; None if no reader has it."""
    return next((end for end in sorted(READER_OF, key=len, reverse=True) if path.lower().endswith(end)), None)


def group_by_pattern(paths: Sequence[str]) -> Iterator[FileGroup]:
    """The groups of some files, the largest first. Files without a reader are left out."""
    rows_by_shape: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    bids: dict[str, dict[str, str]] = defaultdict(dict)
    for path in paths:
        end = ending(path)
        if end is not None and (name := _BIDS.search(path)):
            bids[_bids_pattern(path, name)][" ".join(filter(None, (name["subject"], name["session"])))] = path
        elif end is not None:
            words = _WORD.split(path[: -len(end)])
            shape = ("#" if any(map(str.isdigit, word)) else word for word in words)
            rows_by_shape[(*shape, path[-len(end) :])].append([*words, path[-len(end) :]])
    has_slices = any(READER_OF.get(str(ending(shape[-1]))) == "dicom" for shape in rows_by_shape)
    groups = [group for rows in rows_by_shape.values() for group in _split_by_kind(rows, has_slices)]
    groups += [_bids_group(pattern, files) for pattern, files in bids.items()]
    yield from sorted(groups, key=lambda group: (-len(group.files), group.pattern))


def _split_by_kind(rows: list[list[str]], has_slices: bool) -> Iterator[FileGroup]:
    """One group; or, if a number has few values and nearly all subjects have each, one group for each value."""
    counts = [len(set(column)) for column in zip(*rows, strict=True)]
    scans = _folder_of_scans(rows, counts) if has_slices else None
    kinds = [
        at
        for at, count in enumerate(counts)
        if 1 < count <= FEW_VALUES and count < max(counts) and at != scans and _repeats_without(rows, at)
    ]
    rows_by_kind: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for row in rows:
        rows_by_kind[tuple(row[at] for at in kinds)].append(row)
    for same_kind in rows_by_kind.values():
        yield _file_group(same_kind)


def _folder_of_scans(rows: list[list[str]], counts: Sequence[int]) -> int | None:
    """The word of the folders that differs most, which names the scan; None if the folders do not differ.

    The names of slices repeat in each scan, so that the word would be taken for a kind of files if there are few scans.
    """
    slashes = [at for at, word in enumerate(rows[0]) if "/" in word]
    folders = [at for at in range(max(slashes, default=0)) if counts[at] > 1]
    return max(folders, key=lambda at: counts[at], default=None)


def _repeats_without(rows: list[list[str]], at: int) -> bool:
    """Whether many names are equal without the word `at`. Then that word does not distinguish subjects."""
    return 4 * len({(*row[:at], *row[at + 1 :]) for row in rows}) < 3 * len(rows)


def _file_group(rows: list[list[str]]) -> FileGroup:
    """The pattern of rows of words: the subject is everything from the first to the last word that differs."""
    differ = [at for at, column in enumerate(zip(*rows, strict=True)) if len(set(column)) > 1] or [len(rows[0]) - 3]
    slashes = [at for at, word in enumerate(rows[0]) if "/" in word]
    first = differ[0]
    last = max(at for at in differ if not any(first < slash < at for slash in slashes))
    span = slice(first, last + 1)
    rest = [("*" if at in differ else word) for at, word in enumerate(rows[0])]
    pattern = "".join([*rest[:first], "{subject}", *rest[last + 1 :]])
    subjects = ["".join(row[span]) for row in rows]
    regex = r"\d+" if all(map(str.isdigit, subjects)) else _regex([row[span] for row in rows])
    reader = READER_OF[str(ending(rows[0][-1]))]
    files = dict(zip(subjects, map("".join, rows), strict=True))
    name = [at for at in differ if at > max(slashes, default=-1) and at > last]
    slice_at = max(name, key=lambda at: len({row[at] for row in rows}), default=None)
    slices: dict[str, dict[str, str]] = defaultdict(dict)
    for subject, row in zip(subjects, rows, strict=True):
        slices[subject][row[slice_at or 0]] = "".join(row)
    if slice_at is None or sum(map(len, slices.values())) < len(rows):
        return FileGroup(pattern, {"subject": regex}, reader, files, len(rows))
    rest[slice_at] = "{slice}"
    stack = "".join([*rest[:first], "{subject}", *rest[last + 1 :]])
    return FileGroup(pattern, {"subject": regex}, reader, files, len(rows), stack, slices)


def _bids_pattern(path: str, name: re.Match[str]) -> str:
    """The path with {subject} and {session} in place of their values."""
    pattern = re.sub(rf"sub-{name['subject']}(?![A-Za-z0-9])", "sub-{subject}", path)
    return re.sub(rf"ses-{name['session']}(?![A-Za-z0-9])", "ses-{session}", pattern) if name["session"] else pattern


def _bids_group(pattern: str, files: Mapping[str, str]) -> FileGroup:
    parts = {part: "[A-Za-z0-9]+" for part in ("subject", "session") if f"{{{part}}}" in pattern}
    return FileGroup(pattern, parts, READER_OF[str(ending(pattern))], files, len(files))


def _regex(rows: list[list[str]]) -> str:
    """A regular expression of the subject, word by word, so that other files do not match it."""
    columns = list(zip(*rows, strict=True))
    kinds = {True: r"\d+", False: "[A-Za-z0-9]+"}
    return "".join(re.escape(c[0]) if len(set(c)) == 1 else kinds[all(map(str.isdigit, c))] for c in columns)
