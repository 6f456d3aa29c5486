"""FreeSurfer's programs on small scans: bright is left hippocampus, half bright the right one, dark no brain.

Installed under each program's name. They want the same arguments and files as the real ones, and note what they ran on.
"""

import argparse
import os
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk

PROGRAMS = ("recon-all", "mri_convert", "mri_synthseg", "mri_synthstrip")


def install(folder: Path) -> Path:
    """Put the programs into a folder to go on PATH."""
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        (folder / name).write_text(f"#!{sys.executable}\n{Path(__file__).read_text()}")
        (folder / name).chmod(0o755)
    return folder


def conformed(path: str) -> nib.MGHImage:
    if path.endswith(".dcm"):
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(Path(path).parent))
        names = names if len(names) > 1 else sorted(map(str, Path(path).parent.glob("*.dcm")))
        series = sitk.ReadImage(names)
        affine = np.diag([-1.0, -1, 1, 1])
        image = nib.Nifti1Image(sitk.GetArrayFromImage(series).swapaxes(0, 2).astype("u1"), affine)
    else:
        image = nib.load(path)
    turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt("LIA"))
    image = image.as_reoriented(turn)
    return nib.MGHImage(np.ascontiguousarray(image.dataobj).astype("u1"), image.affine)


def labelled(image: nib.MGHImage) -> nib.MGHImage:
    values = np.asarray(image.dataobj)
    return nib.MGHImage(np.select([values > 150, values > 80], [17, 53]).astype("i4"), image.affine)


def stripped(image: nib.MGHImage) -> nib.MGHImage:
    values = np.asarray(image.dataobj)
    return nib.MGHImage(np.where(values > 80, values, 0).astype("u1"), image.affine)


def main() -> None:
    program, words = Path(sys.argv[0]).name, argparse.ArgumentParser(allow_abbrev=False)
    wanted = {
        "recon-all": ["-i", "-s", "-sd"],
        "mri_convert": [],
        "mri_synthseg": ["--i", "--o", "--threads"],
        "mri_synthstrip": ["-i", "-o"],
    }[program]
    flags = {"recon-all": ["-all"], "mri_convert": ["--conform"], "mri_synthseg": ["--cpu"], "mri_synthstrip": []}[
        program
    ]
    for word in wanted:
        words.add_argument(word, required=True, dest=word.strip("-"))
    for word in flags:
        words.add_argument(word, action="store_true", required=True)
    if program == "mri_convert":
        words.add_argument("i")
        words.add_argument("o")
    given = words.parse_args()
    if "valid" not in Path(os.environ["FS_LICENSE"]).read_text():
        sys.exit(f"{program}: invalid FreeSurfer license key found in {os.environ['FS_LICENSE']}")
    if "broken" in given.i:
        sys.exit(f"{program}: ERROR: exited with ERRORS")
    with Path(os.environ["CALLS"]).open("a") as calls:
        calls.write(f"{program} {Path(given.i).name}\n")
    image = conformed(given.i)
    if program != "recon-all":
        made = {"mri_convert": lambda x: x, "mri_synthseg": labelled, "mri_synthstrip": stripped}[program](image)
        nib.save(made, given.o)
        return
    folder = Path(given.sd) / given.s
    (folder / "surf").mkdir(parents=True)
    (folder / "mri").mkdir()
    for name, one in (("orig", image), ("norm", stripped(image)), ("aseg", labelled(image))):
        nib.save(one, folder / "mri" / f"{name}.mgz")


if __name__ == "__main__":
    main()
