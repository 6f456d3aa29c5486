"""What a dataset may be used for, and mistakes in a manifest's licence, addresses and sources."""

import re
from collections.abc import Iterator
from typing import Literal

from pipeline.manifest.schema import Manifest

Use = Literal["research", "commercial", "redistribution"]
_WEB_ADDRESS = re.compile(r"https?://[^\s/]+\.[^\s/]+(/\S*)?")


def why_not_allowed(manifest: Manifest, use: Use) -> str | None:
    """Why a dataset may not be used like this; None if it may. Unknown terms allow research only."""
    terms = getattr(manifest.licence, use)
    if terms == "yes" or (terms == "unknown" and use == "research"):
        return None
    licence = manifest.licence.name or "no licence is known"
    return f"{use}: {terms} ({licence})" + ("; ask the owner" if terms == "unknown" else "")


def mistakes(manifest: Manifest) -> Iterator[str]:
    """Each mistake in one sentence."""
    licence = manifest.licence
    for name, url in {"homepage": manifest.homepage, "licence.url": licence.url}.items():
        if url is not None and not _WEB_ADDRESS.fullmatch(url):
            yield f"{name}: {url!r} is not a web address; expected https://..."
    if licence.name is None and "yes" in (licence.commercial, licence.redistribution):
        yield "licence: commercial use or redistribution is allowed, but no licence is named; give its name"
    places = [(source.name, source.file) for source in manifest.archives]
    repeated = sorted({place for place in places if places.count(place) > 1})
    yield from (f"sources: {file} is listed twice; remove one" for _, file in repeated)
    if manifest.access == "open" and not manifest.homepage and all(source.url is None for source in manifest.archives):
        yield "access is open, but there is neither a homepage nor a url of a source; give one of them"
    yield from _keys_without_effect(manifest)


def _keys_without_effect(manifest: Manifest) -> Iterator[str]:
    for source in manifest.sources:
        if not source.unpack and (source.members or source.nested or source.password):
            yield f"sources: {source.file} is not unpacked, so members, nested and password have no effect; remove them"
