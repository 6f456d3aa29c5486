"""What the command `universeg-app` can be told. No torch here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

DEFAULT_PORT = 8642


@dataclass(frozen=True, kw_only=True)
class AppConfig:
    """The flags of the command; each field is one."""

    folder: Positional[Path | None] = None
    """The folder of your images. Without it, the page shows a sample task; a folder can be opened there."""
    port: int = DEFAULT_PORT
    """Where the page is on this computer: http://127.0.0.1:PORT. If it is taken, the next free one is used."""
    browser: bool = True
    """Open the page in the browser. With --no-browser, only its address is printed."""
    weights: Annotated[Path, arg(aliases=["-w"])] = Path("synthetic")
    """The weights of the network: a name that `universeg weights` lists, or a file of universeg-train."""
    device: str = "auto"
    """Where to compute: cpu, cuda, cuda:1 or mps. auto: a GPU if there is one."""

    def __post_init__(self) -> None:
        if not 0 < self.port < 65536:
            raise ValueError(f"port must be between 1 and 65535, got {self.port}")
