"""The label files of each image: those whose parts read as the image's do."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from pipeline.attrition import BadScan
from pipeline.labels import Labels
from pipeline.labels.contours import ContourLabels
from pipeline.labels.files import FileLabels
from pipeline.manifest.layout import Group, ScanPattern
from pipeline.manifest.path_pattern import Match, Template, counted, natural
from pipeline.match.image_files import Image

Key = tuple[str, ...]
Fitting = Mapping[str, list[Match]]  # label name -> files


@dataclass(frozen=True)
class _Index:
    """Files of one label by the parts that its pattern shares with the images'."""

    shared: tuple[str, ...]
    files: dict[Key, list[Match]] = field(default_factory=lambda: defaultdict(list))

    def of(self, image: Image) -> list[Match]:
        """Those of an image: parts that are equal, or else equal but for zeros before numbers."""
        exact = tuple(image.parts[name] for name in self.shared)
        return self.files.get(exact) or self.files.get(_counted(exact), [])


@dataclass(frozen=True)
class LabelFiles:
    """The label files of one form of images."""

    stack: str | None
    indices: Mapping[str, _Index]
    there: Mapping[str, Mapping[str, str]]  # files that hold labels only, with their parts

    @classmethod
    def below(cls, labels: Labels, scans: ScanPattern, paths: Sequence[str]) -> Self:
        """Find them among `paths`."""
        indices: dict[str, _Index] = {}
        there: dict[str, Mapping[str, str]] = {}
        for name, text in labels.patterns.items():
            indices[name], matches = _indexed(labels, scans, text, paths)
            if text != scans.image:  # a pattern for images may also describe label files; those are no images
                there.update({match.path: match.parts for match in matches})
        return cls(labels.stack, indices, there)

    def fitting(self, image: Image) -> Fitting:
        """The files of each label that an image has; in the order of their slices."""
        fitting: dict[str, list[Match]] = {}
        for name, index in self.indices.items():
            matches = index.of(image)
            if len({match.root for match in matches}) > 1:  # copies side by side: each image has the label next to it
                matches = [match for match in matches if match.root == image.root] or matches
            if self.stack is not None:
                stack = self.stack
                matches = sorted(matches, key=lambda match: natural(match.parts[stack]))
            fitting[name] = matches
        return fitting


def _indexed(labels: Labels, scans: ScanPattern, text: str, paths: Sequence[str]) -> tuple[_Index, list[Match]]:
    names = Template(text, {}).names
    template = Template(text, {name: regex for name, regex in scans.template.parts.items() if name in names})
    shared = tuple(sorted((names & scans.names) - {labels.stack}))
    index, matches = _Index(shared), list(template.matches(paths))
    for match in matches:
        exact = tuple(match.parts[name] for name in shared)
        for key in {exact, _counted(exact)}:
            index.files[key].append(match)
    return index, matches


def _counted(key: Key) -> Key:
    return ("without zeros", *map(counted, key))


def match_labels(group: Group, scans: ScanPattern, image: Image, fitting: Fitting) -> dict[str, tuple[str, ...]]:
    """Label -> its file, or files of its slices; raises BadScan where there are too few or too many."""
    labels = group.labels
    if group.unlabelled == "skip" and not any(fitting.values()):
        raise BadScan("has no label; the manifest leaves such images out", image.files[0], known=True)
    if image.bad is not None:
        raise image.bad
    absent_is_fine = isinstance(labels, FileLabels | ContourLabels) and labels.missing == "absent"
    partners = {}
    for name, matches in fitting.items():
        files = [match.path for match in matches]
        if len(files) == 1 or (files and labels.stack is not None):
            partners[name] = tuple(files)
        elif files:
            raise BadScan(f"{len(files)} label files fit: {', '.join(files)}", image.files[0], "keep one of them")
        elif not absent_is_fine:
            wanted = labels.patterns[name].format_map(_Known(image.parts))
            reason = f"no label file{f' for {name}' if name else ''}: expected {wanted}"
            first = "set `segment` in the config to have it made" if group.segment else "fetch the label again"
            raise BadScan(reason, image.files[0], f"{first}, or add the scan to known_bad")
    _same_slices(labels, scans, image, fitting)
    return partners


def _same_slices(labels: Labels, scans: ScanPattern, image: Image, fitting: Fitting) -> None:
    """Raise BadScan unless label and image have as many slices, and the same numbers where these mean the same."""
    if labels.stack is None or labels.grid == "world":
        return
    for matches in filter(None, fitting.values()):
        numbers = {counted(match.parts[labels.stack]) for match in matches}
        odd = numbers.symmetric_difference(image.slices) if labels.stack == scans.stack else set()
        if odd or len(matches) != len(image.files):
            which = f"; only one has {', '.join(sorted(odd, key=natural)[:5])}" if odd else ""
            reason = f"the label has {len(matches)} slices, its image {len(image.files)}{which}"
            raise BadScan(reason, matches[0].path, "fetch both again, or add the scan to known_bad")


class _Known(dict[str, str]):
    """Parts to fill in; one that the image does not name stays as it is."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"
