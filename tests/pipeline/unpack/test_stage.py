"""The stage `unpack`: where a dataset's files are, in the note that the next stages read."""

import hashlib
import json
from pathlib import Path

from archives import put, tree, zipped

from pipeline.config import Config, write_config
from pipeline.fetch.receipt import Received, write_receipt
from pipeline.manifest.schema import load_manifest
from pipeline.unpack.stage import unpack

MANIFEST = Path(__file__).parents[3] / "dataset_manifests" / "WBC-CV.yaml"
FILES = {"top/Dataset 2/001.bmp": b"image", "top/Dataset 1/001.bmp": b"of another dataset"}


def run(root: Path, **settings: object) -> Path:
    """Run the stage; return the folder that its note names."""
    write_config(Config(root=root, **settings), root / "config.json")
    unpack(root / "config.json", MANIFEST, root / "receipt.json", root / "raw.json")
    return Path(json.loads((root / "raw.json").read_text())["root"])


def test_the_files_of_the_receipt_are_unpacked_below_the_root(tmp_path):
    (source,) = load_manifest(MANIFEST).archives
    _, archive = put(tmp_path / "downloads" / "WBC", source.file, zipped(FILES))
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    file = Received("WBC", source.file, archive.stat().st_size, sha256, "mirror", str(archive))
    write_receipt(tmp_path / "receipt.json", "WBC-CV", [file])
    folder = run(tmp_path)
    assert folder == tmp_path / "raw" / "WBC-CV"
    assert tree(folder) == {"top/Dataset 2/001.bmp": b"image"}, "only the members that the manifest names"


def test_a_folder_in_have_is_used_as_it_is(tmp_path):
    (tmp_path / "mine").mkdir()
    write_receipt(tmp_path / "receipt.json", "WBC-CV", [])
    assert run(tmp_path, have={"WBC-CV": tmp_path / "mine"}) == tmp_path / "mine"
    assert not (tmp_path / "raw").exists()
