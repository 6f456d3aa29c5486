"""For tests of the match stage: a group, a tree of empty files, and what the stage finds in it."""

from pathlib import Path

from pipeline.manifest.layout import Group
from pipeline.match.match import scans_of


def group(**changes):
    facts = {
        "name": "G",
        "scans": [{"image": "images/{subject}.png", "modality": "X", "reader": "raster", "intensity": "unit"}],
        "labels": {"kind": "values", "path": "labels/{subject}.png", "names": {1: "a"}},
        "axes": [0],
        "expect": {"scans": None},
    }
    return Group.model_validate({**facts, **changes})


class Facts:
    def __init__(self, *groups):
        self.groups = groups


def tree(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def found(root, *groups):
    scans, dropped = scans_of(Facts(*groups), root)
    return [(s.subject, s.modality, *s.images, {name: files[0] for name, files in s.labels.items()}) for s in scans], [
        str(row) for row in dropped
    ]
