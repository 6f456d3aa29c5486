"""What a licence allows, and mistakes in a manifest's terms, addresses and sources."""

from pathlib import Path

import pytest

from pipeline.manifest.licence import mistakes, why_not_allowed
from pipeline.manifest.schema import Manifest, load_manifest

MANIFEST = load_manifest(Path("dataset_manifests/WBC-CV.yaml"))


def changed(**facts: object) -> Manifest:
    return Manifest.model_validate({**MANIFEST.model_dump(), **facts})


def terms(**facts: object) -> dict[str, object]:
    return {"name": "X", "research": "yes", "commercial": "yes", "redistribution": "unknown", **facts}


@pytest.mark.parametrize(
    ("use", "term", "expected"),
    [
        ("research", "yes", None),
        ("research", "unknown", None),
        ("research", "no", "research: no (X)"),
        ("commercial", "yes", None),
        ("commercial", "unknown", "commercial: unknown (X); ask the owner"),
        ("redistribution", "no", "redistribution: no (X)"),
    ],
)
def test_unknown_terms_allow_research_only(use, term, expected):
    assert why_not_allowed(changed(licence=terms(**{use: term})), use) == expected


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"homepage": "WBC's page"}, 'homepage: "WBC\'s page" is not a web address'),
        ({"licence": terms(name=None)}, "no licence is named"),
        ({"sources": [{"file": "a", "get": "x"}], "homepage": None}, "neither a homepage nor a url"),
        ({"sources": [{"file": "a", "get": "x"}] * 2}, "a is listed twice"),
        ({"sources": [{"file": "a", "get": "x", "unpack": False, "password": "p"}]}, "have no effect"),
    ],
)
def test_each_mistake_is_named(facts, words):
    (found,) = mistakes(changed(**facts))
    assert words in found
    assert not list(mistakes(MANIFEST))
