"""The folder of a build: what the workflow wrote beside a store."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Config, load_config
from pipeline.match.scan_files import ScanFiles, read_scans
from universeg.store import Store, Task


@dataclass(frozen=True)
class Build:
    """What lies beside a store if it is still where the workflow wrote it."""

    root: Path
    folder: Path  # of the dataset's files
    scans: list[ScanFiles]
    config: Config
    manifest: Path | None

    def number(self, task: Task, subject: str) -> int:
        """The position of a record's scan in the list of scans; raises ValueError if it is not there."""
        for number, scan in enumerate(self.scans):
            if (scan.group, scan.modality, scan.subject) == (task.group, task.modality, subject):
                return number
        raise ValueError(f"{self.root}/scans: no scan {subject} of {task.group}; build the store again")


def build_of(store: Store) -> Build | None:
    """What the workflow wrote beside a store; None if the store was copied elsewhere."""
    root, name = store.path.parent.parent, store.header["dataset"]
    scans, settings = root / "scans" / f"{name}.json", root / "config.json"
    if not scans.exists() or not settings.exists():
        return None
    folder, found, _ = read_scans(scans)
    config = load_config(settings)
    manifests = [path for one in config.manifests if (path := one / f"{name}.yaml").exists()]
    return Build(root, folder, found, config, manifests[0] if manifests else None)
