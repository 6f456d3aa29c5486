"""The files of a git repository at one commit, as one tar. Its hash vouches for every byte."""

import os
import re
import shutil
import subprocess

from pipeline.backends.http import Download, FetchError
from pipeline.backends.source_url import parts

LONGEST_S = 6 * 3600


def git(job: Download) -> None:
    """`git archive` of the commit, fetched without its history."""
    where = parts(job.url)
    repository, commit = str(where["repository"]), str(where["commit"])
    folder = job.part.with_name(".git-objects")
    shutil.rmtree(folder, ignore_errors=True)
    _git(job, "init", "--quiet", "--bare", str(folder))
    _git(job, "-C", str(folder), "fetch", "--quiet", "--depth=1", repository, commit)
    _git(job, "-C", str(folder), "archive", "--format=tar", f"--output={job.part}", commit)
    shutil.rmtree(folder)


def _git(job: Download, *arguments: str) -> None:
    # Never ask: the login is that of ~/.netrc.
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", *arguments],
            env={**os.environ, **quiet},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LONGEST_S,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{job.where}: git took over {LONGEST_S} s; run again, or use a mirror") from None
    if done.returncode:
        why = re.sub(r"//[^/@\s]*@", "//", " ".join(done.stderr.split()))[:500]
        raise FetchError(f"{job.where}: git: {why}; correct `url` in the manifest, or use a mirror")
