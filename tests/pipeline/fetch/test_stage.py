"""The stage `fetch`: which settings it uses, and the receipt that it writes."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from pipeline.backends.base import FetchError
from pipeline.config import Config, write_config
from pipeline.fetch.stage import fetch
from pipeline.manifest.schema import load_manifest

MANIFESTS = Path(__file__).parents[3] / "dataset_manifests"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest with one file of any size and digest."""
    text = (MANIFESTS / "WBC-CV.yaml").read_text(encoding="utf-8")
    path = tmp_path / "WBC-CV.yaml"
    path.write_text(re.sub(r"(?m)^    (bytes|digest): .*\n", "", text), encoding="utf-8")
    return path


def run(manifest: Path, root: Path, **settings: object) -> list[dict[str, object]]:
    """Run the stage; return the files in its receipt."""
    write_config(Config(root=root, **settings), root / "config.json")
    fetch(root / "config.json", manifest, root / "receipt.json")
    receipt = json.loads((root / "receipt.json").read_text(encoding="utf-8"))
    assert receipt["dataset"] == "WBC-CV"
    return receipt["files"]


def test_the_files_are_below_the_root_and_in_the_receipt(manifest, tmp_path):
    (source,) = load_manifest(manifest).archives
    copy = tmp_path / "mirror" / "WBC" / source.file
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"archive")
    (file,) = run(manifest, tmp_path, mirror=str(tmp_path / "mirror"))
    assert (tmp_path / "downloads" / "WBC" / source.file).read_bytes() == b"archive"
    assert file == {
        "source": "WBC",
        "file": source.file,
        "bytes": 7,
        "sha256": hashlib.sha256(b"archive").hexdigest(),
        "origin": "mirror",
        "place": str(copy),
    }


def test_a_dataset_in_have_needs_no_file(manifest, tmp_path):
    assert run(manifest, tmp_path, have={"WBC-CV": tmp_path}, mirror=str(tmp_path / "empty")) == []
    assert not (tmp_path / "downloads").exists()


def test_a_failed_download_writes_no_receipt(manifest, tmp_path):
    with pytest.raises(FetchError, match="the mirror does not have this file"):
        run(manifest, tmp_path, mirror=str(tmp_path / "empty"))
    assert not (tmp_path / "receipt.json").exists()
