"""Results that an earlier run left: which of them are those of the same image, examples and settings. No torch here."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from universeg.prediction.measure import Measure
from universeg.prediction.report.result import Result

LARGEST = 1 << 28  # bytes of a report


def digest(parts: Iterable[str | Path]) -> str:
    """A digest of texts and of the contents of files."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        else:
            whole.update(f"{len(part)} {part}".encode(errors="surrogateescape"))
    return whole.hexdigest()


def earlier_report(output: Path) -> dict[str, Any]:
    """The report in the output folder; empty if there is none, or if it cannot be read."""
    path = output / "report.json"
    if not path.is_file() or path.stat().st_size > LARGEST:
        return {}
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


def earlier_results(report: Mapping[str, Any]) -> dict[str, Result]:
    """The finished results of a report, by their digests; none if they cannot be read."""
    try:
        results = [_result(entry) for entry in report["results"]]
    except (ValueError, KeyError, TypeError):  # of another version, or not a report: everything is done again
        return {}
    return {result.digest: result for result in results if result.error is None and _is_whole(result)}


def _result(entry: Mapping[str, Any]) -> Result:
    lists = {key: tuple(entry[key]) for key in ("probabilities", "shape", "warnings")}
    lists["measures"] = tuple(Measure(**one) for one in entry["measures"])
    return Result(**{**entry, **lists, "skipped": True})


def _is_whole(result: Result) -> bool:
    return bool(result.digest and result.files) and all(Path(path).is_file() for path in result.files)
