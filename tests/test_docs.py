"""The documents are correct: examples run, links lead to files, versions agree, and the words are plain."""

import io
import re
import tokenize
import tomllib
from pathlib import Path

import pytest
import yaml

import universeg
from pipeline.manifest.schema import load_manifest

DOCUMENTS = [
    *Path().glob("*.md"),
    *Path("docs").rglob("*.md"),
    *(Path(folder) / "README.md" for folder in ("benchmarks", "dataset_manifests", "examples", "universeg/weights")),
]
CODE = sorted(path for folder in ("pipeline", "universeg", "demo") for path in Path(folder).rglob("*.py"))
SETTINGS = [Path("config/config.yaml"), *Path("profiles").rglob("*.yaml"), Path("Makefile"), Path("Snakefile")]
TERMS = [
    tuple(line.split(" -> ", 1))
    for line in Path("docs/terms-to-avoid.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


def code_blocks(document: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", Path(document).read_text(), re.DOTALL)


def test_the_manifest_examples_are_manifests(tmp_path):
    text, sources, labels = code_blocks("dataset_manifests/README.md", "yaml")
    file = tmp_path / "MyHearts.yaml"
    file.write_text(text)
    assert load_manifest(file).groups[0].scans[0].pattern.names == {"subject", "modality"}
    file.write_text(re.sub(r"sources:.*?(?=groups:)", sources, text, flags=re.DOTALL))
    assert len(load_manifest(file).archives) == 210 + 4 + 1
    file.write_text(re.sub(r"    labels:.*?(?=    axes:)", lambda _: labels, text, flags=re.DOTALL))
    assert load_manifest(file).segments


@pytest.mark.slow
def test_the_python_examples_run(tmp_path, monkeypatch):
    """All blocks of the page, one after the other in one namespace, as the page says."""
    blocks = code_blocks("docs/how-to/python.md", "python")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    try:
        for block in blocks:
            exec(compile(block, "docs/how-to/python.md", "exec"), names)
    finally:
        universeg.synth.FAMILIES.pop("discs", None)
    assert names["mask"].shape == (128, 128)
    assert names["loss"].item() < 0.5  # random weights have about 0.7
    assert names["images"].shape == names["masks"].shape == (5, 64, 64)
    assert names["masks"].any(axis=(1, 2)).all()


def test_links_lead_to_files():
    links = [(page, link) for page in DOCUMENTS for link in re.findall(r"\]\(([^)#\s]+)", page.read_text())]
    inside = [(page, link) for page, link in links if not link.startswith("http")]
    assert len(inside) > 100
    assert [f"{page}: {link}" for page, link in inside if not (page.parent / link).exists()] == []


def test_paths_in_the_text_exist():
    """Paths below the folders of the code; `<name>` ends a path. Decisions also name what does not exist any more."""
    folders = "pipeline|universeg|tests|docs|benchmarks|profiles|config|dataset_manifests"
    pages = [page for page in DOCUMENTS if "decisions" not in page.parts]
    named = [
        (page, path)
        for page in pages
        for path in re.findall(rf"(?<![\w/.:>-])(?:{folders})/[\w/.-]*", page.read_text())
    ]
    assert len(named) > 100
    assert [f"{page}: {path}" for page, path in named if not Path(path.rstrip(".")).exists()] == []


def test_every_page_is_in_the_navigation():
    """mkdocs reports such pages too, but only when the site is built."""
    navigation = Path("mkdocs.yml").read_text()
    decisions = Path("docs/decisions/README.md").read_text()
    for page in Path("docs").rglob("*.md"):
        decision = page.parent.name == "decisions" and page.name != "README.md"
        assert (page.name in decisions) if decision else (str(page.relative_to("docs")) in navigation), page


def test_decisions_are_numbered_in_order():
    numbers = [int(path.name[:4]) for path in sorted(Path("docs/decisions").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_address_of_the_repository_is_that_of_pyproject():
    urls = tomllib.loads(Path("pyproject.toml").read_text())["project"]["urls"]
    (cloned,) = re.findall(r"git clone (\S+)", Path("README.md").read_text())
    assert cloned == urls["Repository"]


def test_the_citation_has_the_version_of_the_package():
    assert yaml.safe_load(Path("CITATION.cff").read_text())["version"] == universeg.__version__


def prose(path: Path) -> str:
    """What people read in a file, on one line: of code the comments and strings, of documents all but `code`."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        kinds = {"COMMENT", "STRING", "FSTRING_MIDDLE"}
        text = " ".join(token.string for token in tokens if tokenize.tok_name[token.type] in kinds)
    elif path.suffix == ".md":
        text = re.sub(r"(?<!`)`[^`\n]+`(?!`)", "", text)
    return re.sub(r"[\s#]+", " ", text)


def test_prose_is_what_people_read(tmp_path):
    """The check below finds terms in comments, strings and f-strings, and not in names or in code spans."""
    code, page = tmp_path / "a.py", tmp_path / "a.md"
    code.write_text('truth = 1  # one\n"""two\n\nthree"""\nprint(f"four {truth}", "five")\n')
    assert {"one", "two", "three", "four", "five"} <= set(re.findall(r"\w+", prose(code)))
    assert not prose(code).startswith("truth")
    page.write_text("one `two` three\n```sh\nfour\n```\n")
    assert prose(page).split() == ["one", "three", "```sh", "four", "```"]


def test_the_words_are_plain():
    avoided = re.compile("|".join(rf"(?<![\w-])(?:{term})(?![\w-])" for term, _ in TERMS), re.IGNORECASE)
    found = [
        f"{path}: ...{text[max(0, match.start() - 30) : match.end() + 30]}...: instead of {match[0]!r} write: {instead}"
        for path in [*DOCUMENTS, *SETTINGS, *CODE]
        if avoided.search(text := prose(path))
        for term, instead in TERMS
        for match in re.finditer(rf"(?<![\w-])(?:{term})(?![\w-])", text, re.IGNORECASE)
    ]
    assert not found, "\n".join(found)
