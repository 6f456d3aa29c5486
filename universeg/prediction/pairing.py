"""Find the masks of each support image, in the layouts of folders that people have. No torch here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from universeg.imageio.formats import ENDINGS
from universeg.imageio.image import ImageError
from universeg.imageio.load import is_readable, stem
from universeg.imageio.series import holds_dicom
from universeg.prediction.pair_names import Matches, is_mask_name, matched

IMAGE_FOLDERS = ("images", "imagesTr", "image", "img", "imgs")
MASK_FOLDERS = ("masks", "labels", "labelsTr", "mask", "label", "segmentations", "annotations", "groundtruth", "gt")
TWINS = (".bmp", ".jpg", ".jpeg", ".tif", ".tiff")  # an image whose mask is the .png of the same name
REMEDY = (
    "Give each image its mask, or take it out of the folder. Known layouts: folders images/ and masks/ (or labels/, or"
    " imagesTr/ and labelsTr/) with the same names; side by side x.png and x_mask.png (also mask_x, _seg, _label, _gt);"
    " x.bmp and x.png; masks/ with one folder for each structure; or say where the masks are: --support-masks DIR, or"
    " --support-masks '*_manual.png'"
)
LISTED = 12  # files or pairs that a message lists


@dataclass(frozen=True)
class Pair:
    """A support image and its masks: one, the parts of one, or one for each of `structures`."""

    image: Path
    masks: tuple[Path, ...]
    structures: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Layout:
    """Where images and masks are. With several sets of masks, each is a structure."""

    name: str
    images: list[Path]
    masks: dict[str, list[Path]]


def find_pairs(folder: Path, masks: str | None = None, warn: Callable[[str], None] = lambda line: None) -> list[Pair]:
    """The image-mask pairs of a support folder. Raises ImageError listing all that do not pair up.

    `masks` says where the masks are: a folder, or a pattern such as "labelled/*_manual.png". Without it, the layout is
    found by the names of folders and files. Hidden files and files of unknown endings are ignored. `warn` gets what is
    left out: where the person says where masks are, those of other images may lie there too.
    """
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "no such folder"
        raise ImageError(f"{folder}: {what}; the support set is a folder of images and their masks")
    found = [_given(folder, masks)] if masks is not None else _layouts(folder)
    if len(found) > 1:
        names = "; ".join(layout.name for layout in found)
        raise ImageError(
            f"{folder}: more than one support set ({names}); keep one of them in the folder,"
            " or choose its masks with --support-masks"
        )
    if not found:
        raise ImageError(f"{folder}: no images found (looked for {', '.join(ENDINGS)}). {REMEDY}")
    return _pairs(folder, found[0], warn if masks is not None else None)


def find_images(folder: Path) -> list[Pair]:
    """The images of a folder in which only some need masks: each with those that are surely its own, or with none.

    Masks that belong to no image, or perhaps to several, are ignored. Images are not opened.
    """
    if not folder.is_dir():
        raise ImageError("no such folder", str(folder), "give the folder of the images")
    layouts = _layouts(folder)
    if not layouts:
        inner = [folder / name for name in IMAGE_FOLDERS if (folder / name).is_dir()]
        return [Pair(path, ()) for place in inner for path in images_in(place)]
    layout = layouts[0]
    if not layout.masks:
        return [_sample(path) for path in layout.images]
    structures = tuple(name for name in layout.masks if name)
    if structures and set(structures) <= {stem(path) for path in layout.images}:  # a folder of parts for each image
        return [Pair(path, tuple(layout.masks.get(stem(path), ()))) for path in layout.images]
    sets = [
        found.masks if found.sure else {} for found in (matched(layout.images, some) for some in layout.masks.values())
    ]
    masks = {path: tuple(mask for some in sets for mask in some.get(path, ())) for path in layout.images}
    whole = {path for path in layout.images if all(path in some for some in sets)}
    return [Pair(path, masks[path] if path in whole else (), structures) for path in layout.images]


def images_in(folder: Path) -> list[Path]:
    """Files with a readable ending, and folders of DICOM files, directly in a folder; hidden ones are ignored."""
    seen = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    return [path for path in seen if (path.is_file() and is_readable(path)) or (path.is_dir() and holds_dicom(path))]


def _given(folder: Path, masks: str) -> _Layout:
    """Masks where the person says; images are the others of the folder."""
    place = Path(masks)
    if place.is_dir():
        chosen = _mask_sets(place)
    else:
        here = place.parent if place.parent.is_dir() else folder / place.parent
        chosen = {"": [path for path in sorted(here.glob(place.name or "*")) if is_readable(path)]}
    if not any(chosen.values()):
        raise ImageError(f"--support-masks {masks}: no such folder, and no image file matches it as a pattern")
    inner = next((folder / name for name in IMAGE_FOLDERS if (folder / name).is_dir()), folder)
    taken = {path.resolve() for files in chosen.values() for path in files}
    images = images_in(inner)
    if any(path.resolve() in taken for path in images):  # other masks beside the chosen ones are no images
        images = _side_by_side(images).images
    return _Layout(f"{inner} with {masks}", [path for path in images if path.resolve() not in taken], chosen)


def _layouts(folder: Path) -> list[_Layout]:
    """All layouts that the folder could be read as."""
    found = list[_Layout]()
    inner = {path.name: path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")}
    for images in [inner[name] for name in IMAGE_FOLDERS if name in inner]:
        for masks in [inner[name] for name in MASK_FOLDERS if name in inner]:
            if _belong(images.name, masks.name):
                found.append(_Layout(f"{images.name}/ with {masks.name}/", images_in(images), _mask_sets(masks)))
        if not found:  # one folder for each structure, beside images/
            sets = {name: images_in(path) for name, path in inner.items() if path != images and images_in(path)}
            found += [_Layout(f"{images.name}/ with {', '.join(sets)}/", images_in(images), sets)] if sets else []
    samples = [path for path in inner.values() if (path / "images").is_dir() and (path / "masks").is_dir()]
    if samples:
        found.append(_Layout(f"{len(samples)} folders with images/ and masks/", samples, {}))
    beside = [path for path in images_in(folder) if path.is_file()]
    if beside:
        found.append(_side_by_side(beside))
    return found


def _belong(images: str, masks: str) -> bool:
    """imagesTr goes with labelsTr alone."""
    return images.endswith("Tr") == masks.endswith("Tr")


def _mask_sets(folder: Path) -> dict[str, list[Path]]:
    """The masks directly in a folder, or those in its folders by their names."""
    files = images_in(folder)
    if files:
        return {"": files}
    inner = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return {path.name: images_in(path) for path in inner if images_in(path)}


def _side_by_side(files: Sequence[Path]) -> _Layout:
    """Masks have a word for masks in their names, or are the .png beside a .bmp or .jpg, or extend an image's name."""
    names, others = {stem(path): path for path in files}, {stem(path) for path in files if path.suffix.lower() in TWINS}
    twins = {path for path in files if path.suffix.lower() == ".png" and stem(path) in others}
    masks = {path for path in files if is_mask_name(stem(path))} | twins
    if not masks:
        masks = {
            path
            for name, path in names.items()
            if any(name[:end] in names and not name[end].isalnum() for end in range(len(name)))
        }
    name = f"{len(files)} images directly in the folder"
    return _Layout(name, [path for path in files if path not in masks], {"": [p for p in files if p in masks]})


