import os
import platform
import subprocess
import sys

import pytest

from universeg.base.atomic_write import atomic_write
from universeg.base.lookup import choose
from universeg.base.rng import rng_for, seed_for


def test_a_file_is_whole_or_not_there(tmp_path):
    target = tmp_path / "deep" / "x.txt"
    with pytest.raises(UnicodeEncodeError), atomic_write(target) as part:
        part.write_text("half \udcff", encoding="utf-8")
    assert list(target.parent.iterdir()) == []
    with atomic_write(target) as part:
        part.write_text("whole")
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["x.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic_write(target) as part:
        part.write_text("new \udcff", encoding="utf-8")
    assert target.read_text() == "old"


def test_what_a_killed_writer_left_is_swept_up(tmp_path):
    kill_itself = (
        "import os, pathlib; from universeg.base.atomic_write import atomic_write\n"
        "with atomic_write(pathlib.Path('x.txt')) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", kill_itself], cwd=tmp_path)
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".part")
    alive = tmp_path / f".x.txt.{platform.node()}.{os.getppid()}.part"
    alive.touch()
    with atomic_write(tmp_path / "x.txt") as part:
        part.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {"x.txt", alive.name}


def test_randomness_has_a_name():
    assert rng_for("split", "D", 3).random() == rng_for("split", "D", 3).random()
    assert seed_for("a", "bc") != seed_for("ab", "c")


def test_choose_lists_the_choices():
    with pytest.raises(ValueError, match="unknown intensity 'xray'; known: ct, mr"):
        choose({"mr": 1, "ct": 2}, "xray", "intensity")
