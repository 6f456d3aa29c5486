"""Every dataset's fake tree through the real pipeline: exactly the scans, masks and reports that it implies."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from layouts.expected import Case, Layout

from pipeline import __main__ as stages
from pipeline import attrition
from pipeline.manifest.schema import load_manifest
from universeg.standardise.normalise import normalised
from universeg.standardise.resample import Grid, quantised
from universeg.store import Store
from universeg.store.format import area

FOLDER, MANIFESTS = Path(__file__).parent / "layouts", Path(__file__).parent.parent / "dataset_manifests"
LAYOUTS = sorted(path for path in FOLDER.glob("[A-Z]*.py"))
SIZE = 32


def written(path: Path, root: Path) -> Layout:
    """The tree of one dataset below `root`."""
    spec = spec_from_file_location(f"layout_{path.stem}", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write(root)


def built(name: str, raw: Path, out: Path) -> tuple[Store, list[attrition.Dropped]]:
    """The store and the report that the pipeline's stages make."""
    manifest = MANIFESTS / f"{name}.yaml"
    stages.unpack(manifest, out, out / "raw.json", have=raw)
    stages.scans(manifest, out / "raw.json", out / "scans.json")
    for chunk in range(2):
        stages.shard(manifest, out / "scans.json", chunk, 2, out / f"{chunk}.lmdb", SIZE)
    shards = (out / "0.lmdb", out / "1.lmdb")
    stages.store(manifest, shards, out / "store.lmdb", out / "report.csv", scans=out / "scans.json", size=SIZE)
    return Store(out / "store.lmdb"), attrition.read(out / "report.csv")


def expected(case: Case) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """(task, slicing) -> image and mask, by resampling everything and then slicing."""
    spacing = case.spacing or (1.0,) * case.image.ndim
    grid = Grid(case.image.shape, spacing, SIZE)
    image = grid.image(normalised(case.image, case.intensity, case.window))
    found = {}
    for label, inside in case.masks.items():
        cover = grid.mask(inside)
        if case.image.ndim == 2:
            if area(quantised(cover)):
                found[f"{case.group}/{case.modality}/{label}/0", "mid"] = quantised(image), quantised(cover)
            continue
        for axis in case.axes:
            amounts = cover.sum(axis=tuple(k for k in range(3) if k != axis))
            for slicing, at in (("mid", SIZE // 2), ("max", int((amounts >= amounts.max() * (1 - 1e-5)).argmax()))):
                mask = quantised(cover.take(at, axis))
                if area(mask):
                    task = f"{case.group}/{case.modality}/{label}/{axis}"
                    found[task, slicing] = quantised(image.take(at, axis)), mask
    return found


@pytest.mark.parametrize("path", LAYOUTS, ids=lambda path: path.stem)
def test_a_tree_as_published_gives_what_it_holds(path, tmp_path):
    layout = written(path, tmp_path / "raw")
    store, _ = built(path.stem, tmp_path / "raw", tmp_path)
    wanted = {(*key, case.subject): (*pair, case) for case in layout.cases for key, pair in expected(case).items()}
    there = {
        (task.partition("/")[2], slicing, subject)
        for task in store.tasks
        for slicing in ("mid", "max")
        for subject in store.subjects(task, slicing=slicing)
    }
    assert there == wanted.keys()
    for (task, slicing, subject), (image, mask, case) in wanted.items():
        images, masks = store.read(f"{path.stem}/{task}", [subject], slicing=slicing, soft=True)
        where = f"{task} {slicing} {subject}"
        assert np.abs(masks[0].astype(int) - mask).max() <= 1, f"{where}: the mask lies elsewhere"
        away = np.abs(images[0].astype(int) - image)
        assert (away.mean() < 6) if case.lossy else (away.max() <= 1), f"{where}: another image or intensity rule"


@pytest.mark.parametrize("path", LAYOUTS, ids=lambda path: path.stem)
def test_what_cannot_be_used_is_reported_and_nothing_else(path, tmp_path):
    layout = written(path, tmp_path / "raw")
    _, report = built(path.stem, tmp_path / "raw", tmp_path)
    rows = {(row.group, row.subject): row for row in report if not row.label and row.subject and not _of_copy(row)}
    assert rows.keys() == layout.reported.keys()
    for key, words in layout.reported.items():
        assert words in rows[key].reason, key


def _of_copy(row: attrition.Dropped) -> bool:
    """A remark that the tree is not the whole dataset: the manifest knows bad scans that no fake tree has."""
    return row.reason.startswith("known_bad names this scan, but it is not there")


def test_every_manifest_has_a_layout():
    names = {path.stem for path in MANIFESTS.glob("*.yaml") if load_manifest(path).groups}
    assert names == {path.stem for path in LAYOUTS}, "add tests/layouts/<Dataset>.py beside the manifest"