def _pairs(folder: Path, layout: _Layout, warn: Callable[[str], None] | None) -> list[Pair]:
    if not layout.masks:  # a folder for each sample
        return [_sample(path) for path in layout.images]
    stems = {stem(path) for path in layout.images}
    if set(layout.masks) - {""} and set(layout.masks) <= stems:  # a folder of parts for each image
        parts = {stem(path): layout.masks.get(stem(path), []) for path in layout.images}
        return _checked(
            folder,
            Matches(
                {path: parts[stem(path)] for path in layout.images if parts[stem(path)]},
                no_mask=[path for path in layout.images if not parts[stem(path)]],
            ),
            warn,
        )
    sets = {name: matched(layout.images, masks) for name, masks in layout.masks.items()}
    if len(sets) == 1:
        return _checked(folder, next(iter(sets.values())), warn)
    by_structure = {name: _checked(folder, found, warn) for name, found in sets.items()}
    masks = {name: {pair.image: pair.masks for pair in pairs} for name, pairs in by_structure.items()}
    return [Pair(image, tuple(masks[name][image][0] for name in masks), tuple(masks)) for image in layout.images]


def _sample(folder: Path) -> Pair:
    images, masks = images_in(folder / "images"), images_in(folder / "masks")
    if len(images) != 1 or not masks:
        raise ImageError(
            f"{folder}: expected one image in images/ and at least one mask in masks/,"
            f" got {len(images)} and {len(masks)}"
        )
    return Pair(images[0], tuple(masks))


def _checked(folder: Path, found: Matches, warn: Callable[[str], None] | None) -> list[Pair]:
    """The pairs; raises ImageError if something is left over, or if the pairs are a guess that nobody confirmed.

    With `warn`, the person has said where the masks are, so pairs are sure, and masks of other images are left out.
    """

    def names(paths: Sequence[Path]) -> str:
        shown = [str(path.relative_to(folder) if path.is_relative_to(folder) else path) for path in paths[:LISTED]]
        return ", ".join(shown) + (f" and {len(paths) - LISTED} more" if len(paths) > LISTED else "")

    problems = [f"  {names([path])}: no mask" for path in found.no_mask]
    if warn is None or not found.masks:
        problems += [f"  {names([path])}: no image" for path in found.no_image]
    elif found.no_image:
        warn(f"masks without an image are left out: {names(found.no_image)}")
    problems += [f"  {names(some)} with {names(masks)}: which image and which mask?" for some, masks in found.unclear]
    if problems:
        made = [f"  (pairs found: {len(found.masks)})"] if found.masks else []
        raise ImageError("\n".join([f"{folder}: images and masks do not pair up:", *problems, *made, REMEDY]))
    pairs = [Pair(image, tuple(masks)) for image, masks in sorted(found.masks.items())]
    if not found.sure and warn is None:
        shown = [f"  {names([pair.image])} with {names(pair.masks)}" for pair in pairs[:LISTED]]
        shown += [f"  and {len(pairs) - LISTED} more"] if len(pairs) > LISTED else []
        raise ImageError(
            "\n".join(
                [
                    f"{folder}: only the numbers in the names say which mask belongs to which image:",
                    *shown,
                    f"If these pairs are right, say where the masks are: --support-masks {_place(pairs[0])}",
                ]
            )
        )
    return pairs


def _place(pair: Pair) -> str:
    """What --support-masks can be: the folder of the masks, or a pattern if the images are in it too."""
    folder = pair.masks[0].parent
    return str(folder) if folder != pair.image.parent else f"'{folder}/*PART_OF_THEIR_NAMES*'"
