"""The folders of this computer, to choose one to open. Names only; no file is read. No torch here."""

from pathlib import Path
from typing import Any

from universeg.imageio.image import ImageError
from universeg.imageio.load import is_readable

MOST = 2000  # entries of a folder that are looked at


def places(path: str) -> dict[str, Any]:
    """The folders in a folder, the one above it, and how many images it has; the person's own folder for "".

    Raises ImageError if it cannot be listed.
    """
    here = Path(path).expanduser() if path else Path.home()
    here = here.resolve()
    if not here.is_dir():
        raise ImageError("no such folder", str(here), "type the whole path, or choose a folder of the list")
    folders, images = list[str](), 0
    try:
        for number, entry in enumerate(here.iterdir()):
            if number >= MOST:
                break
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(entry.name)
            else:
                images += is_readable(entry)
    except PermissionError as error:
        raise ImageError("you may not list this folder", str(here)) from error
    above = None if here.parent == here else str(here.parent)
    return {"path": str(here), "above": above, "folders": sorted(folders, key=str.casefold), "images": images}
