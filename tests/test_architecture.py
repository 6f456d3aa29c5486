"""Rules about the code itself: who may import whom, what loads without torch, what the wheel holds."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from docs import draw_architecture
from docs.draw_architecture import cycle, imported_modules, module_graph, module_name, room_graph
from pipeline.__main__ import STAGES
from universeg.__main__ import VERBS

FILES = sorted([*Path("pipeline").rglob("*.py"), *Path("universeg").rglob("*.py"), *Path("demo").rglob("*.py")])
LONGER_THAN_250: set[str] = set()  # shrink only

# Which room may import which, from the ground up; docs/explanation/architecture.svg is the same as a picture. A room is
# a folder, or a file directly in a package.
FOUNDATION = {"universeg.base"}
IMAGES = FOUNDATION | {"universeg.standardise", "universeg.imageio"}
DATA = IMAGES | {"universeg.store", "universeg.synth"}
MANIFESTS = {"pipeline.fields", "pipeline.attrition", "pipeline.readers", "pipeline.labels"} | {
    "pipeline.backends",
    "pipeline.manifest",
    "pipeline.config",
}
MAY_IMPORT = {
    "universeg.base": set(),
    "universeg.standardise": FOUNDATION,
    "universeg.imageio": FOUNDATION | {"universeg.standardise"},
    "universeg.store": FOUNDATION | {"universeg.standardise"},
    "universeg.synth": FOUNDATION | {"universeg.standardise"},
    "universeg.model": FOUNDATION | {"universeg.store"},
    "universeg.episodes": FOUNDATION | {"universeg.store"},
    "universeg.training": FOUNDATION | {"universeg.store", "universeg.synth", "universeg.model", "universeg.episodes"},
    "universeg.evaluation": FOUNDATION
    | {"universeg.standardise", "universeg.store", "universeg.model", "universeg.episodes", "universeg.training"},
    "universeg.experiments": FOUNDATION
    | {f"universeg.{room}" for room in ("store", "model", "episodes", "evaluation")},
    "universeg.prediction": IMAGES | {"universeg.store", "universeg.model", "universeg.episodes", "universeg.training"},
    "universeg.app": IMAGES | {"universeg.prediction", "universeg.episodes"},
    "pipeline.fields": set(),
    "pipeline.attrition": IMAGES,
    "pipeline.readers": IMAGES | {"pipeline.attrition"},
    "pipeline.labels": IMAGES | {"pipeline.attrition", "pipeline.fields", "pipeline.readers"},
    "pipeline.backends": FOUNDATION,
    "pipeline.manifest": IMAGES | {"pipeline.fields", "pipeline.labels", "pipeline.backends"},
    "pipeline.config": FOUNDATION | {"pipeline.fields", "pipeline.manifest"},
    "pipeline.fetch": FOUNDATION | MANIFESTS,
    "pipeline.unpack": FOUNDATION | MANIFESTS | {"pipeline.fetch"},
    "pipeline.match": IMAGES | MANIFESTS | {"universeg.store"},
    "pipeline.build": DATA | MANIFESTS | {"pipeline.fetch", "pipeline.match"},
    "pipeline.audit": FOUNDATION | MANIFESTS | {"universeg.store", "pipeline.match", "pipeline.build"},
    "pipeline.report": FOUNDATION | MANIFESTS | {"universeg.store", "pipeline.match"},
    "pipeline.authoring": IMAGES | MANIFESTS | {"pipeline.match", "universeg.store"},
}
# These load without torch, whatever they import in turn.
TORCH_FREE = [
    "universeg",
    "universeg.__main__",
    *(
        f"universeg.{room}"
        for room in ("store", "standardise.resample", "imageio.load", "imageio.series", "imageio.write")
    ),
    *(f"universeg.base.{file}" for file in ("atomic_write", "command", "contact_sheet", "lookup", "rng")),
    *(f"universeg.prediction.{file}" for file in ("examples", "labels", "label_files", "overlay")),
    *(f"universeg.prediction.{file}" for file in ("pairing", "preprocess", "queries", "results", "settings")),
    # So that --help and refusals are quick, and runs with nothing left to do.
    *(f"universeg.prediction.{file}" for file in ("cli", "config", "inputs", "report.finished")),
    "universeg.model.registry",
    "universeg.prediction.task_pack.cli",
    "universeg.app.cli",
    "universeg.app.server",
    *sorted({module for module, _ in STAGES.values()} - {"pipeline.build.synthetic"}),
]
HEAVY = (
    "torch",
    "nibabel",
    "SimpleITK",
    "pydicom",
    "h5py",
    "scipy",
    "av",
    "pandas",
    "requests",
    "skimage",
    "matplotlib",
)
# Manifests of real datasets. (Synthetic is also an English word, and the name that synthetic tasks have in stores.)
DATASETS = sorted(path.stem for path in Path("dataset_manifests").glob("*.yaml") if path.stem != "Synthetic")


@pytest.fixture(scope="module")
def modules():
    return module_graph()


def test_rooms_import_only_what_they_may(modules):
    rooms = room_graph(modules)
    assert rooms.keys() == MAY_IMPORT.keys(), "a new room: say here what it may import"
    wrong = {room: sorted(uses - MAY_IMPORT[room]) for room, uses in rooms.items() if uses - MAY_IMPORT[room]}
    assert not wrong


def test_no_files_and_no_folders_import_each_other_in_a_circle(modules):
    assert not cycle(modules)
    assert not cycle(room_graph(modules))


def test_the_drawing_is_current(modules, monkeypatch):
    monkeypatch.setattr(draw_architecture, "module_graph", lambda: modules)
    drawn = draw_architecture.OUT.read_text(encoding="utf-8")
    assert drawn == draw_architecture.current(), "run: python -m docs.draw_architecture"


@pytest.mark.parametrize("package", ["universeg", "pipeline"])
def test_a_package_is_seen_at_a_glance(package):
    entries = [entry.name for entry in Path(package).iterdir() if entry.name != "__pycache__"]
    assert len(entries) <= 16, sorted(entries)
    assert not {"utils.py", "helpers.py", "misc.py", "common.py"} & {path.name for path in Path(package).rglob("*.py")}


def broken_rules(path: Path) -> list[str]:
    """What a file does that no file may do."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    packages, calls = set[str](), list[ast.Call]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            packages.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call):
            calls.append(node)
    names = {ast.unparse(call.func) for call in calls}
    loads = [call.keywords for call in calls if ast.unparse(call.func) == "torch.load"]
    rules = {
        "it has no docstring, whose first line says what the file is for": not ast.get_docstring(tree),
        "it is longer than 250 lines, or no longer in LONGER_THAN_250": (len(text.splitlines()) > 250)
        != (str(path) in LONGER_THAN_250),
        "it calls what no code may call": names
        & {"eval", "exec", "yaml.unsafe_load", "np.random.seed", "torch.manual_seed"},
        "it loads with torch what may run code": any(
            not any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in keywords) for keywords in loads
        ),
        "it imports what runs code that a file holds": packages & {"pickle", "shelve", "marshal", "msgpack_numpy"},
        "the library must not know the pipeline": path.parts[0] == "universeg" and packages & {"pipeline", "demo"},
        "torch only through universeg.synth": path.parts[0] == "pipeline" and "torch" in packages,
    }
    return [rule for rule, broken in rules.items() if broken]


