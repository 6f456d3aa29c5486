"""The images of one pattern: a file each, several files that are slices, or several frames in one file."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.attrition import BadScan
from pipeline.manifest.layout import INDEX, Range, ScanPattern, Table
from pipeline.manifest.path_pattern import Match, PathPattern, natural_key, same_but_for_zeros, without_zeros
from pipeline.match.listing import Listing, same_content
from pipeline.match.owners import Owner, Owners
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
    unknown: frozenset[str] = frozenset()  # parts that a table or a frame would give, but for the problem

    def owner(self, names: Sequence[str]) -> Owner:
        """The image as an owner of label files or rows that have these parts."""
        return Owner(tuple(self.parts[name] for name in names), self.root, self.files[0])


def images_of(scans: ScanPattern, paths: Sequence[str], listed: Listing) -> Iterator[ImageFiles]:
    """The images that `paths` form, one for each frame, with the parts that a table adds.

    The table is found among all files of `listed`.
    """
    images = [_checked(image, listed) for image in _stacks(scans, list(scans.pattern.matches(paths)))]
    if scans.table is None:
        yield from (frame for image in images for frame in _frames(scans, image))
        return
    try:
        table = _rows_of(scans.table, scans.parts, listed)
    except BadScan as problem:
        yield from (_unusable(scans, image, problem) for image in images)
        return
    shared = sorted(scans.table.columns.keys() & scans.pattern.names)
    keys = (tuple(_without_decimals(row[name]) for name in shared) for row in table)
    items = ((key, "", (number, row)) for number, (key, row) in enumerate(zip(keys, table, strict=True)))
    rows = Owners(items, [image.owner(shared) for image in images])
    for image in images:
        yield from _with_rows(scans, image, rows, shared)


def _without_decimals(cell: str) -> str:
    """The cell, with 7.0 as 7: programs write a column of whole numbers in this form if a cell in it is empty."""
    return re.sub(r"^(\d+)\.0+$", r"\1", cell)


def _checked(image: ImageFiles, listed: Listing) -> ImageFiles:
    """The image, with a problem if one of its files cannot be opened, or if two of them are the same slice."""
    problem = next((listed.unusable[file] for file in image.files if file in listed.unusable), None)
    if image.slices:
        problem = problem or repeated_slice(image.slices, image.files)
    return replace(image, problem=problem)


def repeated_slice(numbers: Sequence[str], files: Sequence[str]) -> BadScan | None:
    """The problem that two files of a stack have the same number, but for zeros before it; None if there is none."""
    seen: dict[str, tuple[str, str]] = {}
    for number, file in zip(numbers, files, strict=True):
        other, other_file = seen.setdefault(without_zeros(number), (number, file))
        if other_file != file and same_but_for_zeros(other, number):
            remedy = "remove one of them, or correct the pattern in the manifest"
            return BadScan(f"two files are slice {without_zeros(number)}: {other_file}, {file}", file, remedy)
    return None


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
        slices = tuple(match.parts[str(scans.stack)] for match in stack)
        images.append(ImageFiles(tuple(match.path for match in stack), stack[0].root, parts, slices))
    return images


def _rows_of(table: Table, parts: Mapping[str, str], listed: Listing) -> list[TableRow]:
    pattern = PathPattern(table.path, {})
    if unusable := next((problem for path, problem in listed.unusable.items() if pattern.fits(path)), None):
        raise unusable
    found = [path for path in listed.files if pattern.fits(path)]
    if not found or not all(same_content(listed.root / found[0], listed.root / copy) for copy in found[1:]):
        what = f"{len(found)} files match" if found else "no file matches"
        raise BadScan(f"{what} the pattern of the table, {table.path}", remedy="fetch it again, or keep one of them")
    return read_table(listed.root / found[0], table.columns, parts)


def _with_rows(
    scans: ScanPattern, image: ImageFiles, rows: Owners[tuple[int, TableRow]], shared: Sequence[str]
) -> Iterator[ImageFiles]:
    """The image with the parts of its row in the table; with frames "rows", one image for each of its rows."""
    owner = image.owner(shared)
    matching, rivals = rows.of(owner), rows.rivals(owner)
    if rivals or not matching or (len(matching) > 1 and scans.frames != "rows"):
        wanted = ", ".join(f"{name} {image.parts[name]}" for name in shared)
        expected = "at least one" if scans.frames == "rows" else "one"
        reason = f"the table has {len(matching)} rows for {wanted}; expected {expected}"
        if rivals:
            reason = f"{len(rivals)} images that differ only in zeros have the same row: {first_few(rivals)}"
        yield _unusable(scans, image, BadScan(reason, image.files[0], "correct the table, or add it to known_bad"))
    elif scans.frames == "rows":
        for count, (number, row) in enumerate(matching):
            parts = {**row, **image.parts, INDEX: str(number)}
            yield replace(image, parts=parts, index=number, count=count)
    else:
        yield from _frames(scans, replace(image, parts={**matching[0][1], **image.parts}))


def first_few(names: Sequence[str], most: int = 5) -> str:
    """The names for a message: the first ones, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


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
    """The image with its first problem; parts that only the table or the frame would give are "unknown"."""
    unknown = frozenset(scans.names - image.parts.keys())
    parts = {**dict.fromkeys(unknown, "unknown"), **image.parts}
    return replace(image, parts=parts, problem=image.problem or problem, unknown=unknown)
