"""report.json: everything that is needed to explain and repeat the results."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from universeg import __version__
from universeg.base.atomic_write import atomic_write
from universeg.base.file_digest import sha256_of
from universeg.model.registry import weights_path
from universeg.prediction.check.checkup import Checkup
from universeg.prediction.ensemble import draws
from universeg.prediction.labels import Label
from universeg.prediction.pairing import Pair
from universeg.prediction.report.result import NOTICE, Result
from universeg.prediction.settings import Settings


def write_report(output: Path, report: Mapping[str, Any]) -> None:
    """Write report.json into the output folder."""
    with atomic_write(output / "report.json") as part:
        # Bytes of file names that are not UTF-8 become escapes, as JSON has them.
        part.write_text(as_json(report), encoding="utf-8", errors="backslashreplace")


def as_json(report: Mapping[str, Any]) -> str:
    """The text of report.json."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def with_results(report: Mapping[str, Any], results: Sequence[Result]) -> dict[str, Any]:
    """An earlier report, with these of its results."""
    return {**report, "results": [_entry(result) for result in results]}


def report_of(
    weights: Path,
    settings: Settings,
    pairs: Sequence[Pair],
    results: Sequence[Result],
    labels: Sequence[Label],
    checkup: Checkup | None = None,
) -> dict[str, Any]:
    """What report.json holds."""
    import torch  # takes long to load, and reports are also read where nothing is segmented

    members = draws(len(pairs), settings)
    return {
        "notice": NOTICE,
        "versions": {
            "universeg": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "weights": {"file": str(weights), "sha256": sha256_of(weights_path(weights))},
        "settings": asdict(settings),
        "structures": [asdict(label) for label in labels],
        "support": [
            {
                "image": str(pair.image),
                "masks": [str(path) for path in pair.masks],
                "shown_to": [number for number, member in enumerate(members) if at in member],
            }
            for at, pair in enumerate(pairs)
        ],
        "check": None if checkup is None else check_entry(checkup, labels),
        "results": [_entry(result) for result in results],
    }


def check_entry(checkup: Checkup, labels: Sequence[Label]) -> dict[str, Any]:
    """What report.json says of a check."""
    estimate, curve = checkup.estimate, checkup.curve
    return {
        "findings": [str(finding) for finding in checkup.findings],
        "fixed": list(checkup.fixed),
        "expected_dice": None if estimate is None else round(estimate.dice, 2),
        "interval_90": None if estimate is None else [round(end, 2) for end in estimate.interval],
        "by_structure": {}
        if estimate is None
        else {label.name: _number(estimate.of_label(at)) for at, label in enumerate(labels)},
        "examples": {} if estimate is None else {trial.name: round(trial.dice, 2) for trial in estimate.trials},
        "shown": None if estimate is None else estimate.shown,
        "by_number_of_examples": {}
        if curve is None
        else {str(count): round(score, 2) for count, score in zip(curve.counts, curve.dice, strict=True)},
        "influence": {one.name: round(one.dice, 2) for one in checkup.influences},
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 2)


def _entry(result: Result) -> dict[str, Any]:
    """A result as it is when it is made; whether a later run kept it is not part of it."""
    entry = asdict(result)
    del entry["skipped"]
    return entry
