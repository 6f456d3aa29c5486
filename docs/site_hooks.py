"""Hooks of the documentation site (mkdocs.yml): pages from other folders, and links that leave docs/.

The manual of manifests, the model card and the benchmarks lie beside what they describe, where GitHub shows them. The
site shows the same files as pages. A link to a file that is not on the site leads to the repository, whose address is
in pyproject.toml.
"""

import posixpath
import re
import tomllib
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

# Files outside docs/ that are on the site, and where.
PLACED = {
    "dataset_manifests/README.md": "reference/manifests.md",
    "universeg/weights/README.md": "reference/weights.md",
    "benchmarks/README.md": "explanation/benchmarks.md",
    "benchmarks/network.png": "explanation/network.png",
    "benchmarks/store.png": "explanation/store.png",
}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")  # the path in [text](path#anchor)
BRANCH = "main"


def on_config(config: Any) -> Any:
    """The address of the repository has one place: pyproject.toml."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    config.repo_url = project["urls"]["Repository"]
    config.repo_name = "Source code"
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages and pictures that lie outside docs/."""
    for source, page in PLACED.items():
        files.append(File.generated(config, page, abs_src_path=str(Path(source).resolve())))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Lead each relative link to the page on the site, or else to the repository."""
    uri = page.file.src_uri
    source = next((outside for outside, placed in PLACED.items() if placed == uri), f"docs/{uri}")

    def target(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[1]))
        on_site = PLACED.get(path, path.removeprefix("docs/"))
        if on_site in files.src_uris:
            return posixpath.relpath(on_site, posixpath.dirname(uri))
        if not Path(path).exists():
            return match[1]  # the build then reports the broken link
        return f"{config.repo_url}/blob/{BRANCH}/{path}"

    return LINK.sub(target, markdown)
