"""Every manifest in the repository is usable, and each mistake in a manifest is named with its line."""

import json
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
    assert not list(problems(manifest)), "correct the manifest, or write the reader that it names"


def test_the_committed_json_schema_is_current(tmp_path):
    schema(tmp_path / "schema.json")
    assert (FOLDER / "schema.json").read_text() == (tmp_path / "schema.json").read_text(), (
        "run: python -m pipeline schema"
    )
    json.loads((FOLDER / "schema.json").read_text())


def changed_manifest(tmp_path, *changes: tuple[str, str]) -> Path:
    text = (FOLDER / "WBC-CV.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "WBC-CV.yaml"
    path.write_text(text)
    return path


def test_all_mistakes_are_shown_at_once_with_their_lines(tmp_path):
    path = changed_manifest(
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
        ("access: open", "access: generated", "give 'sources' and 'groups'"),
        ("axes: [0]", "axes: [3]", "Input should be 0, 1 or 2"),
        ("title:", "\ttitle:", "not YAML"),
    ],
)
def test_a_mistake_is_named_with_the_file(tmp_path, old, new, words):
    with pytest.raises(DocumentError, match=words) as error:
        load_manifest(changed_manifest(tmp_path, (old, new)))
    assert "WBC-CV.yaml" in str(error.value)


def test_python_tags_are_refused(tmp_path):
    with pytest.raises(DocumentError):
        load_manifest(changed_manifest(tmp_path, ("domain: blood cells", "domain: !!python/object/apply:os.getcwd []")))


def test_unknown_readers_and_contradicting_counts_are_found(tmp_path):
    path = changed_manifest(
        tmp_path, ("reader: raster", "reader: hologram"), ("expect: {scans: 100", "expect: {scans: 99")
    )
    assert [*problems(load_manifest(path))] == [
        "CV: unknown reader 'hologram'; known: nifti, mgz, metaimage, nrrd, dicom, raster, matlab, hdf5, video",
        "expects 99 scans, but Table 3 has 100: give the reason in table3.differs",
    ]


def test_check_exits_1_and_names_the_file(tmp_path, capsys):
    changed_manifest(tmp_path, ("title:", "titel:"))
    with pytest.raises(SystemExit) as stop:
        check(manifests=tmp_path)
    assert stop.value.code == 1
    assert "WBC-CV.yaml:3: titel" in capsys.readouterr().err


def test_facts_change_the_digest_and_comments_do_not(tmp_path):
    original = load_manifest(FOLDER / "WBC-CV.yaml")
    commented = load_manifest(changed_manifest(tmp_path, ("domain:", "# a remark\ndomain:")))
    changed = load_manifest(changed_manifest(tmp_path, ("128: cytoplasm", "129: cytoplasm")))
    assert commented.digest() == original.digest()
    assert changed.digest("groups") != original.digest("groups")
    assert changed.digest("sources") == original.digest("sources")


def test_manifests_of_several_folders_are_loaded_by_name(tmp_path):
    text = (FOLDER / "WBC-CV.yaml").read_text()
    (tmp_path / "Mine.yaml").write_text(text.replace("name: WBC-CV\n", "name: Mine\n"))
    assert set(load_manifests(FOLDER, tmp_path)) == {path.stem for path in PATHS} | {"Mine"}


def test_two_manifests_of_one_dataset_are_an_error(tmp_path):
    path = changed_manifest(tmp_path)
    with pytest.raises(DocumentError, match="another folder also has a manifest of WBC-CV") as error:
        load_manifests(FOLDER, tmp_path)
    assert str(path) in str(error.value)


def test_a_folder_without_manifests_is_an_error_that_names_it(tmp_path):
    for folder, words in ((tmp_path / "mispelt", "does not exist"), (tmp_path, "has no manifests")):
        with pytest.raises(DocumentError, match=words) as error:
            load_manifests(FOLDER, folder)
        assert str(error.value).startswith(f"{folder}: ")
        assert "correct `manifests` in the config" in str(error.value)
    with pytest.raises(DocumentError, match="no folder of manifests is given"):
        load_manifests()


MERGED = "\n".join(
    ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 9)]
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MERGED, r"Bomb\.yaml:\d: stands for more than 100000 values, by its aliases"),
        (MERGED.replace("<<", "y"), r"Bomb\.yaml:\d: stands for more than 100000 values, by its aliases"),
        ("a: " + "[" * 100_000 + "]" * 100_000, r"Bomb\.yaml:1: more than 32 lists or mappings within each other"),
        ("a: &a [*a]", "is not YAML|a: Extra inputs are not permitted"),
        ("a: " + "x" * (1 << 20), "is larger than 1048576 bytes"),
        ("a: !!python/object/apply:os.system [true]", "is not YAML"),
    ],
    ids=["merged", "nested aliases", "deep", "itself", "large", "tag"],
)
def test_a_hostile_manifest_is_refused_at_once(tmp_path, text, message):
    (tmp_path / "Bomb.yaml").write_text(text)
    with pytest.raises(DocumentError, match=message):
        load_manifest(tmp_path / "Bomb.yaml")
