"""`python -m pipeline STAGE`: one sub-command per stage, each usable without Snakemake; STAGE --help explains it."""

import sys
from collections.abc import Mapping
from importlib import import_module

import tyro

# Stage -> its module, which has a function of that name, and what it does. A stage is imported only when it is named:
# the workflow starts hundreds of jobs, and most formats need large libraries.
STAGES: Mapping[str, tuple[str, str]] = {
    "config": ("pipeline.config", "write the resolved settings, which all other stages read"),
    "fetch": ("pipeline.fetch.stage", "download every file of a dataset, and write the receipt"),
    "unpack": ("pipeline.unpack.stage", "unpack a dataset's archives, and note where its files are"),
    "to_segment": ("pipeline.match.freesurfer", "write a script that makes the labels a dataset lacks"),
    "segmented": ("pipeline.match.freesurfer", "put a dataset's files and the labels made for it into one folder"),
    "match": ("pipeline.match.stage", "find the image and label files of every scan by the manifest's patterns"),
    "shard": ("pipeline.build.shard", "read, normalise, resample and slice one chunk of scans"),
    "synthetic": ("pipeline.build.synthetic", "generate one chunk of synthetic tasks"),
    "store": ("pipeline.build.store", "merge a dataset's shards into its store, split its subjects, report losses"),
    "catalogue": ("pipeline.report.catalogue", "write one table row per task of all stores"),
    "sheet": ("pipeline.report.contact_sheet", "draw images of a store with the outlines of their labels"),
    "summary": ("pipeline.report.summary", "show what was built, what was not, and what a person must do"),
    "plan": ("pipeline.report.plan", "show which datasets can be downloaded now and which need an access request"),
    "table": ("pipeline.report.dataset_page", "write docs/reference/datasets.md from the manifests"),
    "check": ("pipeline.authoring.check", "check manifests, and with --links whether their addresses answer"),
    "schema": ("pipeline.authoring.check", "write the JSON schema of manifests, for editors"),
    "new": ("pipeline.authoring.draft", "draft the manifest of a folder of files"),
}


def main() -> None:
    """Run one stage. An error that a person can mend is a sentence, not a traceback."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h"):
        sys.stdout.write(_overview())
        return
    if name == "--version":
        sys.stdout.write(f"{_version()}\n")
        return
    if name not in STAGES:
        sys.stderr.write(f"error: unknown stage {name!r}\n\n{_overview()}")
        sys.exit(2)
    try:
        stage = getattr(import_module(STAGES[name][0]), name)
        tyro.cli(stage, prog=f"python -m pipeline {name}", args=arguments)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write(f"{name} was interrupted; run the same command again to continue\n")
        sys.exit(130)


def _overview() -> str:
    width = max(map(len, STAGES))
    lines = [f"  {name.ljust(width)}  {what}" for name, (_, what) in STAGES.items()]
    return "\n".join(["usage: python -m pipeline STAGE [--help]", "", "stages:", *lines, ""])


def _version() -> str:
    from universeg import __version__

    return f"universeg {__version__}"


if __name__ == "__main__":
    main()
