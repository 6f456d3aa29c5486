"""Rules about the code itself, so that no reviewer has to remember them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FILES = sorted([*Path("pipeline").rglob("*.py"), *Path("universeg").rglob("*.py"), *Path("demo").rglob("*.py")])
LONGER_THAN_250: set[str] = set()  # shrink only
# What the pipeline may take from the library: the contract, and what must be the same code on both sides.
SHARED = {"store", "catalogue", "synth", "standardise", "picture", "files", "rng", "tables"}
# These open without torch, whatever they import in turn.
TORCH_FREE = [
    "pipeline.__main__",
    *(f"universeg.{name}" for name in ("store", "catalogue", "standardise.resample")),
    *(f"universeg.{name}" for name in ("picture", "images", "pairs", "prepared", "overlay")),
]


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", FILES, ids=str)
def test_file_keeps_the_rules(path):
    uses = imported(path)
    packages = {name.split(".")[0] for name in uses}
    if path.parts[0] == "universeg":
        assert not packages & {"pipeline", "demo"}, "universeg must not know the pipeline"
    if path.parts[0] == "pipeline":
        from_library = {name.split(".")[1] for name in uses if name.startswith("universeg.")}
        assert from_library <= SHARED, "the pipeline knows only the contract"
        assert "torch" not in packages, "torch only through universeg.synth"
    assert not packages & {"pickle", "shelve", "marshal", "msgpack_numpy"}, "these run what a file tells them to"
    too_long = len(path.read_text().splitlines()) > 250
    assert too_long == (str(path) in LONGER_THAN_250), "split it, or drop it from LONGER_THAN_250"
    assert path.stem not in {"utils", "helpers", "misc", "common"}, "name the one idea of the file"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_says_what_it_is_and_loads_no_code_from_files(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "its first line says what the file is for"
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        if name == "torch.load":
            assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in call.keywords)
        assert name not in {"eval", "exec", "yaml.unsafe_load", "np.random.seed", "torch.manual_seed"}, name


@pytest.mark.parametrize("module", TORCH_FREE)
def test_no_torch_where_none_is_needed(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_wheel_holds_the_library_only():
    import tomllib

    project = tomllib.loads(Path("pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["packages"]["find"]["include"] == ["universeg*"]


def test_the_environment_is_pinned():
    pins = Path("constraints.txt").read_text()
    assert "torch==2.13.0\n" in pins, "any other specification pulls gigabytes of CUDA"
    for line in pins.splitlines():
        assert line.startswith("#") or "==" in line
