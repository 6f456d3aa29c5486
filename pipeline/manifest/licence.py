"""What a dataset may be used for, and mistakes in what a manifest says of its terms and addresses."""

import re
from collections.abc import Iterator
from typing import Literal

from pipeline.manifest.schema import Manifest

Use = Literal["research", "commercial", "redistribution"]
_WEB = re.compile(r"https?://[^\s/]+\.[^\s/]+(/\S*)?")


def why_not_allowed(manifest: Manifest, use: Use) -> str | None:
    """Why a dataset may not be used so; None if it may. What nobody knows is allowed for research alone."""
    said = getattr(manifest.licence, use)
    if said == "yes" or (said == "unknown" and use == "research"):
        return None
    licence = manifest.licence.name or "no licence is known"
    return f"{use}: {said} ({licence})" + ("; ask the owner" if said == "unknown" else "")


def mistakes(manifest: Manifest) -> Iterator[str]:
    """Each in a sentence."""
    licence = manifest.licence
    for name, url in {"homepage": manifest.homepage, "licence.url": licence.url}.items():
        if url is not None and not _WEB.fullmatch(url):
            yield f"{name}: {url!r} is no web address"
    if licence.name is None and "yes" in (licence.commercial, licence.redistribution):
        yield "licence: allows commercial use or redistribution without a name: say by what"
    places = [(source.name, source.file) for source in manifest.archives]
    yield from (f"sources: {file} is there twice" for _, file in sorted({p for p in places if places.count(p) > 1}))
    if manifest.access == "open" and not manifest.homepage and all(source.url is None for source in manifest.archives):
        yield "access is open, but neither a source's url nor a homepage says where"
    yield from _unpacking(manifest)


def _unpacking(manifest: Manifest) -> Iterator[str]:
    for source in manifest.sources:
        if not source.unpack and (source.members or source.nested or source.password):
            yield f"sources: {source.file} is not unpacked, so members, nested and password have no meaning"
