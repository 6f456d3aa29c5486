"""Which scans or persons of a dataset another dataset has too, as stores and the plan say it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.manifest.schema import Manifest, Overlap, load_manifest

TRAIN = "train"


def stored_overlaps(manifest: Manifest, folders: Sequence[Path]) -> list[dict[str, Any]]:
    """The overlaps of a dataset for the header of its store, each with the role of the other dataset.

    The role is null if none of the folders has a manifest of the other dataset. Overlaps in unused parts are left out.
    """
    return [
        {**overlap.model_dump(mode="json"), "role": _role(overlap.dataset, folders)}
        for overlap in manifest.overlaps
        if overlap.shared != "unused"
    ]


def _role(dataset: str, folders: Sequence[Path]) -> str | None:
    paths = [path for folder in folders if (path := folder / f"{dataset}.yaml").is_file()]
    return load_manifest(paths[0]).role if paths else None


def evaluation_overlaps(manifest: Manifest, manifests: Mapping[str, Manifest]) -> list[Overlap]:
    """The overlaps of a training dataset with datasets that are kept for evaluation; they are in no unused part."""
    return [
        overlap
        for overlap in manifest.overlaps
        if manifest.role == TRAIN and overlap.shared != "unused" and overlap.dataset in manifests
        if manifests[overlap.dataset].role != TRAIN
    ]
