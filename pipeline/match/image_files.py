"""The images of one form: a file each, several files that are slices, or several frames in one file."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.attrition import BadScan
from pipeline.manifest.layout import INDEX, Range, ScanPattern, Table
from pipeline.manifest.path_pattern import Match, Template, counted, natural
from pipeline.match.subject_table import TableRow, rows

MOST_FRAMES = 100_000


@dataclass(frozen=True)
class Image:
    """One image as files make it up, before anybody knows its label."""

    files: tuple[str, ...]
    root: str  # the leading folders that the pattern does not mention
    parts: Mapping[str, str]
    slices: tuple[str, ...] = ()  # of a stack, what numbers its files
    index: int | None = None  # frame within the file, from 0
    count: int | None = None  # the same counted from the first frame that is used
    bad: BadScan | None = None  # why it cannot be used, if that is known already


def images_of(scans: ScanPattern, paths: Sequence[str], everything: Sequence[str], root: Path) -> Iterator[Image]:
    """Images that `paths` make up, with the parts that a table adds, one for each frame."""
    stacked = _stacked(scans, list(scans.template.matches(paths)))
    if scans.table is None:
        yield from (frame for image in stacked for frame in _frames(scans, image))
        return
    try:
        table = _table(scans.table, scans.parts, everything, root)
    except BadScan as bad:
        yield from (_unusable(scans, image, bad) for image in stacked)
        return
    for image in stacked:
        yield from _with_rows(scans, image, table)


def _stacked(scans: ScanPattern, matches: list[Match]) -> list[Image]:
    if scans.stack is None:
        return [Image((match.path,), match.root, match.parts) for match in matches]
    stacks: dict[tuple[str, ...], list[Match]] = defaultdict(list)
    for match in matches:
        own = (text for name, text in sorted(match.parts.items()) if name != scans.stack)
        stacks[match.root, *own].append(match)
    images = []
    for stack in stacks.values():
        stack.sort(key=lambda match: natural(match.parts[str(scans.stack)]))
        parts = {name: text for name, text in stack[0].parts.items() if name != scans.stack}
        slices = tuple(counted(match.parts[str(scans.stack)]) for match in stack)
        images.append(Image(tuple(match.path for match in stack), stack[0].root, parts, slices))
    return images


def _table(table: Table, parts: Mapping[str, str], everything: Sequence[str], root: Path) -> list[TableRow]:
    pattern = Template(table.path, {})
    found = [path for path in everything if pattern.fits(path)]
    if len(found) != 1:
        what = f"{len(found)} files fit" if found else "no file fits"
        raise BadScan(f"{what} the pattern of the table, {table.path}", remedy="fetch it again, or keep one of them")
    return rows(root / found[0], table.columns, parts)


def _with_rows(scans: ScanPattern, image: Image, table: list[TableRow]) -> Iterator[Image]:
    """The image with what the table's row about it says; or as many images as it has rows."""
    columns = scans.table.columns if scans.table else {}
    shared = [name for name in columns if name in image.parts]
    fitting = [
        (number, row)
        for number, row in enumerate(table)
        if all(counted(row[name]) == counted(image.parts[name]) for name in shared)
    ]
    if scans.frames == "rows":
        for count, (number, row) in enumerate(fitting):
            parts = {**row, **image.parts, INDEX: str(number)}
            yield replace(image, parts=parts, index=number, count=count)
    elif len(fitting) != 1:
        wanted = ", ".join(f"{name} {image.parts[name]}" for name in shared)
        reason = f"the table has {len(fitting)} rows for {wanted}; expected one"
        yield _unusable(scans, image, BadScan(reason, image.files[0], "correct the table, or add it to known_bad"))
    else:
        yield from _frames(scans, replace(image, parts={**fitting[0][1], **image.parts}))


def _frames(scans: ScanPattern, image: Image) -> Iterator[Image]:
    if scans.frames is None:
        yield image
        return
    try:
        numbers = _numbers(scans, image)
    except (BadScan, ValueError) as error:
        bad = BadScan(f"cannot tell its frames: {error}", image.files[0], "correct the table, or add it to known_bad")
        yield _unusable(scans, image, bad)
        return
    for count, number in enumerate(numbers):
        yield replace(image, parts={**image.parts, INDEX: str(number)}, index=number, count=count)


def _numbers(scans: ScanPattern, image: Image) -> Sequence[int]:
    if isinstance(scans.frames, tuple):
        return scans.frames
    if not isinstance(scans.frames, Range):
        return ()
    first, last = (_whole(text.format_map(image.parts)) for text in (scans.frames.first, scans.frames.last))
    numbers = range(first - scans.frames.counted_from, last - scans.frames.counted_from + 1)
    if not 0 <= numbers.start < numbers.stop <= MOST_FRAMES:
        raise BadScan(f"{first} to {last}")
    return numbers


def _whole(text: str) -> int:
    """A number as tables hold it; spreadsheets write 12 as 12.0."""
    if not re.fullmatch(r"\d{1,9}(\.0)?", text):
        raise BadScan(f"{text!r} is no number of a frame")
    return int(float(text))


def _unusable(scans: ScanPattern, image: Image, bad: BadScan) -> Image:
    """The image with the reason; parts that only a table or frame would give are unknown."""
    unknown = dict.fromkeys(scans.names - image.parts.keys(), "unknown")
    return replace(image, parts={**unknown, **image.parts}, bad=bad)
