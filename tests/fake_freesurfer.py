"""Fakes of FreeSurfer's programs for small scans: bright is left hippocampus, half bright the right one, dark no brain.

This file is installed under each program's name. The programs take the same arguments and write the same files as the
real ones, and note what they ran on. A test starts many of them, so they import nothing but the standard library:
`prepare` computes all results beforehand, and a program copies the results that belong to its input's content.
"""

import argparse
import hashlib
import os
import shutil
import sys
from pathlib import Path

PROGRAMS = {  # program -> its flags and options, and what it creates
    "recon-all": (["-all"], ["-i", "-s", "-sd"], ""),
    "mri_convert": (["--conform"], [], "orig.mgz"),
    "mri_synthseg": (["--cpu"], ["--i", "--o", "--threads"], "aseg.mgz"),
    "mri_synthstrip": ([], ["-i", "-o"], "norm.mgz"),
}
OUTPUTS = ("orig.mgz", "norm.mgz", "aseg.mgz")


def install(folder: Path) -> Path:
    """Put the programs into a folder that a test adds to PATH."""
    folder.mkdir(parents=True)
    for name in PROGRAMS:
        (folder / name).write_text(f"#!{sys.executable} -I\n{Path(__file__).read_text()}")
        (folder / name).chmod(0o755)
    return folder


def prepare(scans: Path, results: Path) -> None:
    """Compute what the programs will create for every scan below a folder; they look it up in $FAKE_RESULTS."""
    series = {path.parent: path for path in sorted(scans.rglob("*.dcm"), reverse=True)}
    for path in (*scans.rglob("*.nii.gz"), *scans.rglob("orig.mgz"), *series.values()):
        _prepare_one(path, results)


def _prepare_one(path: Path, results: Path) -> None:
    import nibabel as nib
    import numpy as np

    folder = results / _key(path)
    if folder.exists():
        return
    folder.mkdir(parents=True)
    image = _conformed(path)
    values = np.asarray(image.dataobj)
    labels = np.select([values > 150, values > 80], [17, 53]).astype("i4")
    brain = np.where(values > 80, values, 0).astype("u1")
    for name, content in zip(OUTPUTS, (values, brain, labels), strict=True):
        nib.save(nib.MGHImage(content, image.affine), folder / name)
    conformed = results / _key(folder / "orig.mgz")  # the input of the programs that run after mri_convert
    if not conformed.exists():
        shutil.copytree(folder, conformed)


def _conformed(path: Path):
    """The scan as FreeSurfer stores it: axes L, I, A, 8 bits."""
    import nibabel as nib
    import numpy as np
    import SimpleITK as sitk

    if path.suffix == ".dcm":
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path.parent))
        names = names if len(names) > 1 else sorted(map(str, path.parent.glob("*.dcm")))
        affine = np.diag([-1.0, -1, 1, 1])
        image = nib.Nifti1Image(sitk.GetArrayFromImage(sitk.ReadImage(names)).swapaxes(0, 2).astype("u1"), affine)
    else:
        image = nib.load(path)
    turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt("LIA"))
    image = image.as_reoriented(turn)
    return nib.MGHImage(np.ascontiguousarray(image.dataobj).astype("u1"), image.affine)


def _key(path: Path) -> str:
    """A digest of a scan's content; of a DICOM slice, of its whole series, as FreeSurfer reads it."""
    files = sorted(path.parent.glob("*.dcm")) if path.suffix == ".dcm" else [path]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def main() -> None:
    program = Path(sys.argv[0]).name
    flags, options, creates = PROGRAMS[program]
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for option in options:
        parser.add_argument(option, required=True, dest=option.strip("-"))
    for flag in flags:
        parser.add_argument(flag, action="store_true", required=True)
    if program == "mri_convert":
        parser.add_argument("i")
        parser.add_argument("o")
    given = parser.parse_args()
    if "valid" not in Path(os.environ["FS_LICENSE"]).read_text():
        sys.exit(f"{program}: invalid FreeSurfer license key found in {os.environ['FS_LICENSE']}")
    if "broken" in given.i:
        sys.exit(f"{program}: ERROR: exited with ERRORS")
    with Path(os.environ["FAKE_CALLS"]).open("a") as calls:
        calls.write(f"{program} {Path(given.i).name}\n")
    results = Path(os.environ["FAKE_RESULTS"]) / _key(Path(given.i))
    if creates:
        shutil.copyfile(results / creates, given.o)
        return
    folder = Path(given.sd) / given.s
    (folder / "surf").mkdir(parents=True)
    (folder / "mri").mkdir()
    for name in OUTPUTS:
        shutil.copyfile(results / name, folder / "mri" / name)


if __name__ == "__main__":
    main()
