"""What datasets will need: from sizes in manifests or on disk and measured costs; never guessed."""

import csv
import io
import re
from pathlib import Path

import pytest

from pipeline.config import Config
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.readers import READERS
from pipeline.report.forecast import forecast, masks_per_scan, measured_costs, readers, records_per_scan
from pipeline.report.plan import plan

MANIFESTS = load_manifests(Path("dataset_manifests"))


def changed(name: str, **facts: object) -> Manifest:
    return Manifest.model_validate({**MANIFESTS[name].model_dump(), **facts})


def with_sources(*sources: dict[str, object]) -> Manifest:
    return changed("WBC-CV", sources=[{"url": f"https://h/{one['file']}", **one} for one in sources])


def test_costs_are_known_for_every_reader():
    assert measured_costs()["formats"].keys() == READERS.keys()
    assert all(value >= 0 for one in measured_costs()["formats"].values() for value in one.values())
    for one in measured_costs()["formats"].values():
        assert one["per_scan_s"] + one["per_mb_s"] > 0
        assert 20 < one["base_mb"] < 1000
        assert 0 < one["packed"] <= 1


def test_one_unknown_size_leaves_all_but_the_known_bytes_unknown(tmp_path):
    found = forecast(with_sources({"file": "a.zip", "bytes": 1000}, {"file": "b.zip"}), Config(root=tmp_path))
    assert (found.download_bytes, found.unknown_files) == (1000, 1)
    unknown = (found.build_hours, found.memory_mb, found.store_bytes, found.disk_bytes, found.download_hours(100))
    assert unknown == (None,) * 5


def test_an_unknown_number_of_scans_leaves_the_build_unknown(tmp_path):
    groups = [{**MANIFESTS["WBC-CV"].groups[0].model_dump(), "expect": {"scans": None}}]
    found = forecast(changed("WBC-CV", groups=groups), Config(root=tmp_path))
    assert found.download_bytes == 23_486_003
    assert (found.build_hours, found.memory_mb, found.disk_bytes) == (None,) * 3


def test_a_size_is_taken_from_the_disk_then_exact_then_rounded(tmp_path):
    source = {"file": "a.zip", "about_bytes": 5_000_000}
    settings = Config(root=tmp_path / "root", mirror=str(tmp_path / "mirror"))
    rounded = forecast(with_sources(source), settings)
    assert (rounded.download_bytes, rounded.is_rounded) == (5_000_000, True)
    exact = forecast(with_sources({**source, "bytes": 4_900_000}), settings)
    assert (exact.download_bytes, exact.is_rounded) == (4_900_000, False)
    for folder, size in ((tmp_path / "mirror/WBC-CV", 7), (tmp_path / "root/downloads/WBC-CV", 9)):
        folder.mkdir(parents=True)
        (folder / "a.zip").write_bytes(bytes(size))
        assert forecast(with_sources(source), settings).download_bytes == size


def test_the_forecast_grows_with_bytes_scans_and_labels(tmp_path):
    settings = Config(root=tmp_path)
    one = forecast(with_sources({"file": "a.zip", "bytes": 10**8}), settings)
    more_bytes = forecast(with_sources({"file": "a.zip", "bytes": 10**9}), settings)
    costs = measured_costs()
    per_byte = costs["formats"]["raster"]["per_mb_s"] / costs["formats"]["raster"]["packed"]
    expected = 900 * (per_byte + costs["stages"]["unpack_per_mb_s"]) / 3600
    assert more_bytes.build_hours - one.build_hours == pytest.approx(expected)
    assert one.store_bytes == 100 * costs["formats"]["raster"]["record_bytes"]
    assert one.disk_bytes >= 2 * 10**8
    assert one.download_hours(80) == pytest.approx(10 / 3600)
    assert forecast(with_sources({"file": "a.zip", "bytes": 10**9}), settings).memory_mb > one.memory_mb


def test_masks_and_records_of_volumes_and_pictures():
    pictures, volumes = MANIFESTS["WBC-CV"].groups[0], MANIFESTS["MSD-Hippocampus"].groups[0]
    assert (masks_per_scan(pictures), records_per_scan(pictures)) == (2, 1)
    assert (masks_per_scan(volumes), records_per_scan(volumes)) == (2 * 3 * 2, 3 + 2 * 3)


def test_generated_tasks_need_no_download(tmp_path):
    small = Config(root=tmp_path, synthetic={"tasks": 1, "subjects": 10})
    large = Config(root=tmp_path, synthetic={"tasks": 100, "subjects": 10})
    few, many = forecast(MANIFESTS["Synthetic"], small), forecast(MANIFESTS["Synthetic"], large)
    assert (few.download_bytes, few.unknown_files, few.download_hours(1)) == (0, 0, 0)
    assert many.build_hours == pytest.approx(100 * few.build_hours)


def test_readers_are_those_of_the_groups_that_are_used():
    assert readers(MANIFESTS["WBC-CV"]) == ["raster"]
    assert readers(MANIFESTS["Synthetic"]) == []


def test_the_table_has_totals_and_names_what_is_unknown(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    plan(root=tmp_path)
    shown = capsys.readouterr().out.partition("Forecast")[2]
    assert re.search(r"^MSD-Liver +~27 GB +0\.60", shown, re.MULTILINE)
    known = sorted(name for name, one in MANIFESTS.items() if forecast(one, Config(root=tmp_path)).build_hours)
    assert re.search(rf"^{len(known)} in all ", shown, re.MULTILINE)
    unknown = shown.partition("No forecast")[2]
    assert set(MANIFESTS) - set(known) <= set(re.findall(r"[\w-]+", unknown))


def test_an_archive_that_two_datasets_share_is_counted_once(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    for name in ("WBC-CV", "WBC-JTSC"):
        (tmp_path / f"{name}.yaml").write_text(Path(f"dataset_manifests/{name}.yaml").read_text())
    plan(root=tmp_path, manifests=(tmp_path,))
    shown = capsys.readouterr().out
    assert re.search(r"^WBC-CV +23 MB .*\nWBC-JTSC +23 MB ", shown, re.MULTILINE)
    assert re.search(r"^2 in all +23 MB ", shown, re.MULTILINE)


def test_csv_has_a_row_for_each_dataset_and_empty_cells_for_what_is_unknown(tmp_path, capsys):
    plan(csv=True, root=tmp_path, mbit=50)
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert rows.keys() == MANIFESTS.keys()
    assert rows["MSD-Hippocampus"]["download_bytes"] == "27000000"
    assert rows["MSD-Hippocampus"]["download_is_rounded"] == "True"
    assert float(rows["MSD-Liver"]["download_hours"]) == 1.2
    assert {rows["KiTS"][name] for name in ("download_hours", "build_core_hours", "disk_bytes")} == {""}
    assert rows["KiTS"]["files_of_unknown_size"] == "211"
