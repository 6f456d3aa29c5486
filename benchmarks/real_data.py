"""Segment real images as a person would: the command, its seconds, the expected Dice, and the Dice that it then has.

python -m benchmarks.real_data RAW --out results/real
"""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from shutil import copyfile, rmtree
from typing import Annotated, Any
from zipfile import ZipFile

import numpy as np
import tyro

from universeg.base.atomic_write import atomic_write
from universeg.base.rng import rng_for
from universeg.evaluation.scorer import weights_digest
from universeg.imageio.load import read_labels, stem

Pair = tuple[Path, Path]  # an image and its mask
EMBRYO_MASKS = "mouse_embryos_dic_foreground"


@dataclass(frozen=True)
class RealSet:
    """A kind of images: where they are, and how a person segments them."""

    name: str
    pairs: Callable[[Path, Path], list[Pair]]
    labelled: int
    new: int
    flags: str = ""
    subject: Callable[[Path], str] = stem  # labelled and new images are of different subjects
    folders: tuple[str, str] = ("images", "masks")
    as_series: bool = False  # the new images become DICOM series


def main(
    raw: Annotated[Path, tyro.conf.Positional],
    out: Path,
    only: tuple[str, ...] = (),
    efforts: tuple[str, ...] = ("quick", "best"),
    minutes: float = 0,
    weights: str = "synthetic",
) -> None:
    """Segment each set with each effort, and print a Markdown table.

    RAW has the published files of the sets in `unpacked/` and the archive of the blood cells in `downloads/WBC/`.
    `minutes` limits adapting. After a kill, the same command continues: finished rows are in rows.json in `out`.
    """
    kept = out / "rows.json"
    rows: dict[str, dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    for one in (one for one in SETS if not only or one.name in only):
        folder = out / one.name.replace(" ", "-")
        if not (folder / "truth").is_dir():
            _lay_out(one, raw, folder)
        for effort in efforts:
            name = f"{one.name}, {effort}, {weights_digest(Path(weights))[:8]}"
            if name not in rows:
                rows[name] = _segmented(one, folder, effort, minutes, weights)
                with atomic_write(kept) as part:
                    part.write_text(json.dumps(rows, indent=1), encoding="utf-8")
                print(name, rows[name], flush=True)
    print("| images | effort | labelled | new | seconds | expected Dice | Dice |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for name, row in rows.items():
        cells = (row[key] for key in ("labelled", "new", "seconds", "expected", "dice"))
        images, effort, _ = name.rsplit(", ", 2)
        print(f"| {images} | {effort} | {' | '.join(map(str, cells))} |")


def _segmented(one: RealSet, folder: Path, effort: str, minutes: float, weights: str) -> dict[str, Any]:
    output = folder / f"masks-{effort}"
    rmtree(output, ignore_errors=True)
    words = ["predict", "-i", "new", "-s", "labelled", "-o", output.name, *shlex.split(one.flags)]
    words += ["--effort", effort] if effort != "quick" else []
    words += ["--minutes", f"{minutes:g}"] if minutes and effort == "best" else []
    words += ["--weights", weights] if weights != "synthetic" else []
    before = getrusage(RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "universeg", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    after = getrusage(RUSAGE_CHILDREN)
    (folder / f"said-{effort}.txt").write_text(done.stderr, encoding="utf-8")
    done.check_returncode()
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    values = [label["value"] for label in report["structures"]]
    dices = [_dice(folder, Path(result["mask"]), values) for result in report["results"]]
    return {
        "command": f"universeg {shlex.join(words)}",
        "labelled": one.labelled,
        "new": len(dices),
        "seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime),
        "expected": round(report["check"]["expected_dice"]),
        "dice": round(float(np.mean(dices)), 1),
        "each": [round(value) for value in dices],
        "expected of each": [result["expected_dice"] for result in report["results"]],
    }


def _dice(folder: Path, result: Path, values: Sequence[int]) -> float:
    """Mean Dice over the structures that the correct mask or the result has, on the image's own grid."""
    name = stem(result).removesuffix("_mask")
    (truth,) = (path for path in (folder / "truth").iterdir() if stem(path) == name)
    masks = [np.asarray(read_labels(path).values) for path in (truth, folder / result)]
    scores = list[float]()
    for value in values:
        one, other = (mask == value if len(values) > 1 else mask != 0 for mask in masks)
        marked = np.count_nonzero(one) + np.count_nonzero(other)
        scores += [200 * np.count_nonzero(one & other) / marked] if marked else []
    return float(np.mean(scores))


def _lay_out(one: RealSet, raw: Path, folder: Path) -> None:
    """labelled/, new/ and truth/, with images of different subjects, drawn at random."""
    pairs = one.pairs(raw, folder / "unpacked")
    subjects = sorted({one.subject(image) for image, _ in pairs})
    order = [subjects[at] for at in rng_for("real data", one.name).permutation(len(subjects))]
    drawn = sorted(pairs, key=lambda pair: (order.index(one.subject(pair[0])), pair[0].name))
    labelled = drawn[: one.labelled]
    others = [pair for pair in drawn if one.subject(pair[0]) not in {one.subject(image) for image, _ in labelled}]
    for image, mask in labelled:
        _copy(image, folder / "labelled" / one.folders[0])
        _copy(mask, folder / "labelled" / one.folders[1])
    for image, mask in others[: one.new]:
        if one.as_series:
            _write_series(image, folder / "new" / stem(image))
        else:
            _copy(image, folder / "new")
        _copy(mask, folder / "truth", stem(image))


def _copy(path: Path, folder: Path, name: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    copyfile(path, folder / (f"{name}{path.name[len(stem(path)) :]}" if name else path.name))


def _write_series(volume: Path, folder: Path) -> None:
    """A NIfTI volume as a DICOM series."""
    import SimpleITK as sitk

    folder.mkdir(parents=True)
    image = sitk.Cast(sitk.RescaleIntensity(sitk.ReadImage(str(volume)), 0, 4095), sitk.sitkInt16)
    writer, direction = sitk.ImageFileWriter(), image.GetDirection()
    writer.KeepOriginalImageUIDOn()
    tags = {
        "0008|0060": "MR",
        "0020|000d": "1.2.826.0.1.3680043.2.1125.1",
        "0020|000e": "1.2.826.0.1.3680043.2.1125.2",
        "0020|0037": "\\".join(str(direction[at]) for at in (0, 3, 6, 1, 4, 7)),
    }
    for number in range(image.GetDepth()):
        piece = image[:, :, number]
        place = image.TransformIndexToPhysicalPoint((0, 0, number))
        own = {"0020|0032": "\\".join(map(str, place)), "0020|0013": str(number + 1)}
        for tag, value in {**tags, **own}.items():
            piece.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{number:03d}.dcm"))
        writer.Execute(piece)


def _side_by_side(images: str, masks: Callable[[Path], Path]) -> Callable[[Path, Path], list[Pair]]:
    """The images that match a pattern and have a mask; the second argument is for sets that come in an archive."""

    def pairs(raw: Path, unpacked: Path) -> list[Pair]:
        found = [(image, masks(image)) for image in sorted((raw / "unpacked").glob(images))]
        return [(image, mask) for image, mask in found if mask.is_file()]

    return pairs


def _blood_cells(raw: Path, unpacked: Path) -> list[Pair]:
    """The second of the two sets in the archive."""
    (archive,) = (raw / "downloads" / "WBC").glob("*.zip")
    unpacked.mkdir(parents=True, exist_ok=True)
    with ZipFile(archive) as file:
        for name in (name for name in file.namelist() if "/Dataset 2/" in name and name.endswith((".bmp", ".png"))):
            (unpacked / Path(name).name).write_bytes(file.read(name))
    return [(path, path.with_suffix(".png")) for path in sorted(unpacked.glob("*.bmp"))]


def _beside(folder: str, instead: str) -> Callable[[Path], Path]:
    return lambda image: image.parent.parent / instead / image.name if image.parent.name == folder else image


def _first_observer(image: Path) -> Path:
    return image.with_name(f"{image.stem}_1stHO.png")


def _patient(image: Path) -> str:
    return image.stem.split("-")[0]


def _child(image: Path) -> str:
    return image.stem[:-1]


BRAINS = _side_by_side("MSD-Hippocampus/*/imagesTr/*.nii.gz", _beside("imagesTr", "labelsTr"))
FOLDERS = ("imagesTr", "labelsTr")
SETS = (
    RealSet("hippocampus volumes", BRAINS, 8, 1, "--intensity mr", folders=FOLDERS),
    RealSet("hippocampus as DICOM series", BRAINS, 8, 1, "--intensity mr", folders=FOLDERS, as_series=True),
    RealSet(
        "breast ultrasound", _side_by_side("BUS-BRA/images/*", _beside("images", "masks")), 16, 16, subject=_patient
    ),
    RealSet(
        "mouse embryos",
        _side_by_side("BBBC003/mouse_embryos_dic_images/*", _beside("mouse_embryos_dic_images", EMBRYO_MASKS)),
        8,
        7,
    ),
    RealSet("retinal vessels", _side_by_side("CHASE_DB1/*.jpg", _first_observer), 12, 10, subject=_child),
    RealSet("white blood cells, two structures", _blood_cells, 16, 12),
)


if __name__ == "__main__":
    tyro.cli(main)
