"""Measure how long it takes to make slices of a CT scan, and compare slices with those of the original builder.

    python -m benchmarks.standardise                         one scan of 512 x 512 x 180 with three labels, one thread
    python -m benchmarks.standardise --agree FOLDER          compare slices of the images (.nii.gz) below FOLDER

"Reading" is nibabel with gzip. The naive method is that of the original builder: cubic resampling to 1 mm, padding,
Gaussian blur with sigma = ratio / 4 and zooming, of the volume and of every label.
"""

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import nibabel.processing
import numpy as np
import tyro
from scipy.ndimage import gaussian_filter, zoom

from pipeline.build.records import Recipe, records_of
from pipeline.manifest.layout import Group
from pipeline.match.scan_files import ScanFiles
from universeg.base.rng import rng_for
from universeg.standardise.normalise import normalised
from universeg.standardise.resample import Grid

SHAPE, SPACING, SIZE = (512, 512, 180), (0.8, 0.8, 2.5), 128
NAMES = {1: "a", 2: "b", 3: "c"}
GROUP = Group.model_validate(
    {
        "name": "G",
        "scans": [{"image": "{subject}.nii.gz", "modality": "CT", "reader": "nifti", "intensity": "ct"}],
        "labels": {"kind": "values", "path": "{subject}_seg.nii.gz", "names": NAMES},
        "axes": [0, 1, 2],
        "expect": {"scans": 1},
    }
)


def scan(folder: Path) -> tuple[Path, Path]:
    """Write an image and a label map: a body with organs, and noise that compresses about as well as a real scan."""
    x, y, z = np.ogrid[-1 : 1 : SHAPE[0] * 1j, -1 : 1 : SHAPE[1] * 1j, -1 : 1 : SHAPE[2] * 1j]
    body = np.broadcast_to(x**2 + y**2 < 0.6, SHAPE)
    values = np.where(body, 40, -1000).astype(np.int16)
    values[body] += rng_for("benchmark ct").normal(0, 12, np.count_nonzero(body)).astype(np.int16)
    labels = np.zeros(SHAPE, np.uint8)
    for value, at in ((1, -0.3), (2, 0.1), (3, 0.4)):
        organ = (x - at) ** 2 + (y - at / 2) ** 2 + (z - at) ** 2 < 0.03
        labels[organ], values[organ] = value, values[organ] + 60
    affine = np.diag([*SPACING, 1])
    image, seg = folder / "s.nii.gz", folder / "s_seg.nii.gz"
    nib.save(nib.Nifti1Image(values, affine), image)
    nib.save(nib.Nifti1Image(labels, affine), seg)
    return image, seg


def read_only(image: Path, seg: Path) -> None:
    for path in (image, seg):
        np.asarray(nib.load(path).dataobj)


def ours(image: Path, seg: Path) -> None:
    facts = ScanFiles("G", "s", "CT", 0, (image.name,), {"": (seg.name,)})
    list(records_of(facts, GROUP, image.parent, Recipe(SIZE)))


def naive(image: Path, seg: Path) -> None:
    original = resampled(nib.load(image), 3)
    shrunk(normalised(np.asarray(original.dataobj), "ct"), 1)
    labels = nib.processing.resample_from_to(nib.load(seg), original, order=0)
    for value in NAMES:
        shrunk((np.asarray(labels.dataobj) == value).astype(np.float32), 0)


def resampled(image: nib.Nifti1Image, order: int) -> nib.Nifti1Image:
    """The image at isotropic voxels of 1 mm, around the lower of the two middle samples."""
    steps = nib.affines.voxel_sizes(image.affine)
    if np.allclose(steps, 1):
        return image
    shape = tuple(int(n) for n in np.rint(np.multiply(image.shape, steps)))
    affine = nib.affines.rescale_affine(image.affine, image.shape, (1, 1, 1), shape)
    return nib.processing.resample_from_to(image, (shape, affine), order=order, cval=-1024)


def shrunk(values: np.ndarray, order: int) -> np.ndarray:
    side = max(values.shape)
    cube = np.pad(values, [((side - n) // 2, side - n - (side - n) // 2) for n in values.shape])
    return zoom(gaussian_filter(cube, side / SIZE / 4), SIZE / side, order=order)


def original(image: nib.Nifti1Image) -> np.ndarray:
    """The image as in the original builder: at 1 mm, scaled by percentiles of the values above 0."""
    values = np.asarray(resampled(image, 3).dataobj)
    return normalised(values, "mr", tuple(map(float, np.percentile(values[values > 0], (0.5, 99.5)))))


def seconds(work: Callable[[Path, Path], None], *files: Path, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work(*files)
        times.append(time.perf_counter() - start)
    return min(times)


def speed() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = scan(Path(folder))
        reading = seconds(read_only, *files, repeats=3)
        mine = seconds(ours, *files, repeats=3)
        peak = peak_bytes(*files)
        slow = seconds(naive, *files, repeats=1)
    volume = np.prod(SHAPE) * 4
    print(f"read and decompress              {reading:7.2f} s")
    print(f"complete                         {mine:7.2f} s   {mine / reading:.2f} times reading")
    print(f"naive method                     {slow:7.2f} s   {slow / mine:.0f} times ours")
    print(f"peak memory                      {peak / volume:7.2f} times the float32 volume")


def peak_bytes(*files: Path) -> int:
    """Peak memory of Python and NumPy."""
    tracemalloc.start()
    ours(*files)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def agreement(folder: Path, max_images: int) -> None:
    """Print the correlation of middle slices with those of the original builder."""
    files = sorted(path for path in folder.rglob("*.nii.gz") if "image" in path.parent.name)
    correlations = []
    for path in files[:: max(1, len(files) // max_images)]:
        image = nib.as_closest_canonical(nib.load(path))
        volume = np.asarray(image.dataobj)
        grid = Grid(volume.shape, tuple(map(float, nib.affines.voxel_sizes(image.affine))), SIZE)
        values, there = normalised(volume, "mr"), shrunk(original(image), 1)
        for axis in range(3):
            pair = [whole.take(SIZE // 2, axis).ravel() for whole in (grid.image(values, axis), there)]
            correlations.append(float(np.corrcoef(pair)[0, 1]))
    print(f"{len(correlations)} middle slices: correlation {min(correlations):.4f} to {max(correlations):.4f},"
          f" median {np.median(correlations):.4f}")  # fmt: skip


def main(agree: Path | None = None, max_images: int = 30) -> None:
    """Measure speed and memory, or agreement with the original builder.

    Args:
        agree: A folder with NIfTI images. If given, agreement is measured.
        max_images: Compare about this number of images, spread over the folder.
    """
    if agree:
        agreement(agree, max_images)
    else:
        speed()


if __name__ == "__main__":
    tyro.cli(main)
