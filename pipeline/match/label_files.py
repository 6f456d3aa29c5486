"""The label files of each image: those whose named parts have the same values as the image's."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from pipeline.attrition import BadScan
from pipeline.labels import Labels
from pipeline.labels.label_files import FilePerLabel
from pipeline.manifest.layout import Group, ScanPattern
from pipeline.manifest.path_pattern import Match, PathPattern, natural_key, without_zeros
from pipeline.match.image_files import ImageFiles

Key = tuple[str, ...]
Candidates = Mapping[str, list[Match]]  # label name -> files


@dataclass(frozen=True)
class _FilesOfLabel:
    """The files of one label by the values of the parts that its pattern shares with the image's."""

    shared: tuple[str, ...]
    files: dict[Key, list[Match]] = field(default_factory=lambda: defaultdict(list))

    def of(self, image: ImageFiles) -> list[Match]:
        """The files of an image: with equal parts, else with parts that differ only in zeros before numbers."""
        exact = tuple(image.parts[name] for name in self.shared)
        return self.files.get(exact) or self.files.get(_without_zeros(exact), [])


@dataclass(frozen=True)
class LabelIndex:
    """The label files for the images of one pattern."""

    stack: str | None  # the part that numbers the slices
    labels: Mapping[str, _FilesOfLabel]
    label_only: Mapping[str, Mapping[str, str]]  # files that are no images too, each with its parts

    @classmethod
    def of(cls, labels: Labels, scans: ScanPattern, paths: Sequence[str]) -> Self:
        """Find the label files among `paths`."""
        by_label: dict[str, _FilesOfLabel] = {}
        label_only: dict[str, Mapping[str, str]] = {}
        for name, text in labels.patterns.items():
            by_label[name], matches = _index_files(labels, scans, text, paths)
            if text != scans.image:  # a file may hold both image and labels, e.g. HDF5
                label_only.update({match.path: match.parts for match in matches})
        return cls(labels.stack, by_label, label_only)

    def candidates(self, image: ImageFiles) -> Candidates:
        """The files of each label that belong to an image; those of a stack in the order of their slices."""
        candidates: dict[str, list[Match]] = {}
        for name, files in self.labels.items():
            matches = files.of(image)
            if len({match.root for match in matches}) > 1:  # several copies of a tree: take the label in the image's
                matches = [match for match in matches if match.root == image.root] or matches
            if self.stack is not None:
                stack = self.stack
                matches = sorted(matches, key=lambda match: natural_key(match.parts[stack]))
            candidates[name] = matches
        return candidates


def _index_files(
    labels: Labels, scans: ScanPattern, text: str, paths: Sequence[str]
) -> tuple[_FilesOfLabel, list[Match]]:
    names = PathPattern(text, {}).names
    pattern = PathPattern(text, {name: regex for name, regex in scans.pattern.parts.items() if name in names})
    shared = tuple(sorted((names & scans.names) - {labels.stack}))
    index, matches = _FilesOfLabel(shared), list(pattern.matches(paths))
    for match in matches:
        exact = tuple(match.parts[name] for name in shared)
        for key in {exact, _without_zeros(exact)}:
            index.files[key].append(match)
    return index, matches


def _without_zeros(key: Key) -> Key:
    return ("without zeros", *map(without_zeros, key))


def match_labels(group: Group, scans: ScanPattern, image: ImageFiles, candidates: Candidates) -> dict[str, Key]:
    """Label name -> its file, or the files of its slices; raises BadScan if there are too few or too many."""
    labels = group.labels
    if group.unlabelled == "skip" and not any(candidates.values()):
        raise BadScan("has no label; the manifest leaves such images out", image.files[0], known=True)
    if image.problem is not None:
        raise image.problem
    may_lack = isinstance(labels, FilePerLabel) and labels.missing == "absent"
    matched = {}
    for name, matches in candidates.items():
        files = [match.path for match in matches]
        if len(files) == 1 or (files and labels.stack is not None):
            matched[name] = tuple(files)
        elif files:
            raise BadScan(f"{len(files)} label files match: {', '.join(files)}", image.files[0], "keep one of them")
        elif not may_lack:
            expected = labels.patterns[name].format_map(_KeepUnknown(image.parts))
            reason = f"no label file{f' for {name}' if name else ''}: expected {expected}"
            remedy = "set `segment` in the config to create it" if group.segment else "fetch the label again"
            raise BadScan(reason, image.files[0], f"{remedy}, or add the scan to known_bad")
    _check_slices(labels, scans, image, candidates)
    return matched


def _check_slices(labels: Labels, scans: ScanPattern, image: ImageFiles, candidates: Candidates) -> None:
    """Raise BadScan unless label and image have the same number of slices, and the same slices if both number them."""
    if labels.stack is None or labels.grid == "world":
        return
    for matches in filter(None, candidates.values()):
        numbers = {without_zeros(match.parts[labels.stack]) for match in matches}
        unpaired = numbers.symmetric_difference(image.slices) if labels.stack == scans.stack else set()
        if unpaired or len(matches) != len(image.files):
            which = f"; only one has {', '.join(sorted(unpaired, key=natural_key)[:5])}" if unpaired else ""
            reason = f"the label has {len(matches)} slices, its image {len(image.files)}{which}"
            raise BadScan(reason, matches[0].path, "fetch both again, or add the scan to known_bad")


class _KeepUnknown(dict[str, str]):
    """Parts to fill into a pattern; a part that the image does not have stays as it is."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"
