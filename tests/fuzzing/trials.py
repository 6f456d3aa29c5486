"""Trials: a valid file is damaged and given to the pipeline or to `universeg predict`. What may come of it?

A result, or a message that names the file. Anything else is a failure, which `judge` tells by raising Unexpected.
"""

import io
import json
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from layouts.expected import Layout

from fuzzing.samples import LABEL_FILES, SAMPLES, TABLES, Sample, image_of, mask_of, table
from pipeline import attrition
from pipeline.attrition import BadScan, Dropped
from pipeline.build.records import Recipe, records_of
from pipeline.manifest.layout import Group
from pipeline.manifest.schema import Manifest, load_manifest
from pipeline.match.match import scans_of
from pipeline.match.scan_files import ScanFiles
from universeg.imageio.load import read_labels
from universeg.store import Origin, Record, pack

TESTS = Path(__file__).parent.parent
MANIFESTS = TESTS.parent / "dataset_manifests"
LAYOUTS = sorted((TESTS / "layouts").glob("[A-Z]*.py"))
SIZE = 32  # pixels per side of results
HIDDEN = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)  # Python shows them to nobody
OWN = ("universeg-predict: ", "warning: ", "  segmenting", "segmenting")  # how lines on standard error may begin
IN_MASKS = {1: "a", 255: "a", 65535: "a"}


class Unexpected(AssertionError):
    """A trial ended in a way that is not allowed."""


@dataclass(frozen=True)
class Trial:
    """A use of one kind of file."""

    name: str
    write: Callable[[Path], Any]  # valid files, below a folder
    targets: str  # the files to damage, as a pattern
    judge: Callable[[Path], bool]  # whether there is a result; False: a message. Raises Unexpected.


def _pipeline_folder(sample: Sample, folder: Path) -> None:
    """A dataset of one scan: an image and its label file."""
    mask = SAMPLES[sample.mask] if sample.mask else sample
    for name, how, values in (
        ("images", sample, image_of(sample.is_volume, 0)),
        ("masks", mask, mask_of(sample.is_volume)),
    ):
        (folder / name).mkdir()
        how.write(folder / name / f"image{how.ending}", values)


def _group(scans: Mapping[str, Any], labels: Mapping[str, Any], **keys: Any) -> Group:
    facts = {"name": "g", "axes": [0, 1, 2], "expect": {"scans": 1}, **keys}
    scan = {"modality": "m", "intensity": "unit", **scans}
    return Group.model_validate({**facts, "scans": [scan], "labels": {**labels}})


def _sample_group(sample: Sample) -> Group:
    mask = SAMPLES[sample.mask] if sample.mask else sample
    array = {"array": sample.keys["array"]} if "array" in mask.keys else {}
    labels = {"kind": "values", "path": f"masks/{{subject}}{mask.ending}", "names": IN_MASKS, "reader": mask.reader}
    scans = {"image": f"images/{{subject}}{sample.ending}", "reader": sample.reader, **sample.keys}
    return _group(scans, {**labels, **array})


@cache
def _manifest(name: str = "WBC-CV") -> Manifest:
    return load_manifest(MANIFESTS / f"{name}.yaml")


def _built_from(group: Group, folder: Path) -> bool:
    return bool(_build(_manifest().model_copy(update={"groups": (group,)}), folder))


def _build(manifest: Manifest, folder: Path) -> set[tuple[str, str]]:
    """Match and build as the stages do; group and subject of each stored scan.

    Raises Unexpected if neither a record nor a row of the attrition report comes of the files, or if an error does not
    name a file and a remedy, or cannot be written.
    """
    scans, rows = scans_of(manifest, folder)
    groups = {group.name: group for group in manifest.groups}
    stored = set[tuple[str, str]]()
    for scan in scans:
        results = _records(scan, groups[scan.group], folder)
        rows += [result for result in results if isinstance(result, Dropped)]
        for record in results:
            if isinstance(record, Record):
                pack(record)
                stored.add((record.group, record.subject))
    nameless = [row for row in rows if not (row.reason and row.group and (row.remedy or row.known))]
    if nameless:
        raise Unexpected(f"no reason or remedy: {nameless[0]}")
    if not stored and not rows:
        raise Unexpected("neither a record nor a row of the attrition report")
    attrition.write(folder / "report.csv", rows)
    if attrition.read(folder / "report.csv") != sorted(rows):
        raise Unexpected("the attrition report cannot be read back")
    return stored


def _records(scan: ScanFiles, group: Group, folder: Path) -> list[Record | Origin | Dropped]:
    try:
        return list(records_of(scan, group, folder, Recipe(SIZE)))
    except BadScan as bad:
        if not (bad.file and bad.remedy):
            raise Unexpected(f"no file or remedy: {bad}") from bad
        return [Dropped.scan(scan.group, scan.subject, scan.modality, bad)]


def _label_folder(kind: str, folder: Path) -> None:
    ending, text, _ = LABEL_FILES[kind]
    for name in ("images", "masks"):
        (folder / name).mkdir()
    SAMPLES["png"].write(folder / "images/image.png", image_of(False, 0))
    (folder / f"masks/image{ending}").write_text(text())


def _label_group(kind: str) -> Group:
    ending, _, keys = LABEL_FILES[kind]
    path = f"masks/{{subject}}{ending}"
    where = {"names": {"a": path}} if keys["kind"] == "contours" else {"path": path}
    return _group({"image": "images/{subject}.png", "reader": "raster"}, {**where, **keys})


def _table_folder(ending: str, folder: Path) -> None:
    _pipeline_folder(SAMPLES["png"], folder)
    table(folder / f"table{ending}")


