"""How files are brought, one way per form of address (`pipeline/backends/source_url.py`). Nothing here knows a dataset.

A way fills `job.part` from the address in `job.url`; what an earlier call left there may be gone on from. It returns
the digest that the server publishes, if any. A client that not everybody needs is imported where it is used.
"""

import importlib.util
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from pipeline.backends.git import git
from pipeline.backends.google_drive import drive
from pipeline.backends.http import Download, FetchError, reason
from pipeline.backends.kaggle import kaggle
from pipeline.backends.s3 import s3
from pipeline.backends.source_url import scheme
from pipeline.backends.synapse import synapse
from pipeline.backends.tcia import tcia
from pipeline.backends.web import web, zenodo
from pipeline.manifest.source_file import SourceFile


@dataclass(frozen=True)
class Way:
    """How to download a file, and what must be there first: a client, and one of several places of a login."""

    download: Callable[[Download], str | None]
    client: str | None = None  # Python module; its extra is named as the scheme
    logins: tuple[str, ...] = ()  # a file, or $NAME; any one of them
    login: str = ""  # how to get one


WAYS: Mapping[str, Way] = {
    "http": Way(web),
    "https": Way(web),
    "zenodo": Way(zenodo),
    "tcia": Way(tcia),
    "git+https": Way(git),
    "s3": Way(s3, "boto3"),
    "gdrive": Way(drive, "gdown"),
    "kaggle": Way(
        kaggle,
        "kagglesdk",
        ("~/.kaggle/kaggle.json", "~/.kaggle/access_token", "$KAGGLE_API_TOKEN"),
        "make an account at kaggle.com, then Settings, API, Create New Token, and save it as ~/.kaggle/kaggle.json",
    ),
    "synapse": Way(
        synapse,
        "synapseclient",
        ("~/.synapseConfig", "$SYNAPSE_AUTH_TOKEN"),
        "make an account at synapse.org, accept the data's terms there, make a personal access token with view and"
        " download, and save it in ~/.synapseConfig",
    ),
}


def missing_requirements(url: str) -> str | None:
    """What a person must do before an address can be used here; None if nothing."""
    name = scheme(url)
    way = WAYS[name]
    if way.client and importlib.util.find_spec(way.client) is None:
        return f"{url} needs {way.client}: pip install '.[{name}]'."
    if name == "git+https" and shutil.which("git") is None:
        return f"{url} needs git: install it."
    if way.logins and not any(_there(place) for place in way.logins):
        return f"{url} needs a login: {way.login}."
    return None


def _there(login: str) -> bool:
    return bool(os.environ.get(login[1:])) if login.startswith("$") else Path(login).expanduser().exists()


def manual_steps(source: SourceFile) -> str | None:
    """What a person must do to get a file that is not there; None if it can be fetched."""
    if source.url is None:
        return source.get
    missing = missing_requirements(source.url)
    return f"{missing} {source.get or ''}".strip() if missing else None


def download(job: Download, get: str | None = None) -> str | None:
    """Fill `job.part` from the address in `job.url`; returns the published digest, if there is one.

    Raises FetchError, with `get`, what a person can do instead; OSError if the disk fails.
    """
    try:
        return WAYS[scheme(job.url)].download(job)
    except FetchError as error:
        if get is None:
            raise
        raise FetchError(f"{error}\n  Or by hand: {get}\n  Put the file at {job.to.absolute()}") from error
    except requests.RequestException as error:  # of a client, which quotes addresses with what is secret in them
        raise FetchError(f"{job.where}: {reason(error)}; check the connection, then run again") from None
