"""Download a file of a Zenodo record. Zenodo publishes its MD5."""

import re
from dataclasses import replace
from urllib.parse import quote

from pipeline.backends.base import Backend, Download, FetchError
from pipeline.backends.http import download_over_http, get_json

API = "https://zenodo.org/api/records"


class Zenodo(Backend):
    """A file of a record."""

    form = "zenodo:record/file"
    pattern = re.compile(r"zenodo:(?P<record>\d+)/(?P<file>[^\x00-\x1f]+)")

    def page(self, url: str) -> str:
        at = self.parts(url)
        return f"https://zenodo.org/records/{at['record']}/files/{quote(at['file'])}"

    def download(self, job: Download) -> str | None:
        at = self.parts(job.url)
        record, name = at["record"], at["file"]
        files = {file["key"]: file for file in get_json(job, f"{API}/{record}").get("files", [])}
        if name not in files:
            names = ", ".join(sorted(files)) or "none"
            raise FetchError(f"{job.where}: the record has no such file; its files: {names}; correct `url`")
        file = files[name]
        url = file.get("links", {}).get("self") or f"{API}/{record}/files/{quote(name)}/content"
        download_over_http(replace(job, url=url, manifest_url=job.url, bytes=job.bytes or file.get("size")))
        checksum = file.get("checksum")
        return str(checksum) if checksum else None
