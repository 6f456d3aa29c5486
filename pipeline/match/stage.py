"""The stage `match`: the scans of a dataset, and the files that make none and why."""

import json
from pathlib import Path

from pipeline.manifest.schema import load_manifest
from pipeline.match.match import scans_of, write


def match(manifest: Path, raw: Path, out: Path) -> None:
    """Match files to subjects, modalities and labels by the manifest's patterns.

    Args:
        manifest: The dataset's YAML.
        raw: The note of the unpack stage.
        out: JSON with the scans, and with the files that make none and why.
    """
    facts = load_manifest(manifest)
    root = Path(json.loads(raw.read_text(encoding="utf-8"))["root"])
    good, dropped = scans_of(facts, root)
    if not good:
        patterns = "; ".join(form.image for group in facts.groups for form in group.scans)
        tool = "; `segment` in the config can make labels of scans without any" if facts.segments else ""
        why = (
            f"the first of {len(dropped)} remarks: {dropped[0]}" if dropped else "no file fits; is it the right folder?"
        )
        raise ValueError(f"{root}: no scan of {facts.name} can be used; its image patterns: {patterns}; {why}{tool}")
    write(out, root, good, dropped)
