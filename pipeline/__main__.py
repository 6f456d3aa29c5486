"""`python -m pipeline STAGE`: run one stage, with or without Snakemake. STAGE --help explains the stage."""

import errno
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import tyro

from universeg.base.atomic_write import REMEDIES, WriteError
from universeg.base.command import own_error_stream, quiet_when_reader_ends

# Stage -> the module that has a function of that name, and what the stage does. Only the named stage is imported,
# because the workflow starts hundreds of jobs, and reading image formats needs large libraries.
STAGES: Mapping[str, tuple[str, str]] = {
    "config": ("pipeline.config", "write the resolved settings, which all other stages read"),
    "fetch": ("pipeline.fetch.stage", "download every file of a dataset, and write a receipt"),
    "unpack": ("pipeline.unpack.stage", "extract a dataset's archives, and record where its files are"),
    "to_segment": ("pipeline.match.freesurfer", "write a script that creates the labels a dataset lacks"),
    "segmented": ("pipeline.match.freesurfer", "put a dataset's files and its created labels into one folder"),
    "match": ("pipeline.match.stage", "find the image and label files of every scan by the manifest's patterns"),
    "shard": ("pipeline.build.shard", "read, normalise, resample and slice one chunk of scans"),
    "synthetic": ("pipeline.build.synthetic", "generate one chunk of synthetic tasks"),
    "store": ("pipeline.build.store", "merge a dataset's shards, split its subjects, report what was not used"),
    "catalogue": ("pipeline.report.catalogue", "write a table with one row per task of all stores"),
    "sheet": ("pipeline.report.contact_sheet", "draw images of a store with the outlines of their labels"),
    "gallery": ("pipeline.report.gallery", "write one page with pictures of all datasets, to look through"),
    "attrition": ("pipeline.report.attrition_table", "show how many scans were expected, found and used, and why"),
    "cards": ("pipeline.report.card", "write a data card for each built dataset, in Markdown and Croissant"),
    "summary": ("pipeline.report.summary", "show what was built, what was not, and what you must do"),
    "trace": ("pipeline.audit.trace", "show from which files a record was made, and whether they are unchanged"),
    "leaks": ("pipeline.audit.leaks", "find images and persons that are in two datasets or two splits"),
    "lock": ("pipeline.audit.lock", "write digests of all stores, or compare with those of others"),
    "plan": ("pipeline.report.plan", "show which datasets can be downloaded now and which need an access request"),
    "table": ("pipeline.report.dataset_page", "write the pages of datasets and tasks in docs/reference"),
    "check": ("pipeline.authoring.check", "check manifests, and with --links also their web addresses"),
    "schema": ("pipeline.authoring.check", "write the JSON schema of manifests, for editors"),
    "new": ("pipeline.authoring.draft", "draft a manifest for a folder of files"),
}


def main() -> None:
    """Run one stage. An error that the user can correct is shown as a message, not as a traceback."""
    own_error_stream()
    name, *arguments = sys.argv[1:] or ["--help"]
    try:
        with quiet_when_reader_ends():
            _run(name, arguments)
    except (ValueError, OSError, MemoryError) as error:
        sys.stderr.write(f"error: {_sentence(error)}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write(f"{name} was interrupted; run the same command again to continue\n")
        sys.exit(130)


def _run(name: str, arguments: Sequence[str]) -> None:
    if name in ("--help", "-h"):
        sys.stdout.write(_overview())
    elif name == "--version":
        sys.stdout.write(f"{_version()}\n")
    elif name in STAGES:
        # Pydantic would search all installed packages for plugins, which takes a tenth of the start of a job.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        gc.disable()  # it would look through all new classes again and again, a twelfth of the start, and find nothing
        stage = getattr(import_module(STAGES[name][0]), name)
        gc.enable()
        tyro.cli(stage, prog=f"python -m pipeline {name}", args=arguments)
    else:
        sys.stderr.write(f"error: unknown stage {name!r}\n\n{_overview()}")
        sys.exit(2)


def _sentence(error: Exception) -> str:
    """What went wrong, and what to do."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        more = f" ({error})" if str(error) else ""
        return f"not enough memory{more}; raise the limit (ulimit -v, or the memory of the cluster job)"
    if isinstance(error, OSError) and error.errno in REMEDIES and not isinstance(error, WriteError):
        return f"{error}; {REMEDIES[error.errno]}, then run again"
    return str(error)


def _overview() -> str:
    width = max(map(len, STAGES))
    lines = [f"  {name.ljust(width)}  {what}" for name, (_, what) in STAGES.items()]
    return "\n".join(["usage: python -m pipeline STAGE [--help]", "", "stages:", *lines, ""])


def _version() -> str:
    from universeg import __version__

    return f"universeg {__version__}"


if __name__ == "__main__":
    main()
