"""The settings: defaults, mistakes, and how a setting reaches the stages that it affects."""

import inspect
import os
import re
from importlib import import_module
from pathlib import Path
from typing import Annotated

import pytest
import yaml

from pipeline.__main__ import STAGES
from pipeline.config import Affects, Config, ConfigError, claim, config, load_config, parse, write_config

SNAKEFILE = Path("Snakefile").read_text()


def test_the_config_file_shows_the_defaults():
    text = yaml.safe_load(Path("config/config.yaml").read_text())
    assert parse(text) == Config()
    assert set(text) == set(Config.model_fields), "config.yaml must explain every setting"


def test_an_error_lists_every_mistake(tmp_path):
    with pytest.raises(ConfigError) as error:
        parse({"resolution": 5, "geometry": "round", "colour": 1, "have": {"X": str(tmp_path / "missing")}})
    for words in ("resolution", "geometry", "colour", f"have: these folders do not exist: X: {tmp_path}"):
        assert f"  {words}" in str(error.value)


def test_a_manifest_folder_that_does_not_exist_is_named(tmp_path):
    (tmp_path / "dataset_manifests").mkdir()
    assert parse({}).with_manifests_in(tmp_path).manifests[0].is_dir()
    with pytest.raises(ConfigError, match=r"no such folder: my_manifets; looked in .* and in "):
        parse({"manifests": ["dataset_manifests", "my_manifets"]}).with_manifests_in(tmp_path)


def test_stages_read_the_settings_that_snakemake_wrote(tmp_path):
    settings = Config(root=tmp_path, have={"X": tmp_path}, datasets=("A", "B"), synthetic={"family": "nested"})
    write_config(settings, tmp_path / "config.json")
    assert load_config(tmp_path / "config.json") == settings


def test_the_stage_resolves_a_config_file(tmp_path):
    (tmp_path / "my.yaml").write_text("resolution: 64\n")
    config(tmp_path / "config.json", tmp_path / "my.yaml")
    assert load_config(tmp_path / "config.json") == Config(resolution=64)


def test_a_file_that_is_not_a_resolved_config_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"resolution": "wide"}')
    with pytest.raises(ConfigError, match=r"config\.json: not a resolved config[^\n]*\n  resolution: "):
        load_config(tmp_path / "config.json")


class WithNewSetting(Config):
    """Config with one more field: the only change that an option needs, beside the code that uses it."""

    blur: Annotated[int, Affects("shard")] = 0


def test_a_new_setting_needs_one_field(tmp_path):
    path = tmp_path / "config.json"
    write_config(WithNewSetting(blur=3), path)
    read = WithNewSetting.model_validate_json(path.read_text())
    assert read.blur == 3, "it is written with the others"
    assert read.affecting("shard") == {**Config().affecting("shard"), "blur": 3}, "a change runs the stage again"
    assert read.affecting("store") == Config().affecting("store")


def marks(name: str) -> list[Affects]:
    return [mark for mark in Config.model_fields[name].metadata if isinstance(mark, Affects)]


@pytest.mark.parametrize("name", Config.model_fields)
def test_a_setting_names_the_stages_that_it_affects(name):
    (mark,) = marks(name)
    assert set(mark.stages) <= set(STAGES)


@pytest.mark.parametrize("stage", sorted({stage for name in Config.model_fields for stage in marks(name)[0].stages}))
def test_the_rule_of_a_stage_depends_on_its_settings(stage):
    (rule,) = [part for part in re.split(r"\nrule ", SNAKEFILE) if f'"{{RUN}} {stage} ' in part]
    assert f'settings=CONFIG.affecting("{stage}"),' in rule
    assert "--config {RESOLVED:q}" in rule


@pytest.mark.parametrize("stage", re.findall(r"\{RUN\} (\w+)", SNAKEFILE))
def test_no_stage_of_the_workflow_has_a_setting_as_its_own_option(stage):
    """Settings come from the resolved config alone, so that an option is not declared in several places."""
    function = getattr(import_module(STAGES[stage][0]), stage)
    assert not set(inspect.signature(function).parameters) & set(Config.model_fields)


def test_a_second_run_in_a_root_is_refused_until_the_first_ends(tmp_path):
    first = claim(tmp_path / "root")
    with pytest.raises(ConfigError, match=rf"root: another run works in this folder \(process {os.getpid()} on .*wait"):
        claim(tmp_path / "root")
    claim(tmp_path / "other root").release()
    first.release()
    claim(tmp_path / "root").release()


def test_a_root_that_is_a_file_is_named(tmp_path):
    (tmp_path / "root").write_text("")
    with pytest.raises(ConfigError, match=r"root: cannot be written .*set another `root`"):
        claim(tmp_path / "root")
