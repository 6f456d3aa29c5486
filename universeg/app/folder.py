"""What a folder holds for the page: its images, and the masks that some of them already have. No torch here."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from universeg.base.file_names import file_names
from universeg.imageio.formats import format_of
from universeg.imageio.image import ImageError
from universeg.imageio.load import stem
from universeg.prediction.label_files import known_labels
from universeg.prediction.labels import Label
from universeg.prediction.pairing import Pair, find_images
from universeg.prediction.queries import Query, find_queries

OWN = "universeg-page"  # the folder inside the opened one where the page keeps everything that it writes
MOST_IMAGES = 20_000  # in one folder


@dataclass(frozen=True)
class Entry:
    """One line of the list: a picture, a volume, or one frame of a file with several."""

    key: str  # a file name without ending, different from all others
    query: Query
    frame: int | None = None
    masks: tuple[Path, ...] = ()  # that the folder already has for it
    structures: tuple[str, ...] = ()  # if each mask is a structure of its own

    @property
    def title(self) -> str:
        """For people: the name of the file, and the frame from 1."""
        return self.query.path.name + ("" if self.frame is None else f", frame {self.frame + 1}")

    @property
    def looks_like_volume(self) -> bool:
        """Whether the file may be a volume, by its format; pictures never are."""
        return self.query.series is not None or format_of(self.query.path.name) not in (None, "raster")


@dataclass(frozen=True)
class Folder:
    """An opened folder."""

    path: Path
    entries: dict[str, Entry]
    known: dict[int, Label]  # names and colours of values, from a file such as labels.json
    notes: tuple[str, ...] = ()

    @property
    def own(self) -> Path:
        return self.path / OWN

    @property
    def files(self) -> set[str]:
        """The names of the images; several frames of a file are one image."""
        return {entry.query.name for entry in self.entries.values()}


def open_folder(path: Path) -> Folder:
    """Raises ImageError if there is no image in the folder, or if it cannot be used."""
    path = path.expanduser().resolve()
    if not path.is_dir():
        raise ImageError("no such folder", str(path), "give the folder of your images")
    if not _is_inside(path / OWN, path):
        raise ImageError(f"{OWN} in it is a link to another place", str(path), "remove the link")
    pairs = find_images(path) or [Pair(query.path, ()) for query in find_queries([path])]
    inside = [pair for pair in pairs if all(_is_inside(file, path) for file in (pair.image, *pair.masks))]
    notes = []
    if len(inside) < len(pairs):
        notes.append(f"{len(pairs) - len(inside)} files are left out: they are links to places outside the folder")
    if len(inside) > MOST_IMAGES:
        raise ImageError(f"has {len(inside)} images; the page can show {MOST_IMAGES}", str(path), "split the folder")
    found = [(pair, query) for pair in inside for query in _queries(pair)]
    entries = list[Entry]()
    for (pair, query), name in zip(found, file_names([query.name for _, query in found]), strict=True):
        entries += _frames(replace(query, name=name), pair)
    if not entries:
        raise ImageError("no images found", str(path), "open a folder with pictures, NIfTI, DICOM, MHA or NRRD files")
    return Folder(path, {entry.key: entry for entry in entries}, known_labels(path, None), tuple(notes))


def _queries(pair: Pair) -> list[Query]:
    return find_queries([pair.image]) if pair.image.is_dir() else [Query(pair.image, stem(pair.image))]


def _frames(query: Query, pair: Pair) -> Iterator[Entry]:
    """One entry for each frame; a file that cannot be read is one entry, which says so when it is opened."""
    try:
        frames = query.frames()
    except (ValueError, OSError):
        frames = [None]
    for frame in frames:
        key = query.name if frame is None else f"{query.name}=frame{frame:04d}"
        yield Entry(key, query, frame, pair.masks if frame is None else (), pair.structures)


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder)
