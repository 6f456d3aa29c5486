"""Labelled images as people have them, by layout: folders of pairs, nnU-Net, BIDS, SlicerMultiverSeg, and results."""

from collections.abc import Sequence
from pathlib import Path

from universeg.imageio.load import stem
from universeg.prediction.label_files import known_labels
from universeg.prediction.labels import Label, colour
from universeg.prediction.pairing import find_pairs, images_in
from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.sources.bids import bids, is_bids
from universeg.prediction.task_pack.sources.nnunet import is_nnunet, nnunet
from universeg.prediction.task_pack.sources.results import is_results, results
from universeg.prediction.task_pack.sources.slicer import is_slicer, slicer, unpacked
from universeg.prediction.task_pack.sources.source import Labelled, Source, some

__all__ = ["Labelled", "Source", "find_source"]


def find_source(
    path: Path,
    temporary: Path,
    images: Path | None = None,
    suffix: str = "",
    channel: int = 0,
    accept: Sequence[str] = (),
) -> Source:
    """The labelled images of a folder, or of a zip file of SlicerMultiverSeg, which is unpacked in `temporary`.

    `images` and `suffix` are for BIDS, `channel` for nnU-Net, `accept` for results. Raises PackError or ImageError if
    the layout is not known, or if images and masks do not pair up.
    """
    if path.suffix.lower() == ".zip":
        path = unpacked(path, temporary)
    if not path.is_dir():
        raise PackError(f"{path}: no such folder; give a folder of labelled images, or a zip file of SlicerMultiverSeg")
    path = _dataset_in(path)
    if is_results(path):
        return results(path, accept)
    if is_nnunet(path):
        return nnunet(path, channel)
    if is_bids(path):
        return bids(path, images, suffix)
    if is_slicer(path):
        return slicer(path)
    pairs = find_pairs(path)
    structures = {n: Label(n, name, colour(n - 1)) for n, name in enumerate(pairs[0].structures, 1)}
    examples = [Labelled(stem(pair.image), pair.image, pair.masks, bool(pair.structures)) for pair in pairs]
    return Source("folder of images and masks", examples, structures or known_labels(path, None))


def _dataset_in(folder: Path) -> Path:
    """The folder itself, or the only dataset of a known layout below it if it holds no images.

    So the output folder of `universeg task export` and the root of a BIDS dataset can be given. Raises PackError if it
    holds several datasets.
    """
    if is_results(folder) or _has_layout(folder) or images_in(folder):
        return folder
    levels = [_folders(folder), [inner for outer in _folders(folder) for inner in _folders(outer)]]
    for level in levels:
        found = [inner for inner in level if _has_layout(inner)]
        if len(found) > 1:
            raise PackError(f"{folder}: holds several datasets ({some([*map(str, found)])}); give one of them")
        if found:
            return found[0]
    return folder


def _folders(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]


def _has_layout(folder: Path) -> bool:
    return is_nnunet(folder) or is_bids(folder) or is_slicer(folder)
