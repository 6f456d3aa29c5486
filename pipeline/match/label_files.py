"""The label files of each image: those whose named parts have the same values as the image's."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.attrition import BadScan
from pipeline.labels import Labels
from pipeline.labels.label_files import FilePerLabel
from pipeline.manifest.layout import Group, ScanPattern
from pipeline.manifest.path_pattern import Match, PathPattern, natural_key, without_zeros
from pipeline.match.image_files import ImageFiles, first_few, repeated_slice
from pipeline.match.owners import Key, Owners

Candidates = Mapping[str, list[Match]]  # label name -> files
Found = Mapping[str, list[Match]]


def label_patterns(labels: Labels, scans: ScanPattern) -> dict[str, PathPattern]:
    """Label name -> the pattern of its files, with the regular expressions of the images' parts."""
    patterns = {}
    for name, text in labels.patterns.items():
        names = PathPattern(text, {}).names
        parts = {part: regex for part, regex in scans.pattern.parts.items() if part in names}
        patterns[name] = PathPattern(text, parts)
    return patterns


def find_labels(labels: Labels, scans: ScanPattern, paths: Iterable[str]) -> Found:
    """Label name -> all files that match its pattern."""
    paths = list(paths)
    return {name: list(pattern.matches(paths)) for name, pattern in label_patterns(labels, scans).items()}


def label_only(labels: Labels, scans: ScanPattern, found: Found) -> dict[str, Mapping[str, str]]:
    """The label files that are no images too, each with its parts; an HDF5 file may hold both."""
    return {
        match.path: match.parts
        for name, matches in found.items()
        for match in matches
        if labels.patterns[name] != scans.image
    }


@dataclass(frozen=True)
class _OneLabel:
    """The files of one label, and the parts that its pattern shares with the images'."""

    shared: Key
    files: Owners[Match]


class LabelIndex:
    """Which label files belong to which of the images of one pattern."""

    def __init__(self, labels: Labels, scans: ScanPattern, found: Found, images: Sequence[ImageFiles]) -> None:
        self._stack = labels.stack
        self._labels: dict[str, _OneLabel] = {}
        for name, matches in found.items():
            shared = tuple(sorted((PathPattern(labels.patterns[name], {}).names & scans.names) - {labels.stack}))
            items = [(tuple(match.parts[part] for part in shared), match.root, match) for match in matches]
            self._labels[name] = _OneLabel(shared, Owners(items, [image.owner(shared) for image in images]))

    def candidates(self, image: ImageFiles) -> Candidates:
        """The files of each label that belong to an image; those of a stack in the order of their slices."""
        candidates: dict[str, list[Match]] = {}
        for name, label in self._labels.items():
            matches = label.files.of(image.owner(label.shared))
            if self._stack is not None:
                stack = self._stack
                matches = sorted(matches, key=lambda match: natural_key(match.parts[stack]))
            candidates[name] = matches
        return candidates

    def are_known(self, image: ImageFiles) -> bool:
        """Whether the candidates are right although the image has a problem: no label depends on an unknown part."""
        return not any(image.unknown.intersection(label.shared) for label in self._labels.values())

    def conflict(self, image: ImageFiles) -> BadScan | None:
        """The problem that other images have the same label files, and it is unknown whose they are."""
        for label in self._labels.values():
            if rivals := label.files.rivals(image.owner(label.shared)):
                files = [match.path for match in label.files.of(image.owner(label.shared))]
                reason = f"{len(rivals)} images that differ only in zeros have the label {first_few(files)}: "
                remedy = "name the label exactly as its image, or remove the other images"
                return BadScan(reason + first_few(rivals), image.files[0], remedy)
        return None


def may_lack(labels: Labels) -> bool:
    """Whether an image may lack the files of some labels."""
    return isinstance(labels, FilePerLabel) and labels.missing == "absent"


def match_labels(group: Group, scans: ScanPattern, image: ImageFiles, index: LabelIndex) -> dict[str, Key]:
    """Label name -> its file, or the files of its slices.

    Raises BadScan for an image with a problem, and if there are too few or too many label files.
    """
    labels, candidates = group.labels, index.candidates(image)
    left_out = group.unlabelled == "skip" and not any(candidates.values())
    if problem := image.problem or index.conflict(image):
        known = left_out and index.are_known(image)
        also = "; it also has no label, and the manifest leaves such images out" if known else ""
        raise BadScan(problem.reason + also, problem.file or image.files[0], problem.remedy, known)
    if left_out:
        raise BadScan("has no label; the manifest leaves such images out", image.files[0], known=True)
    matched = {}
    for name, matches in candidates.items():
        files = [match.path for match in matches]
        if len(files) == 1 or (files and labels.stack is not None):
            matched[name] = tuple(files)
        elif files:
            raise BadScan(f"{len(files)} label files match: {first_few(files)}", image.files[0], "keep one of them")
        elif not may_lack(labels):
            expected = labels.patterns[name].format_map(_KeepUnknown(image.parts))
            reason = f"no label file{f' for {name}' if name else ''}: expected {expected}"
            remedy = "set `segment` in the config to create it" if group.segment else "fetch the label again"
            raise BadScan(reason, image.files[0], f"{remedy}, or add the scan to known_bad")
    _check_slices(labels, scans, image, candidates)
    return matched


def _check_slices(labels: Labels, scans: ScanPattern, image: ImageFiles, candidates: Candidates) -> None:
    """Raise BadScan unless label and image have the same number of slices, and the same slices if both number them."""
    if labels.stack is None:
        return
    for matches in filter(None, candidates.values()):
        slices = [match.parts[labels.stack] for match in matches]
        if problem := repeated_slice(slices, [match.path for match in matches]):
            raise problem
        if labels.grid == "world":
            continue
        numbers, of_image = set(map(without_zeros, slices)), set(map(without_zeros, image.slices))
        unpaired = numbers ^ of_image if labels.stack == scans.stack else set()
        if unpaired or len(matches) != len(image.files):
            which = f"; only one has {', '.join(sorted(unpaired, key=natural_key)[:5])}" if unpaired else ""
            reason = f"the label has {len(matches)} slices, its image {len(image.files)}{which}"
            raise BadScan(reason, matches[0].path, "fetch both again, or add the scan to known_bad")


class _KeepUnknown(dict[str, str]):
    """Parts to fill into a pattern; a part that the image does not have stays as it is."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"
