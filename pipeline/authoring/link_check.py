"""Whether the addresses of manifests still answer: asked politely, a few at a time, at most two of one server."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Semaphore
from urllib.parse import urlsplit

import requests

from pipeline.backends import page as page_of
from pipeline.backends.base import clean, describe
from pipeline.manifest.schema import Manifest

AT_ONCE, OF_ONE_SERVER = 8, 2
TIMEOUT_S = (10, 20)  # to connect; to answer
WANTS_LOGIN, GONE, NO_HEAD = {401, 403, 407}, {404, 410}, {400, 403, 405, 501}


@dataclass(frozen=True)
class Link:
    """An address in a manifest, and how many bytes it should give, if that is known."""

    dataset: str
    what: str  # which field it is in
    url: str
    bytes: int | None = None

    @property
    def page(self) -> str:
        """The http(s) address that answers if the file exists."""
        return page_of(self.url)


@dataclass(frozen=True)
class Answer:
    link: Link
    verdict: str  # there, login, gone, changed or unsure
    detail: str = ""

    @property
    def bad(self) -> bool:
        return self.verdict in ("gone", "changed")


def links(manifest: Manifest) -> Iterator[Link]:
    """Every address of a manifest; of a numbered row of files, the first and the last."""
    for what, url in {"homepage": manifest.homepage, "licence": manifest.licence.url}.items():
        if url:
            yield Link(manifest.name, what, url)
    for source in manifest.sources:
        for one in dict.fromkeys((source.each[0].url, source.each[-1].url)):
            if one:
                yield Link(manifest.name, source.file, one, source.bytes)


def ask(wanted: Iterable[Link]) -> list[Answer]:
    """The answer to each link, in order; a page that several name is asked for once."""
    wanted = list(wanted)
    turns: dict[str, Semaphore] = defaultdict(lambda: Semaphore(OF_ONE_SERVER))
    pages = {link.page: turns[urlsplit(link.page).netloc] for link in wanted}

    def one(page: str) -> tuple[str, str, int | None]:
        with pages[page]:
            return _status(page)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = dict(zip(pages, pool.map(one, pages), strict=True))
    return [_answer(link, *found[link.page]) for link in wanted]


def _answer(link: Link, verdict: str, detail: str, size: int | None) -> Answer:
    if verdict == "there" and link.page == link.url and None not in (link.bytes, size) and size != link.bytes:
        return Answer(link, "changed", f"{size} bytes, the manifest says {link.bytes}")
    return Answer(link, verdict, detail)


def _status(page: str) -> tuple[str, str, int | None]:
    """Verdict, detail and size of a page."""
    headers = {"Accept-Encoding": "identity", "User-Agent": "universeg link check"}
    try:
        response = requests.head(page, headers=headers, timeout=TIMEOUT_S, allow_redirects=True)
        if response.status_code in NO_HEAD:  # many servers refuse to answer without a body
            with requests.get(page, headers={**headers, "Range": "bytes=0-0"}, timeout=TIMEOUT_S, stream=True) as full:
                return _verdict(full.status_code), f"HTTP {full.status_code}", None
    except requests.RequestException as error:
        return "unsure", describe(error)[:200], None
    length = response.headers.get("Content-Length", "")
    size = int(length) if length.isdecimal() and int(length) > 0 and response.status_code == 200 else None
    return _verdict(response.status_code), f"HTTP {response.status_code}", size


def _verdict(status: int) -> str:
    if status < 400 or status == 416:
        return "there"
    return "login" if status in WANTS_LOGIN else "gone" if status in GONE else "unsure"


def shown(answer: Answer) -> str:
    """An answer as a line, without any token of its address."""
    link = answer.link
    return f"{link.dataset}: {link.what}: {clean(link.url)}: {answer.verdict} ({answer.detail})"
