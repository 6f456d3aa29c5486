"""Whom to cite and what licences ask: the strictest dataset decides, and every publication is cited once."""

import re

import pytest

from universeg.store.citation import allowed, bibtex, citation_text, facts_of


def facts(name, licence=None, research="yes", commercial="yes", redistribution="yes", citation=()):
    terms = {"name": licence, "research": research, "commercial": commercial, "redistribution": redistribution}
    return facts_of({"dataset": name, "licence": terms, "citation": list(citation)})


def test_the_strictest_dataset_decides_each_use():
    found = allowed(
        [facts("A"), facts("B", commercial="no"), facts("C", commercial="unknown", redistribution="unknown")]
    )
    assert found == {
        "research": ("yes", ["A", "B", "C"]),
        "commercial": ("no", ["B"]),
        "redistribution": ("unknown", ["C"]),
    }


def test_a_dataset_without_a_licence_allows_nothing_for_certain():
    assert {answer for answer, _ in allowed([{"dataset": "A", "licence": None}]).values()} == {"unknown"}


@pytest.mark.parametrize(
    ("licence", "asked"),
    [
        ("CC BY-NC-SA 4.0", {"attribution", "share-alike", "not for commercial use"}),
        ("CC BY-NC-ND 4.0", {"attribution", "not for commercial use", "no derivatives"}),
        ("CC0 1.0", set()),
        ("GPL-3.0", {"copyleft"}),
        ("Stanford University Dataset Research Use Agreement", {"you accepted an agreement", "for research only"}),
    ],
)
def test_what_a_licence_asks_follows_from_its_name(licence, asked):
    text = citation_text([facts("A", licence)])
    every = (
        "attribution",
        "share-alike",
        "not for commercial use",
        "no derivatives",
        "copyleft",
        "you accepted an agreement",
    )
    every += ("for research only",)
    assert {words for words in every if f"    {words}" in text} == asked


def test_two_licences_that_ask_for_themselves_are_a_conflict():
    text = citation_text([facts("A", "CC BY-SA 4.0"), facts("B", "GPL-3.0")])
    assert "CC BY-SA 4.0 and GPL-3.0 each ask for the same licence" in text
    assert "each ask" not in citation_text([facts("A", "GPL-3.0"), facts("B", "GPL-3.0")])


def test_a_citation_becomes_an_entry_with_authors_title_journal_and_year():
    text = "Butoi, Gonzalez Ortiz et al.: UniverSeg: Universal Medical Image Segmentation. ICCV 37, 2023"
    (entry,) = bibtex([facts("A", citation=[{"text": text, "doi": "10.1/a_b", "arxiv": None}])])
    assert entry.splitlines() == [
        "@article{butoi2023universeg,",
        "  author = {Butoi and {Gonzalez Ortiz} and others},",
        "  title = {UniverSeg: Universal Medical Image Segmentation},",
        "  journal = {ICCV 37},",
        "  year = {2023},",
        r"  doi = {10.1/a\_b},",
        "  note = {Dataset: A},",
        "}",
    ]


def test_a_publication_of_several_datasets_is_cited_once_and_keys_differ():
    same, other = {"text": "Li: A cell. Cells 1, 2020"}, {"text": "Li: A cell, again. Cells 2, 2020"}
    entries = bibtex([facts("A", citation=[same]), facts("B", citation=[same]), facts("C", citation=[other])])
    assert len(entries) == 2
    assert "note = {Dataset: A, B}" in entries[0]
    keys = [re.match(r"@\w+{(\w+),", entry)[1] for entry in entries]
    assert len(set(keys)) == 2


def test_the_comments_are_no_entries():
    text = citation_text([facts("A@B", "mail me@home")])
    assert [line for line in text.splitlines() if "@" in line] == []
