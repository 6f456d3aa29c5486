"""Check the web addresses of manifests: whether each file or page still exists and has the expected size.

A few servers are asked at a time, each with at most two requests at once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Semaphore
from typing import Literal
from urllib.parse import urlsplit

from pipeline.backends import page as page_of
from pipeline.backends.base import clean, describe
from pipeline.manifest.schema import Manifest

REQUESTS_AT_ONCE, REQUESTS_PER_SERVER = 8, 2
TIMEOUT_S = (10, 20)  # to connect; to answer
NEEDS_LOGIN, GONE, NO_HEAD = {401, 403, 407}, {404, 410}, {400, 403, 405, 501}

Verdict = Literal["found", "login", "gone", "changed", "unclear"]


@dataclass(frozen=True)
class Link:
    """An address in a manifest."""

    dataset: str
    where: str  # the key of the manifest, or the file of a source
    url: str
    bytes: int | None = None  # expected size; None if unknown

    @property
    def page(self) -> str:
        """The http(s) address that answers if the file exists."""
        return page_of(self.url)


@dataclass(frozen=True)
class LinkResult:
    """What the server of a link answered."""

    link: Link
    verdict: Verdict  # login: it exists, or may exist, behind a login; unclear: no answer, or an error of the server
    detail: str = ""

    @property
    def bad(self) -> bool:
        """Whether the manifest must be corrected."""
        return self.verdict in ("gone", "changed")

    def __str__(self) -> str:
        """One line, without secrets in the address."""
        remedy = {"gone": "; correct the address", "changed": "; check the file, then correct the manifest"}
        address = clean(self.link.url)
        about = f"{self.link.dataset}: {self.link.where}: {address}"
        return f"{about}: {self.verdict} ({self.detail}){remedy.get(self.verdict, '')}"


def links_of(manifest: Manifest) -> Iterator[Link]:
    """All addresses of a manifest. Of a numbered series of files: the first and the last."""
    for key, url in {"homepage": manifest.homepage, "licence": manifest.licence.url}.items():
        if url:
            yield Link(manifest.name, key, url)
    for source in manifest.sources:
        for url in dict.fromkeys((source.each[0].url, source.each[-1].url)):
            if url:
                yield Link(manifest.name, source.file, url, source.bytes)


def check_links(wanted: Iterable[Link]) -> list[LinkResult]:
    """The result for each link, in order. A page that several links share is requested once."""
    wanted = list(wanted)
    servers: dict[str, Semaphore] = defaultdict(lambda: Semaphore(REQUESTS_PER_SERVER))
    pages = {link.page: servers[urlsplit(link.page).netloc] for link in wanted}

    def request(page: str) -> tuple[Verdict, str, int | None]:
        with pages[page]:
            return _request(page)

    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        answers = dict(zip(pages, pool.map(request, pages), strict=True))
    return [_result(link, *answers[link.page]) for link in wanted]


def _result(link: Link, verdict: Verdict, detail: str, size: int | None) -> LinkResult:
    if verdict == "found" and link.page == link.url and None not in (link.bytes, size) and size != link.bytes:
        return LinkResult(link, "changed", f"{size} bytes, the manifest says {link.bytes}")
    return LinkResult(link, verdict, detail)


def _request(page: str) -> tuple[Verdict, str, int | None]:
    """Verdict, detail, and size in bytes (None if unknown) of a page."""
    import requests

    headers = {"Accept-Encoding": "identity", "User-Agent": "universeg link check"}
    try:
        response = requests.head(page, headers=headers, timeout=TIMEOUT_S, allow_redirects=True)
        if response.status_code in NO_HEAD:  # many servers refuse HEAD, so request one byte
            with requests.get(page, headers={**headers, "Range": "bytes=0-0"}, timeout=TIMEOUT_S, stream=True) as full:
                return _verdict(full.status_code), f"HTTP {full.status_code}", None
    except requests.RequestException as error:
        return "unclear", describe(error)[:200], None
    length = response.headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() and int(length) > 0 and response.status_code == 200 else None
    return _verdict(response.status_code), f"HTTP {response.status_code}", size


def _verdict(status: int) -> Verdict:
    if status < 400 or status == 416:  # 416: the file exists, but is empty
        return "found"
    return "login" if status in NEEDS_LOGIN else "gone" if status in GONE else "unclear"
