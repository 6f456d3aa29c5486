"""Download backends, one class and one file per kind of URL. Nothing here depends on a dataset.

To add one, write its class in a new file and add it to the table BACKENDS.
"""

from collections.abc import Mapping

from pipeline.backends.base import Backend, Download, FetchError, describe
from pipeline.backends.git import Git
from pipeline.backends.google_drive import GoogleDrive
from pipeline.backends.http import Http
from pipeline.backends.kaggle import Kaggle
from pipeline.backends.s3 import S3
from pipeline.backends.synapse import Synapse
from pipeline.backends.tcia import Tcia
from pipeline.backends.zenodo import Zenodo

# By the scheme: the text of the URL before the first colon.
BACKENDS: Mapping[str, Backend] = {
    "http": Http(),
    "https": Http(),
    "s3": S3(),
    "zenodo": Zenodo(),
    "gdrive": GoogleDrive(),
    "kaggle": Kaggle(),
    "synapse": Synapse(),
    "tcia": Tcia(),
    "git+https": Git(),
}
URL_FORMS = tuple(dict.fromkeys(backend.form for backend in BACKENDS.values()))


def scheme(url: str) -> str:
    """The key of BACKENDS that a URL belongs to; raises ValueError if there is none, or the URL is malformed."""
    name = url.partition(":")[0]
    if name not in BACKENDS:
        raise ValueError(f"{url!r} is not a supported URL; write one of: {'; '.join(URL_FORMS)}")
    BACKENDS[name].parts(url)
    return name


def parts(url: str) -> Mapping[str, str]:
    """The named parts of a URL; a part that is absent is "". Raises ValueError as `scheme` does."""
    return BACKENDS[scheme(url)].parts(url)


def page(url: str) -> str:
    """The http(s) address that answers if the file of a URL exists."""
    return BACKENDS[scheme(url)].page(url)


def missing_requirements(url: str) -> str | None:
    """What you must install or set up on this machine before a URL can be downloaded; None if nothing."""
    return BACKENDS[scheme(url)].missing_requirements(url)


def manual_steps(url: str | None, get: str | None) -> str | None:
    """What you must do yourself to obtain a file; None if it can be downloaded now.

    Args:
        url: The file's URL; None if it has none.
        get: The manifest's instructions for a person.
    """
    if url is None:
        return get
    missing = missing_requirements(url)
    return f"{missing} {get or ''}".strip() if missing else None


def download(job: Download, get: str | None = None) -> str | None:
    """Fill `job.part` from `job.url`; returns the published digest ("md5:..."), if there is one.

    Raises FetchError, with `get`, the instructions for a person; OSError if the disk fails.
    """
    import requests

    try:
        return BACKENDS[scheme(job.url)].download(job)
    except FetchError as error:
        if get is None:
            raise
        raise FetchError(f"{error}\n  Or by hand: {get}\n  Save the file as {job.to.absolute()}") from error
    except requests.RequestException as error:  # of a client; its text quotes URLs, which may hold secrets
        raise FetchError(f"{job.where}: {describe(error)}; check the connection, then run again") from None
