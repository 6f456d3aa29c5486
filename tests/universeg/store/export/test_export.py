"""A store that is exported and read again has the same pixels, names and splits, in every layout."""

import csv
import hashlib
import importlib.util
import io
import json
import re
import zipfile

import numpy as np
import pytest
import yaml
from PIL import Image

from universeg.base.rng import rng_for
from universeg.store import Record, Store, pack, subject_of, write_store
from universeg.store.__main__ import main

SIDE = 20
TASK = "D/g/CT/left part/0"
FOLDER = "D_g_CT_left_part_0"
SPLITS = {"01": "support", "02": "dev", "03": "test"}
HEADER = {
    "dataset": "D",
    "title": "Discs: a set",
    "size": SIDE,
    "splits": SPLITS,
    "licence": {"name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/", "redistribution": "yes"},
    "citation": [{"text": "Miller 2020", "doi": "10.1/x", "arxiv": None}],
    "sources": [{"file": "d.zip", "bytes": 3, "sha256": "ab" * 32}],
    "manifest": "0123abcd",
    "recipe": 3,
}
LAYOUTS = ["nnunet", "huggingface", "npz", "png"]


def records():
    for subject in ("01", "02@a", "02@b", "03"):
        image, left, right = rng_for("export", subject).integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8)
        yield Record("mid", "g", "CT", 0, subject, image, {"left part": left, "right": right})
        yield Record("max", "g", "CT", 0, subject, 255 - image, {"right": right})


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    write_store(folder / "D.lmdb", HEADER, sorted(map(pack, records())))
    return folder / "D.lmdb"


@pytest.fixture
def export(path, tmp_path, capsys):
    """`export(layout, words...)` exports the store; returns the folder."""

    def run(layout, *words, stores=path):
        main(["export", str(stores), "--to", layout, "--out", str(tmp_path / layout), "-q", *map(str, words)])
        return tmp_path / layout

    return run


def rows(folder):
    with (folder / "index.csv").open() as file:
        return list(csv.DictReader(file))


