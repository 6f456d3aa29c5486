"""What the use of datasets asks of a person: whom to cite, which obligations licences have, and which uses they allow.

The facts come from headers of stores. Weights files and checkpoints keep those of the stores that they were trained on.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Facts = Mapping[str, Any]  # of one dataset: `facts_of`
USES = ("research", "commercial", "redistribution")
ANSWERS = ("yes", "unknown", "no")  # from the most to the least that is allowed
# Part of a licence's name -> what it asks.
OBLIGATIONS: Mapping[str, str] = {
    r"\bBY\b": "attribution: name the authors, link to the licence, and say what you changed",
    r"\bSA\b": "share-alike: pass on what you made from the data under the same licence only",
    r"\bNC\b": "not for commercial use",
    r"\bND\b": "no derivatives: do not pass on changed data",
    r"GPL": "copyleft: pass on what you made from the data under the same licence only",
    r"Apache|MIT": "keep the licence text and the notices",
    r"(?i)agreement|terms": "you accepted an agreement to get the data, and it binds you",
    r"(?i)research": "for research only",
}
SAME_LICENCE = r"\bSA\b|GPL"
_CITED = re.compile(r"(?P<authors>[^:]+): (?P<title>.+?[.?!]) (?P<venue>\S.*)$")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def facts_of(header: Mapping[str, Any], used_for: str = "training") -> dict[str, Any]:
    """What a store's header says of its dataset's owners and licence; `used_for` says what the dataset was used for."""
    known = {key: header.get(key) for key in ("dataset", "title", "role", "licence", "citation", "manifest")}
    return {**known, "used_for": used_for}


def citation_text(datasets: Sequence[Facts]) -> str:
    """A BibTeX file: entries of all publications, and comments with the obligations and the allowed uses."""
    ordered = sorted(datasets, key=lambda facts: str(facts["dataset"]))
    asked = [line for one in ordered for line in obligations(one)]
    parts = [*_comments(["Datasets and what their licences ask:", *asked])]
    parts += [*_comments(["", "What all of them together allow, and which dataset limits it:", *_allowed(datasets)])]
    parts += [*_comments(["", CAUTION, ""])]
    return "\n".join([*parts, *bibtex(datasets)]) + "\n"


CAUTION = "It is not settled whether a licence of data binds weights trained on the data. This is the cautious reading."


def allowed(datasets: Sequence[Facts]) -> dict[str, tuple[str, list[str]]]:
    """Use -> the least of the datasets' answers (yes, unknown, no), and the datasets that give this answer."""
    given = {use: [(_answer(one, use), str(one["dataset"])) for one in datasets] for use in USES}
    least = {
        use: max((answer for answer, _ in pairs), key=ANSWERS.index, default="yes") for use, pairs in given.items()
    }
    return {use: (least[use], [name for answer, name in pairs if answer == least[use]]) for use, pairs in given.items()}


def obligations(facts: Facts) -> Iterator[str]:
    """The licence of a dataset, one line for each of its obligations, and the uses that it allows."""
    licence = facts.get("licence") or {}
    name = licence.get("name")
    address = f", {licence['url']}" if licence.get("url") else ""
    yield f"{facts['dataset']} ({facts['used_for']}): {name or 'no licence is known'}{address}"
    yield from (f"    {asked}" for pattern, asked in OBLIGATIONS.items() if name and re.search(pattern, name))
    yield f"    {', '.join(f'{use}: {_answer(facts, use)}' for use in USES)}"


def bibtex(datasets: Iterable[Facts]) -> list[str]:
    """One entry for each publication, with the datasets that it describes as its note."""
    cited = dict[tuple[str, ...], list[str]]()
    for one in datasets:
        for citation in one.get("citation") or []:
            publication = tuple(str(citation.get(key) or "") for key in ("text", "doi", "arxiv"))
            cited.setdefault(publication, []).append(str(one["dataset"]))
    entries, keys = list[str](), set[str]()
    for (text, doi, arxiv), names in cited.items():
        fields = {**_fields(text), "doi": doi, "eprint": arxiv, "note": f"Dataset: {', '.join(dict.fromkeys(names))}"}
        key = _key(fields, keys)
        lines = [f"  {name} = {{{_escaped(value)}}}," for name, value in fields.items() if value]
        entries.append("\n".join([f"@{'article' if 'journal' in fields else 'misc'}{{{key},", *lines, "}"]))
    return entries


def _comments(lines: Iterable[str]) -> Iterator[str]:
    """BibTeX reads only what begins with an @."""
    return (f"% {line.replace('@', ' at ')}".rstrip() for line in lines)


def _allowed(datasets: Sequence[Facts]) -> Iterator[str]:
    licences = {str((one.get("licence") or {}).get("name")) for one in datasets}
    alike = sorted(name for name in licences if re.search(SAME_LICENCE, name))
    if len(alike) > 1:
        yield f"    {' and '.join(alike)} each ask for the same licence, so what is made from both can meet only one"
    for use, (answer, names) in allowed(datasets).items():
        why = f" (because of {', '.join(sorted(set(names)))})" if answer != "yes" else ""
        yield f"    {use}: {answer}{why}" + ("; ask the owners" if answer == "unknown" else "")


def _answer(facts: Facts, use: str) -> str:
    answer = (facts.get("licence") or {}).get(use)
    return answer if answer in ANSWERS else "unknown"


def _fields(text: str) -> dict[str, str]:
    """Authors, title, journal and year of a citation; all of it is the title if it has another form."""
    years = _YEAR.findall(text)
    year = {"year": years[-1]} if years else {}
    found = _CITED.match(text)
    if found is None or _YEAR.search(found["authors"]):
        return {"title": text, **year}
    venue = _YEAR.sub("", found["venue"]).strip(" ,")
    fields = {"author": _authors(found["authors"]), "title": found["title"].rstrip(".")}
    return {**fields, **({"journal": venue} if venue else {}), **year}


def _authors(names: str) -> str:
    """Surnames with `and` between them, as BibTeX wants them; a name of several words is one name."""
    listed = [name for name in re.split(r",\s*|\s+and\s+", names.replace(" et al.", "")) if name]
    written = [f"{{{name}}}" if " " in name else name for name in listed]
    return " and ".join([*written, *(["others"] if "et al." in names else [])])


def _key(fields: Mapping[str, str], taken: set[str]) -> str:
    """A key that no other entry has: surname, year and the first long word of the title."""
    words = [word for word in re.findall(r"[^\W\d_]+", fields["title"]) if len(word) > 3] or ["dataset"]
    author = re.findall(r"[^\W\d_]+", fields.get("author", "")) or ["anonymous"]
    stem = f"{author[0]}{fields.get('year', '')}{words[0]}".lower().encode("ascii", "ignore").decode()
    key, number = stem, 1
    while key in taken:
        number += 1
        key = f"{stem}{number}"
    taken.add(key)
    return key


def _escaped(text: str) -> str:
    """Text as LaTeX reads it; braces are kept, because they group names."""
    return re.sub(r"([&%#$_])", r"\\\1", text)
