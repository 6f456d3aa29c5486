"""A small valid file of every kind that comes from strangers: images and masks, outlines, run lengths and tables."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk
import tifffile
from dicom_files import item
from layouts import writers
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from universeg.base.rng import rng_for

INSIDE = 255  # the value of the structure in masks
AFFINE = np.diag([-1.5, -1.5, 2.0, 1.0])
UID = "1.2.826.0.1.3680043.8.498.1"  # fixed, so that a seed always gives the same bytes

Values = np.ndarray
Write = Callable[[Path, Values], None]


@dataclass(frozen=True)
class Sample:
    """How one kind of image file is written, and what the pipeline must know to read it."""

    ending: str
    reader: str
    write: Write  # of a picture (row, column) or a volume (x, y, z), uint8
    is_volume: bool = False
    keys: Mapping[str, Any] = field(default_factory=dict)  # of the manifest's `scans`
    refused: bool = False  # by prediction, even if it is not damaged
    mask: str = ""  # the sample for the label file, if not the same


def mask_of(is_volume: bool) -> Values:
    """A ball (x, y, z) or a disc (row, column): 0 and INSIDE."""
    shape = (14, 12, 9) if is_volume else (20, 24)
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    distance = sum((grid - n / 2) ** 2 for grid, n in zip(grids, shape, strict=True))
    return np.where(distance < 16, INSIDE, 0).astype(np.uint8)


def image_of(is_volume: bool, number: int) -> Values:
    """The mask of `mask_of`, bright on a darker background with noise; another noise for each number."""
    mask = mask_of(is_volume)
    return (60 + mask / 2 + rng_for("fuzz image", number).integers(0, 40, mask.shape)).astype(np.uint8)


def _nifti(path: Path, values: Values, shape: tuple[int, ...] | None = None, kind: Any = np.uint8) -> None:
    image = nib.Nifti1Image(values.reshape(shape or values.shape).astype(kind), AFFINE, dtype=kind)
    image.set_qform(AFFINE, 1)
    data = image.to_bytes()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _nifti_colours(path: Path, values: Values) -> None:
    colours = np.zeros(values.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    for name in "RGB":
        colours[name] = values
    data = nib.Nifti1Image(colours, AFFINE).to_bytes()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def _nifti_pair(path: Path, values: Values) -> None:
    nib.save(nib.Nifti1Pair(values, AFFINE), path)


def _nifti_picture(path: Path, values: Values, extra: tuple[int, ...] = ()) -> None:
    _nifti(path, values.T, (*values.T.shape, *extra))


def _series(path: Path, values: Values) -> None:
    _nifti(path, np.stack([values, values // 2], -1))


def _mgz(path: Path, values: Values) -> None:
    data = nib.MGHImage(values, AFFINE).to_bytes()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".mgz" else data)


def _itk(path: Path, values: Values, compressed: bool = False) -> None:
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.T if values.ndim == 3 else values))
    image.SetSpacing((1.5, 1.5, 2.0)[: values.ndim])
    sitk.WriteImage(image, str(path), useCompression=compressed)


def _dicom(path: Path, values: Values, colour: bool = False, **attributes: Any) -> None:
    """One slice, or for a volume an enhanced file with a frame for each slice."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = UID
    pixels = values.astype(np.int16) if not colour else writers.colour_channels(values)
    file.Modality, file.Rows, file.Columns = "CT", *values.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = (3, "RGB") if colour else (1, "MONOCHROME2")
    if colour:
        file.PlanarConfiguration = 0
    bits = 8 * pixels.dtype.itemsize
    file.BitsAllocated = file.BitsStored = bits
    file.HighBit, file.PixelRepresentation = bits - 1, int(not colour)
    file.PixelSpacing, file.RescaleSlope, file.RescaleIntercept = [1.5, 2.0], 1, 0
    file.ImageOrientationPatient, file.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
    file.PixelData = pixels.tobytes()
    file["PixelData"].VR = "OW"
    for name, value in attributes.items():
        setattr(file, name, value)
    file.save_as(path, enforce_file_format=True)


