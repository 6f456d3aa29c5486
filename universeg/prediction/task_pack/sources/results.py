"""Results of `universeg predict` that a person has looked at and accepted: labelled images for a larger task."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from universeg.imageio.load import stem
from universeg.prediction.label_files import known_labels
from universeg.prediction.task_pack.bounded_zip import PackError
from universeg.prediction.task_pack.sources.source import Labelled, Source, read_json, some

REPORT = "report.json"


def is_results(folder: Path) -> bool:
    """Whether a folder has the report of a prediction."""
    return (folder / REPORT).is_file() and isinstance(read_json(folder / REPORT).get("results"), list)


def results(folder: Path, accept: Sequence[str]) -> Source:
    """The images whose names match one of the patterns `accept`, with their predicted masks."""
    if not accept:
        raise PackError(
            f"{folder}: holds results of universeg predict; say which are good, for example --accept scan03 scan07,"
            " or --accept '*' for all"
        )
    report = read_json(folder / REPORT)
    entries = report["results"] if isinstance(report["results"], list) else []
    found, known = list[Labelled](), list[str]()
    for entry in entries:
        image, mask = (Path(str(entry.get(key) or "")) for key in ("image", "mask"))
        if not entry.get("mask"):
            continue  # it could not be segmented
        name = stem(image)
        known.append(name)
        if any(fnmatchcase(name, pattern) for pattern in accept):
            found.append(Labelled(name, image, (folder / mask.name,)))
    unknown = [pattern for pattern in accept if not any(fnmatchcase(name, pattern) for name in known)]
    if unknown or not found:
        raise PackError(f"{folder}: no result is named {some(unknown)}; there are {some(known)}")
    gone = [str(one.image) for one in found if not one.image.exists()]
    if gone:
        raise PackError(f"{folder}: images that its {REPORT} names are no longer there: {some(gone)}")
    return Source("results of universeg predict", found, known_labels(folder, None))
