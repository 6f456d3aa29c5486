"""Labels created with FreeSurfer: which scans get them, by which script, and where the results go."""

import json
from pathlib import Path

import pytest
from clinic import MANIFEST_FOLDER, SHAPE, Clinic, head, manifest_of
from layouts.freesurfer import recon
from layouts.writers import dicom, mgz, nifti

from pipeline.config import Config, ConfigError, Segmenting, write_config
from pipeline.manifest.schema import load_manifest, load_manifests
from pipeline.match.freesurfer import UnlabelledScan, to_segment, unlabelled_scans
from pipeline.match.scan_files import read_scans
from pipeline.match.stage import match
from pipeline.report.selection import select


@pytest.fixture
def clinic(tmp_path):
    return Clinic(tmp_path)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("tool", ["synthseg", "freesurfer"])
def test_only_missing_labels_are_created_once_and_the_scans_are_not_changed(clinic, tool):
    nifti(clinic.scans / "t1" / "A 1.nii.gz", head())
    mgz(clinic.scans / "fs" / "B2" / "mri" / "orig.mgz", head())
    recon(clinic.scans / "fs", "MCIC", "C3", "C3")
    nifti(clinic.scans / "t1" / "C3.nii.gz", head())  # its labels are in fs/C3
    before = tree(clinic.scans)
    for _ in range(2):
        run = clinic.run(manifest_of("MCIC"), tool)
        assert run.returncode == 0, run.stderr
    assert tree(clinic.scans) == before
    first = "recon-all" if tool == "freesurfer" else "mri_convert"
    assert [call for call in clinic.calls if call.startswith(first)] == [f"{first} A 1.nii.gz", f"{first} orig.mgz"]
    assert len(clinic.calls) == (2 if tool == "freesurfer" else 6), "the second run created nothing again"
    store = clinic.store(manifest_of("MCIC"))
    assert set(store.header["splits"]) == {"A 1", "B2", "C3"}
    for modality in ("T1", "skull-stripped-T1"):
        images, masks = store.read(f"MCIC/MCIC/{modality}/left hippocampus/2", ["A 1", "B2"])
        assert images[masks == 1].mean() > 200 > 120 > images[masks == 0].mean()
    assert json.loads((clinic.out / "files.json").read_text())["made"] == 2
    assert not list(clinic.out.rglob(".part"))


def test_a_dicom_series_as_it_is_downloaded(clinic):
    for patient, series in (("3102", "MPRAGE"), ("40533", "SAG T1 3D")):
        folder = clinic.scans / "PPMI" / patient / series / "2011-03-07_10_12_13.0" / f"I{patient}99"
        dicom(folder, [f"PPMI_{n:03d}.dcm" for n in range(SHAPE[2])], head())
    run = clinic.run(manifest_of("PPMI"), "freesurfer")
    assert run.returncode == 0, run.stderr
    store = clinic.store(manifest_of("PPMI"))
    subjects = store.subjects("PPMI/PPMI/T1/left hippocampus/2")
    assert subjects == [f"{n}@s_2011-03-07_10_12_13.0_I{n}99" for n in ("3102", "40533")]
    images, masks = store.read("PPMI/PPMI/T1/left hippocampus/2", subjects)
    assert images[masks == 1].mean() > 200 > 120 > images[masks == 0].mean()


def test_a_scan_that_fails_is_named_and_the_others_continue(clinic, tmp_path):
    for name in ("A1", "broken", "C3"):
        nifti(clinic.scans / f"{name}.nii.gz", head())
    for _ in range(2):
        run = clinic.run(manifest_of("MCIC"), "synthseg")
        assert run.returncode != 0
        assert "broken.nii.gz: synthseg created no labels" in run.stderr
        assert "known_bad" in run.stderr
    assert len(clinic.calls) == 6
    manifest = tmp_path / "MCIC.yaml"
    manifest.write_text(manifest_of("MCIC").read_text() + '    known_bad: {broken: "recon-all fails"}\n')
    assert clinic.run(manifest, "synthseg").returncode == 0


def test_an_incomplete_result_is_created_again(clinic):
    nifti(clinic.scans / "A1.nii.gz", head())
    left = clinic.out / "scripts" / "freesurfer" / "A1"
    for folder in (".part/scan/mri", "mri"):
        (left / folder).mkdir(parents=True)
        (left / folder / "orig.mgz").write_bytes(b"incomplete")
    assert clinic.run(manifest_of("MCIC"), "freesurfer").returncode == 0
    assert [path.name for path in sorted(left.rglob("*.mgz"))] == ["aseg.mgz", "norm.mgz", "orig.mgz"]
    assert (left / "mri" / "orig.mgz").read_bytes() != b"incomplete"


def test_without_the_program_the_message_says_how_to_get_it(clinic):
    nifti(clinic.scans / "A1.nii.gz", head())
    clinic.path = "/usr/bin:/bin"
    run = clinic.run(manifest_of("MCIC"), "synthseg")
    assert run.returncode == 1
    assert "no program mri_convert: run snakemake with --sdm apptainer, or install FreeSurfer" in run.stderr


def test_no_program_is_needed_if_all_labels_exist(clinic):
    recon(clinic.scans, "MCIC", "A1", "A1")
    clinic.path = "/usr/bin:/bin"
    assert clinic.run(manifest_of("MCIC"), "freesurfer").returncode == 0


