"""The commands of the README run as typed; those that need datasets run on small fake ones."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from workflow import World

CHECKOUT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
README = (CHECKOUT / "README.md").read_text()
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]

# Options that make a command small enough for a test, by the start of the command. The rest of it is as in the README.
SMALLER = {
    "snakemake --cores 32": "--configfile fakes.yaml",
    "universeg train": "--steps 2 --support-size 2 --dev-episodes 2 --model.widths 4 4",
    "universeg evaluate": "--support-size 2 --ensemble 1 --bootstraps 10",
}


def as_tested(command: str) -> list[str]:
    more = next((options for start, options in SMALLER.items() if command.startswith(start)), "")
    program, *arguments = shlex.split(f"{command} {more}")
    return ["make", "-n", *arguments] if program == "make" else [str(BIN / program), *arguments]


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder like a new checkout, with a mirror of fake files in place of the owners' servers."""
    folder = tmp_path_factory.mktemp("readme")
    names = "Snakefile Makefile pyproject.toml constraints.txt pipeline config profiles dataset_manifests examples"
    for name in names.split():
        (folder / name).symlink_to(CHECKOUT / name)
    (folder / "world").mkdir()
    config = World(folder / "world").config(datasets=["WBC-CV", "MSD-Hippocampus"], chunks=1)
    settings = yaml.safe_load(config.read_text())
    settings["have"].pop("BBBC003")
    (folder / "fakes.yaml").write_text(yaml.safe_dump({**settings, "root": "data"}))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_runs(desk, command):
    """In the order of the README: each uses the results of those before it."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": f"{BIN}:{os.environ['PATH']}"}
    run = subprocess.run(as_tested(command), cwd=desk, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
def test_the_results_are_where_the_readme_says(desk):
    masks = sorted((desk / "masks").glob("*_mask.png"))
    assert [mask.name for mask in masks] == [f"sample{number:02d}_mask.png" for number in range(9, 14)]
    assert all(Image.open(mask).getextrema() == (0, 255) for mask in masks), "each sample has the structure"
    assert len(list((desk / "masks").glob("*_overlay.png"))) == 5
    assert (desk / "data" / "stores" / "WBC-CV.lmdb").exists()
    assert (desk / "data" / "reports" / "catalogue.csv").exists()
    assert (desk / "runs" / "first" / "evaluation" / "summary.md").exists()


@pytest.mark.slow
def test_the_python_of_the_readme_runs(monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    predict, drop_in = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(predict, names)
    assert names["probability"].shape == (256, 256)
    assert names["probability"].max() > 0.5
    image = torch.rand(1, 1, 64, 64)
    names = {"target_image": image, "support_images": image[None], "support_labels": (image[None] > 0.5).float()}
    exec(drop_in, names)
    assert names["logits"].shape == image.shape
