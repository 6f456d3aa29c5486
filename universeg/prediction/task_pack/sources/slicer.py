"""Task folders of SlicerMultiverSeg: `image_0.png` with `mask_0.png`, and so on; as a folder or as a zip file."""

import re
from pathlib import Path

from universeg.prediction.label_files import known_labels
from universeg.prediction.task_pack.bounded_zip import PackError, unpack
from universeg.prediction.task_pack.sources.source import Labelled, Source, some

IMAGE = re.compile(r"image_(\d{1,6})\.png")
MEMBER = re.compile(r"([\w .-]{1,80}/)?(image|mask)_\d{1,6}\.png")
MOST_BYTES = 64 << 20  # of one picture


def is_slicer(folder: Path) -> bool:
    """Whether a folder has such an image with its mask."""
    return any(IMAGE.fullmatch(path.name) and _mask_of(path).is_file() for path in folder.glob("image_*.png"))


def slicer(folder: Path) -> Source:
    """The pairs, by their numbers."""
    images = {int(found[1]): path for path in folder.iterdir() if (found := IMAGE.fullmatch(path.name))}
    pairs = [
        Labelled(f"image_{number}", images[number], (_mask_of(images[number]),))
        for number in sorted(images)
        if _mask_of(images[number]).is_file()
    ]
    alone = [path.name for path in images.values() if not _mask_of(path).is_file()]
    notes = (f"{len(alone)} images without a mask are left out: {some(sorted(alone))}",) if alone else ()
    return Source("SlicerMultiverSeg", pairs, known_labels(folder, None), notes=notes)


def unpacked(path: Path, into: Path) -> Path:
    """Unpack an exported task; the folder with its pictures. Raises PackError for a zip file with anything else."""
    unpack(path, into, lambda name: MOST_BYTES if MEMBER.fullmatch(name) else 0)
    folders = {picture.parent for picture in into.rglob("image_*.png")}
    if len(folders) != 1:
        raise PackError(f"{path}: expected the pictures image_0.png, mask_0.png and so on in one folder")
    return folders.pop()


def _mask_of(image: Path) -> Path:
    return image.with_name(image.name.replace("image_", "mask_", 1))
