"""Download DICOM series of The Cancer Imaging Archive as one zip. Its REST API gives one zip per series.

The server packs each zip anew, so digests of it differ; the zip that we make of all series is always the same. Its
folders are those of the archive's own download program: collection/patient/study/series/.
"""

import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pipeline.backends.base import URL_CHARACTER, Backend, Download, FetchError, check_disk_space
from pipeline.backends.http import download_over_http, get_json

API = "https://services.cancerimagingarchive.net/nbia-api/services/v1"
MAX_RATIO = 100  # a zip of images may unpack to this many times its size

Series = Mapping[str, Any]


class Tcia(Backend):
    """The series of a collection, of a list that was made on the archive's web page, or a single series."""

    form = "tcia:collection, tcia:series-uid or tcia:https://host/list.tcia"
    pattern = re.compile(
        rf"tcia:(?:(?P<list>https?://{URL_CHARACTER}+)|(?P<series>\d[\d.]{{10,63}})|(?P<collection>[A-Za-z][\w .-]+))"
    )

    def page(self, url: str) -> str:
        return self.parts(url)["list"] or f"{API}/getCollectionValues"

    def download(self, job: Download) -> None:
        """Download the series that are missing, then pack all of them."""
        folder = job.part.with_name(".series")
        folder.mkdir(exist_ok=True)
        found = _find_series(job, self.parts(job.url))
        zips = [folder / f"{series['SeriesInstanceUID']}.zip" for series in found]
        for series, path in zip(found, zips, strict=True):
            if not path.exists():
                _download_series(job, series, path)
        _pack(job, found, zips)
        shutil.rmtree(folder)


def _find_series(job: Download, at: Mapping[str, str]) -> list[Series]:
    """The API's description of each requested series, sorted by UID."""
    if at["collection"]:
        found = get_json(job, f"{API}/getSeries", Collection=at["collection"], format="json")
    else:
        uids = _listed_uids(job, at["list"]) if at["list"] else [at["series"]]
        replies = [get_json(job, f"{API}/getSeries", SeriesInstanceUID=uid, format="json") for uid in uids]
        missing = [uid for uid, reply in zip(uids, replies, strict=True) if not reply]
        if missing:
            raise FetchError(f"{job.where}: the archive has no public series {', '.join(missing[:5])}; correct `url`")
        found = [reply[0] for reply in replies]
    if not found:
        raise FetchError(f"{job.where}: the archive has no public series of this name; correct `url` in the manifest")
    return sorted(found, key=lambda series: str(series["SeriesInstanceUID"]))


def _listed_uids(job: Download, url: str) -> list[str]:
    """The series UIDs of a .tcia file: one per line, after the line ListOfSeriesToDownload=."""
    path = job.part.with_name(".list.tcia")
    download_over_http(replace(job, url=url, part=path, bytes=None))
    _, heading, uids = path.read_text(encoding="utf-8", errors="replace").partition("ListOfSeriesToDownload=")
    if not heading:
        raise FetchError(f"{job.where}: {url} is not a list of series; correct `url` in the manifest")
    return uids.split()


def _download_series(job: Download, series: Series, path: Path) -> None:
    """Download the zip of one series; it must hold as many images as the API says."""
    query = urlencode({"NewFileNames": "Yes", "SeriesInstanceUID": series["SeriesInstanceUID"]})
    part = path.with_suffix(".part")
    download_over_http(replace(job, url=f"{API}/getImage?{query}", part=part, bytes=None))
    try:
        with zipfile.ZipFile(part) as archive:
            images = sum(name.endswith(".dcm") for name in archive.namelist())
    except zipfile.BadZipFile as error:
        part.unlink()
        raise FetchError(f"{job.where}: {path.name} is damaged: {error}; run again") from error
    if images != int(series.get("ImageCount") or images):
        part.unlink()
        raise FetchError(
            f"{job.where}: series {series['SeriesInstanceUID']}: expected {series['ImageCount']} images, got {images};"
            " run again"
        )
    part.replace(path)


def _pack(job: Download, found: Sequence[Series], zips: Sequence[Path]) -> None:
    """Pack the images of all series into one zip, whose bytes depend on the images and their names alone."""
    with zipfile.ZipFile(job.part, "w") as out:
        for series, path in zip(found, zips, strict=True):
            keys = ("Collection", "PatientID", "StudyInstanceUID", "SeriesInstanceUID")
            folder = "/".join(str(series[key]).replace("/", "_") for key in keys)
            with zipfile.ZipFile(path) as archive:
                images = (member for member in archive.infolist() if member.filename.endswith(".dcm"))
                members = sorted(images, key=lambda member: member.filename)
                size = sum(member.file_size for member in members)
                if size > MAX_RATIO * path.stat().st_size:
                    raise FetchError(f"{job.where}: {path.name} would unpack to {size} bytes; inspect it by hand")
                check_disk_space(path.parent, size, job.where)
                for member in members:
                    entry = zipfile.ZipInfo(f"{folder}/{Path(member.filename).name}")
                    with archive.open(member) as image, out.open(entry, "w", force_zip64=True) as file:
                        shutil.copyfileobj(image, file)
