from pathlib import Path

import pytest
import yaml

from pipeline.config import Config, ConfigError, parse, plan
from pipeline.manifest.schema import Manifest, load_manifests

MANIFESTS = load_manifests(Path("dataset_manifests"))
GATED = MANIFESTS["WBC-CV"].model_copy(
    update={
        "name": "Gated",
        "sources": (MANIFESTS["WBC-CV"].sources[0].model_copy(update={"name": None, "url": None, "get": "Ask Dr A."}),),
    }
)


def gated() -> dict[str, Manifest]:
    return {**MANIFESTS, "Gated": Manifest.model_validate(GATED.model_dump())}


def test_the_config_file_says_the_defaults():
    text = yaml.safe_load(Path("config/config.yaml").read_text())
    assert parse(text) == Config()
    assert set(text) == set(Config.model_fields), "each key is in the file, with its explanation"


def test_all_mistakes_are_named(tmp_path):
    with pytest.raises(ConfigError) as error:
        parse({"resolution": 5, "geometry": "round", "colour": 1, "have": {"X": str(tmp_path / "gone")}})
    for word in ("resolution", "geometry", "colour", "have: names folders that do not exist: X"):
        assert f"  {word}" in str(error.value)


def test_what_a_person_must_ask_for_waits(tmp_path):
    config = Config(root=tmp_path)
    assert "Gated" not in plan(config, gated()).build
    waiting = plan(Config(root=tmp_path, datasets=("Gated", "BBBC003")), gated())
    assert waiting.build == ["BBBC003"]
    file = GATED.sources[0].file
    assert waiting.waiting == {"Gated": f"{file}: Ask Dr A. Save it as {tmp_path}/downloads/Gated/{file}."}


@pytest.mark.parametrize("way", ["by hand", "mirror", "have"])
def test_it_is_built_once_it_is_there(tmp_path, way):
    file = GATED.sources[0].file
    place = {"by hand": "downloads/Gated", "mirror": "mirror/Gated", "have": "unpacked"}[way]
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / file).touch()
    config = Config(
        root=tmp_path,
        mirror=str(tmp_path / "mirror") if way == "mirror" else None,
        have={"Gated": tmp_path / place} if way == "have" else {},
    )
    assert "Gated" in plan(config, gated()).build


def test_a_misspelt_dataset_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="no manifest for dataset 'WBC-JSTC'; did you mean WBC-JTSC"):
        plan(Config(datasets=("WBC-JSTC",)), MANIFESTS)
