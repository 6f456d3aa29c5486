"""What a file holds that is not an image, by its first bytes: a download that went wrong, most often."""

from pathlib import Path

from universeg.imageio.image import AGAIN

LONGEST = 512  # bytes looked at
POINTER = b"version https://git-lfs.github.com/"
PAGES = (b"<!doctype html", b"<html")


def not_an_image(path: Path) -> tuple[str, str] | None:
    """What the file is, and what to do; None if it may be an image."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(LONGEST)
    if not start:
        return "is empty (0 bytes)", AGAIN
    if start.startswith(POINTER):
        return "is a pointer of Git LFS, not the file itself", "run 'git lfs pull' where it comes from"
    if start.lstrip().lower().startswith(PAGES):
        return "is a web page, not an image", "its download needs a login or another address; " + AGAIN
    return None
