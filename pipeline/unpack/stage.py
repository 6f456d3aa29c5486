"""The stage `unpack`: unpack a dataset's archives into one folder, and note where that is."""

import json
from pathlib import Path

from pipeline.config import load_config
from pipeline.fetch.receipt import recorded_sha256
from pipeline.manifest.schema import load_manifest
from pipeline.unpack.unpack import unpack as unpack_files
from universeg.base.atomic_write import atomic_write


def unpack(config: Path, manifest: Path, receipt: Path, out: Path) -> None:
    """Unpack a dataset's archives, or use the folder in `have`, and note where its files are.

    Args:
        config: The resolved settings. Archives in <root>/downloads/<source>/ are unpacked to <root>/raw/<dataset>/.
        manifest: The dataset's YAML.
        receipt: The receipt of the fetch stage; files that did not change since then are not hashed again.
        out: The note: JSON with the folder of the dataset's files.
    """
    settings, facts = load_config(config), load_manifest(manifest)
    downloads = settings.root / "downloads"
    folder = settings.have.get(facts.name)
    if folder is None:
        folder = settings.root / "raw" / facts.name
        archives = [(source, downloads / str(source.name) / source.file) for source in facts.archives]
        unpack_files(archives, folder, known_sha256=recorded_sha256(receipt, downloads))
    with atomic_write(out) as part:
        part.write_text(json.dumps({"root": str(folder)}), encoding="utf-8")
