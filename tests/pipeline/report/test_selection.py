"""Which of the requested datasets are built, wait for the user, or are left out."""

from pathlib import Path

import pytest

from pipeline.config import Config, ConfigError
from pipeline.manifest.schema import Manifest, load_manifests
from pipeline.report.selection import select

MANIFESTS = load_manifests(Path("dataset_manifests"))
SOURCE = {**MANIFESTS["WBC-CV"].sources[0].model_dump(), "name": None, "url": None, "get": "Ask Dr A."}
GATED = Manifest.model_validate({**MANIFESTS["WBC-CV"].model_dump(), "name": "Gated", "sources": [SOURCE]})
WITH_GATED = {**MANIFESTS, "Gated": GATED}
FILE = GATED.sources[0].file


def test_a_dataset_that_needs_a_request_waits(tmp_path):
    assert "Gated" not in select(Config(root=tmp_path), WITH_GATED).build
    selected = select(Config(root=tmp_path, datasets=("Gated", "BBBC003")), WITH_GATED)
    assert selected.build == ["BBBC003"]
    assert selected.waiting == {"Gated": f"{FILE}: Ask Dr A. Save it as {tmp_path}/downloads/Gated/{FILE}."}


@pytest.mark.parametrize("place", ["downloads", "mirror", "have"])
def test_it_is_built_when_its_files_are_in_place(tmp_path, place):
    folder = tmp_path / {"downloads": "downloads/Gated", "mirror": "mirror/Gated", "have": "unpacked"}[place]
    folder.mkdir(parents=True)
    (folder / FILE).touch()
    config = Config(
        root=tmp_path,
        mirror=str(tmp_path / "mirror") if place == "mirror" else None,
        have={"Gated": folder} if place == "have" else {},
    )
    assert "Gated" in select(config, WITH_GATED).build


def test_a_misspelt_dataset_is_reported_with_the_nearest_name():
    with pytest.raises(ConfigError, match="no manifest for dataset 'WBC-JSTC'; did you mean WBC-JTSC"):
        select(Config(datasets=("WBC-JSTC",)), MANIFESTS)
