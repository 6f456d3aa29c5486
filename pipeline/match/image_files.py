"""The images of one pattern: a file each, several files that are slices, or several frames in one file."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.attrition import BadScan
from pipeline.manifest.layout import INDEX, Range, ScanPattern, Table
from pipeline.manifest.path_pattern import Match, PathPattern, natural_key, without_zeros
from pipeline.match.subject_table import TableRow, read_table

MAX_FRAMES = 100_000


@dataclass(frozen=True)
class ImageFiles:
    """One image as its files form it, before its labels are known."""

    files: tuple[str, ...]
    root: str  # the leading folders that the pattern does not mention
    parts: Mapping[str, str]
    slices: tuple[str, ...] = ()  # of a stack: the number of each file
    index: int | None = None  # frame within the file, from 0
    count: int | None = None  # the same, counted from the first frame that is used
    problem: BadScan | None = None  # why it cannot be used, if that is known already


def images_of(scans: ScanPattern, paths: Sequence[str], all_paths: Sequence[str], root: Path) -> Iterator[ImageFiles]:
    """The images that `paths` form, one for each frame, with the parts that a table adds.

    The table is found among `all_paths`; all paths are relative to `root`.
    """
    images = _stacks(scans, list(scans.pattern.matches(paths)))
    if scans.table is None:
        yield from (frame for image in images for frame in _frames(scans, image))
        return
    try:
        table = _rows_of(scans.table, scans.parts, all_paths, root)
    except BadScan as problem:
        yield from (_unusable(scans, image, problem) for image in images)
        return
    for image in images:
        yield from _with_rows(scans, image, table)


def _stacks(scans: ScanPattern, matches: list[Match]) -> list[ImageFiles]:
    """One image for each file, or for all files that differ only in the part `stack`."""
    if scans.stack is None:
        return [ImageFiles((match.path,), match.root, match.parts) for match in matches]
    stacks: dict[tuple[str, ...], list[Match]] = defaultdict(list)
    for match in matches:
        other_parts = (text for name, text in sorted(match.parts.items()) if name != scans.stack)
        stacks[match.root, *other_parts].append(match)
    images = []
    for stack in stacks.values():
        stack.sort(key=lambda match: natural_key(match.parts[str(scans.stack)]))
        parts = {name: text for name, text in stack[0].parts.items() if name != scans.stack}
        slices = tuple(without_zeros(match.parts[str(scans.stack)]) for match in stack)
        images.append(ImageFiles(tuple(match.path for match in stack), stack[0].root, parts, slices))
    return images


def _rows_of(table: Table, parts: Mapping[str, str], all_paths: Sequence[str], root: Path) -> list[TableRow]:
    pattern = PathPattern(table.path, {})
    found = [path for path in all_paths if pattern.fits(path)]
    if len(found) != 1:
        what = f"{len(found)} files match" if found else "no file matches"
        raise BadScan(f"{what} the pattern of the table, {table.path}", remedy="fetch it again, or keep one of them")
    return read_table(root / found[0], table.columns, parts)


def _with_rows(scans: ScanPattern, image: ImageFiles, table: list[TableRow]) -> Iterator[ImageFiles]:
    """The image with the parts of its row in the table; with frames "rows", one image for each of its rows."""
    columns = scans.table.columns if scans.table else {}
    shared = [name for name in columns if name in image.parts]
    matching = [
        (number, row)
        for number, row in enumerate(table)
        if all(without_zeros(row[name]) == without_zeros(image.parts[name]) for name in shared)
    ]
    if scans.frames == "rows":
        for count, (number, row) in enumerate(matching):
            parts = {**row, **image.parts, INDEX: str(number)}
            yield replace(image, parts=parts, index=number, count=count)
    elif len(matching) != 1:
        wanted = ", ".join(f"{name} {image.parts[name]}" for name in shared)
        reason = f"the table has {len(matching)} rows for {wanted}; expected one"
        yield _unusable(scans, image, BadScan(reason, image.files[0], "correct the table, or add it to known_bad"))
    else:
        yield from _frames(scans, replace(image, parts={**matching[0][1], **image.parts}))


def _frames(scans: ScanPattern, image: ImageFiles) -> Iterator[ImageFiles]:
    if scans.frames is None:
        yield image
        return
    try:
        numbers = _frame_numbers(scans, image)
    except (BadScan, ValueError) as error:
        remedy = "correct the table, or add it to known_bad"
        yield _unusable(scans, image, BadScan(f"its frames are unknown: {error}", image.files[0], remedy))
        return
    for count, number in enumerate(numbers):
        yield replace(image, parts={**image.parts, INDEX: str(number)}, index=number, count=count)


def _frame_numbers(scans: ScanPattern, image: ImageFiles) -> Sequence[int]:
    """The frames to use, counted from 0."""
    if isinstance(scans.frames, tuple):
        return scans.frames
    if not isinstance(scans.frames, Range):
        return ()
    first, last = (_whole_number(text.format_map(image.parts)) for text in (scans.frames.first, scans.frames.last))
    numbers = range(first - scans.frames.counted_from, last - scans.frames.counted_from + 1)
    if not 0 <= numbers.start < numbers.stop <= MAX_FRAMES:
        raise BadScan(f"{first} to {last} is not a range of frames")
    return numbers


def _whole_number(text: str) -> int:
    """A number as tables contain it: spreadsheets write 12 as 12.0."""
    if not re.fullmatch(r"\d{1,9}(\.0)?", text):
        raise BadScan(f"{text!r} is not a frame number")
    return int(float(text))


def _unusable(scans: ScanPattern, image: ImageFiles, problem: BadScan) -> ImageFiles:
    """The image with its problem; parts that only the table or the frame would give are "unknown"."""
    unknown = dict.fromkeys(scans.names - image.parts.keys(), "unknown")
    return replace(image, parts={**unknown, **image.parts}, problem=problem)
