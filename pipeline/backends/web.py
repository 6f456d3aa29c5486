"""Over HTTP(S), and a file of a Zenodo record with the MD5 that Zenodo publishes."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import requests

from pipeline.backends.http import TIMEOUT_S, Download, FetchError, download, reason
from pipeline.backends.source_url import parts

ZENODO = "https://zenodo.org/api/records"


def web(job: Download) -> None:
    """The file at a URL."""
    download(job)


def zenodo(job: Download) -> str | None:
    """A file of a record."""
    record, name = (str(parts(job.url)[part]) for part in ("record", "file"))
    facts = asked(job, f"{ZENODO}/{record}")
    files = {file["key"]: file for file in facts.get("files", [])}
    if name not in files:
        raise FetchError(f"{job.where}: the record has no such file, but {', '.join(sorted(files)) or 'none'}")
    url = files[name].get("links", {}).get("self") or f"{ZENODO}/{record}/files/{quote(name)}/content"
    download(replace(job, url=url, address=job.url, bytes=job.bytes or files[name].get("size")))
    checksum = files[name].get("checksum")
    return str(checksum) if checksum else None


def asked(job: Download, url: str, **query: str) -> Any:
    """A server's answer in JSON; raises FetchError if it gives none."""
    try:
        answer = requests.get(url, params=query, timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()
    except requests.RequestException as error:
        raise FetchError(f"{job.where}: no answer about it: {reason(error)}; correct `url`, or try later") from None
