"""One bad file costs only itself: a row of the attrition report, or a message of `universeg predict`."""

import csv
import gzip
import json
import os
import re
import struct
from pathlib import Path

import fakes
import nibabel as nib
import numpy as np
import pytest
from fuzzing.samples import AFFINE, SAMPLES, image_of, mask_of

from pipeline.build import shard as shard_module
from pipeline.build.shard import shard
from pipeline.config import Config, write_config
from pipeline.manifest.schema import load_manifest
from pipeline.match.match import scans_of
from pipeline.match.scan_files import write_scans
from universeg.model import ModelConfig, UniverSeg, save_model
from universeg.prediction import cli, run
from universeg.store import Store

VALUES = image_of(True, 7)
HIPPOCAMPUS = fakes.MANIFESTS / "MSD-Hippocampus.yaml"


def nifti(values, **options) -> bytes:
    return nib.Nifti1Image(values, AFFINE, **options).to_bytes()


def patched(at: int, data: bytes) -> bytes:
    """A good file, with other bytes in its header."""
    good = nifti(VALUES)
    return good[:at] + data + good[at + len(data) :]


BAD = {
    "complex": (nifti(VALUES.astype(np.complex64)), "has samples of type"),
    "datatype_0": (patched(70, b"\0\0"), "cannot be read as nifti"),
    "affine_of_nan": (patched(280, struct.pack("<f", np.nan)), "has an invalid affine"),
    "huge": (patched(42, struct.pack("<3h", 30000, 30000, 30000)), "claims .* voxels, more than"),
    "cut": (nifti(VALUES)[:700], "cannot be read as nifti|holds 700 bytes, but its header claims"),
    "empty": (b"", "is empty|its first bytes are not those of a NIfTI"),
    "page": (b"<html>404</html>", "is a web page|its first bytes are not those of a NIfTI"),
    "not_finite": (nifti(np.where(VALUES > 150, np.inf, VALUES)), "are not finite numbers"),
    "beyond_float32": (nifti(np.where(VALUES > 150, 1e300, VALUES)), "are not finite numbers"),
}
GOOD = {
    "int64": nifti(VALUES.astype(np.int64), dtype=np.int64),
    "int64_of_four_axes": nifti(VALUES[..., None].astype(np.int64), dtype=np.int64),
}


def built(tmp_path: Path, root: Path) -> dict[str, dict[str, str]]:
    """Match and build a tree of the hippocampus dataset; the rows of whole scans by the name of their file."""
    scans, dropped = scans_of(load_manifest(HIPPOCAMPUS), root)
    write_scans(tmp_path / "scans.json", root, scans, dropped)
    write_config(Config(root=tmp_path / "out", resolution=32, chunks=1), tmp_path / "config.json")
    shard(tmp_path / "config.json", HIPPOCAMPUS, tmp_path / "scans.json", 0, tmp_path / "0.lmdb")
    with (tmp_path / "0.csv").open() as file:
        return {row["file"].rpartition("/")[2]: row for row in csv.DictReader(file) if not row["label"]}


def stored_subjects(tmp_path: Path) -> int:
    store = Store(tmp_path / "0.lmdb")
    return max(len(store.subjects(task)) for task in store.tasks)


@pytest.mark.parametrize("what", ["imagesTr", "labelsTr"])
def test_a_bad_scan_is_a_row_and_the_other_scans_are_stored(tmp_path, what):
    root = fakes.hippocampus(tmp_path, len(BAD) + 2)
    files = sorted((root / "Task04_Hippocampus" / what).glob("h*.nii.gz"))
    for path, (data, _) in zip(files, BAD.values(), strict=False):
        path.write_bytes(gzip.compress(data))
    rows = built(tmp_path, root)
    for path, (_, reason) in zip(files, BAD.values(), strict=False):
        row = rows[path.name]
        assert re.search(f"{reason}|the label has .* samples", row["reason"]), (path, row)
        assert row["remedy"]
    assert stored_subjects(tmp_path) == 2


def test_a_scan_too_large_for_the_memory_is_a_row(tmp_path, monkeypatch):
    root, records_of = fakes.hippocampus(tmp_path, 3), shard_module.records_of

    def hungry(scan, *rest):
        if scan.subject == "hippocampus_003":
            raise MemoryError("Unable to allocate 40 GiB")
        return records_of(scan, *rest)

    monkeypatch.setattr(shard_module, "records_of", hungry)
    row = built(tmp_path, root)["hippocampus_003.nii.gz"]
    assert row["reason"] == "needs more memory than there is: Unable to allocate 40 GiB"
    assert stored_subjects(tmp_path) == 2


