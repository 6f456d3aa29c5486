"""Which mask belongs to which image, by their names alone. No torch here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from universeg.imageio.load import stem

MASK_WORDS = "mask masks seg segm segmentation segmented label labels labelmap gt groundtruth annotation annotations"
ANY_WORD = rf"(?:{'|'.join(MASK_WORDS.split())})"
BEFORE = re.compile(rf"^{ANY_WORD}[ _.-]+", re.IGNORECASE)
AFTER = re.compile(rf"[ _.-]+{ANY_WORD}(?P<part>[ _.-]?\d{{1,5}})?$", re.IGNORECASE)
IMAGE_WORD = re.compile(r"(^(?:image|images|img|im|scan)[ _.-]+)|([ _.-]+(?:image|images|img|im|scan)$)", re.IGNORECASE)
CHANNEL = "_0000"  # nnU-Net's name for the only channel
SEPARATORS = " _.-"
NUMBER = re.compile(r"\d+")


@dataclass
class Matches:
    """Masks by image, and what is left. `sure` is False if only numbers in the names say what belongs together."""

    masks: dict[Path, list[Path]] = field(default_factory=dict)
    unclear: list[tuple[list[Path], list[Path]]] = field(default_factory=list)  # images and masks that share a name
    no_mask: list[Path] = field(default_factory=list)
    no_image: list[Path] = field(default_factory=list)
    sure: bool = True


def is_mask_name(name: str) -> bool:
    """Whether a name without its ending begins or ends with a word for masks."""
    return bool(BEFORE.search(name) or AFTER.search(name))


def bare(name: str) -> str:
    """The name of the image that a mask's name is made of: without a word for masks before or after it."""
    return AFTER.sub("", BEFORE.sub("", name))


def matched(images: Sequence[Path], masks: Sequence[Path]) -> Matches:
    """Give each mask to the image of its name; if some names do not fit, by the numbers in them."""
    found = _by_name(images, masks)
    if found.no_mask or found.no_image:
        numbered = _by_numbers(images, masks)
        if numbered is not None:
            return numbered
    return found


def _by_name(images: Sequence[Path], masks: Sequence[Path]) -> Matches:
    by_key = dict[str, list[Path]]()
    for image in images:
        for key in _image_keys(stem(image)):
            by_key.setdefault(key, []).append(image)
    owners = {mask: _owners(stem(mask), by_key) for mask in masks}
    given = {image: [mask for mask in masks if image in owners[mask]] for image in images}
    result = Matches(
        no_mask=[image for image in images if not given[image]], no_image=[mask for mask in masks if not owners[mask]]
    )
    for image, mine in given.items():
        alone = all(len(owners[mask]) == 1 for mask in mine)
        if mine and alone and (len(mine) == 1 or _are_parts(mine, image)):
            result.masks[image] = mine
        elif mine and mine not in [masks for _, masks in result.unclear]:
            result.unclear.append(([other for other in images if given[other] == mine], mine))
    return result


def _image_keys(name: str) -> list[str]:
    """The name, without nnU-Net's channel, and without a word for images."""
    short = name.removesuffix(CHANNEL)
    return list(dict.fromkeys([name, short, IMAGE_WORD.sub("", short)]))


def _owners(name: str, by_key: Mapping[str, list[Path]]) -> list[Path]:
    """The images of a mask's name: of exactly this name, of the name without words for masks, or the longest in it."""
    for key in dict.fromkeys([name, bare(name), IMAGE_WORD.sub("", bare(name))]):
        if key in by_key:
            return by_key[key]
    inside = [key for key in by_key if key and _contains(name, key)]
    return by_key[max(inside, key=len)] if inside else []


def _contains(name: str, key: str) -> bool:
    """Whether a mask's name begins or ends with an image's name and a separator."""
    begins = name.startswith(key) and name[len(key) : len(key) + 1] in SEPARATORS
    ends = name.endswith(key) and name[-len(key) - 1 : -len(key)] in SEPARATORS
    return len(name) > len(key) and (begins or ends)


def _are_parts(masks: Sequence[Path], image: Path) -> bool:
    """Whether masks of one image differ in a number only, as masks of single objects do."""
    rests = {NUMBER.sub("", stem(mask).replace(stem(image), "", 1)).strip(SEPARATORS) for mask in masks}
    return len(rests) == 1 and len({stem(mask) for mask in masks}) == len(masks)


def _by_numbers(images: Sequence[Path], masks: Sequence[Path]) -> Matches | None:
    """Pairs whose names share their last number, if each number is in one image and one mask."""
    numbered = [{_number(path): path for path in paths} for paths in (images, masks)]
    whole = all(len(found) == len(paths) for found, paths in zip(numbered, (images, masks), strict=True))
    if not whole or numbered[0].keys() != numbered[1].keys() or None in numbered[0]:
        return None
    return Matches({path: [numbered[1][number]] for number, path in numbered[0].items()}, sure=False)


def _number(path: Path) -> tuple[int, ...] | None:
    """The first numbers in a name that look like that of a case."""
    found = NUMBER.findall(stem(path))
    return (int(found[0]),) if found else None
