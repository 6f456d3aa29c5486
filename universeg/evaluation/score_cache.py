"""Scores in a file as they come, one line each, so that a killed evaluation goes on where it was."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

Key = tuple[str, str, str]  # what it was computed from and how, task, query
Dices = list[float]  # for each size of ensemble


class ScoreLog:
    """The scores in a file, and a way to add some. Raises ValueError for a file that holds something else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found = _read(path) if path.exists() else dict[Key, Dices]()

    def find(self, source: str, task: str, query: str) -> Dices | None:
        return self._found.get((source, task, query))

    def add(self, source: str, task: str, scores: Mapping[str, Sequence[float]]) -> None:
        """Write the scores of some queries of a task; they are on disk when this returns."""
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
    whole = path.read_bytes()
    end = whole.rfind(b"\n") + 1
    if end < len(whole):  # the line that was being written when the process was killed
        os.truncate(path, end)
    found = dict[Key, Dices]()
    for number, line in enumerate(whole[:end].splitlines(), 1):
        try:
            row = json.loads(line)
            found[row["source"], row["task"], row["query"]] = [float(dice) for dice in row["dice"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number} is not a score ({error!r}); remove the file") from error
    return found
