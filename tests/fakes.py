"""Tiny raw data in the layouts of real datasets. The code follows the datasets, not their manifests."""

import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image

from universeg.base.rng import rng_for

MANIFESTS = Path(__file__).parent.parent / "dataset_manifests"
WBC_TOP = "segmentation_WBC-fa9c01622f52bccb9aeb8a6f2628f564e377767d"
WBC_ZIP = f"{WBC_TOP}.zip"


def blob(shape: tuple[int, ...], centre: tuple[float, ...], radius: float) -> np.ndarray:
    """A ball as a boolean mask."""
    grids = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    return sum((grid - at) ** 2 for grid, at in zip(grids, centre, strict=True)) < radius**2


def cell(number: int) -> tuple[np.ndarray, np.ndarray]:
    """A colour picture of a cell, and its labels: 128 cytoplasm, 255 nucleus. Sizes differ, as in Dataset 1."""
    rng = rng_for("fake cell", number)
    shape = (40, 40 - number % 3)
    body, core = blob(shape, (20, 19), 13 + rng.random() * 3), blob(shape, (18, 20), 6 + rng.random() * 2)
    picture = np.full((*shape, 3), 220.0)
    picture[body], picture[core] = (180, 140, 200), (90, 40, 120)
    picture += rng.normal(0, 8, picture.shape)
    return picture.clip(0, 255).astype(np.uint8), np.where(core, 255, np.where(body, 128, 0)).astype(np.uint8)


def wbc(folder: Path, first: int = 12, second: int = 6) -> Path:
    """The archive of both WBC datasets as GitHub serves it, in `folder`/WBC; returns the zip's path."""
    tree = folder / "tree" / WBC_TOP
    for name, count in (("Dataset 1", first), ("Dataset 2", second)):
        (tree / name).mkdir(parents=True)
        for n in range(1, count + 1):
            picture, labels = cell(n)
            Image.fromarray(picture).save(tree / name / f"{n:03d}.bmp")
            Image.fromarray(labels).save(tree / name / f"{n:03d}.png")
        Image.new("RGB", (9, 9)).save(tree / f"{name}.png")  # a preview, not a label
        (tree / f"Class Labels of {name}.csv").write_text("image ID, class label\n1,1\n")
    return zipped(tree.parent, folder / "WBC" / WBC_ZIP)


def zipped(tree: Path, path: Path) -> Path:
    """A zip of all files below `tree`; the same files give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(file for file in tree.rglob("*") if file.is_file()):
            archive.writestr(zipfile.ZipInfo(file.relative_to(tree).as_posix()), file.read_bytes())
    return path


def hippocampus(folder: Path, count: int = 10) -> Path:
    """Volumes in the folders of MSD Task04, with macOS metadata files; the numbers have gaps."""
    task = folder / "Task04_Hippocampus"
    for name in ("imagesTr", "labelsTr", "imagesTs"):
        (task / name).mkdir(parents=True)
    for n in range(1, 2 * count, 2):
        rng = rng_for("fake hippocampus", n)
        shape = (20 + n % 3, 26, 18)
        front, back = blob(shape, (10, 17, 9), 5), blob(shape, (10, 9, 9), 5)
        values = (rng.normal(300, 20, shape) + 250 * front + 150 * back).astype(np.float32)
        labels = np.where(front, 1, np.where(back, 2, 0)).astype(np.uint8)
        affine = np.diag([1.0, 1, 1, 1])
        nib.save(nib.Nifti1Image(values, affine), task / "imagesTr" / f"hippocampus_{n:03d}.nii.gz")
        nib.save(nib.Nifti1Image(labels, affine), task / "labelsTr" / f"hippocampus_{n:03d}.nii.gz")
        (task / "imagesTr" / f"._hippocampus_{n:03d}.nii.gz").write_bytes(b"\0\5\26\7Mac OS X")
    (task / "dataset.json").write_text("{}")
    return folder


def bbbc003(folder: Path, count: int = 5) -> Path:
    """Embryos as 8-bit TIFFs, one-bit masks in CCITT compression where white is zero; the last one is landscape."""
    images, masks = folder / "mouse_embryos_dic_images", folder / "mouse_embryos_dic_foreground"
    for path in (images, masks):
        path.mkdir(parents=True)
    for n in range(count):
        shape = (48, 64) if n == count - 1 else (64, 48)
        embryo = blob(shape, (30, 24), 9)
        picture = rng_for("fake embryo", n).normal(156, 6, shape) + 60 * embryo
        name = f"7_19_M1E{n}.tif"
        Image.fromarray(picture.clip(16, 253).astype(np.uint8)).save(images / name, compression="packbits")
        Image.fromarray(embryo).save(masks / name, compression="tiff_ccitt", tiffinfo={262: 0})
    return folder
