"""Write files as datasets have them: the inverse of the readers.

Volumes are passed in RAS+ order (x right, y front, z up) and stored with axes in the directions of `orientation`;
pictures are passed as (row, column).
"""

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import h5py
import nibabel as nib
import numpy as np
import openpyxl
import pydicom
import SimpleITK as sitk
from nibabel.orientations import axcodes2ornt, inv_ornt_aff, ornt_transform
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from scipy.io import savemat

RAS = axcodes2ornt("RAS")
ONE_MM = (1.0, 1.0, 1.0)


def with_parent(path: Path) -> Path:
    """The path, after creating the folder for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def stored_as(values: np.ndarray, spacing: Sequence[float], orientation: str, origin=(0.0, 0.0, 0.0)):
    """Samples and affine as in a file whose axes have the directions of `orientation`, e.g. LPS."""
    turn = ornt_transform(RAS, axcodes2ornt(orientation))
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return nib.orientations.apply_orientation(values, turn), affine @ inv_ornt_aff(turn, values.shape)


def nifti(
    path: Path, values: np.ndarray, spacing=ONE_MM, orientation="RAS", *, affine=None, extra=0, big_endian=False
) -> None:
    """A volume in .nii or .nii.gz. `affine` replaces the true affine; `extra` axes of one sample; 4-D: channels.

    The voxel sizes in the header are `spacing`, also if an affine is given.
    """
    channels = values.shape[3:]
    stored, true = stored_as(values.reshape(*values.shape[:3], -1)[..., 0], spacing, orientation)
    if channels:
        stored = np.stack([stored_as(values[..., n], spacing, orientation)[0] for n in range(channels[0])], axis=-1)
    stored = stored.reshape(*stored.shape, *[1] * extra)
    header = nib.Nifti1Header(endianness=">" if big_endian else "<")
    header.set_data_dtype(stored.dtype)
    header.set_data_shape(stored.shape)
    header.set_zooms([*np.abs(true[:3, :3]).max(axis=0), *[1] * (stored.ndim - 3)])
    header.set_sform(true if affine is None else affine, 1)
    nib.save(nib.Nifti1Image(stored, None, header), with_parent(path))


def nifti_picture(path: Path, picture: np.ndarray, spacing=(1.0, 1.0)) -> None:
    """A picture with two axes, stored column first as in NIfTI. `spacing` is that of rows and columns."""
    nib.save(nib.Nifti1Image(picture.T, np.diag([spacing[1], spacing[0], 1.0, 1.0])), with_parent(path))


def mgz(path: Path, values: np.ndarray, spacing=ONE_MM, orientation="LIA") -> None:
    stored, affine = stored_as(values, spacing, orientation)
    nib.save(nib.MGHImage(np.ascontiguousarray(stored), affine), with_parent(path))


def itk(path: Path, values: np.ndarray, spacing=ONE_MM, orientation="LPS", *, compressed=False) -> None:
    """.mhd, .mha or .nrrd by the path's suffix; a picture (row, column) is stored as one slice."""
    if values.ndim == 2:
        image = sitk.GetImageFromArray(values[None])
        image.SetSpacing((float(spacing[1]), float(spacing[0]), 1.0))
    else:
        stored, affine = stored_as(values, spacing, orientation)
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
        image = sitk.GetImageFromArray(np.ascontiguousarray(stored.swapaxes(0, 2)))
        steps = np.linalg.norm(affine[:3, :3], axis=0)
        image.SetSpacing(steps.tolist())
        image.SetDirection((affine[:3, :3] / steps).ravel().tolist())
        image.SetOrigin(affine[:3, 3].tolist())
    sitk.WriteImage(image, str(with_parent(path)), useCompression=compressed)


def dicom(
    folder: Path, names: Sequence[str], values: np.ndarray, spacing=ONE_MM, orientation="LPS", *, slope=1, intercept=0
) -> None:
    """One file per slice; `names` follow the stored third axis. The stored values are those before rescaling."""
    stored, affine = stored_as(values, spacing, orientation)
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    for number, name in enumerate(names):
        position = affine @ [0, 0, number, 1]
        directions = [*(affine[:3, 0] / steps[0]), *(affine[:3, 1] / steps[1])]
        pixels = ((stored[:, :, number].T.astype(float) - intercept) / slope).round().astype(np.int16)
        _dicom_file(with_parent(folder / name), pixels, position[:3], directions, steps, (slope, intercept))


