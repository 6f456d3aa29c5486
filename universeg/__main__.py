"""`universeg VERB`, or `python -m universeg VERB`: all commands of the package under one name."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from universeg import __version__
from universeg.base.command import quiet_when_reader_ends

# Verb -> the module whose `main` runs it, and what it does. Each is also a command of its own: universeg-VERB.
VERBS: Mapping[str, tuple[str, str]] = {
    "predict": ("universeg.prediction.cli", "segment your own images from a few labelled examples"),
    "task": ("universeg.prediction.task_pack.cli", "keep labelled images and settings of a task in one file"),
    "app": ("universeg.app.cli", "a page in the browser: paint a few examples, get the rest of the folder"),
    "train": ("universeg.training.cli", "train a network on task stores, synthetic tasks, or both"),
    "evaluate": ("universeg.evaluation.cli", "measure how well networks segment tasks they were not trained on"),
    "audit": ("universeg.evaluation.audit", "check that a network behaves as the method promises"),
    "cite": ("universeg.model.cite", "say whom to cite, and what licences ask, for stores or weights"),
    "experiment": ("universeg.experiments.cli", "make a table or figure of the paper"),
    "weights": ("universeg.model.weights_cli", "list the available weights, or fetch those of the paper's authors"),
}


@quiet_when_reader_ends()
def main(args: Sequence[str] | None = None) -> None:
    """Run one verb; without one, list them all."""
    verb, *rest = (sys.argv[1:] if args is None else args) or ["--help"]
    if verb in ("--help", "-h"):
        sys.stdout.write(_overview())
    elif verb == "--version":
        sys.stdout.write(f"universeg {__version__}\n")
    elif verb in VERBS:
        import_module(VERBS[verb][0]).main(rest)
    else:
        sys.stderr.write(f"universeg: unknown command {verb!r}\n\n{_overview()}")
        sys.exit(2)


def _overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb.ljust(width)}  {what}" for verb, (_, what) in VERBS.items()]
    head = ["usage: universeg COMMAND [--help]", "", "Segment new structures from a few labelled examples.", ""]
    foot = ["", "Each is also a command of its own, for example universeg-predict.", ""]
    return "\n".join([*head, "commands:", *lines, *foot])


if __name__ == "__main__":
    main()