def _dicom_volume(path: Path, values: Values) -> None:
    frames = np.ascontiguousarray(values.T)

    shared = item(
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[1.5, 1.5], SliceThickness=2)]),
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        PixelValueTransformationSequence=Sequence([item(RescaleSlope=1, RescaleIntercept=0)]),
    )
    places = [
        item(PlanePositionSequence=Sequence([item(ImagePositionPatient=[0, 0, 2 * number])]))
        for number in range(len(frames))
    ]
    groups = {
        "SharedFunctionalGroupsSequence": Sequence([shared]),
        "PerFrameFunctionalGroupsSequence": Sequence(places),
    }
    _dicom(path, frames, NumberOfFrames=len(frames), **groups)


def _dicom_segments(path: Path, values: Values) -> None:
    """The samples above 150 as the only segment, without frames for the slices where it is not."""

    marked = {n: frame for n, frame in enumerate(np.ascontiguousarray(values.T) > 150) if frame.any()}
    shared = item(
        PixelMeasuresSequence=Sequence([item(PixelSpacing=[1.5, 1.5], SliceThickness=2, SpacingBetweenSlices=2)]),
        PlaneOrientationSequence=Sequence([item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]),
        SegmentIdentificationSequence=Sequence([item(ReferencedSegmentNumber=1)]),
    )
    frames = [
        item(PlanePositionSequence=Sequence([item(ImagePositionPatient=[0, 0, 2 * number])])) for number in marked
    ]
    _dicom(
        path,
        np.stack(list(marked.values())),
        SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4",
        Modality="SEG",
        SegmentationType="BINARY",
        NumberOfFrames=len(marked),
        SegmentSequence=Sequence([item(SegmentNumber=1, SegmentLabel="ball")]),
        SharedFunctionalGroupsSequence=Sequence([shared]),
        PerFrameFunctionalGroupsSequence=Sequence(frames),
    )


def _palette(path: Path, values: Values) -> None:
    writers.palette(path, values, [(n, n, n) for n in range(256)])


def _raster(path: Path, values: Values, **options: Any) -> None:
    writers.raster(path, values, **options)


def _coloured(path: Path, values: Values, opacity: bool = False) -> None:
    writers.raster(path, writers.colour_channels(values, opacity))


def _bits16(path: Path, values: Values) -> None:
    writers.raster(path, values.astype(np.uint16) * 257)


def _png48(path: Path, values: Values) -> None:
    from imagecodecs import png_encode

    path.write_bytes(png_encode(writers.colour_channels(values).astype(np.uint16) * 257))


def _one_bit(path: Path, values: Values) -> None:
    writers.raster(path, values > 90)


def _turned_jpeg(path: Path, values: Values) -> None:
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rot90(values)).save(path, quality=98, exif=exif)


def _pages(path: Path, values: Values) -> None:
    first, *others = [Image.fromarray(np.ascontiguousarray(values[:, :, n].T)) for n in range(values.shape[2])]
    first.save(path, save_all=True, append_images=others)


def _tifffile(path: Path, values: Values, kind: Any, colour: bool = False, **options: Any) -> None:
    pixels = (writers.colour_channels(values) if colour else values).astype(kind)
    tifffile.imwrite(path, pixels, photometric="rgb" if colour else "minisblack", metadata=None, **options)


def _netpbm16(path: Path, values: Values) -> None:
    head = b"P5\n# a comment\n%d %d\n65535\n" % values.shape[::-1]
    path.write_bytes(head + (values.astype(">u2") * 257).tobytes())


def _netpbm_text(path: Path, values: Values) -> None:
    path.write_bytes(b"P2\n%d %d\n400\n" % values.shape[::-1] + " ".join(map(str, values.ravel())).encode())


def _named(write: Callable[..., None], path: Path, values: Values) -> None:
    write(path, a=values)


