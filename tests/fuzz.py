"""Damage files of every kind: the pipeline and `universeg predict` end with a result or a message, nothing else.

    python tests/fuzz.py --rounds 3000 --seed 1

Each round takes a valid small file, damages it, and uses it as an image, a label, a query or a support image. A round
fails if anything but a result or a message that names the file comes of it: a traceback, a warning of Python, a line
that a library prints, a crash, a hang, more than 1 GB of memory, or a query or scan that is missing without a word.
`tests/fuzzing` has the parts.
"""

import sys
from collections import Counter
from pathlib import Path

import tyro

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def main(rounds: int = 540, seed: int = 0, first: int = 0, keep: Path | None = None) -> None:
    """Run rounds and show what failed.

    Args:
        rounds: Number of files to damage. All uses of all kinds of files take turns.
        seed: Another seed gives other damage.
        first: Number of the first round, to repeat one.
        keep: A folder for the files of the rounds that fail.
    """
    from fuzzing.worker import outcomes
    from rich.console import Console
    from rich.progress import track

    console, counts = Console(stderr=True), Counter[str]()
    found = outcomes(seed, range(first, first + rounds), keep=keep)
    for outcome in track(found, "damaging", rounds, console=console):
        counts[outcome.what] += 1
        if outcome.what == "failure":
            repeat = f"python tests/fuzz.py --seed {seed} --first {outcome.number} --rounds 1"
            lines = (f"FAILED {outcome.trial}", f"  {outcome.damage}", outcome.reason, f"  repeat: {repeat}")
            console.print(*lines, sep="\n", markup=False, highlight=False, soft_wrap=True)
    shares = ", ".join(f"{counts[what]} {what}s" for what in ("result", "message", "failure"))
    console.print(f"{counts.total()} rounds: {shares}")
    sys.exit(bool(counts["failure"]))


if __name__ == "__main__":
    tyro.cli(main)
