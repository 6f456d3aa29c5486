"""Write DICOM files with any attributes."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def dicom(path: Path, pixels: np.ndarray, bits: int = 12, kind: str = "MONOCHROME2", **attributes: object) -> Path:
    """A file with the pixels (row, column) or (frame, row, column) and other attributes by keyword."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID = CTImageStorage
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID = generate_uid()
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    file.Rows, file.Columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    file.SamplesPerPixel, file.PhotometricInterpretation = 3 if colour else 1, kind
    if colour:
        file.PlanarConfiguration = 0
    file.BitsAllocated = 8 * pixels.dtype.itemsize
    file.BitsStored, file.HighBit = min(bits, file.BitsAllocated), min(bits, file.BitsAllocated) - 1
    file.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3 and not colour:
        file.NumberOfFrames = len(pixels)
    file.PixelData = pixels.tobytes()
    file["PixelData"].VR = "OW"
    for name, value in attributes.items():
        setattr(file, name, value)
    file.save_as(path, enforce_file_format=True)
    return path


def item(**attributes: object) -> Dataset:
    """An item of a sequence."""
    one = Dataset()
    for name, value in attributes.items():
        setattr(one, name, value)
    return one
