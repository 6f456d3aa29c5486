"""Every dataset's fake tree through the real stages: exactly the scans, masks and reports that it should give."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from layouts.expected import Case, Layout
from workflow import run_stages

from pipeline import attrition
from pipeline.config import Config
from pipeline.manifest.schema import load_manifest
from universeg.standardise.normalise import normalised
from universeg.standardise.resample import Grid, quantised
from universeg.store import Store
from universeg.store.format import area

FOLDER, MANIFESTS = Path(__file__).parent / "layouts", Path(__file__).parent.parent / "dataset_manifests"
LAYOUTS = sorted(path for path in FOLDER.glob("[A-Z]*.py"))
SIZE = 32


class Built(NamedTuple):
    """A fake tree, and what the stages made of it."""

    layout: Layout
    store: Store
    report: list[attrition.Dropped]


def write_tree(path: Path, root: Path) -> Layout:
    """Write the fake tree of one dataset below `root`."""
    spec = spec_from_file_location(f"layout_{path.stem}", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write(root)


@pytest.fixture(scope="module", params=LAYOUTS, ids=lambda path: path.stem)
def built(request, tmp_path_factory) -> Built:
    """One dataset; pytest runs all tests of it before it builds the next one."""
    path, root = request.param, tmp_path_factory.mktemp(request.param.stem)
    layout = write_tree(path, root / "raw")
    config = Config(root=root / "out", have={path.stem: root / "raw"}, resolution=SIZE, chunks=2)
    store = run_stages(MANIFESTS / f"{path.stem}.yaml", config)
    return Built(layout, store, attrition.read(config.root / "attrition.csv"))


def expected(case: Case) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """(task, slicing) -> image and mask. Unlike the pipeline, it resamples the whole volume and then takes slices."""
    spacing = case.spacing or (1.0,) * case.image.ndim
    grid = Grid(case.image.shape, spacing, SIZE)
    values = normalised(case.image, case.intensity, case.window)
    wholes = {axis: grid.image(values, axis) for axis in (case.axes if case.image.ndim == 3 else (None,))}
    found = {}
    for label, inside in case.masks.items():
        if case.image.ndim == 2:
            image, cover = wholes[None], grid.mask(inside)
            if area(quantised(cover)):
                found[f"{case.group}/{case.modality}/{label}/0", "mid"] = quantised(image), quantised(cover)
            continue
        for axis, image in wholes.items():
            cover = grid.mask(inside, axis)
            amounts = cover.sum(axis=tuple(k for k in range(3) if k != axis))
            for slicing, at in (("mid", SIZE // 2), ("max", int((amounts >= amounts.max() * (1 - 1e-5)).argmax()))):
                mask = quantised(cover.take(at, axis))
                if area(mask):
                    task = f"{case.group}/{case.modality}/{label}/{axis}"
                    found[task, slicing] = quantised(image.take(at, axis)), mask
    return found


def test_the_store_has_the_scans_and_masks_of_the_tree(built):
    store, cases = built.store, built.layout.cases
    wanted = {(*key, case.subject): (*pair, case) for case in cases for key, pair in expected(case).items()}
    found = {
        (task.partition("/")[2], slicing, subject)
        for task in store.tasks
        for slicing in ("mid", "max")
        for subject in store.subjects(task, slicing=slicing)
    }
    assert found == wanted.keys()
    for (task, slicing, subject), (image, mask, case) in wanted.items():
        images, masks = store.read(f"{store.header['dataset']}/{task}", [subject], slicing=slicing, soft=True)
        where = f"{task} {slicing} {subject}"
        assert np.abs(masks[0].astype(int) - mask).max() <= 1, f"{where}: the mask is in another place"
        away = np.abs(images[0].astype(int) - image)
        assert (away.mean() < 6) if case.lossy else (away.max() <= 1), f"{where}: another image or intensity rule"


def test_the_report_has_the_unusable_scans_of_the_tree(built):
    rows = {(row.group, row.subject): row for row in built.report if _is_about_a_scan(row)}
    assert rows.keys() == built.layout.reported.keys()
    for key, words in built.layout.reported.items():
        assert words in rows[key].reason, key


def test_every_value_of_the_tree_s_label_maps_has_a_name_or_is_background(built):
    assert [row.reason for row in built.report if row.samples] == []


def _is_about_a_scan(row: attrition.Dropped) -> bool:
    """Not about a slice or a group, nor about a known bad scan that no fake tree has."""
    return not row.label and bool(row.subject) and not row.reason.startswith("known_bad names this scan")


def test_every_manifest_has_a_layout():
    names = {path.stem for path in MANIFESTS.glob("*.yaml") if load_manifest(path).groups}
    assert names == {path.stem for path in LAYOUTS}, "add tests/layouts/<Dataset>.py beside the manifest"
