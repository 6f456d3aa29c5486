"""Shards become one store: its splits and header, and what the stage reports."""

from pathlib import Path

import numpy as np
import pytest

from pipeline import attrition
from pipeline.attrition import Dropped
from pipeline.build.merge import merge
from pipeline.build.not_stored import TOO_SMALL
from pipeline.build.shard import write_shard
from pipeline.build.store import store, unexpected_counts
from pipeline.config import RECIPE, Config, write_config
from pipeline.fetch.receipt import Received, write_receipt
from pipeline.manifest.schema import load_manifest
from pipeline.match.scan_files import ScanFiles, write_scans
from universeg.store import Record, Store

MANIFEST = Path("dataset_manifests/WBC-CV.yaml")
SUBJECTS = [f"{n:03d}" for n in range(1, 6)]
FRAMES = ["001@a", "001@b", *SUBJECTS[1:]]
SMALL = f"{TOO_SMALL}: 9 pixels became 0"


def record(subject: str, group: str = "CV") -> Record:
    pixels = np.full((16, 16), 200, np.uint8)
    return Record("mid", group, "microscopy", 0, subject, pixels, {"nucleus": pixels})


def shards(folder: Path, names: list[str], count: int, dropped: tuple[Dropped, ...] = ()) -> tuple[Path, ...]:
    """Write records of these names into `count` shards; the first shard also drops something."""
    paths = tuple(folder / str(count) / f"{n}.lmdb" for n in range(count))
    for n, path in enumerate(paths):
        write_shard(path, "WBC-CV", 16, [*map(record, names[n::count]), *(dropped if n == 0 else ())])
    return paths


def test_the_store_does_not_depend_on_the_number_of_shards(tmp_path):
    header = {"dataset": "WBC-CV", "size": 16}
    for count in (1, 3):
        merge(shards(tmp_path, FRAMES, count), header, tmp_path / f"{count}.lmdb")
    assert (tmp_path / "1.lmdb").read_bytes() == (tmp_path / "3.lmdb").read_bytes()
    opened = Store(tmp_path / "1.lmdb")
    assert sorted(opened.header["splits"]) == SUBJECTS, "frames of a subject are in one split"
    assert opened.header["counts"] == {"subjects": 5, "support": 3, "dev": 1, "test": 1, "images": 6}


def test_each_group_has_its_shares_and_a_person_of_two_groups_is_in_one_split(tmp_path):
    """A split of the whole dataset would give the groups other shares."""
    members = {"a": [f"a{n:02d}" for n in range(10)], "b": [f"b{n:02d}" for n in range(25)] + ["a00", "a01"]}
    for number, (group, names) in enumerate(members.items()):
        write_shard(tmp_path / f"{number}.lmdb", "WBC-CV", 16, (record(name, group) for name in names))
    made = merge([tmp_path / "0.lmdb", tmp_path / "1.lmdb"], {"dataset": "WBC-CV", "size": 16}, tmp_path / "s.lmdb")
    for group, sizes in (("a", [6, 2, 2]), ("b", [16, 6, 5])):
        task = f"WBC-CV/{group}/microscopy/nucleus/0"
        assert [len(made.subjects(task, split)) for split in ("support", "dev", "test")] == sizes
    assert made.header["counts"]["subjects"] == 35


def test_a_dataset_without_a_usable_scan_has_no_store(tmp_path):
    with pytest.raises(ValueError, match=r"WBC-CV: none of its scans could be used.*reports/attrition/WBC-CV\.csv"):
        merge(shards(tmp_path, [], 1), {"dataset": "WBC-CV", "size": 16}, tmp_path / "store.lmdb")
    assert not (tmp_path / "store.lmdb").exists()


def run_store(root: Path, strict: bool = False) -> None:
    """The stage, on three usable scans, one that failed, and one that was not matched."""
    failed, unmatched = Dropped("CV", "004", "microscopy", reason="is empty"), Dropped("CV", "005", reason="no label")
    small = Dropped("CV", "001", "microscopy", "0", "mid", "cytoplasm", SMALL)
    paths = shards(root, SUBJECTS[:3], 1, (failed, small))
    matched = [ScanFiles("CV", name, "microscopy", 0, (f"{name}.bmp",), {}) for name in SUBJECTS[:4]]
    write_scans(root / "scans.json", root, matched, [unmatched])
    write_receipt(root / "receipt.json", "WBC-CV", [Received("a mirror", "a.zip", 3, "ab", "mirror", "x")])
    write_config(Config(resolution=16, strict=strict), root / "config.json")
    store(
        root / "config.json",
        MANIFEST,
        paths,
        root / "store.lmdb",
        root / "report.csv",
        root / "receipt.json",
        root / "scans.json",
    )


def test_the_stage_reports_everything_that_was_not_used(tmp_path, capsys):
    run_store(tmp_path)
    rows = {(row.subject, row.label): row for row in attrition.read(tmp_path / "report.csv")}
    assert {key: row.reason for key, row in rows.items() if key[0]} == {
        ("001", "cytoplasm"): SMALL,
        ("004", ""): "is empty",
        ("005", ""): "no label",
    }
    remarks = [row for row in attrition.read(tmp_path / "report.csv") if not row.subject]
    counts = [row.reason for row in remarks if row.unexpected]
    assert [row.reason for row in remarks if row.known] == [
        "the mask of nucleus is the same in all images of microscopy, axis 0"
    ]
    both = "3 usable scans (images) of 3 subjects (persons)"
    assert counts == [f"{both}, the manifest expects 100 {what}" for what in ("scans", "subjects")]
    shown = capsys.readouterr().err
    assert "WBC-CV: CV 004 microscopy: is empty" in shown
    assert "WBC-CV: 1 `mid` masks of cytoplasm not stored: too small after resampling\n" in shown


def test_images_and_persons_are_counted_apart():
    usable = [ScanFiles("CV", name, "microscopy", 0, (f"{name}.bmp",), {}) for name in FRAMES]
    reasons = [row.reason for row in unexpected_counts(load_manifest(MANIFEST), usable)]
    both = "6 usable scans (images) of 5 subjects (persons)"
    assert reasons == [f"{both}, the manifest expects 100 {what}" for what in ("scans", "subjects")]


def test_the_header_says_what_made_the_store(tmp_path):
    run_store(tmp_path)
    header = Store(tmp_path / "store.lmdb").header
    assert header["sources"] == [{"file": "a.zip", "bytes": 3, "sha256": "ab"}]
    made = {"recipe": RECIPE, "size": 16, "geometry": "isotropic", "min_pixels": 1, "role": "held-out", "row": "WBC"}
    assert {key: header[key] for key in made} == made


def test_strict_makes_unexpected_rows_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"WBC-CV: 4 unexpected rows in .*report\.csv.*`strict` is set"):
        run_store(tmp_path, strict=True)
    assert not (tmp_path / "store.lmdb").exists()
    assert (tmp_path / "report.csv").exists()
