"""The report of a prediction: report.json, and the table on the terminal."""

import hashlib
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from universeg import __version__
from universeg.base.atomic_write import atomic_write
from universeg.model.registry import weights_path
from universeg.prediction.pairing import Pair
from universeg.prediction.predict import draws
from universeg.prediction.preprocess import Settings

NOTICE = "For research only. Not a medical device: do not use the results for diagnosis or treatment."


@dataclass(frozen=True)
class Result:
    """The outcome for one query; paths are as given by the user."""

    image: str
    mask: str = ""
    overlay: str = ""
    probability: str = ""
    shape: tuple[int, ...] = ()
    marked_share: float | None = None  # of the samples of the segmented slices
    warnings: tuple[str, ...] = ()
    error: str | None = None


def write_report(
    output: Path, weights: Path, settings: Settings, pairs: Sequence[Pair], results: Sequence[Result]
) -> None:
    """Write report.json: everything that is needed to explain and repeat the results."""
    with weights_path(weights).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    members = draws(len(pairs), settings)
    report: dict[str, Any] = {
        "notice": NOTICE,
        "versions": {
            "universeg": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "weights": {"file": str(weights), "sha256": digest},
        "settings": asdict(settings),
        "support": [
            {
                "image": str(pair.image),
                "mask": str(pair.mask),
                "shown_to": [number for number, member in enumerate(members) if at in member],
            }
            for at, pair in enumerate(pairs)
        ],
        "results": [asdict(result) for result in results],
    }
    with atomic_write(output / "report.json") as part:
        # Bytes of file names that are not UTF-8 become escapes, as JSON has them.
        text = json.dumps(report, indent=2, ensure_ascii=False) + "\n"
        part.write_text(text, encoding="utf-8", errors="backslashreplace")


def show(output: Path, results: Sequence[Result]) -> None:
    """The table that says where the files are and what share of each image was marked."""
    columns = [Column(name, overflow="fold") for name in ("image", "marked", "mask", "picture to look at")]
    table = Table(*columns, title=_printable(f"Results in {output}"))
    for result in results:
        share = "failed" if result.marked_share is None else f"{result.marked_share:.2%}"
        image, mask, picture = (_printable(Path(path).name) for path in (result.image, result.mask, result.overlay))
        table.add_row(image, share, mask, picture)
    Console().print(table, _printable(f"What was done is in {output / 'report.json'}. {NOTICE}"), sep="\n")


def _printable(text: str) -> Text:
    """The text without markup, and with escapes for what a terminal cannot show: file names may hold anything."""
    return Text("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))
