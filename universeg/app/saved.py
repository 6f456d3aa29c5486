"""The files in which the page keeps its work: a PNG for each slice that has a mask, and session.json. No torch here.

Everything is written at once, whole or not at all, so that a killed program or browser loses no stroke.
"""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from universeg.base.atomic_write import atomic_write, write_json
from universeg.imageio.image import ImageError

Labels = NDArray[np.uint8]
Kind = Literal["masks", "drafts"]
LARGEST = 1 << 26  # bytes of session.json


class SavedFiles:
    """Below one folder: masks/KEY/0007.png, drafts/KEY/0007.png (values of labels, as the page shows the slice)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, kind: Kind, key: str) -> list[int]:
        """The slices of an image that have a file."""
        found = (self.folder / kind / key).glob("*.png")
        return sorted(int(path.stem) for path in found if path.stem.isdecimal())

    def read(self, kind: Kind, key: str, row: int, shape: tuple[int, int]) -> Labels | None:
        """The label map (h, w) of a slice, or None. Raises ImageError if the file is damaged or of another size."""
        path = self._path(kind, key, row)
        if not path.is_file():
            return None
        try:
            with Image.open(path, formats=("PNG",)) as file:
                if file.size != shape[::-1] or file.mode != "L":
                    found = f"{file.size[0]} x {file.size[1]} pixels ({file.mode})"
                    raise ImageError(
                        f"expected {shape[1]} x {shape[0]} grey pixels, got {found}", str(path), "delete this file"
                    )
                return np.array(file)
        except (OSError, SyntaxError) as error:  # Pillow says SyntaxError for a broken PNG
            raise ImageError(f"is damaged ({error})", str(path), "delete this file") from error

    def write(self, kind: Kind, key: str, row: int, mask: Labels) -> None:
        with atomic_write(self._path(kind, key, row)) as part:
            Image.fromarray(mask).save(part, format="PNG", compress_level=1)

    def delete(self, kind: Kind, key: str, row: int) -> None:
        self._path(kind, key, row).unlink(missing_ok=True)

    def read_state(self) -> dict[str, Any]:
        """What session.json holds; {} if there is none. Raises ImageError if it cannot be used."""
        path = self.folder / "session.json"
        if not path.is_file():
            return {}
        remedy = "move it away; the masks beside it are kept"
        if path.stat().st_size > LARGEST:
            raise ImageError("is too large", str(path), remedy)
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ImageError(f"is damaged ({error})", str(path), remedy) from error
        if not isinstance(state, dict):
            raise ImageError("is not the session of this page", str(path), remedy)
        return state

    def write_state(self, state: dict[str, Any]) -> None:
        write_json(self.folder / "session.json", state)

    def _path(self, kind: Kind, key: str, row: int) -> Path:
        return self.folder / kind / key / f"{row:04d}.png"
