"""Read the images and masks that a person has: grey pictures (H, W) and volumes (X, Y, Z) in RAS+ order."""

from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

from universeg.imageio.formats import ENDINGS, ending_of, format_of, read
from universeg.imageio.image import GIVE_AFFINE, ImageError, LoadedImage, upright
from universeg.imageio.masks import label_values
from universeg.imageio.nifti import SAMPLES
from universeg.standardise.normalise import luminance


def stem(path: Path) -> str:
    """The file's name without its ending; `.nii.gz` is one ending. Accents of macOS and of other systems are alike."""
    return normalize("NFC", path.name[: len(path.name) - len(ending_of(path.name) or path.suffix)])


def is_readable(path: Path) -> bool:
    """Whether the name has the ending of a known image format."""
    return ending_of(path.name) is not None


def read_image(path: Path, frame: int | None = None) -> LoadedImage:
    """Grey intensities as the file holds them (16-bit stays 16-bit, colour becomes luminance); volumes in RAS+.

    Of a file with several pictures or volumes (`frames.py`), `frame` chooses one.
    """
    image = _loaded(path, frame)
    image.check_finite()
    values = luminance(image.colours) if image.colours.ndim > len(image.spacing) else image.colours
    return replace(image, values=values, palette=None)


def read_colours(path: Path, frame: int | None = None) -> LoadedImage:
    """The same with the colour channels that the file holds."""
    image = _loaded(path, frame)
    image.check_finite()
    return replace(image, values=image.colours, palette=None)


def read_labels(path: Path) -> LoadedImage:
    """The label map in a mask file: one whole number per sample, 0 outside; `masks.py` has the rules."""
    return label_values(_loaded(path))


def _loaded(path: Path, frame: int | None = None) -> LoadedImage:
    """A picture or one volume, upright."""
    # .img is not in the table of formats, so that a folder with pairs lists each image once
    name = format_of(path.name) or ("nifti" if path.suffix.lower() == SAMPLES else None)
    if name is None:
        raise ImageError(f"has none of the known endings ({', '.join(ENDINGS)})", str(path), "convert it first")
    raw = read(path, name, frame)
    if raw.is_volume and raw.values.ndim > 3 and not raw.coloured:
        raise ImageError(
            f"has shape {raw.values.shape}: a series of volumes", str(path), "save the volume you mean as its own file"
        )
    if raw.is_volume and raw.affine is None:
        pages = raw.values.shape[2]
        raise ImageError(f"has {pages} pages", str(path), "save the page you mean as its own file")
    try:
        return upright(raw, where=str(path))
    except ImageError as error:
        remedy = "save the file with a valid affine" if error.remedy == GIVE_AFFINE else error.remedy
        raise ImageError(error.reason, str(path), remedy) from error
