"""Every manifest in the repository is usable, found by glob; and mistakes are named."""

import json
import re
from pathlib import Path

import pytest

from pipeline.authoring.check import check, schema
from pipeline.authoring.lint import problems
from pipeline.manifest.schema import load_manifest, load_manifests
from pipeline.manifest.strict_yaml import DocumentError

FOLDER = Path("dataset_manifests")
PATHS = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_manifest_is_usable(path):
    manifest = load_manifest(path)
    assert not list(problems(manifest)), "mend the manifest, or write the reader it names"


def test_the_committed_schema_is_the_code_s(tmp_path):
    schema(tmp_path / "schema.json")
    assert (FOLDER / "schema.json").read_text() == (tmp_path / "schema.json").read_text(), (
        "run: python -m pipeline schema"
    )
    json.loads((FOLDER / "schema.json").read_text())


def broken(tmp_path, *changes: tuple[str, str]) -> Path:
    text = (FOLDER / "WBC-CV.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "WBC-CV.yaml"
    path.write_text(text)
    return path


def test_all_mistakes_are_shown_at_once_with_their_lines(tmp_path):
    path = broken(
        tmp_path, ("title:", "titel:"), ("intensity: unit", "intensity: xray"), ("access: open", "access: maybe")
    )
    with pytest.raises(DocumentError) as error:
        load_manifest(path)
    lines = str(error.value).splitlines()
    where = {line.split(": ")[1]: int(line.split(":")[1]) for line in lines}
    text = path.read_text().splitlines()
    assert where["titel"] == 1 + next(i for i, line in enumerate(text) if line.startswith("titel:"))
    assert where["access"] == 1 + next(i for i, line in enumerate(text) if line.startswith("access:"))
    assert "title" in where, "the missing field is named as well"
    assert any("known: ct, mr, unit" in line for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("domain: blood cells", "domain: blood cells\ndomain: again", "'domain' is given twice"),
        ("    url: https", "    get: # https", "give 'url', or 'get'"),
        ("url: https://github.com/zxaoyou/segmentation_WBC/archive", "url: file:///etc/passwd", "not a supported URL"),
        ("digest: sha256:54a7", "digest: sha256:zz", "match pattern"),
        ("255: nucleus", "255: nucleus/core", "match pattern"),
        ("{subject}.bmp", "{case}.bmp", "no part"),
        ("name: WBC-CV\n", "name: WBC-XX\n", "name the file WBC-XX.yaml"),
        ("access: open", "access: generated", "needs 'sources' and 'groups'"),
        ("axes: [0]", "axes: [3]", "Input should be 0, 1 or 2"),
        ("title:", "\ttitle:", "not YAML"),
    ],
)
def test_a_mistake_is_named(tmp_path, old, new, words):
    with pytest.raises(DocumentError, match=words) as error:
        load_manifest(broken(tmp_path, (old, new)))
    assert "WBC-CV.yaml" in str(error.value)


def test_python_tags_are_refused(tmp_path):
    with pytest.raises(DocumentError):
        load_manifest(broken(tmp_path, ("domain: blood cells", "domain: !!python/object/apply:os.getcwd []")))


def test_names_that_no_table_has_are_found(tmp_path):
    path = broken(tmp_path, ("reader: raster", "reader: hologram"), ("expect: {scans: 100", "expect: {scans: 99"))
    assert [*problems(load_manifest(path))] == [
        "CV: no code for reader 'hologram'; known: nifti, mgz, metaimage, nrrd, dicom, raster, matlab, hdf5, video",
        "expects 99 scans, Table 3 has 100: say why in table3.differs",
    ]


def test_check_exits_1_and_names_the_file(tmp_path, capsys):
    broken(tmp_path, ("title:", "titel:"))
    with pytest.raises(SystemExit) as stop:
        check(manifests=tmp_path)
    assert stop.value.code == 1
    assert "WBC-CV.yaml:3: titel" in capsys.readouterr().err


def test_a_comment_changes_no_digest_and_a_fact_does(tmp_path):
    original = load_manifest(FOLDER / "WBC-CV.yaml")
    commented = load_manifest(broken(tmp_path, ("domain:", "# a remark\ndomain:")))
    changed = load_manifest(broken(tmp_path, ("128: cytoplasm", "129: cytoplasm")))
    assert commented.digest() == original.digest()
    assert changed.digest("groups") != original.digest("groups")
    assert changed.digest("sources") == original.digest("sources")


def test_no_python_names_a_dataset():
    names = set(load_manifests(FOLDER)) - {"Synthetic"}
    for path in [*Path("pipeline").rglob("*.py"), *Path("universeg").rglob("*.py")]:
        found = [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", path.read_text())]
        assert not found, f"{path} names {found}: facts belong in manifests"