def _table_group(ending: str) -> Group:
    columns = {"file": "file", "person": "person", "note": "note"}
    scans = {"image": "images/{file}.png", "reader": "raster", "table": {"path": f"table{ending}", "columns": columns}}
    labels = {"kind": "values", "path": "masks/{file}.png", "names": IN_MASKS}
    return _group(scans, labels, subject="{person}", frame="{note}")


def _support_and_queries(sample: Sample, folder: Path) -> None:
    """Three labelled images, and two to segment."""
    for name in ("support/images", "support/masks", "new"):
        (folder / name).mkdir(parents=True)
    for number in range(3):
        sample.write(folder / f"support/images/{number}{sample.ending}", image_of(sample.is_volume, number))
        how = SAMPLES[sample.mask] if sample.mask else sample
        how.write(folder / f"support/masks/{number}{how.ending}", mask_of(sample.is_volume))
    for number, name in enumerate(("damaged", "good"), 3):
        sample.write(folder / f"new/{name}{sample.ending}", image_of(sample.is_volume, number))


def _predict(folder: Path, slices: str) -> tuple[int, str, dict[str, Any]]:
    """Exit status, what the user reads on standard error, and the report. Raises Unexpected for any other words."""
    from universeg.prediction.cli import main

    words = ["-w", str(_weights(folder.parent)), "-i", str(folder / "new"), "-s", str(folder / "support")]
    words += ["-o", str(folder / "out"), "--size", str(SIZE), "--device", "cpu", "--slices", slices, "--quiet"]
    err, status = io.StringIO(), 0
    with redirect_stderr(err), redirect_stdout(io.StringIO()):
        try:
            main(words)
        except SystemExit as end:
            status = int(end.code or 0)
    foreign = [line for line in err.getvalue().splitlines() if not line.startswith((*OWN, "  "))]
    if status not in (0, 1) or foreign:
        raise Unexpected(f"exit status {status}, on standard error: {foreign[:3]}")
    report = folder / "out/report.json"
    return status, err.getvalue(), json.loads(report.read_text()) if report.exists() else {}


@cache
def _weights(folder: Path) -> Path:
    from universeg.model import ModelConfig, UniverSeg, save_model

    save_model(UniverSeg(ModelConfig(widths=(4, 4))), folder / "weights.safetensors")
    return folder / "weights.safetensors"


def _query(folder: Path) -> bool:
    """The good query is segmented; the damaged one too, or its message names it."""
    status, told, report = _predict(folder, "all")
    results = {Path(result["image"]).name.split(".")[0]: result for result in report.get("results", [])}
    if "damaged" not in results and re.search(r"not read in .*: damaged\.\w+ \(", told):  # it became no image
        results["damaged"] = {"image": "damaged", "error": told}
        status = 1
    if set(results) != {"damaged", "good"} or results["good"]["error"]:
        raise Unexpected(f"queries are lost: {sorted(results)}, {told[-500:]}")
    damaged = results["damaged"]
    if damaged["error"] is None:
        read_labels(Path(damaged["mask"]))
        return status == 0
    if status != 1 or damaged["image"] not in damaged["error"] or damaged["error"] not in told:
        raise Unexpected(f"exit status {status}; the message does not name the file: {damaged['error']}")
    return False


def _support(what: str, folder: Path) -> bool:
    """Both queries are segmented, or one message names the file of the support set."""
    status, told, report = _predict(folder, "mid")
    if status == 0:
        return len(report["results"]) == 2
    if report and "support image" in told:  # for example a picture among volumes
        return False
    if f"support/{what}/0." not in told and "all support masks are empty" not in told:
        raise Unexpected(f"the message does not name the file: {told[-500:]}")
    return False


def _tree(name: str, folder: Path) -> Layout:
    """A dataset's fake files."""
    spec = spec_from_file_location(f"layout_{name}", TESTS / "layouts" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write(folder)


def _built_tree(name: str, folder: Path) -> bool:
    return bool(_build(_manifest(name), folder))


def trials() -> Iterator[Trial]:
    """All of them."""
    for name, sample in SAMPLES.items():
        build = partial(_built_from, _sample_group(sample))
        yield Trial(f"{name}, image in the pipeline", partial(_pipeline_folder, sample), "images/*", build)
        if not sample.mask:
            yield Trial(f"{name}, label in the pipeline", partial(_pipeline_folder, sample), "masks/*", build)
        if sample.refused:
            continue
        write = partial(_support_and_queries, sample)
        yield Trial(f"{name}, query", write, "new/damaged*", _query)
        yield Trial(f"{name}, support image", write, "support/images/0.*", partial(_support, "images"))
        yield Trial(f"{name}, support mask", write, "support/masks/0.*", partial(_support, "masks"))
    for kind in LABEL_FILES:
        build = partial(_built_from, _label_group(kind))
        yield Trial(f"{kind}, label in the pipeline", partial(_label_folder, kind), "masks/*", build)
    for ending in TABLES:
        build = partial(_built_from, _table_group(ending))
        yield Trial(f"table {ending}", partial(_table_folder, ending), "table.*", build)
    for path in LAYOUTS:
        yield Trial(f"tree of {path.stem}", partial(_tree, path.stem), "**/*", partial(_built_tree, path.stem))


def judged(trial: Trial, folder: Path) -> bool:
    """Whether the trial gives a result. Raises Unexpected, also for warnings that Python would print."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        result = trial.judge(folder)
    shown = [warning for warning in seen if not issubclass(warning.category, HIDDEN)]
    if shown:
        one = shown[0]
        raise Unexpected(f"a warning of Python: {one.category.__name__}: {one.message} ({one.filename}:{one.lineno})")
    return result
