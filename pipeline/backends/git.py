"""Download the files of a git repository at one commit, as one tar. The commit's hash verifies every byte."""

import os
import re
import shutil
import subprocess

from pipeline.backends.base import URL_CHARACTER, Backend, Download, FetchError, clean, without_logins

TIMEOUT_S = 6 * 3600


class Git(Backend):
    """The tar that `git archive` makes of a commit, which is fetched without its history."""

    form = "git+https://host/repository@commit, with all 40 digits of the commit"
    pattern = re.compile(
        rf"git\+(?P<repository>https://[^\s\\@-]{URL_CHARACTER}*)@(?P<commit>[0-9a-f]{{40}})",
    )

    def page(self, url: str) -> str:
        return f"{self.parts(url)['repository']}/info/refs?service=git-upload-pack"

    def missing_requirements(self, url: str) -> str | None:
        return None if shutil.which("git") else f"{clean(url)} needs git: install it."

    def download(self, job: Download) -> None:
        at = self.parts(job.url)
        folder = job.part.with_name(".git-objects")
        shutil.rmtree(folder, ignore_errors=True)
        _git(job, "init", "--quiet", "--bare", str(folder))
        _git(job, "-C", str(folder), "fetch", "--quiet", "--depth=1", at["repository"], at["commit"])
        _git(job, "-C", str(folder), "archive", "--format=tar", f"--output={job.part}", at["commit"])
        shutil.rmtree(folder)


def _git(job: Download, *arguments: str) -> None:
    # git must never ask for a password: a login comes from ~/.netrc.
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-c", "core.hooksPath=/dev/null", *arguments],
            env={**os.environ, **quiet},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{job.where}: git took over {TIMEOUT_S} s; run again, or use a mirror") from None
    if done.returncode:
        why = without_logins(" ".join(done.stderr.split()))[:500]
        raise FetchError(f"{job.where}: git: {why}; correct `url` in the manifest, or use a mirror")
