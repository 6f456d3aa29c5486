"""Folders in the layout of nnU-Net (`dataset.json`, `imagesTr`, `labelsTr`), also in that of its version 1."""

from collections.abc import Mapping
from pathlib import Path

from universeg.imageio.load import is_readable, stem
from universeg.prediction.label_files import known_labels
from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.sources.source import Labelled, Source, read_json, some

FACTS = "dataset.json"


def is_nnunet(folder: Path) -> bool:
    """Whether a folder has what nnU-Net needs."""
    return (folder / FACTS).is_file() and (folder / "imagesTr").is_dir() and (folder / "labelsTr").is_dir()


def nnunet(folder: Path, channel: int) -> Source:
    """The labelled cases, with channel number `channel` of their images."""
    facts = read_json(folder / FACTS)
    images = {stem(path): path for path in _images(folder / "imagesTr")}
    masks = {stem(path): path for path in _images(folder / "labelsTr")}
    suffix = f"_{channel:04d}"
    found, notes = list[Labelled](), list[str]()
    for case, mask in masks.items():
        image = images.get(case + suffix) or (images.get(case) if channel == 0 else None)  # version 1 has no suffix
        if image is not None:
            found.append(Labelled(case, image, (mask,)))
    if not found:
        raise PackError(f"{folder}: no mask in labelsTr has an image in imagesTr whose name ends in {suffix}")
    alone = sorted(masks.keys() - {one.name for one in found})
    if alone:
        notes.append(f"{len(alone)} masks without an image are left out: {some(alone)}")
    bare = sorted(name for name in images if name.endswith(suffix) and name.removesuffix(suffix) not in masks)
    if bare:
        notes.append(f"{len(bare)} images without a mask are left out: {some(bare)}")
    channels = _table(facts.get("channel_names", facts.get("modality")))
    if len(channels) > 1 and any(name.endswith("_0001") for name in images):  # else one file has all, in colour
        shown = ", ".join(f"{number} {name}" for number, name in channels.items())
        notes.append(f"only channel {channel} of the images is used; --channel chooses another: {shown}")
    licence = str(facts.get("licence") or facts.get("license") or "")
    origin = str(facts.get("reference") or facts.get("name") or "")
    return Source("nnU-Net", found, known_labels(folder, None), licence, origin, tuple(notes))


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if is_readable(path) and not path.name.startswith("."))


def _table(value: object) -> Mapping[str, object]:
    return {str(key): entry for key, entry in value.items()} if isinstance(value, dict) else {}
