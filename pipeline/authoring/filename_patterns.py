"""Files of a folder whose names differ only in numbers: families, each a pattern with a named subject."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

READER_OF: Mapping[str, str] = {
    **dict.fromkeys((".nii", ".nii.gz"), "nifti"),
    **dict.fromkeys((".mgz", ".mgh"), "mgz"),
    **dict.fromkeys((".mha", ".mhd"), "metaimage"),
    **dict.fromkeys((".nrrd", ".nhdr"), "nrrd"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".ppm.gz"), "raster"),
    ".avi": "video",
}
FEW = 4  # a number that takes so few values names a kind of file, not a subject

_WORD = re.compile(r"([A-Za-z0-9]+)")


@dataclass(frozen=True)
class Family:
    """Files with one pattern."""

    pattern: str  # with {subject}
    subject: str  # regular expression of it
    reader: str
    files: Mapping[str, str]  # subject -> path


def ending(path: str) -> str | None:
    """The file name's ending, if a reader knows it."""
    return next((end for end in sorted(READER_OF, key=len, reverse=True) if path.lower().endswith(end)), None)


def families(paths: Sequence[str]) -> Iterator[Family]:
    """The families of some files, the largest first; files that no reader knows are in none."""
    groups: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for path in paths:
        end = ending(path)
        if end is not None:
            words = _WORD.split(path[: -len(end)])
            shape = ("#" if any(map(str.isdigit, word)) else word for word in words)
            groups[(*shape, path[-len(end) :])].append([*words, path[-len(end) :]])
    found = [family for rows in groups.values() for family in _split(rows)]
    yield from sorted(found, key=lambda family: (-len(family.files), family.pattern))


def _split(rows: list[list[str]]) -> Iterator[Family]:
    """One family, or one for each value of a number that takes few values, each with nearly all subjects."""
    values = [len(set(column)) for column in zip(*rows, strict=True)]
    kinds = [at for at, count in enumerate(values) if 1 < count <= FEW and count < max(values) and _crossed(rows, at)]
    groups: dict[tuple[str, ...], list[list[str]]] = defaultdict(list)
    for row in rows:
        groups[tuple(row[at] for at in kinds)].append(row)
    for group in groups.values():
        yield _family(group)


def _crossed(rows: list[list[str]], at: int) -> bool:
    """Whether the names without this word occur more than once: then it is not what tells subjects apart."""
    return 4 * len({(*row[:at], *row[at + 1 :]) for row in rows}) < 3 * len(rows)


def _family(rows: list[list[str]]) -> Family:
    """The pattern of rows of words: what differs, from its first word to its last, is the subject."""
    differ = [at for at, column in enumerate(zip(*rows, strict=True)) if len(set(column)) > 1] or [len(rows[0]) - 3]
    slashes = [at for at, word in enumerate(rows[0]) if "/" in word]
    first = differ[0]
    last = max(at for at in differ if not any(first < slash < at for slash in slashes))
    span = slice(first, last + 1)
    rest = [("*" if at in differ else word) for at, word in enumerate(rows[0])]
    pattern = "".join([*rest[:first], "{subject}", *rest[last + 1 :]])
    subjects = ["".join(row[span]) for row in rows]
    regex = r"\d+" if all(map(str.isdigit, subjects)) else _regex([row[span] for row in rows])
    return Family(
        pattern, regex, READER_OF[str(ending(rows[0][-1]))], dict(zip(subjects, map("".join, rows), strict=True))
    )


def _regex(rows: list[list[str]]) -> str:
    """A regular expression of what differs, word by word, so that other files do not fit it."""
    columns = list(zip(*rows, strict=True))
    kinds = {True: r"\d+", False: "[A-Za-z0-9]+"}
    return "".join(re.escape(c[0]) if len(set(c)) == 1 else kinds[all(map(str.isdigit, c))] for c in columns)