@pytest.fixture
def support(tmp_path, monkeypatch):
    """Weights, three labelled volumes, a good image to segment, and a folder for others."""
    monkeypatch.chdir(tmp_path)
    save_model(UniverSeg(ModelConfig(widths=(4, 4))), tmp_path / "w.safetensors")
    for folder in ("support/images", "support/masks", "new"):
        (tmp_path / folder).mkdir(parents=True)
    for number in range(3):
        for folder, values in (("images", image_of(True, number)), ("masks", mask_of(True))):
            (tmp_path / f"support/{folder}/{number}.nii").write_bytes(nifti(values))
    (tmp_path / "new/a_good_one.nii").write_bytes(nifti(VALUES))
    return tmp_path


def predict(*more: str) -> tuple[int, dict[str, dict]]:
    """Exit status, and results by the name of the image without its ending."""
    words = ["-w", "w.safetensors", "-i", "new", "-s", "support", "-o", "out", "--size", "32", "--device", "cpu"]
    try:
        cli.main([*words, *more])
        status = 0
    except SystemExit as end:
        status = end.code
    report = json.loads(Path("out/report.json").read_text())
    return status, {Path(result["image"]).name.partition(".")[0]: result for result in report["results"]}


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_bad_query_gets_a_message_and_the_others_are_segmented(support, capsys, ending):
    for name, data in [*GOOD.items(), *((name, data) for name, (data, _) in BAD.items())]:
        (support / f"new/{name}{ending}").write_bytes(gzip.compress(data) if ending == ".nii.gz" else data)
    status, results = predict()
    told = capsys.readouterr().err
    assert status == 1
    for name, (_, reason) in BAD.items():
        assert re.search(rf"not segmented: new/{name}{re.escape(ending)}: .*({reason})", told)
        assert results[name]["error"].startswith(f"new/{name}{ending}: ")
    for name in ("a_good_one", *GOOD):
        assert results[name]["error"] is None
        assert nib.load(results[name]["mask"]).shape[:3] == VALUES.shape
    assert "Traceback" not in told


@pytest.mark.parametrize("shape", [(20, 24), (20, 24, 1), (20, 24, 1, 1)])
def test_single_slices_and_pictures_in_nifti_are_segmented(support, shape):
    for number in range(3):
        for folder, values in (("images", image_of(False, number)), ("masks", mask_of(False))):
            stored = values.reshape(shape).astype(np.int64)
            (support / f"support/{folder}/{number}.nii").write_bytes(nifti(stored, dtype=np.int64))
    (support / "new/a_good_one.nii").write_bytes(nifti(image_of(False, 8).reshape(shape).astype(float)))
    status, results = predict()
    assert (status, results["a_good_one"]["error"]) == (0, None)
    assert nib.load(results["a_good_one"]["mask"]).shape == shape


def test_a_query_too_large_for_the_memory_gets_a_message(support, monkeypatch, capsys):
    (support / "new/large.nii").write_bytes(nifti(VALUES))
    preprocess = run.preprocess

    def hungry(scan, *rest):
        if "large" in scan.where:
            raise MemoryError
        return preprocess(scan, *rest)

    monkeypatch.setattr(run, "preprocess", hungry)
    status, results = predict()
    assert status == 1
    assert results["large"]["error"] == "new/large.nii: not enough memory"
    assert results["a_good_one"]["error"] is None
    assert "not segmented: new/large.nii: not enough memory" in capsys.readouterr().err


@pytest.mark.parametrize("name", [b"caf\xe9.nii", b"[bold]a.nii", b"line\nbreak.nii", b"\x1b[31m.nii"])
def test_any_file_name_can_be_segmented(support, name, capsys):
    Path(os.fsdecode(b"new/" + name)).write_bytes(nifti(image_of(True, 8)))
    status, results = predict()
    assert (status, len(results)) == (0, 2)
    assert {result["error"] for result in results.values()} == {None}
    assert Path(results[os.fsdecode(name)[:-4]]["mask"]).exists()
    shown = capsys.readouterr().out
    assert "\x1b[31m" not in shown
    assert all(word in shown for word in {b"caf\xe9.nii": ["\\udce9"], b"[bold]a.nii": ["[bold]a"]}.get(name, []))


def test_samples_cut_short_are_never_an_image(tmp_path):
    """Whatever the format: an image that misses a tenth of its file is refused, not filled up."""
    from pipeline.readers import Pick, read
    from universeg.imageio.image import ImageError

    for name, sample in SAMPLES.items():
        path = tmp_path / f"{name.replace(' ', '_')}{sample.ending}"
        sample.write(path, image_of(sample.is_volume, 0))
        pick = Pick(sample.keys.get("array"), *sample.keys.get("frames", [None]))
        whole = read(sample.reader, path, pick).values
        data = max(tmp_path.glob(f"{path.name.partition('.')[0]}.*"), key=lambda file: file.stat().st_size)
        data.write_bytes(data.read_bytes()[: int(data.stat().st_size * 0.9)])
        try:
            found = read(sample.reader, path, pick).values
        except ImageError:
            continue
        np.testing.assert_array_equal(found, whole, err_msg=name)  # only what follows the samples is missing
