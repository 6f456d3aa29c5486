"""Measure what a scan of each format costs: `python -m benchmarks.costs`, which writes pipeline/report/costs.json.

`python -m pipeline plan` and `python -m benchmarks.growth` forecast from these figures. Scans are written in two sizes
and with one or four labels, and read in processes of their own with one thread. Processor time is

    per_scan + per_mb * megabytes of the files + per_mask * stored masks

and memory is `base_mb` + `memory_per_mb` * megabytes. `packed` is the size of a zip, as a share of the files in it.
`record_bytes` is a stored picture with its masks, in whole pages of the store.
The intensities are noise in a smooth body, which compresses about as well as a real scan.
"""

import json
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import tyro

OUT = Path(__file__).parent.parent / "pipeline" / "report" / "costs.json"
REPEATS = 3
LABELS = 4
PAGE = 4096  # bytes of a page in a store
VOLUMES, PICTURES = ((96, 96, 64), (224, 224, 128)), ((400, 400), (1600, 1600))
READERS = ("nifti", "mgz", "metaimage", "nrrd", "dicom", "raster", "hdf5", "matlab", "video")
AXES = {"raster": 1, "video": 1}  # of pictures; of volumes there are three
NAME = {"nifti": "x.nii.gz", "mgz": "x.mgz", "metaimage": "x.mhd", "nrrd": "x.nrrd", "raster": "x.png"}
Scan = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A scan on disk: how many megabytes, and how many masks are stored of it."""

    reader: str
    folder: str
    labels: int

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in Path(self.folder).rglob("*") if path.is_file())

    @property
    def megabytes(self) -> float:
        return sum(path.stat().st_size for path in self.files) / 1e6

    @property
    def masks(self) -> int:
        """Each label in the middle slice along each axis, and of volumes in its largest slice."""
        axes = AXES.get(self.reader, 3)
        return self.labels * axes * (2 if axes == 3 else 1)


def body(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Intensities 0 to 255 of a round body in noise, and a label map with LABELS balls in it."""
    from universeg.base.rng import rng_for

    grids = np.ogrid[tuple(slice(-1, 1, n * 1j) for n in shape)]
    distance = sum(grid**2 for grid in grids)
    values = np.where(distance < 0.8, 120.0, 8.0)
    values += rng_for("benchmark costs", *shape).normal(0, 4, shape)
    labels = np.zeros(shape, np.uint8)
    for label in range(1, LABELS + 1):
        at = (-0.5, -0.2, 0.2, 0.5)[label - 1]
        ball = sum((grid - at * (axis < 2)) ** 2 for axis, grid in enumerate(grids)) < 0.03
        labels[ball] = label
    return values.clip(0, 255), labels


def write(reader: str, folder: Path, large: bool) -> None:
    """The image and the label map of one scan, as datasets of this format have them."""
    shape = (PICTURES if reader in AXES else VOLUMES)[large]
    values, labels = body(shape)
    folder.mkdir(parents=True)
    if reader in ("raster", "video"):
        from PIL import Image

        picture = np.dstack([values * share for share in (1.0, 0.8, 0.6)]).astype(np.uint8)
        Image.fromarray(labels).save(folder / "labels.png")
        if reader == "raster":
            Image.fromarray(picture).save(folder / "x.png")
        else:
            _video(folder / "x.avi", picture)
    elif reader == "hdf5":
        import h5py

        with h5py.File(folder / "x.h5", "w") as file:
            file["image"], file["labels"] = values.astype(np.int16), labels
    elif reader == "matlab":
        from scipy.io import savemat

        savemat(folder / "x.mat", {"image": values.astype(np.int16), "labels": labels}, do_compression=True)
    elif reader == "mgz":
        import nibabel as nib

        for name, array in (("x.mgz", values.astype(np.int16)), ("labels.mgz", labels)):
            nib.save(nib.MGHImage(array, np.eye(4)), folder / name)
    else:
        _itk(reader, folder, values.astype(np.int16), labels)