def _video(path: Path, values: Values) -> None:
    writers.video(path, [values, values // 2])


_PLACE = {"orientation": "LPS", "spacing": (1.5, 1.5, 2.0)}
_ARRAY = {"array": "a"}

SAMPLES: Mapping[str, Sample] = {
    "nifti": Sample(".nii", "nifti", _nifti, is_volume=True),
    "nifti gzipped": Sample(".nii.gz", "nifti", _nifti, is_volume=True),
    "nifti pair": Sample(".hdr", "nifti", _nifti_pair, is_volume=True),
    "nifti float": Sample(".nii.gz", "nifti", partial(_nifti, kind=np.float64), is_volume=True),
    "nifti colour": Sample(".nii.gz", "nifti", _nifti_colours, is_volume=True),
    "nifti int64": Sample(".nii", "nifti", partial(_nifti, kind=np.int64), is_volume=True),
    "nifti picture": Sample(".nii", "nifti", _nifti_picture),
    "nifti one slice": Sample(".nii.gz", "nifti", partial(_nifti_picture, extra=(1, 1))),
    "nifti series": Sample(".nii.gz", "nifti", _series, True, {"frames": [1]}, refused=True, mask="nifti"),
    "mgz": Sample(".mgz", "mgz", _mgz, is_volume=True),
    "mgh": Sample(".mgh", "mgz", _mgz, is_volume=True),
    "mha": Sample(".mha", "metaimage", _itk, is_volume=True),
    "mhd and raw": Sample(".mhd", "metaimage", _itk, is_volume=True),
    "mhd and zraw": Sample(".mhd", "metaimage", partial(_itk, compressed=True), is_volume=True),
    "mha picture": Sample(".mha", "metaimage", _itk),
    "nrrd": Sample(".nrrd", "nrrd", _itk, is_volume=True),
    "nrrd gzipped": Sample(".nrrd", "nrrd", partial(_itk, compressed=True), is_volume=True),
    "nhdr and raw": Sample(".nhdr", "nrrd", _itk, is_volume=True),
    "dicom": Sample(".dcm", "dicom", _dicom),
    "dicom colour": Sample(".dcm", "dicom", partial(_dicom, colour=True)),
    "dicom enhanced": Sample(".dcm", "dicom", _dicom_volume, is_volume=True),
    "dicom frames and segments": Sample(".dcm", "dicom", _dicom_volume, is_volume=True, mask="dicom segments"),
    "dicom segments": Sample(".dcm", "dicom", _dicom_segments, is_volume=True, refused=True),
    "png": Sample(".png", "raster", _raster),
    "png 16 bit": Sample(".png", "raster", _bits16),
    "png 1 bit": Sample(".png", "raster", _one_bit),
    "png palette": Sample(".png", "raster", _palette),
    "png colour": Sample(".png", "raster", _coloured),
    "png alpha": Sample(".png", "raster", partial(_coloured, opacity=True)),
    "png 48 bit": Sample(".png", "raster", _png48),
    "jpeg": Sample(".jpg", "raster", _turned_jpeg),
    "tiff": Sample(".tif", "raster", _raster),
    "tiff lzw": Sample(".tif", "raster", partial(_raster, compression="tiff_lzw")),
    "tiff palette": Sample(".tif", "raster", _palette),
    "tiff 16 bit": Sample(".tif", "raster", partial(_tifffile, kind=np.uint16)),
    "tiff 48 bit": Sample(".tif", "raster", partial(_tifffile, kind=np.uint16, colour=True, compression="zlib")),
    "tiff float": Sample(".tif", "raster", partial(_tifffile, kind=np.float32)),
    "tiff pages": Sample(".tif", "raster", _pages, True, _PLACE, refused=True),
    "gif": Sample(".gif", "raster", _raster),
    "gif pages": Sample(".gif", "raster", _pages, True, _PLACE, refused=True, mask="tiff pages"),
    "bmp": Sample(".bmp", "raster", _raster),
    "ppm": Sample(".ppm", "raster", _coloured),
    "pgm": Sample(".pgm", "raster", _raster),
    "pgm 16 bit": Sample(".pgm", "raster", _netpbm16),
    "pgm text": Sample(".pgm", "raster", _netpbm_text),
    "ppm gzipped": Sample(".ppm.gz", "raster", _coloured),
    "matlab 5": Sample(".mat", "matlab", partial(_named, writers.matlab), True, _PLACE | _ARRAY, refused=True),
    "matlab 7.3": Sample(".mat", "matlab", partial(_named, writers.matlab73), True, _PLACE | _ARRAY, refused=True),
    "hdf5": Sample(".h5", "hdf5", partial(_named, writers.hdf5), keys=_ARRAY, refused=True),
    "video": Sample(".avi", "video", _video, keys={"frames": [0]}, refused=True, mask="png"),
}


# Files of other label kinds, each with the manifest's keys of `labels`. The outlines lie in a picture of `image_of`.
_CORNERS = [(6, 5), (17, 5), (17.5, 14.25), (6, 14)]


def _contours() -> str:
    return "".join(f"{x:.2f} {y:.2f}\n" for x, y in _CORNERS)


def _labelme() -> str:
    shapes = [{"label": "cell", "points": _CORNERS, "shape_type": "polygon", "group_id": None}]
    return json.dumps({"version": "5.0", "flags": {}, "shapes": shapes, "imageHeight": 20, "imageWidth": 24})


def _json() -> str:
    return json.dumps({"cell": [_CORNERS], "other": [_CORNERS[:3]]})


def _aperio() -> str:
    vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0"/>' for x, y in _CORNERS)
    region = f'<Region Id="1" NegativeROA="0"><Vertices>{vertices}</Vertices></Region>'
    return f'<Annotations><Annotation Id="1" Name="cell"><Regions>{region}</Regions></Annotation></Annotations>'


def _labelme_xml() -> str:
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in _CORNERS)
    return f"<annotation><object><name>cell</name><polygon>{points}</polygon></object></annotation>"


def _csv() -> str:
    return "name,x,y\n" + "".join(f"cell,{x},{y}\n" for x, y in _CORNERS)


_POLYGONS = {"kind": "polygons", "names": {"cell": "a"}}
_RUNS = {"kind": "rle", "key": "image", "names": {"cell": "a"}}
LABEL_FILES: Mapping[str, tuple[str, Callable[[], str], Mapping[str, Any]]] = {
    "contours": (".txt", _contours, {"kind": "contours"}),
    "polygons labelme": (".json", _labelme, _POLYGONS),
    "polygons json": (".json", _json, _POLYGONS),
    "polygons aperio": (".xml", _aperio, _POLYGONS),
    "polygons xml": (".xml", _labelme_xml, _POLYGONS),
    "polygons csv": (".csv", _csv, _POLYGONS),
    "run lengths": (
        ".json",
        lambda: json.dumps({"image": {"cell": {"size": [20, 24], "counts": writers._counts(mask_of(False) > 0)}}}),
        _RUNS,
    ),
    "run lengths as numbers": (
        ".json",
        lambda: json.dumps({"image": {"cell": {"size": [20, 24], "counts": [100, 30, 350]}}}),
        _RUNS,
    ),
}

TABLE = [["A title", "", ""], ["file", "person", "note"], ["image", "p1", "12"], ["other", "p2", "13.0"]]


def table(path: Path) -> None:
    """The rows of TABLE as CSV, TSV, Excel or HDF5, by the suffix."""
    if path.suffix == ".xlsx":
        writers.excel(path, TABLE)
    elif path.suffix == ".h5":
        columns = zip(*TABLE[2:], strict=True)
        writers.hdf5(path, **{name: np.array(column, "S9") for name, column in zip(TABLE[1], columns, strict=True)})
    else:
        path.write_text("\n".join(("\t" if path.suffix == ".tsv" else ",").join(row) for row in TABLE[1:]) + "\n")


TABLES = (".csv", ".tsv", ".xlsx", ".h5")
