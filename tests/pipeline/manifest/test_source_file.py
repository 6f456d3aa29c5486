"""Sources of a manifest: URLs, series of files and passwords; and which mistakes are named."""

import pytest
from pydantic import ValidationError

from pipeline.backends import BACKENDS, parts, scheme
from pipeline.manifest.source_file import SourceFile

COMMIT = "fa9c01622f52bccb9aeb8a6f2628f564e377767d"
GOOD = {
    "http": ["http://h.org/a.tar"],
    "https": ["https://h.org/a.zip?download=1", "https://h.org/dl/%20x"],
    "s3": ["s3://bucket.of-mine/folder/a file.zip"],
    "zenodo": ["zenodo:7155725/amos22.zip", "zenodo:1/folder/a b.zip"],
    "gdrive": ["gdrive:19OWCXZGrimafREhXm8O8w2HBHZTfxEgU"],
    "kaggle": ["kaggle:owner/data-set", "kaggle:owner/dataset/folder/file.png"],
    "synapse": ["synapse:syn3379050", "synapse:syn3379050.2"],
    "tcia": ["tcia:Prostate-3T", "tcia:1.3.6.1.4.1.14519.5.2.1", "tcia:https://h.org/list.tcia"],
    "git+https": [f"git+https://h.org/o/r.git@{COMMIT}"],
}
BAD = [
    "ftp://h.org/x",
    "file:///etc/passwd",
    "/etc/passwd",
    "https://",
    "https://h.org/a b",
    "s3://bucket",
    "zenodo:amos/x.zip",
    "gdrive:https://drive.google.com",
    "kaggle:dataset",
    "synapse:3379050",
    "tcia:",
    "git+https://h.org/r@main",
    f"git+https://--upload-pack=x@{COMMIT}",
    f"git+ssh://h.org/r@{COMMIT}",
    "https://h.org/a\nb",
]


def test_every_backend_has_an_example():
    assert set(GOOD) == set(BACKENDS)


@pytest.mark.parametrize(("name", "url"), [(name, url) for name, urls in GOOD.items() for url in urls])
def test_supported_urls_are_accepted(name, url):
    assert scheme(url) == name
    assert SourceFile(file="a", url=url).url == url


@pytest.mark.parametrize("url", BAD)
def test_other_urls_are_refused_with_the_forms_that_are_possible(url):
    with pytest.raises(ValidationError, match=r"not a supported URL; write one of: .*zenodo:|does not have the form"):
        SourceFile(file="a", url=url)


def test_the_parts_of_a_url():
    assert parts("kaggle:owner/set") == {"owner": "owner", "dataset": "set", "file": ""}
    assert parts("zenodo:12/a b.zip") == {"record": "12", "file": "a b.zip"}


@pytest.mark.parametrize(
    ("first_last", "names"),
    [
        ("0..2", ["0", "1", "2"]),
        ("08..11", ["08", "09", "10", "11"]),
        ("9..11", ["9", "10", "11"]),
        ("ay..bb", ["ay", "az", "ba", "bb"]),
    ],
)
def test_a_series_of_files(first_last, names):
    series = SourceFile(file=f"d/{{{first_last}}}.gz", url=f"https://h/{{{first_last}}}", get="ask", unpack=False).each
    assert [one.file for one in series] == [f"d/{name}.gz" for name in names]
    assert [one.url for one in series] == [f"https://h/{name}" for name in names]
    assert all(one.each == (one,) and not one.unpack for one in series)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({}, "give 'url', or 'get'"),
        ({"file": "../a", "get": "ask"}, "must be a relative path"),
        ({"file": "/a", "get": "ask"}, "must be a relative path"),
        ({"file": "a\\b", "get": "ask"}, "must be a relative path"),
        ({"file": "{1..2}/{1..2}", "get": "ask"}, "has more than one"),
        ({"file": "{1..2}", "url": "https://h/1"}, "must have the same"),
        ({"file": "a", "url": "https://h/{1..2}"}, "must have the same"),
        ({"file": "{2..1}", "get": "ask"}, "must go up"),
        ({"file": "{0..99999999}", "get": "ask"}, "must go up, by less than"),
        ({"file": "{1..2}", "get": "ask", "digest": "md5:" + "0" * 32}, "for several files give 'digests'"),
        ({"file": "a", "get": "ask", "password": "$"}, "'password' must be"),
    ],
)
def test_mistakes_are_named(facts, words):
    with pytest.raises(ValidationError, match=words):
        SourceFile(**{"file": "a", **facts})


def test_a_password_is_published_or_in_the_environment(monkeypatch):
    assert SourceFile(file="a", get="ask", password="pub@lic").secret == "pub@lic"
    hidden = SourceFile(file="a", get="ask", password="$HEARTS")
    monkeypatch.delenv("HEARTS", raising=False)
    assert (hidden.variable, hidden.secret) == ("HEARTS", None)
    monkeypatch.setenv("HEARTS", "hush")
    assert hidden.secret == "hush"
    assert "hush" not in repr(hidden)
