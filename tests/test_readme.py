"""The commands of the README, run as typed where they would run anywhere, and on fakes where they need data."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import fakes
import pytest
import yaml
from workflow import World

CHECKOUT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
README = (CHECKOUT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]

# What makes a command small enough for a test, by how it begins; the rest of it is as typed.
SHORTER = {
    "snakemake --cores 32": "--configfile fakes.yaml",
    "universeg-train": "--steps 2 --support-size 2 --dev-episodes 2 --model.widths 4 4",
    "universeg-evaluate": "--support-size 2 --ensemble 1 --bootstraps 10",
    "universeg-predict": "--label 255",
}


def as_tested(command: str) -> list[str]:
    extra = next((more for start, more in SHORTER.items() if command.startswith(start)), "")
    program, *arguments = shlex.split(f"{command} {extra}")
    return ["make", "-n", *arguments] if program == "make" else [str(BIN / program), *arguments]


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder like a fresh checkout, with fakes in place of the owners' servers and a person's own images."""
    folder = tmp_path_factory.mktemp("readme")
    for name in (
        "Snakefile",
        "Makefile",
        "pyproject.toml",
        "constraints.txt",
        "pipeline",
        "config",
        "profiles",
        "dataset_manifests",
    ):
        (folder / name).symlink_to(CHECKOUT / name)
    (folder / "world").mkdir()
    world = World(folder / "world")
    world.have.pop("BBBC003")
    settings = yaml.safe_load(world.config(datasets=["WBC-CV", "MSD-Hippocampus"], chunks=1).read_text())
    (folder / "fakes.yaml").write_text(yaml.safe_dump({**settings, "root": "data"}))
    tree = next((folder / "world" / "mirror" / "tree").iterdir())
    for name, chosen in (("labelled", range(1, 6)), ("new", range(6, 8))):
        (folder / name).mkdir()
        for n in chosen:
            for ending in ("bmp", "png") if name == "labelled" else ("bmp",):
                shutil.copy(tree / "Dataset 1" / f"{n:03d}.{ending}", folder / name)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", [command for command in COMMANDS if not command.startswith("pip ")])
def test_a_command_of_the_readme_runs(desk, command):
    """In the README's own order: each works on what those before it made."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{BIN}:{os.environ['PATH']}"}
    run = subprocess.run(as_tested(command), cwd=desk, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
def test_the_results_are_where_the_readme_says(desk):
    for name in (
        "stores/WBC-CV.lmdb",
        "reports/catalogue.csv",
        "reports/attrition/WBC-CV.csv",
        "reports/sheets/WBC-CV.png",
    ):
        assert (desk / "data" / name).exists()
    assert (desk / "masks" / "006_mask.png").exists()
    assert list((desk / "runs" / "first" / "evaluation").glob("*.md"))


@pytest.mark.slow
def test_the_python_of_the_readme_runs(desk):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    work = desk / "python"
    work.mkdir()
    shutil.copy(desk / "runs" / "first" / "best.safetensors", work)
    for n, name in enumerate(("new", "a", "b")):
        picture, labels = fakes.cell(n)
        fakes.Image.fromarray(picture).save(work / f"{name}.png")
        fakes.Image.fromarray((labels == 255).astype("uint8")).save(work / f"{name}_mask.png")
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=work, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
