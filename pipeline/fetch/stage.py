"""The stage `fetch`: obtain every file of a dataset below <root>/downloads, and write the receipt."""

from pathlib import Path

from pipeline.config import load_config
from pipeline.fetch.fetch import fetch as fetch_files
from pipeline.fetch.receipt import write_receipt
from pipeline.manifest.schema import load_manifest


def fetch(config: Path, manifest: Path, out: Path) -> None:
    """Obtain every file of a dataset, from its URL, a mirror or a person, and write the receipt.

    Args:
        config: The resolved settings. Files go to <root>/downloads/<source>/. A dataset in `have` is not downloaded.
        manifest: The dataset's YAML.
        out: The receipt, a JSON file with the origin, size and SHA-256 of each file.
    """
    settings, facts = load_config(config), load_manifest(manifest)
    is_unpacked = facts.name in settings.have
    files = [] if is_unpacked else fetch_files(facts.archives, settings.root / "downloads", settings.mirror)
    write_receipt(out, facts.name, files)
