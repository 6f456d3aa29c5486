"""The stage `match`: find the scans of a dataset, and list the files that give none and why."""

from pathlib import Path

from pipeline.backends.progress import say
from pipeline.manifest.schema import load_manifest
from pipeline.match.match import scans_of
from pipeline.match.scan_files import write_scans
from universeg.base.atomic_write import read_json
from universeg.store import subject_of


def match(manifest: Path, raw: Path, out: Path) -> None:
    """Match files to subjects, modalities and labels by the manifest's patterns.

    Args:
        manifest: The dataset's YAML.
        raw: The note of the unpack stage, or of the segmented stage.
        out: JSON with the scans, and with the files that give none and why.
    """
    facts = load_manifest(manifest)
    root = Path(read_json(raw)["root"])
    scans, dropped = scans_of(facts, root)
    if not scans:
        patterns = "; ".join(form.image for group in facts.groups for form in group.scans)
        reasons = sorted(dropped, key=lambda row: (row.known, not row.subject))  # those about scans first
        first = f"the first of {len(dropped)} remarks: {reasons[0]}" if dropped else "no file matches; check the folder"
        tool = "; `segment` in the config can create missing labels" if facts.segments else ""
        raise ValueError(f"{root}: no usable scan of {facts.name}; its image patterns: {patterns}; {first}{tool}")
    subjects = {subject_of(scan.subject) for scan in scans}
    say(f"{facts.name}: {len(scans)} scans of {len(subjects)} subjects, {len(dropped)} remarks")
    write_scans(out, root, scans, dropped)
