"""What `universeg-predict --check` shows and writes: a table, check.png, and check.json."""

import json
import sys
from collections.abc import Sequence

from rich.console import Console

from universeg.base.atomic_write import atomic_write
from universeg.base.console import say
from universeg.prediction.check.checkup import Checkup
from universeg.prediction.check.show import in_terminal, picture
from universeg.prediction.config import PredictConfig
from universeg.prediction.labels import Label
from universeg.prediction.report.json_report import check_entry


def show_check(config: PredictConfig, checkup: Checkup, labels: Sequence[Label]) -> None:
    """Write the picture and the figures into the output folder, and show the table."""
    text = json.dumps(check_entry(checkup, labels), indent=2, ensure_ascii=False) + "\n"
    with atomic_write(config.output / "check.json") as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
    paths = [config.output / "check.json"]
    if checkup.estimate is not None:
        paths.insert(0, config.output / "check.png")
        with atomic_write(paths[0]) as part:
            picture(checkup).save(part, format="PNG")
    if config.json:
        sys.stdout.write(text)
        return
    console = Console()
    console.print(in_terminal(checkup))
    say(console, f"Look at {' and '.join(map(str, paths))}.")
