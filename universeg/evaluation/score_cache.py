"""Scores in a file, written as they are computed, so that a stopped evaluation can continue."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

Key = tuple[str, str, str]  # hash of the weights, the stores and the settings; task; query
Dices = list[float]  # one Dice for each ensemble size


class ScoreCache:
    """The scores in a file, one JSON object per line. Raises ValueError if a line of the file is not a score."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found = _read(path) if path.exists() else dict[Key, Dices]()

    def find(self, source: str, task: str, query: str) -> Dices | None:
        """The scores of a query, or None. `source` is the hash of the weights, the stores and the settings."""
        return self._found.get((source, task, query))

    def add(self, source: str, task: str, scores: Mapping[str, Sequence[float]]) -> None:
        """Write the scores of some queries of a task. They are on disk when this returns."""
        lines = list[str]()
        for query, dice in scores.items():
            self._found[source, task, query] = list(dice)
            lines.append(json.dumps({"source": source, "task": task, "query": query, "dice": list(dice)}) + "\n")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(lines))
            file.flush()
            os.fsync(file.fileno())


def _read(path: Path) -> dict[Key, Dices]:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):  # an incomplete line: the process was killed while it wrote
        os.truncate(path, end)
    found = dict[Key, Dices]()
    for number, line in enumerate(content[:end].splitlines(), 1):
        try:
            row = json.loads(line)
            found[row["source"], row["task"], row["query"]] = [float(dice) for dice in row["dice"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number} is not a score ({error!r}); delete the file") from error
    return found
