"""Why `new` finds no images with masks in a folder, and what a person can do about it."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from pipeline.authoring.content import MAX_VALUES, Content
from universeg.imageio.formats import FORMATS
from universeg.imageio.masks import LOSSY

MAX_SHOWN = 8  # groups that are listed


def reasons(files: Sequence[str], contents: Sequence[Content]) -> Iterator[str]:
    """Each reason in a sentence; at least one."""
    if not contents:
        endings = sorted({PurePosixPath(path).suffix or path for path in files})
        known = ", ".join(ending for format in FORMATS.values() for ending in format.endings)
        found = f"its files end with {', '.join(endings[:MAX_SHOWN])}" if files else "it has no files"
        yield f"no file can be read as an image: {found}; the known endings are {known}"
        return
    images = [content for content in contents if not content.is_mask]
    masks = [content for content in contents if content.is_mask]
    yield "found " + "; ".join(map(_described, contents[:MAX_SHOWN]))
    if not masks:
        yield (
            f"no files look like masks: they have at most {MAX_VALUES} values or colours, 0 or black outside."
            " If the masks are outlines (XML, JSON, CSV, text), write the manifest by hand"
        )
        for image in images:
            if len(image.values) == 1:
                value = image.values[0]
                yield f"{image.group.pattern}: all pixels have the value {value}; a mask has 0 outside, another inside"
            elif image.is_numbered:
                yield (
                    f"{image.group.pattern} may number single objects (cells, lesions), since there are more than"
                    f" {MAX_VALUES} values; write the manifest by hand, with 'kind: ranges', for example"
                    " names: {cell: [1, 65535]}"
                )
        if any(image.group.pattern.lower().endswith(LOSSY) for image in images):
            yield "JPEG changes the values of masks: only masks of one structure are recognised; use PNG for others"
    elif not images:
        yield "all files look like masks; add the images to the folder"
    else:
        yield from _of_pairs(images, masks)


def _described(content: Content) -> str:
    kind = "volume" if content.is_volume else "picture"
    what = f"masks ({kind}s)" if content.is_mask else f"{kind}s"
    return f"{content.group.count} {content.group.reader} {what} {content.group.pattern}"


def _of_pairs(images: Sequence[Content], masks: Sequence[Content]) -> Iterator[str]:
    """Why the images do not match the masks."""
    for mask in masks[:MAX_SHOWN]:
        name, count = mask.group.pattern, mask.group.count
        several = _masks_per_image(images, mask)
        image = images[0]
        if several:
            yield (
                f"{name}: there are several masks for one image, {count} masks for {several} images, as for instances"
                " (cells, lesions); draw all masks of an image into one file, one value for each label"
            )
        elif all(other.is_volume != mask.is_volume for other in images):
            slices, volumes = (image, mask) if mask.is_volume else (mask, image)
            yield (
                f"{slices.group.pattern} are single slices, but {volumes.group.pattern} are volumes; if each file is"
                " one slice of a volume, write the manifest by hand, with 'stack' for the slices"
            )
        else:
            yield (
                f"{name}: fewer than half of the images {image.group.pattern} have a mask with the same subject; the"
                f" subjects of the images are {_examples(image)}, those of the masks {_examples(mask)}; rename the"
                " files so that both have the same"
            )


def _masks_per_image(images: Sequence[Content], mask: Content) -> int:
    """The number of images for which there are several masks each; 0 if it is not so."""
    if mask.group.count >= 2 * len(mask.group.files):
        return len(mask.group.files)
    for image in images:
        owners = [key for key in image.group.files if any(name.startswith(key) for name in mask.group.files)]
        if 2 * len(owners) > len(image.group.files) and mask.group.count >= 2 * len(owners):
            return len(owners)
    return 0


def _examples(content: Content) -> str:
    return ", ".join(sorted(content.group.files)[:3])
