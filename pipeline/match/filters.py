"""Where a subject has several series of images and the labels belong to one of them: which."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.attrition import Dropped
from pipeline.manifest.layout import Group
from universeg.store import subject_of

if TYPE_CHECKING:
    from pipeline.match.match import ScanFiles


def most_labelled(group: Group, scans: Sequence[ScanFiles]) -> tuple[list[ScanFiles], list[Dropped]]:
    """Of each subject the scans whose part `group.choose` reads as most do, and a remark about the others.

    Labels have been found for all of these. Of values that are equally frequent all stay, and are reported as repeats
    where they give the same image twice.
    """
    if group.choose is None:
        return list(scans), []
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for scan in scans:
        counts[subject_of(scan.subject)][scan.parts[group.choose]] += 1
    kept = [
        scan
        for scan in scans
        for count in [counts[subject_of(scan.subject)]]
        if count[scan.parts[group.choose]] == max(count.values())
    ]
    reason = f"{len(scans) - len(kept)} images whose {group.choose} has fewer labels are left out"
    return kept, [Dropped(group.name, "", reason=reason, known=True)] if len(kept) < len(scans) else []