def test_files_keep_the_rules():
    assert {str(path): broken for path in FILES if (broken := broken_rules(path))} == {}


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("universeg/a.py", "import os", "docstring"),
        ("universeg/a.py", '"""A."""\n' + "a = 1\n" * 250, "longer than 250 lines"),
        ("universeg/a.py", '"""A."""\nnp.random.seed(0)', "calls what no code may call"),
        ("universeg/a.py", '"""A."""\ntorch.load(a, weights_only=False)', "with torch what may run code"),
        ("demo/a.py", '"""A."""\nfrom pickle import loads', "runs code that a file holds"),
        ("universeg/a.py", '"""A."""\nimport pipeline.build', "must not know the pipeline"),
        ("pipeline/a.py", '"""A."""\nimport torch.nn', "torch only through"),
    ],
)
def test_each_rule_can_be_broken(tmp_path, monkeypatch, name, text, rule):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir()
    Path(name).write_text(text)
    (broken,) = broken_rules(Path(name))
    assert rule in broken
    Path(name).write_text('"""A."""\nimport json\ntorch.load(a, weights_only=True)')
    assert broken_rules(Path(name)) == []


def test_no_code_names_a_dataset():
    names = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, DATASETS))})(?![\w-])")
    texts = {str(path): path.read_text(encoding="utf-8") for path in FILES if path.parts[0] != "demo"}
    named = {path: found for path, text in texts.items() if (found := names.findall(text))}
    assert not named, "facts about a dataset belong in its manifest"


