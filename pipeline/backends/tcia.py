"""DICOM series of The Cancer Imaging Archive, as one zip: its REST API gives a zip per series, packed anew each time.

The folders are those that its own program makes: collection/patient/study/series/.
"""

import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pipeline.backends.http import Download, FetchError, download, need_room
from pipeline.backends.source_url import parts
from pipeline.backends.web import asked

API = "https://services.cancerimagingarchive.net/nbia-api/services/v1"
MOST_TIMES = 100  # a zip of images may grow this much

Series = Mapping[str, Any]


def tcia(job: Download) -> None:
    """The series of a collection, of a list made on its pages, or one; those that are there already are kept."""
    folder = job.part.with_name(".series")
    folder.mkdir(exist_ok=True)
    found = _series(job)
    packed = [folder / f"{series['SeriesInstanceUID']}.zip" for series in found]
    for series, path in zip(found, packed, strict=True):
        if not path.exists():
            _one(job, series, path)
    _pack(job, found, packed)
    shutil.rmtree(folder)


def _series(job: Download) -> list[Series]:
    """What the API tells of each wanted series, sorted."""
    where = parts(job.url)
    if where["collection"]:
        found = asked(job, f"{API}/getSeries", Collection=str(where["collection"]), format="json")
    else:
        uids = _listed(job, where["list"]) if where["list"] else [str(where["series"])]
        answers = [asked(job, f"{API}/getSeries", SeriesInstanceUID=uid, format="json") for uid in uids]
        gone = [uid for uid, answer in zip(uids, answers, strict=True) if not answer]
        if gone:
            raise FetchError(f"{job.where}: the archive has no public series {', '.join(gone[:5])}; correct `url`")
        found = [answer[0] for answer in answers]
    if not found:
        raise FetchError(f"{job.where}: the archive has no public series of this name; correct `url` in the manifest")
    return sorted(found, key=lambda series: str(series["SeriesInstanceUID"]))


def _listed(job: Download, url: str) -> list[str]:
    """The series of a .tcia file: a line each, after the line ListOfSeriesToDownload=."""
    path = job.part.with_name(".list.tcia")
    download(replace(job, url=url, part=path, bytes=None))
    _, there, uids = path.read_text(encoding="utf-8", errors="replace").partition("ListOfSeriesToDownload=")
    if not there:
        raise FetchError(f"{job.where}: {url} is no list of series; correct `url` in the manifest")
    return uids.split()


def _one(job: Download, series: Series, path: Path) -> None:
    """The zip of one series, with as many images as the archive says."""
    query = urlencode({"NewFileNames": "Yes", "SeriesInstanceUID": series["SeriesInstanceUID"]})
    part = path.with_suffix(".part")
    download(replace(job, url=f"{API}/getImage?{query}", part=part, bytes=None))
    try:
        with zipfile.ZipFile(part) as archive:
            images = sum(name.endswith(".dcm") for name in archive.namelist())
    except zipfile.BadZipFile as error:
        part.unlink()
        raise FetchError(f"{job.where}: {path.name} came damaged: {error}; run again") from error
    if images != int(series.get("ImageCount") or images):
        part.unlink()
        raise FetchError(
            f"{job.where}: series {series['SeriesInstanceUID']}: expected {series['ImageCount']} images, got {images};"
            " run again"
        )
    part.replace(path)


def _pack(job: Download, found: Sequence[Series], packed: Sequence[Path]) -> None:
    """One zip of all, of the same bytes whenever it is made."""
    with zipfile.ZipFile(job.part, "w") as out:
        for series, path in zip(found, packed, strict=True):
            keys = ("Collection", "PatientID", "StudyInstanceUID", "SeriesInstanceUID")
            folder = "/".join(str(series[key]).replace("/", "_") for key in keys)
            with zipfile.ZipFile(path) as archive:
                images = (member for member in archive.infolist() if member.filename.endswith(".dcm"))
                members = sorted(images, key=lambda member: member.filename)
                size = sum(member.file_size for member in members)
                if size > MOST_TIMES * path.stat().st_size:
                    raise FetchError(f"{job.where}: {path.name} would grow to {size} bytes; look at it by hand")
                need_room(path.parent, size, job.where)
                for member in members:
                    entry = zipfile.ZipInfo(f"{folder}/{Path(member.filename).name}")
                    with archive.open(member) as image, out.open(entry, "w", force_zip64=True) as file:
                        shutil.copyfileobj(image, file)
