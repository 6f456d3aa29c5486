"""The forms that a source's `url` may have: for each, how it is written, and the parts it names."""

import re
from collections.abc import Mapping

_SAFE = r"[^\s\\\x00-\x1f]"  # it becomes an argument of programs and part of URLs

# Scheme -> how it is written, for messages, and its parts. `pipeline/backends` has a function for each.
FORMS: Mapping[str, tuple[str, re.Pattern[str]]] = {
    "http": ("http://host/path", re.compile(rf"http://{_SAFE}+")),
    "https": ("https://host/path", re.compile(rf"https://{_SAFE}+")),
    "s3": ("s3://bucket/key", re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]+)/(?P<key>[^\x00-\x1f]+)")),
    "zenodo": ("zenodo:record/file", re.compile(r"zenodo:(?P<record>\d+)/(?P<file>[^\x00-\x1f]+)")),
    "gdrive": ("gdrive:file-id", re.compile(r"gdrive:(?P<id>[\w-]{10,})")),
    "kaggle": (
        "kaggle:owner/dataset or kaggle:owner/dataset/file",
        re.compile(r"kaggle:(?P<owner>[\w-]+)/(?P<dataset>[\w-]+)(?:/(?P<file>[^\x00-\x1f]+))?"),
    ),
    "synapse": ("synapse:syn123", re.compile(r"synapse:(?P<id>syn\d+)(?:\.(?P<version>\d+))?")),
    "tcia": (
        "tcia:collection, tcia:series-uid or tcia:https://host/list.tcia",
        re.compile(
            rf"tcia:(?:(?P<list>https?://{_SAFE}+)|(?P<series>\d[\d.]{{10,63}})|(?P<collection>[A-Za-z][\w .-]+))"
        ),
    ),
    "git+https": (
        "git+https://host/repository@commit, all 40 digits of it",
        re.compile(rf"git\+(?P<repository>https://[^\s\\@-]{_SAFE}*)@(?P<commit>[0-9a-f]{{40}})"),
    ),
}


def scheme(url: str) -> str:
    """The key of FORMS that an address belongs to; raises ValueError if it is none or not well formed."""
    name = url.partition(":")[0]
    if name not in FORMS:
        forms = "; ".join(form for form, _ in FORMS.values())
        raise ValueError(f"{url!r} is no address; give one of: {forms}")
    form, pattern = FORMS[name]
    if not pattern.fullmatch(url):
        raise ValueError(f"{url!r} is not written as {form}")
    return name


def parts(url: str) -> Mapping[str, str | None]:
    """The named parts of a well-formed address."""
    match = FORMS[scheme(url)][1].fullmatch(url)
    assert match, "scheme() has checked it"
    return match.groupdict()
