"""Find the images to segment, and the mask of each support image, by common naming schemes. No torch here."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from universeg.imageio.formats import ENDINGS
from universeg.imageio.image import ImageError
from universeg.imageio.load import is_readable, stem

FOLDERS = {"images": ("masks", "labels"), "imagesTr": ("labelsTr",)}
SUFFIXES = ("_mask", "_seg", "_label", "_gt")
CHANNEL = "_0000"  # nnU-Net's name for the only channel
TWINS = (".bmp", ".jpg", ".jpeg", ".tif", ".tiff")  # an image whose mask is the .png of the same name
REMEDY = (
    "Give each image one mask. Known layouts: folders images/ and masks/ (or labels/, or imagesTr/ and labelsTr/)"
    " with the same names; or side by side x.png and x_mask.png (also _seg, _label, _gt); or x.bmp and x.png."
)

Named = Mapping[str, list[Path]]  # name without ending or suffix -> files


@dataclass(frozen=True)
class Pair:
    """A support image and its mask."""

    image: Path
    mask: Path


def find_pairs(folder: Path) -> list[Pair]:
    """The image-mask pairs of a support folder, by name. Raises ImageError listing all that do not pair up.

    Looks at files with a readable ending, not at hidden ones, and in no folder but the layout's.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder}: no such folder; the support set is a folder of images and their masks")
    layouts = [
        (folder / images, folder / masks)
        for images, choices in FOLDERS.items()
        for masks in choices
        if (folder / images).is_dir() and (folder / masks).is_dir()
    ]
    beside = _files(folder)
    if len(layouts) + bool(beside) > 1:
        found = [f"{images.name}/ with {masks.name}/" for images, masks in layouts]
        found += [f"{len(beside)} images directly in the folder"] if beside else []
        raise ImageError(f"{folder}: more than one support set ({'; '.join(found)}); keep one of them in the folder")
    if not layouts and not beside:
        raise ImageError(f"{folder}: no images found (looked for {', '.join(ENDINGS)}). {REMEDY}")
    return _matched(folder, *(_two_folders(*layouts[0]) if layouts else _side_by_side(beside)))


def find_queries(paths: Sequence[Path]) -> list[Path]:
    """The images to segment: files as given, folders as the images directly in them.

    Raises ImageError where results would share a name, or where a folder holds what looks like masks.
    """
    found = list[Path]()
    for path in paths:
        inside = _files(path) if path.is_dir() else [path]
        if not inside:
            raise ImageError(f"{path}: no images found (looked for {', '.join(ENDINGS)})")
        names = {stem(file) for file in inside}
        masks = [file.name for file in inside if len(inside) > 1 and _bare(stem(file)) in names - {stem(file)}]
        if masks:
            raise ImageError(
                f"{path}: {_some(masks)} look like masks of other images in this folder; list the images one by one"
            )
        found += inside
    missing = [str(path) for path in found if not path.exists()]
    if missing:
        raise ImageError(f"no such file: {_some(missing)}")
    odd = [str(path) for path in found if not (path.is_file() or path.is_dir())]
    if odd:
        raise ImageError(f"neither a file nor a folder, but a pipe or a device: {_some(odd)}; save the image to a file")
    clashes = [paths for paths in _by_name(found, stem).values() if len(paths) > 1]
    if clashes:
        lines = "; ".join(_some([str(path) for path in paths]) for paths in clashes)
        raise ImageError(f"results are named after the images, and these share a name: {lines}; run them separately")
    return found


def _two_folders(images: Path, masks: Path) -> tuple[Named, Named]:
    by_name = _by_name(_files(images), stem)
    plain = set(by_name)

    def mask_name(path: Path) -> str:
        return stem(path) if stem(path) in plain else _bare(stem(path))

    by_mask = _by_name(_files(masks), mask_name)
    return _by_name(_files(images), lambda path: _without_channel(stem(path), by_mask)), by_mask


def _side_by_side(files: Sequence[Path]) -> tuple[Named, Named]:
    together = _by_name(files, stem)
    marked = {path for path in files if _bare(stem(path)) != stem(path)}
    twins = {
        path
        for group in together.values()
        for path in group
        if path.suffix.lower() == ".png" and any(other.suffix.lower() in TWINS for other in group)
    }
    masks = _by_name([path for path in files if path in marked | twins], lambda path: _bare(stem(path)))
    images = [path for path in files if path not in marked | twins]
    return _by_name(images, lambda path: _without_channel(stem(path), masks)), masks


def _matched(folder: Path, images: Named, masks: Named) -> list[Pair]:
    problems = list[str]()
    for name in sorted({*images, *masks}):
        here, there = ([str(path.relative_to(folder)) for path in named.get(name, [])] for named in (images, masks))
        if not there:
            problems.append(f"  {_some(here)}: no mask")
        elif not here:
            problems.append(f"  {_some(there)}: no image")
        elif len(here) > 1 or len(there) > 1:
            problems.append(f"  {_some(here)} with {_some(there)}: which image and which mask?")
    if problems:
        raise ImageError("\n".join([f"{folder}: images and masks do not pair up:", *problems, REMEDY]))
    return [Pair(images[name][0], masks[name][0]) for name in sorted(images)]


def _files(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_file() and is_readable(path) and not path.name.startswith(".")
    )


def _by_name(files: Iterable[Path], name: Callable[[Path], str]) -> dict[str, list[Path]]:
    named = defaultdict[str, list[Path]](list)
    for path in files:
        named[name(path)].append(path)
    return dict(named)


def _bare(name: str) -> str:
    """The name of the image that a mask's name is made of."""
    ending = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)]


def _without_channel(name: str, masks: Named) -> str:
    short = name.removesuffix(CHANNEL)
    return short if short in masks else name


def _some(names: Sequence[str]) -> str:
    return ", ".join(names)
