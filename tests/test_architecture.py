"""Rules about the code itself: who may import whom, what loads without torch, what the wheel holds."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
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
    "pipeline.build": DATA | MANIFESTS | {"pipeline.match"},
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
    "universeg.prediction.task_pack.cli",
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


def test_rooms_import_only_what_they_may():
    rooms = room_graph(module_graph())
    assert rooms.keys() == MAY_IMPORT.keys(), "a new room: say here what it may import"
    wrong = {room: sorted(uses - MAY_IMPORT[room]) for room, uses in rooms.items() if uses - MAY_IMPORT[room]}
    assert not wrong


def test_no_files_and_no_folders_import_each_other_in_a_circle():
    modules = module_graph()
    assert not cycle(modules)
    assert not cycle(room_graph(modules))


def test_the_drawing_is_current():
    drawn = draw_architecture.OUT.read_text(encoding="utf-8")
    assert drawn == draw_architecture.current(), "run: python -m docs.draw_architecture"


@pytest.mark.parametrize("package", ["universeg", "pipeline"])
def test_a_package_is_seen_at_a_glance(package):
    entries = [entry.name for entry in Path(package).iterdir() if entry.name != "__pycache__"]
    assert len(entries) <= 16, sorted(entries)
    assert not {"utils.py", "helpers.py", "misc.py", "common.py"} & {path.name for path in Path(package).rglob("*.py")}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_keeps_the_rules(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "its first line says what the file is for"
    too_long = len(text.splitlines()) > 250
    assert too_long == (str(path) in LONGER_THAN_250), "split it, or remove it from LONGER_THAN_250"
    packages = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            packages |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            packages.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in {"eval", "exec", "yaml.unsafe_load", "np.random.seed", "torch.manual_seed"}, name
            if name == "torch.load":
                assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
    assert not packages & {"pickle", "shelve", "marshal", "msgpack_numpy"}, "these run what a file tells them to"
    if path.parts[0] == "universeg":
        assert not packages & {"pipeline", "demo"}, "the library must not know the pipeline"
    if path.parts[0] == "pipeline":
        assert "torch" not in packages, "torch only through universeg.synth"


@pytest.mark.parametrize("path", [path for path in FILES if path.parts[0] != "demo"], ids=str)
def test_no_code_names_a_dataset(path):
    named = re.findall(
        rf"(?<![\w-])(?:{'|'.join(map(re.escape, DATASETS))})(?![\w-])", path.read_text(encoding="utf-8")
    )
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


def loaded_by(*modules: str) -> dict[str, set[str]]:
    """For each module, the heavy libraries that importing it alone loads; one process for each, all at once."""
    code = "import sys, importlib; importlib.import_module(sys.argv[1]); print(*(m for m in {} if m in sys.modules))"
    started = {
        module: subprocess.Popen([sys.executable, "-c", code.format(HEAVY), module], stdout=subprocess.PIPE, text=True)
        for module in modules
    }
    found = {module: (set(process.communicate()[0].split()), process.returncode) for module, process in started.items()}
    assert all(status == 0 for _, status in found.values()), found
    return {module: libraries for module, (libraries, _) in found.items()}


def test_no_torch_where_none_is_needed():
    assert not {module for module, libraries in loaded_by(*TORCH_FREE).items() if "torch" in libraries}


def test_a_manifest_is_read_without_the_libraries_that_read_images():
    assert loaded_by("pipeline.manifest.schema", "pipeline.report.selection") == {
        "pipeline.manifest.schema": set(),
        "pipeline.report.selection": set(),
    }


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
