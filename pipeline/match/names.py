"""The name of a scan in stores and reports: its subject, or subject@frame."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from string import Formatter

from pipeline.attrition import BadScan, Dropped
from pipeline.manifest.layout import Group
from pipeline.manifest.path_pattern import composed, same_but_for_zeros, without_zeros
from pipeline.match.scan_files import ScanFiles
from universeg.store import subject_of
from universeg.store.format import FRAME

# "/" separates names in stores; the last range is how Python reads file names that are not UTF-8
_NOT_IN_NAMES = re.compile(r"[/\x00-\x1f\x7f\ud800-\udfff]")
_NOT_IN_SUBJECTS = re.compile(f"{FRAME}|{_NOT_IN_NAMES.pattern}")
MAX_KEY_BYTES = 511  # of LMDB
KEY_PARTS = "max/{group}/{modality}/0/{name}/{label}"  # the longest keys in stores


def name_of(group: Group, parts: Mapping[str, str]) -> str:
    """Subject, or subject@frame. Characters that cannot be in it are written as in URLs: "@" in a subject as %40."""
    subject = subject_name(group, parts)
    if group.frame is None:
        return subject
    return f"{subject}{FRAME}{_NOT_IN_NAMES.sub(_as_in_urls, group.frame.format_map(parts))}"


def name_parts(group: Group) -> frozenset[str]:
    """The named parts that the names of a group's scans are made of."""
    texts = filter(None, (group.subject, group.frame))
    return frozenset(name for text in texts for _, name, _, _ in Formatter().parse(text) if name is not None)


def subject_name(group: Group, parts: Mapping[str, str]) -> str:
    """The subject alone; raises KeyError if it is made of a part that `parts` does not have."""
    return _NOT_IN_SUBJECTS.sub(_as_in_urls, group.subject.format_map(parts))


def _as_in_urls(character: re.Match[str]) -> str:
    data = character[0].encode("utf-8", "surrogateescape" if "\udc80" <= character[0] <= "\udcff" else "surrogatepass")
    return "".join(f"%{byte:02X}" for byte in data)


def check_name(group: Group, name: str, modality: str, file: str) -> None:
    """Raise BadScan for a name that cannot be stored."""
    if not subject_of(name):
        raise BadScan("its subject is empty", file, "correct `subject` or its regular expression in the manifest")
    labels = group.labels.combine or group.labels.masks
    longest = max(labels, key=lambda label: len(label.encode()))
    size = len(KEY_PARTS.format(group=group.name, modality=modality, name=name, label=longest).encode())
    if size > MAX_KEY_BYTES:
        reason = f"its name is too long: in the store it takes {size} bytes, and {MAX_KEY_BYTES} are possible"
        raise BadScan(reason, file, "use a shorter part of the path as `subject` in the manifest")


def similar_subjects(scans: Iterable[ScanFiles]) -> Iterator[Dropped]:
    """A remark if names of subjects differ only in zeros, capitals or blanks: one person might be in two splits."""
    same: dict[str, dict[str, str]] = defaultdict(dict)
    for scan in scans:
        subject = subject_of(scan.subject)
        same[without_zeros(_plain(subject))].setdefault(subject, scan.images[0])
    pairs = [
        {one: found[one], other: found[other]}
        for found in same.values()
        for one, other in pairwise(sorted(found, key=_plain))
        if same_but_for_zeros(_plain(one), _plain(other))
    ]
    if pairs:
        example = ", ".join(f"{subject} ({file})" for subject, file in sorted(pairs[0].items()))
        names = "a name" if len(pairs) == 1 else f"{len(pairs)} names"
        yield Dropped(
            "",
            "",
            reason=f"{names} of subjects differ only in zeros, capitals or blanks, but count as two persons: {example}",
            remedy="if they are the same person, give both the same name with `subject`: '{n:0>3}' pads with zeros",
        )


def _plain(subject: str) -> str:
    return "".join(composed(subject).casefold().split())