def test_chunks_share_the_scans(clinic):
    for name in ("A1", "B2", "C3"):
        nifti(clinic.scans / f"{name}.nii.gz", head())
    config, raw = clinic.config(), clinic.out / "raw.json"
    write_config(Config.model_validate_json(config.read_text()).model_copy(update={"chunks": 2}), config)
    raw.write_text(json.dumps({"root": str(clinic.scans)}))
    named = []
    for chunk in range(2):
        to_segment(config, manifest_of("MCIC"), raw, chunk, clinic.out / f"{chunk}.sh")
        script = (clinic.out / f"{chunk}.sh").read_text()
        named.append([name for name in ("A1", "B2", "C3") if f"/{name}.nii.gz" in script])
    assert named == [["A1", "C3"], ["B2"]]


def test_a_config_without_tool_or_licence_is_an_error(clinic):
    raw = clinic.out / "raw.json"
    clinic.scans.mkdir()
    config = clinic.config("none")
    raw.write_text(json.dumps({"root": str(clinic.scans)}))
    with pytest.raises(ValueError, match=r"unknown tool 'none'.*freesurfer.*synthseg"):
        to_segment(config, manifest_of("MCIC"), raw, 0, clinic.out / "0.sh")
    write_config(Config(root=clinic.out, segment=Segmenting(tool="freesurfer")), config)
    with pytest.raises(ConfigError, match=r"`segment` has no `licence`; name FreeSurfer's license\.txt"):
        to_segment(config, manifest_of("MCIC"), raw, 0, clinic.out / "0.sh")


def test_a_scan_without_labels_is_reported_with_the_setting_that_creates_them(clinic):
    mgz(clinic.scans / "C3" / "mri" / "orig.mgz", head())
    recon(clinic.scans, "MCIC", "B2", "B2")
    raw = clinic.root / "raw.json"
    raw.write_text(json.dumps({"root": str(clinic.scans)}))
    match(manifest_of("MCIC"), raw, clinic.root / "scans.json")
    _, scans, dropped = read_scans(clinic.root / "scans.json")
    assert {scan.subject for scan in scans} == {"B2"}
    (row,) = [row for row in dropped if not row.known]
    assert row.subject == "C3"
    assert row.remedy.startswith("set `segment` in the config")


def test_freesurfers_own_subject_is_ignored(tmp_path):
    for name in ("fsaverage", "A1"):
        mgz(tmp_path / name / "mri" / "orig.mgz", head())
    assert unlabelled_scans(load_manifest(manifest_of("MCIC")), tmp_path) == [UnlabelledScan("A1", "A1/mri/orig.mgz")]


def test_two_scans_for_one_folder_are_an_error(tmp_path):
    for name in ("1", "2"):
        dicom(tmp_path / "3102" / f"series {name}" / "2011" / "I7", ["a.dcm", "b.dcm"], head()[:, :, :2])
    with pytest.raises(ValueError, match=r"4 scans for one folder 3102_2011_I7: 3102/series 1/.*keep one of them"):
        unlabelled_scans(load_manifest(manifest_of("PPMI")), tmp_path)


def test_a_folder_that_the_label_pattern_does_not_match_is_an_error(tmp_path):
    manifest = tmp_path / "PPMI.yaml"
    manifest.write_text(manifest_of("PPMI").read_text().replace("into: '{patient}_{date}_{id}'", "into: 'x'"))
    dicom(tmp_path / "raw" / "3102" / "T1" / "2011" / "I7", ["a.dcm"], head()[:, :, :1])
    with pytest.raises(ValueError, match=r"writes x/mri/aseg.mgz, which the label path '\{patient\}\{session\}/"):
        unlabelled_scans(load_manifest(manifest), tmp_path / "raw")


def test_into_may_use_only_parts_of_the_pattern(tmp_path):
    manifest = tmp_path / "MCIC.yaml"
    manifest.write_text(manifest_of("MCIC").read_text().replace("into: '{subject}'", "into: '{person}'"))
    with pytest.raises(ValueError, match=r"into '\{person\}' uses \['person'\]"):
        load_manifest(manifest)


def test_without_a_licence_the_dataset_waits_and_the_others_do_not(tmp_path):
    manifests = load_manifests(MANIFEST_FOLDER)
    have, wanted = {"MCIC": tmp_path}, ("MCIC", "WBC-CV")
    missing = tmp_path / "missing.txt"
    for licence, words in ((None, "licence file of FreeSurfer: "), (missing, f"({missing} does not exist)")):
        segment = Segmenting(tool="freesurfer", licence=licence)
        selected = select(Config(root=tmp_path, have=have, datasets=wanted, segment=segment), manifests)
        assert selected.build == ["WBC-CV"]
        assert words in selected.waiting["MCIC"]
        assert "https://surfer.nmr.mgh.harvard.edu/registration.html" in selected.waiting["MCIC"]
    (tmp_path / "license.txt").touch()
    for segment in (Segmenting(), Segmenting(tool="synthseg", licence=tmp_path / "license.txt")):
        assert "MCIC" in select(Config(root=tmp_path, have=have, datasets=wanted, segment=segment), manifests).build