def _itk(reader: str, folder: Path, values: np.ndarray, labels: np.ndarray) -> None:
    import SimpleITK as sitk

    images = [sitk.GetImageFromArray(np.ascontiguousarray(array.T)) for array in (values, labels)]
    if reader == "dicom":  # the label is NIfTI, as in most datasets with DICOM images
        for index in range(values.shape[2]):
            one = images[0][:, :, index]
            one.SetMetaData("0020|0032", f"0\\0\\{index}")
            one.SetMetaData("0020|0037", "1\\0\\0\\0\\1\\0")
            sitk.WriteImage(one, str(folder / f"{index:03d}.dcm"))
        sitk.WriteImage(images[1], str(folder / "labels.nii.gz"), useCompression=True)
        return
    for name, image in zip((NAME[reader], NAME[reader].replace("x.", "labels.")), images, strict=True):
        sitk.WriteImage(image, str(folder / name), useCompression=True)


def _video(path: Path, picture: np.ndarray) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], "yuv420p"
        for _ in range(25):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def group_of(case: Case) -> Scan:
    """The facts of a manifest that fit the scan."""
    volume, arrays = case.reader not in AXES, case.reader in ("hdf5", "matlab")
    scans: Scan = {"image": "x{subject}", "modality": "M", "reader": case.reader, "intensity": "unit"}
    kind: Scan = {"kind": "values", "path": "labels{subject}", "names": {n + 1: f"l{n}" for n in range(case.labels)}}
    kind |= {"background": "others"}
    if arrays:
        scans |= {"array": "image", "orientation": "RAS", "spacing": [1, 1, 1]}
        kind |= {"array": "labels"}
    if case.reader in ("dicom", "video"):
        kind |= {"reader": "nifti" if case.reader == "dicom" else "raster"}
    axes = [0, 1, 2] if volume else [0]
    return {"name": "G", "scans": [scans], "labels": kind, "axes": axes, "expect": {"scans": 1}}


def child(case: Case) -> None:
    """Read the scan some times. Prints the processor seconds of one time, peak memory in MB, bytes of a record."""
    from pipeline.build.records import Recipe, records_of
    from pipeline.manifest.layout import Group
    from pipeline.match.scan_files import ScanFiles
    from universeg.store import Record, pack

    group, files = Group.model_validate(group_of(case)), [path.name for path in case.files]
    labels = tuple(name for name in files if name.startswith("labels") and not name.endswith(".zraw"))[:1] or (
        files[0],
    )
    images = tuple(name for name in files if not name.startswith("labels") and not name.endswith(".zraw"))
    scan = ScanFiles("G", "s", "M", 0, images, {"": labels}, index=0 if case.reader == "video" else None)
    times, found = [], []
    for _ in range(REPEATS):
        began = time.process_time()
        found = [pack(one) for one in records_of(scan, group, Path(case.folder), Recipe()) if isinstance(one, Record)]
        times.append(time.process_time() - began)
    pages = sum(-(-len(value) // PAGE) for _, value in found)
    print(json.dumps([min(times), peak_mb(), pages * PAGE / len(found)]))


def peak_mb() -> float:
    """The largest memory of this process so far. (The kernel's ru_maxrss begins with that of the parent.)"""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)[1]) / 1024


