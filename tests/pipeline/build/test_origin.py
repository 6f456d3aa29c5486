"""The origin of records: the right files, digests, window and slices, also for headers with a data file beside them."""

import hashlib

import nibabel as nib
import numpy as np
import pytest
from layouts import writers
from PIL import Image

from pipeline.attrition import Dropped
from pipeline.build.merge import merge
from pipeline.build.records import Recipe, records_of
from pipeline.build.shard import write_shard
from pipeline.manifest.layout import Group
from pipeline.match.scan_files import ScanFiles
from universeg.store import Origin, Record

SIZE = 16


def group(reader, intensity="mr"):
    return Group.model_validate(
        {
            "name": "G",
            "scans": [{"image": "{subject}", "modality": "M", "reader": reader, "intensity": intensity}],
            "labels": {"kind": "values", "path": "{subject}_seg", "names": {1: "a", 2: "b"}},
            "axes": [0, 2],
            "expect": {"scans": 1},
        }
    )


def scan(image, label, subject="s"):
    return ScanFiles("G", subject, "M", 0, (image,), {"": (label,)})


def results(root, the_scan, the_group):
    return list(records_of(the_scan, the_group, root, Recipe(size=SIZE)))


def origins(found):
    return [one for one in found if isinstance(one, Origin)]


def sha256(*paths):
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


@pytest.fixture
def volume(tmp_path):
    """A thick volume in LPS order, of 8 x 9 x 5 samples, with label a in slice 1 of its third axis."""
    values = np.arange(8 * 9 * 5, dtype=np.float32).reshape(8, 9, 5) + 1
    labels = np.zeros((8, 9, 5), np.uint8)
    labels[1:7, 2:8, 1] = 1
    labels[2:5, 3:6, 2] = 1
    affine = np.diag([-2.0, -2.0, 4.0, 1.0])
    nib.save(nib.Nifti1Image(values, affine), tmp_path / "s.nii.gz")
    nib.save(nib.Nifti1Image(labels, affine), tmp_path / "s_seg.nii.gz")
    return tmp_path


def test_the_origin_of_a_volume_names_files_slices_and_window(volume):
    found = results(volume, scan("s.nii.gz", "s_seg.nii.gz"), group("nifti"))
    (origin,) = origins(found)
    assert (origin.image.names, origin.image.sha256) == (("s.nii.gz",), sha256(volume / "s.nii.gz"))
    assert origin.labels[""].sha256 == sha256(volume / "s_seg.nii.gz")
    assert (origin.shape, origin.spacing, origin.orientation) == ((8, 9, 5), (2.0, 2.0, 4.0), "LPS")
    stored = {(r.slicing, r.axis, *(r.masks if r.slicing == "max" else ())) for r in found if isinstance(r, Record)}
    assert stored == {
        (slicing, int(axis), *label) for slicing, axis, *label in (name.split("/") for name in origin.slices)
    }
    _, first, last = origin.slices["max/2/a"]
    assert first == last == 1, "the slice with most of the label"
    index, first, last = origin.slices["mid/2"]
    assert (index, first, last) == (SIZE // 2, 2, 2)
    low, high = origin.window
    assert 1 <= low < high <= 8 * 9 * 5


def test_a_picture_has_no_slices_and_a_scan_without_records_no_origin(tmp_path):
    for name, value in (("p", 1), ("q", 0)):
        Image.fromarray(np.tile(np.arange(16, dtype=np.uint8), (16, 1))).save(tmp_path / f"{name}.png")
        Image.fromarray(np.full((16, 16), value, np.uint8)).save(tmp_path / f"{name}_seg.png")
    (origin,) = origins(results(tmp_path, scan("p.png", "p_seg.png"), group("raster", "unit")))
    assert (origin.shape, origin.orientation, origin.slices) == ((16, 16), "", {"mid/0": (0, 0, 0)})
    nothing = results(tmp_path, scan("q.png", "q_seg.png"), group("raster", "unit"))
    assert nothing
    assert all(isinstance(one, Dropped) for one in nothing)


def test_the_samples_beside_a_header_are_part_of_the_digest(tmp_path):
    """The headers of two scans are often equal; only the files with the samples differ."""
    for name in ("one", "two"):
        folder = tmp_path / name
        image = np.arange(6 * 6 * 6, dtype=np.float32).reshape(6, 6, 6) + (name == "two")
        writers.itk(folder / "image.mhd", image, (1.0, 1.0, 1.0))
        writers.itk(folder / "seg.mhd", np.ones((6, 6, 6), np.uint8), (1.0, 1.0, 1.0))
    first, second = (
        origins(results(tmp_path, scan(f"{name}/image.mhd", f"{name}/seg.mhd"), group("metaimage")))[0]
        for name in ("one", "two")
    )
    header, samples = first.image.names
    assert header == "one/image.mhd"
    assert first.image.sha256 == sha256(tmp_path / header, tmp_path / samples)
    assert first.image.sha256 != second.image.sha256
    assert first.labels[""].sha256 == second.labels[""].sha256


def test_a_store_keeps_the_origins_of_all_shards(volume, tmp_path):
    shards = [tmp_path / "0.lmdb", tmp_path / "1.lmdb"]
    for path, subject in zip(shards, ("s", "t"), strict=True):
        write_shard(path, "D", SIZE, results(volume, scan("s.nii.gz", "s_seg.nii.gz", subject), group("nifti")))
    store = merge(shards, {"dataset": "D", "size": SIZE}, tmp_path / "D.lmdb")
    assert [origin.subject for origin in store.origins()] == ["s", "t"]
    assert store.origin("G", "M", "t").image.names == ("s.nii.gz",)
    assert store.origin("G", "M", "u") is None
    assert not [task for task in store.tasks if "from" in task]