def test_the_import_reader_sees_every_form_of_import(tmp_path):
    """The rules above hold only if no import is overlooked."""
    (tmp_path / "a.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "import universeg.store\n"
        "from universeg.base import rng\n"
        "from universeg.base.lookup import choose\n"
        "def late():\n    from universeg.model import network\n"
        "if TYPE_CHECKING:\n    from universeg.synth import episode\n"
    )
    known = {"universeg.store", "universeg.base", "universeg.base.rng", "universeg.base.lookup", "universeg.model"}
    known |= {"universeg.model.network", "universeg.synth", "universeg.synth.episode"}
    found = imported_modules(tmp_path / "a.py", known)
    assert found == {"universeg.store", "universeg.base.rng", "universeg.base.lookup", "universeg.model.network"}
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()})
    assert module_name(Path("universeg/store/__init__.py")) == "universeg.store"


def first_to_load(libraries: Iterable[str], modules: Iterable[str]) -> list[str]:
    """The first of some modules to load one of the libraries, and which; empty if none does. All in one process."""
    code = f"""
import importlib, sys
for module in {[*modules]}:
    importlib.import_module(module)
    if loaded := [name for name in {[*libraries]} if name in sys.modules]:
        print(module, *loaded)
        break
"""
    return subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def test_no_torch_where_none_is_needed():
    assert first_to_load(["torch"], TORCH_FREE) == []
    assert first_to_load(["torch", "numpy"], ["json", "universeg.base.rng"]) == ["universeg.base.rng", "numpy"]


def test_a_manifest_is_read_without_the_libraries_that_read_images():
    assert first_to_load(HEAVY, ["pipeline.manifest.schema", "pipeline.report.selection"]) == []


def test_every_verb_is_a_command_of_its_own():
    scripts = tomllib.loads(Path("pyproject.toml").read_text())["project"]["scripts"]
    assert scripts.pop("universeg") == "universeg.__main__:main"
    assert scripts == {f"universeg-{verb}": f"{module}:main" for verb, (module, _) in VERBS.items()}


@pytest.mark.slow
def test_the_wheel_holds_the_library_and_its_data_only(tmp_path):
    listed = subprocess.run(["git", "ls-files", "universeg"], capture_output=True, text=True, check=True)
    tracked = listed.stdout.split()
    tree = tmp_path / "tree"  # setuptools leaves a folder build/ in the tree
    for name in [*tracked, "pyproject.toml", "README.md", "LICENSE"]:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(name, tree / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", tmp_path, tree]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    inside = {name for name in names if ".dist-info/" not in name}
    assert inside == set(tracked), "every file of the library, and nothing else"


def test_the_environment_is_pinned():
    pins = Path("constraints.txt").read_text()
    assert "torch==2.13.0\n" in pins, "any other specification pulls gigabytes of CUDA"
    for line in pins.splitlines():
        assert line.startswith("#") or "==" in line


def test_the_lock_of_digests_has_the_pinned_versions():
    """All but torch, whose builds for CPUs come from another index."""
    pins = {line for line in Path("constraints.txt").read_text().splitlines() if "==" in line and line[0] != "#"}
    locked = re.findall(
        r"^([\w.-]+==[^ ;]+)(.*)((?:\n +--hash=sha256:[0-9a-f]{64}.*)+)", Path("requirements.lock").read_text(), re.M
    )
    assert {re.sub(r"[-_.]+", "-", name).lower() for name, *_ in locked} == {
        re.sub(r"[-_.]+", "-", pin).lower() for pin in pins if not pin.startswith("torch==")
    }, "requirements.lock says how it is made again"
