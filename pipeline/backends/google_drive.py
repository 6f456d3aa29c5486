"""Download a file that is shared on Google Drive, with gdown, which passes the warning page of large files."""

import re

from pipeline.backends.base import Backend, Download, FetchError, describe
from pipeline.backends.http import TIMEOUT_S, TRIES
from pipeline.backends.progress import is_shown


class GoogleDrive(Backend):
    """A file by its id. gdown reads the cookies of a login from ~/.cache/gdown/cookies.txt."""

    form = "gdrive:file-id"
    pattern = re.compile(r"gdrive:(?P<id>[\w-]{10,})")
    client = "gdown"
    extra = "gdrive"

    def page(self, url: str) -> str:
        return f"https://drive.google.com/file/d/{self.parts(url)['id']}/view"

    def download(self, job: Download) -> None:
        import gdown
        import gdown.exceptions
        import requests

        if job.bytes is not None and job.size() == job.bytes:
            return
        size = 0
        try:
            for resume in (True, False):
                gdown.download(
                    id=self.parts(job.url)["id"],
                    output=str(job.part),
                    quiet=not is_shown(job.progress),
                    resume=resume,
                    retries=TRIES,
                    timeout=TIMEOUT_S,
                )
                size = job.size()
                if job.bytes in (None, size):
                    return
                job.discard()  # the resumed part may be of another file: download once more from the start
        except (gdown.exceptions.DownloadError, requests.RequestException) as error:
            why = re.sub(r"\s+", " ", describe(error)).strip()[:300]  # Google's page is long; it begins with the cause
            raise FetchError(
                f"{job.where}: {why}; the file may be over its download quota: run again tomorrow, or open"
                f" {self.page(job.url)} in a browser and save the file at {job.to.absolute()}"
            ) from None
        raise FetchError(
            f"{job.where}: downloaded twice; the size is {size} bytes, the manifest says {job.bytes}; correct the"
            " manifest"
        )
