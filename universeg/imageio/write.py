"""Write masks and probabilities in the frame of the image that they belong to."""

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.base.atomic_write import atomic_write
from universeg.base.contact_sheet import Colour
from universeg.imageio import itk
from universeg.imageio.formats import format_of
from universeg.imageio.image import LPS_TO_RAS, ImageError, LoadedImage

ENDINGS = {"nifti": ".nii.gz", "nrrd": ".nrrd", "mha": ".mha", "png": ".png", "tiff": ".tif"}
PICTURES = ("png", "tiff")  # formats that keep no place in space
OWN = {"nifti": "nifti", "mgz": "nifti", "metaimage": "mha", "nrrd": "nrrd"}  # a file's format -> that of its results
DEEPEST = (1 << 16) - 1  # value of a PNG

Values = NDArray[Any]


def format_like(image: LoadedImage, frames: int = 1, wanted: str = "auto") -> str:
    """The key of ENDINGS for the results of an image: the kind of its own file, unless another is `wanted`.

    Volumes of a DICOM series become NIfTI; pictures PNG, or TIFF if the file has several. Raises ImageError if the
    wanted format cannot hold the image.
    """
    if wanted == "auto":
        own = OWN.get(format_of(image.where) or "")
        return own or ("nifti" if image.is_volume else "tiff" if frames > 1 else "png")
    if wanted in PICTURES and image.is_volume:
        raise ImageError(f"is a volume, which {wanted} cannot hold", image.where, "use --format nifti, nrrd or mha")
    if wanted == "png" and frames > 1:
        raise ImageError(f"has {frames} frames, which one PNG cannot hold", image.where, "use --format tiff")
    if wanted in ("nrrd", "mha") and frames > 1:
        raise ImageError(f"has {frames} frames", image.where, "use --format nifti or tiff, or choose one with --frame")
    return wanted


def write_mask(
    path: Path,
    masks: Sequence[NDArray[np.unsignedinteger]],
    image: LoadedImage,
    colours: Sequence[tuple[int, Colour]] = (),
) -> None:
    """Label maps of the frames of one file, each of the shape of `image`, in the format that `path` ends with.

    NIfTI, NRRD and MHA have the grid and affine of the image's own file. A PNG with `colours`, of values below 256, has
    them as its palette, so that every viewer shows the structures, and the values stay what they are.
    """
    if path.suffix == ".png":
        _write_png(path, masks[0], colours)
    else:
        _write(path, masks, image)


def write_probability(path: Path, frames: Sequence[NDArray[np.float32]], image: LoadedImage) -> None:
    """Values in [0, 1] as 32-bit floats, as `write_mask` does; a picture as TIFF."""
    _write(path, frames, image)


def _write(path: Path, frames: Sequence[Values], image: LoadedImage) -> None:
    if path.suffix == ".tif":
        with atomic_write(path) as part:
            first, *others = [Image.fromarray(frame) for frame in frames]
            first.save(part, format="TIFF", save_all=True, append_images=others, compression="tiff_adobe_deflate")
    elif path.suffix in (".gz", ".nii"):
        _write_nifti(path, frames, image)
    else:
        _write_itk(path, frames, image)


def _write_png(path: Path, mask: Values, colours: Sequence[tuple[int, Colour]]) -> None:
    if mask.max() > DEEPEST:
        reason = f"has the label {mask.max()}; PNG holds values up to {DEEPEST}"
        raise ImageError(reason, path.name, "use --format tiff, or smaller values in the example masks")
    picture = Image.fromarray(mask)
    if colours and mask.dtype == np.uint8:
        table = np.zeros((256, 3), np.uint8)
        for value, colour in colours:
            table[value] = colour
        picture.putpalette(table.tobytes())
    with atomic_write(path) as part:
        picture.save(part, format="PNG")