def measured(case: Case) -> tuple[float, float, float]:
    """What `child` prints in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.costs", "child", "--case", json.dumps(asdict(case))]
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    seconds, peak, size = json.loads(out.stdout)
    return seconds, peak, size


def costs_of(reader: str, work: Path) -> dict[str, float]:
    """The figures of one format."""
    cases = {}
    for large in (False, True):
        folder = work / reader / str(large)
        write(reader, folder, large)
        cases[large] = Case(reader, str(folder), 1)
    small, large = measured(cases[False]), measured(cases[True])
    many = measured(Case(reader, cases[True].folder, LABELS))
    more = cases[True].megabytes - cases[False].megabytes
    per_mask = max(
        max(0.0, four[0] - one[0]) / (cases[True].masks * (LABELS - 1))
        for one, four in ((large, many), (small, measured(Case(reader, cases[False].folder, LABELS))))
    )
    per_mb = max(0.0, (large[0] - small[0]) / more)
    packed = work / "packed.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in cases[True].files:
            archive.write(path, path.name)
    return {
        "per_scan_s": round(max(0.0, small[0] - per_mb * cases[False].megabytes - per_mask * cases[False].masks), 4),
        "per_mb_s": round(per_mb, 4),
        "per_mask_s": round(per_mask, 5),
        "base_mb": round(small[1]),
        "memory_per_mb": round(max(0.0, (many[1] - small[1]) / more), 1),
        "packed": round(min(1.0, packed.stat().st_size / 1e6 / cases[True].megabytes), 2),
        "record_bytes": round(small[2]),
    }


def processor_seconds(work: Callable[[], object]) -> float:
    """Of this process and those that it waits for."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    used = [sum(resource.getrusage(kind)[:2]) for kind in kinds]
    work()
    return sum(resource.getrusage(kind)[0] + resource.getrusage(kind)[1] for kind in kinds) - sum(used)


def stage_costs(work: Path) -> dict[str, float]:
    """What the other stages cost: start of a job, a downloaded and unpacked megabyte, a synthetic picture."""
    from pipeline.build.synthetic import records_of_task
    from pipeline.manifest.source_file import SourceFile
    from pipeline.unpack.unpack import unpack
    from universeg.store import Record, pack, write_store

    start = "import pipeline.build.shard, pipeline.build.store, tyro"
    starts = [processor_seconds(lambda: subprocess.run([sys.executable, "-c", start], check=True)) for _ in range(5)]
    archive = work / "a.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(work / "metaimage/True/x.zraw", "x.zraw")
    size = archive.stat().st_size / 1e6
    source = SourceFile(name="a", file="a.zip", get="x")
    unpacking = processor_seconds(lambda: unpack([(source, archive)], work / "unpacked", progress=False))
    tasks = [r for n in range(4) for r in records_of_task("F0", 0, n, 25, 128) if isinstance(r, Record)]
    base = "import pipeline.build.synthetic; from benchmarks.costs import peak_mb; print(peak_mb())"
    memory = subprocess.run([sys.executable, "-c", base], check=True, capture_output=True, text=True).stdout
    drawing = processor_seconds(lambda: list(records_of_task("F0", 0, 9, 100, 128)))
    packed = sorted(map(pack, tasks))
    merging = processor_seconds(lambda: write_store(work / "s.lmdb", {"dataset": "S", "size": 128}, packed))
    return {
        "start_s": round(median(starts), 2),
        "unpack_per_mb_s": round(unpacking / size, 4),
        "synthetic_per_picture_s": round(drawing / 100, 4),
        "synthetic_picture_bytes": round(sum(len(value) for _, value in packed) / len(packed)),
        "synthetic_base_mb": round(float(memory)),
        "merge_per_record_s": round(merging / len(packed), 5),
    }


def processor() -> str:
    """The name of the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if sys.platform == "linux" else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return found[0] if found else platform.processor()


def write_costs(out: Path = OUT) -> None:
    """Measure all formats, print a table, and write the figures.

    Args:
        out: The JSON file.
    """
    formats: dict[str, Mapping[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for reader in READERS:
            formats[reader] = costs_of(reader, Path(folder))
            print(reader, *(f"{name} {value}" for name, value in formats[reader].items()), flush=True)
        stages = stage_costs(Path(folder))
    print(*(f"{name} {value}" for name, value in stages.items()))
    machine = f"one core of {processor()}, Python {platform.python_version()}; `python -m benchmarks.costs`"
    out.write_text(json.dumps({"machine": machine, "formats": formats, "stages": stages}, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(Case(**json.loads(sys.argv[3])))
    else:
        tyro.cli(write_costs)
