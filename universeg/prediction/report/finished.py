"""What a run tells that finds all of its images segmented by earlier runs. No torch here."""

import sys
from collections.abc import Sequence

from rich.console import Console

from universeg.base.console import say
from universeg.prediction.config import PredictConfig
from universeg.prediction.report.json_report import as_json, with_results
from universeg.prediction.report.result import Result
from universeg.prediction.report.table import show
from universeg.prediction.resume import earlier_report


def tell_finished(config: PredictConfig, results: Sequence[Result], console: Console) -> None:
    """The table of the results, or their report as JSON. No file changes."""
    if config.json:
        sys.stdout.write(as_json(with_results(earlier_report(config.output), results)))
    elif not config.quiet:
        say(console, "all images are segmented already, with the same examples and settings; --overwrite repeats it")
        show(config.output, [*results])
