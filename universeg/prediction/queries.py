"""What a person's path to segment means: files, frames of files, folders of images, and DICOM series. No torch here."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from universeg.imageio.formats import ENDINGS, ending_of
from universeg.imageio.frames import frame_count
from universeg.imageio.image import ImageError, LoadedImage
from universeg.imageio.load import stem
from universeg.imageio.series import Series, holds_dicom, is_dicom, read_series, series_in
from universeg.prediction.colours import coloured_image, in_grey
from universeg.prediction.pair_names import bare, is_mask_name
from universeg.prediction.pairing import images_in
from universeg.prediction.results import file_name

LISTED = 5  # files that a message names
# Endings of files that nobody takes for an image.
NO_IMAGES = {
    "",
    ".csv",
    ".tsv",
    ".txt",
    ".json",
    ".md",
    ".html",
    ".pdf",
    ".xml",
    ".xlsx",
    ".yaml",
    ".yml",
    ".db",
    ".ini",
}


@dataclass(frozen=True)
class Query:
    """One image to segment, with a result of its own."""

    path: Path  # a file, or the folder of a DICOM series
    name: str  # of its results
    series: Series | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that the image is read from."""
        return (self.path,) if self.series is None else self.series.files

    def frames(self, only: int | None = None) -> list[int | None]:
        """The frames of the file; [None] for a file of one image. Raises ImageError if there is no frame `only`."""
        count = 1 if self.series is not None else frame_count(self.path)
        if only is not None and count == 1:
            raise ImageError("is a single image, without frames", str(self.path), "leave out --frame")
        if only is not None and not 0 <= only < count:
            raise ImageError(f"has no frame {only}; its frames are 0 to {count - 1}", str(self.path))
        if count == 1:
            return [None]
        return [only] if only is not None else list(range(count))

    def load(self, frame: int | None, channel: str) -> LoadedImage:
        """One frame, upright and grey."""
        if self.series is not None:
            return in_grey(read_series(self.series), channel)
        return coloured_image(self.path, channel, frame)


def find_queries(paths: Sequence[Path]) -> list[Query]:
    """The images to segment: files as given; of folders the images directly in them, or the DICOM series in a tree.

    Raises ImageError where results would share a name, or where a folder holds what looks like masks.
    """
    found = list[Query]()
    for path in paths:
        found += _in_folder(path) if path.is_dir() else [Query(path, stem(path))]
    found = list({(query.path, query.files): query for query in found}.values())  # as in `--images new new/*.png`
    missing = [str(query.path) for query in found if not query.path.exists()]
    if missing:
        raise ImageError(f"no such file: {', '.join(missing)}")
    odd = [str(query.path) for query in found if not (query.path.is_file() or query.path.is_dir())]
    if odd:
        raise ImageError(f"neither a file nor a folder, but a pipe or a device: {', '.join(odd)}; save it to a file")
    names = Counter(query.name for query in found)
    clashes = "; ".join(
        ", ".join(str(query.path) for query in found if query.name == name) for name, n in names.items() if n > 1
    )
    if clashes:
        raise ImageError(
            f"results are named after the images, and these share a name: {clashes};"
            " segment them in separate runs, each with its own --output"
        )
    return found


def left_out(paths: Sequence[Path], queries: Sequence[Query], own: Sequence[Path] = ()) -> list[str]:
    """For each folder among the paths, a sentence on the entries directly in it that look like images but are not read.

    These are broken links, folders with images, folders that are named like files, and files of unknown formats. Text
    and files that belong to another one of the same name, as .raw to .mhd, are not told, nor are the folders `own`.
    """
    read, names = {file for query in queries for file in (query.path, *query.files)}, {query.name for query in queries}
    read |= {parent for query in queries for parent in query.path.parents}
    known_folders = {os.path.realpath(path) for path in own}
    sentences = list[str]()
    for folder in filter(Path.is_dir, paths):
        aside = [path for path in sorted(folder.iterdir()) if path not in read and not path.name.startswith(".")]
        aside = [path for path in aside if os.path.realpath(path) not in known_folders]
        reasons = [f"{path.name} ({reason})" for path in aside if (reason := _why_not_read(path, names))]
        if reasons:
            more = f" and {len(reasons) - LISTED} more" if len(reasons) > LISTED else ""
            known = ", ".join(sorted(ENDINGS))
            sentences.append(f"not read in {folder}: {', '.join(reasons[:LISTED])}{more}; formats: {known}")
    return sentences


def _why_not_read(path: Path, names: set[str]) -> str:
    """The reason; empty for what nobody would take for an image."""
    if path.is_dir():
        return "a folder" if ending_of(path.name) else "a folder with images" if images_in(path) else ""
    if not path.exists():
        return "a link to nothing"
    if is_dicom(path):
        return "" if path.name.upper() == "DICOMDIR" else "DICOM without an image, as a segmentation or a report"
    if ending_of(path.name) or path.suffix.lower() in NO_IMAGES or path.stem in names:
        return ""
    return "an unknown format"


def _in_folder(folder: Path) -> list[Query]:
    inside = [path for path in images_in(folder) if path.is_file() and not is_dicom(path)]
    names = {stem(file) for file in inside}
    masks = [file.name for file in inside if is_mask_name(stem(file)) and bare(stem(file)) in names - {stem(file)}]
    if masks and len(inside) > 1:
        raise ImageError(
            f"{folder}: holds what look like masks of its images: {', '.join(masks[:LISTED])}; move them to another"
            " folder, or name the images one by one"
        )
    found = [Query(path, stem(path)) for path in inside]
    if holds_dicom(folder) or not inside:
        found += _series(folder)
    if not found:
        inner = [str(path) for path in sorted(folder.iterdir()) if path.is_dir() and images_in(path)]
        hint = f"; to segment those in its folders: --images {' '.join(inner[:LISTED])}" if inner else ""
        raise ImageError(
            f"{folder}: no images found (looked for {', '.join(ENDINGS)}, and DICOM files in its folders){hint}"
        )
    return found


def _series(folder: Path) -> list[Query]:
    """DICOM series with names of their own: those of their folders, or of their files if they have one."""
    found = series_in(folder)
    folders = Counter(series.files[0].parent for series in found)
    queries = list[Query]()
    for series in found:
        home = series.files[0].parent
        if len(series.files) == 1:
            queries.append(Query(series.files[0], stem(series.files[0]), series))
        else:
            several = folders[home] > 1
            name = f"{home.name}_{file_name(series.description or series.uid)}" if several else home.name
            queries.append(Query(home, name or "series", series))
    return list(_told_apart(queries))


def _told_apart(queries: Sequence[Query]) -> Iterable[Query]:
    """Series that share a name get a number."""
    names, seen = Counter(query.name for query in queries), Counter[str]()
    for query in queries:
        seen[query.name] += 1
        number = f"_{seen[query.name]}" if names[query.name] > 1 else ""
        yield Query(query.path, query.name + number, query.series)