def pixels(folder, name):
    """What a cell of the index names: a picture, or a row of an array."""
    file, mark, place = name.partition("#")
    if not mark:
        return np.asarray(Image.open(folder / file))
    array, row = re.fullmatch(r"(\w+)\[(\d+)\]", place).groups()
    return np.load(folder / file)[array][int(row)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_pixel_comes_back(export, path, layout):
    folder, store = export(layout), Store(path)
    found = rows(folder)
    assert len(found) == 8  # two tasks of four images
    by_task = {}
    for row in found:
        by_task.setdefault(row["task"], []).append(row)
    for task, ones in by_task.items():
        names = [name for split in ("support", "dev", "test") for name in store.subjects(task, split)]
        images, masks = store.read(task, names)
        factor = 255 if layout in ("png", "huggingface") else 1
        for row, name, image, mask in zip(ones, names, images, masks, strict=True):
            np.testing.assert_array_equal(pixels(folder, row["image"]), image)
            np.testing.assert_array_equal(pixels(folder, row["mask"]), mask * np.uint8(factor))
            assert row["subject"] == subject_of(name)
            assert row["split"] == {"support": "train", "dev": "validation", "test": "test"}[SPLITS[row["subject"]]]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_store_gives_the_same_bytes_and_the_index_their_digests(export, layout, tmp_path):
    folder = export(layout)
    first = {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    folder.rename(tmp_path / "first")
    again = export(layout)
    assert first == {file.relative_to(again): file.read_bytes() for file in again.rglob("*") if file.is_file()}
    for row in rows(again):
        for kind in ("image", "mask"):
            data = (again / row[kind].partition("#")[0]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == row[f"{kind}_sha256"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_licence_and_sources_are_written_along(export, layout):
    folder = export(layout)
    text = (folder / "README.md").read_text()
    for part in ("CC BY 4.0", "Miller 2020 https://doi.org/10.1/x", "d.zip", "ab" * 32, "0123abcd", "Discs: a set"):
        assert part in text
    assert "doi = {10.1/x}" in (folder / "citation.bib").read_text()
    metadata = json.loads((folder / "croissant.json").read_text())
    assert metadata["license"] == ["https://creativecommons.org/licenses/by/4.0/"]
    assert "Miller 2020" in metadata["citeAs"]


def test_nnunet_has_the_layout_that_its_own_check_wants(export):
    """The rules are those of verify_dataset_integrity in nnU-Net 2."""
    folder = export("nnunet", "--tasks", "*left*", "--number", 7)
    dataset = folder / f"Dataset007_{FOLDER}"
    facts = json.loads((dataset / "dataset.json").read_text())
    assert {"labels", "channel_names", "numTraining", "file_ending"} <= facts.keys()
    assert facts["channel_names"] == {"0": "CT"}
    assert sorted(facts["labels"].values()) == list(range(len(facts["labels"])))
    assert facts["labels"] == {"background": 0, "left part": 1}
    for kind, count in (("Tr", facts["numTraining"]), ("Ts", 1)):
        masks = sorted(file.name for file in (dataset / f"labels{kind}").iterdir())
        images = sorted(file.name for file in (dataset / f"images{kind}").iterdir())
        assert images == [name.replace(".png", "_0000.png") for name in masks]
        assert len(masks) == count
    assert facts["numTraining"] == 3
    assert set(np.unique(np.asarray(Image.open(dataset / "labelsTr/01.png")))) == {0, 1}


def test_npz_has_the_arrays_of_medsegbench(export):
    folder = export("npz", "--tasks", "*left*")
    arrays = np.load(folder / f"{FOLDER}_{SIDE}.npz")
    shapes = {name: arrays[name].shape for name in arrays.files}
    counts = {"train": 1, "val": 2, "test": 1}
    assert shapes == {f"{split}_{kind}": (n, SIDE, SIDE) for split, n in counts.items() for kind in ("images", "label")}
    assert all(arrays[name].dtype == np.uint8 for name in arrays.files)


def test_npz_of_sides_that_do_not_fill_bytes(tmp_path):
    pixels = rng_for("odd").integers(0, 2, (3, 3, 3), dtype=np.uint8)
    from universeg.store.export.npz import write_npz

    blocks = {
        split: iter([(pixels[:2], pixels[:2]), (pixels[2:], pixels[2:])]) for split in ("train", "validation", "test")
    }
    write_npz(tmp_path / "x.npz", 3, dict.fromkeys(blocks, 3), blocks)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npz")["val_label"], pixels)


def test_huggingface_card_and_metadata(export):
    folder = export("huggingface")
    card = yaml.safe_load((folder / "README.md").read_text().split("---")[1])
    assert card["license"] == "cc-by-4.0"
    (config,) = [one for one in card["configs"] if one["config_name"] == FOLDER]
    assert config["data_files"][0] == {"split": "train", "path": f"{FOLDER}/train/**"}
    lines = [json.loads(line) for line in (folder / FOLDER / "validation/metadata.jsonl").read_text().splitlines()]
    assert lines[1] == {"file_name": "images/02@b.png", "mask_file_name": "masks/02@b.png", "subject": "02"}
    assert all((folder / FOLDER / "validation" / line["mask_file_name"]).is_file() for line in lines)


@pytest.mark.parametrize("name", [None, "Terms of 'X'\n- y"])
def test_a_licence_that_hugging_face_does_not_know(tmp_path, name):
    header = {**HEADER, "licence": {"name": name}}
    write_store(tmp_path / "D.lmdb", header, sorted(map(pack, records())))
    main(["export", str(tmp_path / "D.lmdb"), "--to", "huggingface", "--out", str(tmp_path / "out"), "-q"])
    card = yaml.safe_load((tmp_path / "out/README.md").read_text().split("---\n")[1])
    assert card["license"] == "other"
    assert card["license_name"] == ("unknown" if name is None else "Terms of 'X' - y")


def test_choices(export, path):
    assert {row["split"] for row in rows(export("png", "--split", "dev"))} == {"validation"}
    largest = export("huggingface", "--slicing", "max", "--split", "test")
    (row,) = rows(largest)
    images, _ = Store(path).read("D/g/CT/right/0", ["03"], "max")
    np.testing.assert_array_equal(pixels(largest, row["image"]), images[0])
    folder = export("nnunet", "--datasets", "D", "--tasks", "*/right/*", stores=path.parent)
    assert {row["task"] for row in rows(folder)} == {"D/g/CT/right/0"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--datasets", "E"], "no store of E; the given stores have D"),
        (["--tasks", "*liver*"], "no task matches"),
        (["--number", "1000"], "three digits"),
    ],
)
def test_wrong_uses(export, tmp_path, words, told):
    with pytest.raises(ValueError, match=told):
        export("nnunet", *words)
    assert not (tmp_path / "nnunet").exists()


def test_a_folder_with_files_is_not_touched(export, tmp_path):
    (tmp_path / "png").mkdir()
    (tmp_path / "png/mine.txt").write_text("x")
    with pytest.raises(ValueError, match="is there already"):
        export("png")
    assert [file.name for file in tmp_path.iterdir()] == ["png"]


def test_an_export_that_fails_leaves_nothing(export, tmp_path, monkeypatch):
    monkeypatch.setattr("universeg.store.export.from_store.write_about", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export("png")
    assert list(tmp_path.iterdir()) == []


def test_unknown_redistribution_is_a_warning(tmp_path, capsys):
    write_store(tmp_path / "D.lmdb", {**HEADER, "licence": {"name": "x"}}, sorted(map(pack, records())))
    main(["export", str(tmp_path / "D.lmdb"), "--to", "png", "--out", str(tmp_path / "out"), "-q"])
    assert "redistribution is unknown" in " ".join(capsys.readouterr().err.split())


def test_croissant_describes_files_that_exist(export):
    folder = export("huggingface")
    metadata = json.loads((folder / "croissant.json").read_text())
    index, images, masks = metadata["distribution"]
    assert index["sha256"] == hashlib.sha256((folder / "index.csv").read_bytes()).hexdigest()
    for files, kind in ((images, "image"), (masks, "mask")):
        found = {str(file.relative_to(folder)) for pattern in files["includes"] for file in folder.glob(pattern)}
        assert found == {row[kind] for row in rows(folder)}
    named = {
        field["source"].get("fileSet", field["source"].get("fileObject"))["@id"]
        for one in metadata["recordSet"]
        for field in one["field"]
    }
    assert named == {one["@id"] for one in metadata["distribution"]}
    for one, kind in zip(metadata["recordSet"][1:], ("image", "mask"), strict=True):
        assert one["field"][0]["references"]["extract"]["column"] == kind


@pytest.mark.skipif(importlib.util.find_spec("mlcroissant") is None, reason="mlcroissant is not installed")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_mlcroissant_reads_it(export, layout):
    import mlcroissant

    folder = export(layout)
    dataset = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert not dataset.metadata.ctx.issues.errors
    assert len(list(dataset.records("rows"))) == 8
    for record in [] if layout == "npz" else dataset.records("images"):
        np.testing.assert_array_equal(
            np.asarray(record["images/content"].convert("L")), pixels(folder, record["images/path"].decode())
        )


@pytest.mark.skipif(importlib.util.find_spec("datasets") is None, reason="datasets is not installed")
@pytest.mark.filterwarnings("ignore")
def test_huggingface_loads_it(export, path, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets

    loaded = datasets.load_dataset(str(export("huggingface")), FOLDER)
    images, masks = Store(path).read(TASK, ["02@a", "02@b"])
    for one, image, mask in zip(loaded["validation"], images, masks, strict=True):
        np.testing.assert_array_equal(np.asarray(one["image"]), image)
        np.testing.assert_array_equal(np.asarray(one["mask"]), mask * 255)
        assert one["subject"] == "02"


def test_npz_members_have_no_time(export):
    data = (export("npz") / f"{FOLDER}_{SIDE}.npz").read_bytes()
    assert all(info.date_time[0] == 1980 for info in zipfile.ZipFile(io.BytesIO(data)).infolist())