def as_stored(values: Values, image: LoadedImage) -> Values:
    """Values on the upright grid, turned back to the axes of the file that was read: (x, y[, z])."""
    from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform

    if not image.is_volume:  # a picture has its rows first
        return values.T
    back = ornt_transform(axcodes2ornt("RAS"), io_orientation(image.stored))
    turned: Values = apply_orientation(values, back)
    return turned


def _write_nifti(path: Path, frames: Sequence[Values], image: LoadedImage) -> None:
    """Turn the values back to the axes, shape and affine of the file that was read."""
    import nibabel as nib

    own = [np.ascontiguousarray(as_stored(values, image)) for values in frames]
    own = [values.reshape(image.stored_shape or values.shape) for values in own]
    stack = own[0] if len(own) == 1 else np.stack([values.reshape((*values.shape, 1, 1)[:3]) for values in own], axis=3)
    nifti: Any
    if isinstance(image.header, nib.Nifti1Header):
        header = image.header.copy()
        header.set_data_dtype(stack.dtype)
        header["cal_min"], header["cal_max"] = 0, max(1, float(stack.max()))
        kind = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
        nifti = kind(stack, None, header)
    else:
        affine = image.stored if image.stored is not None else np.diag([*image.spacing[::-1], 1.0, 1.0])
        nifti = nib.Nifti1Image(stack, affine)
    with atomic_write(path) as part, part.open("wb") as file:
        if path.suffix == ".gz":
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as stream:  # no name, no time
                nifti.to_stream(stream)
        else:
            nifti.to_stream(file)


def _write_itk(path: Path, frames: Sequence[Values], image: LoadedImage) -> None:
    """NRRD or MHA, with size, spacing, origin and directions of the file that was read; several volumes as 4-D."""
    import SimpleITK as sitk

    arrays = [np.ascontiguousarray(as_stored(values, image).T) for values in frames]  # ITK has the axes in reverse
    own = format_of(image.where)
    if own in itk.KINDS and Path(image.where).is_file():
        reader = itk.opened(Path(image.where), own)
        volumes = [_as_read(array, reader) for array in arrays]
        result = volumes[0]
        if len(volumes) > 1:
            result = sitk.JoinSeries(volumes, (*reader.GetOrigin(), 0.0)[3], (*reader.GetSpacing(), 1.0)[3])
    else:
        result = _placed(sitk.GetImageFromArray(arrays[0]), image)
    with atomic_write(path) as part:
        writer = sitk.ImageFileWriter()
        writer.SetImageIO(itk.KINDS["nrrd" if path.suffix == ".nrrd" else "metaimage"])
        writer.UseCompressionOn()
        named = part.with_name(f"{part.name}{path.suffix}")  # ITK goes by the ending
        writer.SetFileName(str(named))
        writer.Execute(result)
        named.replace(part)


def _as_read(array: Values, reader: Any) -> Any:
    """An ITK image in the place of the one that was read; of a series of volumes, in that of each volume."""
    import SimpleITK as sitk

    axes = len(reader.GetSize())
    kept = min(axes, 3)
    result = sitk.GetImageFromArray(array.reshape(reader.GetSize()[:kept][::-1]))
    result.SetSpacing(reader.GetSpacing()[:kept])
    result.SetOrigin(reader.GetOrigin()[:kept])
    directions = np.reshape(reader.GetDirection(), (axes, axes))[:kept, :kept]
    result.SetDirection(directions.ravel().tolist())
    return result


def _placed(result: Any, image: LoadedImage) -> Any:
    """An ITK image with the place in space that the file of another format gives."""
    if image.stored is None:
        result.SetSpacing(image.spacing[::-1])
        return result
    affine = LPS_TO_RAS @ image.stored  # the matrix is its own inverse
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    result.SetSpacing(steps.tolist())
    result.SetOrigin(affine[:3, 3].tolist())
    result.SetDirection((affine[:3, :3] / steps).ravel().tolist())
    return result
