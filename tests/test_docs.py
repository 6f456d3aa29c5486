"""What the documents show is true: the manifest example is one, links lead somewhere, decisions are numbered."""

import re
from pathlib import Path

import pytest

from pipeline.manifest.schema import load_manifest

DOCUMENTS = [
    *Path().glob("*.md"),
    *Path("docs").rglob("*.md"),
    *Path("dataset_manifests").glob("*.md"),
    *Path("benchmarks").glob("*.md"),
]


def test_the_manifest_example_is_a_manifest(tmp_path):
    examples = re.findall(r"```yaml\n(.*?)```", Path("dataset_manifests/README.md").read_text(), re.DOTALL)
    text, sources, labels = examples
    (tmp_path / "MyHearts.yaml").write_text(text)
    manifest = load_manifest(tmp_path / "MyHearts.yaml")
    assert manifest.groups[0].scans[0].template.names == {"subject", "modality"}
    (tmp_path / "MyHearts.yaml").write_text(re.sub(r"sources:.*?(?=groups:)", sources, text, flags=re.DOTALL))
    assert len(load_manifest(tmp_path / "MyHearts.yaml").archives) == 210 + 4 + 1
    (tmp_path / "MyHearts.yaml").write_text(
        re.sub(r"    labels:.*?(?=    axes:)", lambda _: labels, text, flags=re.DOTALL)
    )
    assert load_manifest(tmp_path / "MyHearts.yaml").segments


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document}: {target}"


def test_decisions_are_numbered_in_order():
    numbers = [int(path.name[:4]) for path in sorted(Path("docs/decisions").glob("*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))
