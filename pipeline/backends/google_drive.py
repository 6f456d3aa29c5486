"""A file shared on Google Drive, by gdown, which passes the page that asks about large files."""

import re

from pipeline.backends.http import TIMEOUT_S, TRIES, Download, FetchError, off, reason
from pipeline.backends.source_url import parts


def drive(job: Download) -> None:
    """The file with an id; cookies of a login are those of gdown, ~/.cache/gdown/cookies.txt."""
    import gdown
    import gdown.exceptions
    import requests

    if job.bytes is not None and job.have() == job.bytes:
        return
    quiet = off(job.progress) is not False
    try:
        for attempt in (1, 2):
            gdown.download(
                id=parts(job.url)["id"],
                output=str(job.part),
                quiet=quiet,
                resume=attempt == 1,
                retries=TRIES,
                timeout=TIMEOUT_S,
            )
            if job.bytes in (None, job.have()):
                return
            job.forget()  # what was gone on from may have been of another file
    except (gdown.exceptions.DownloadError, requests.RequestException) as error:
        # The page's own words are long; its first line says what is wrong.
        why = re.sub(r"\s+", " ", reason(error)).strip()[:300]
        raise FetchError(
            f"{job.where}: {why}; it may be over its quota of downloads: run again tomorrow, or open https://"
            f"drive.google.com/file/d/{parts(job.url)['id']} in a browser and save it at {job.to.absolute()}"
        ) from None
    raise FetchError(f"{job.where}: expected {job.bytes} bytes, got another number twice; correct the manifest")