def _dicom_file(path: Path, pixels: np.ndarray, position, directions, steps, rescale) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    file.SeriesInstanceUID = generate_uid()  # differs between slices, as after careless anonymisation
    file.Rows, file.Columns = pixels.shape
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 1
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.ImagePositionPatient = [f"{x:.6g}" for x in position]
    file.ImageOrientationPatient = [f"{x:.6g}" for x in directions]
    file.PixelSpacing = [f"{steps[1]:.6g}", f"{steps[0]:.6g}"]
    file.RescaleSlope, file.RescaleIntercept = (str(x) for x in rescale)
    file.PixelData = pixels.tobytes()
    pydicom.dcmwrite(path, file, enforce_file_format=True)


def slices(values: np.ndarray, orientation: str) -> list[np.ndarray]:
    """The slices (row, column) of a volume; columns, rows and slices have the directions of `orientation`."""
    stored, _ = stored_as(values, ONE_MM, orientation)
    return [stored[:, :, n].T for n in range(stored.shape[2])]


def raster(path: Path, picture: np.ndarray, **options) -> None:
    """A PNG, BMP, JPEG, TIFF, GIF, PPM or PGM, by the suffix; gzipped if it ends in .gz; booleans are one bit."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    kind = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".pgm": "PPM", ".ppm": "PPM"}
    suffix = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    stream = io.BytesIO()
    image.save(stream, kind.get(f".{suffix}", suffix.upper()), **options)
    with_parent(path).write_bytes(
        gzip.compress(stream.getvalue(), mtime=0) if path.suffix == ".gz" else stream.getvalue()
    )


def palette(path: Path, indices: np.ndarray, colours: Sequence[tuple[int, int, int]]) -> None:
    """A PNG with a palette: `indices` into `colours`."""
    image = Image.fromarray(np.ascontiguousarray(indices.astype(np.uint8))).convert("P")
    image.putpalette([value for colour in colours for value in colour])
    image.save(with_parent(path))


def colour_channels(grey: np.ndarray, opacity: bool = False) -> np.ndarray:
    """A grey picture as red, green and blue, with an opacity of 255 if requested."""
    return np.dstack([*[grey] * 3, *[np.full_like(grey, 255)] * opacity])


def matlab(path: Path, **arrays: np.ndarray) -> None:
    savemat(with_parent(path), arrays)


def matlab73(path: Path, **arrays: np.ndarray) -> None:
    """A MATLAB file of version 7.3: HDF5 with reversed axes."""
    with h5py.File(with_parent(path), "w", userblock_size=512) as file:
        for name, values in arrays.items():
            file[name] = values.T


def hdf5(path: Path, **arrays: np.ndarray) -> None:
    with h5py.File(with_parent(path), "w") as file:
        for name, values in arrays.items():
            file[name] = values


def video(path: Path, frames: Sequence[np.ndarray]) -> None:
    """Grey frames (row, column) in a lossless AVI; the sides must be even."""
    with av.open(str(with_parent(path)), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "bgr0"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(colour_channels(frame), format="rgb24")))
        container.mux(stream.encode(None))


def excel(path: Path, rows: Sequence[Sequence[object]]) -> None:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(with_parent(path))


def text(path: Path, content: str = "") -> None:
    with_parent(path).write_text(content)


def mac_junk(path: Path) -> None:
    """A metadata file as macOS creates it beside another file."""
    with_parent(path).write_bytes(b"\0\5\26\7Mac OS X")


def run_lengths(path: Path, entries: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """A JSON of masks as COCO run lengths; `entries` maps key -> name -> mask."""
    content = {
        key: {name: {"size": list(mask.shape), "counts": _counts(mask)} for name, mask in masks.items()}
        for key, masks in entries.items()
    }
    text(path, json.dumps(content))


def _counts(mask: np.ndarray) -> str:
    flat = np.concatenate([[False], mask.ravel(order="F"), [not mask.ravel(order="F")[-1]]])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    lengths = np.diff(np.concatenate([[0], changes])).tolist()
    letters = []
    for number, length in enumerate(lengths):
        value = length - lengths[number - 2] if number > 2 else length
        while True:
            code, value = value & 31, value >> 5
            last = value == (-1 if code & 16 else 0)
            letters.append(chr((code if last else code | 32) + 48))
            if last:
                break
    return "".join(letters)


def outline(path: Path, mask: np.ndarray) -> None:
    """The border of a box as text: one point per line, column and row."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    corners = [(columns[i], rows[k]) for i, k in ((0, 0), (-1, 0), (-1, -1), (0, -1))]
    text(path, "".join(f"{x:.2f} {y:.2f}\n" for x, y in corners))
