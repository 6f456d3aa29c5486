"""Croissant metadata (https://docs.mlcommons.org/croissant, version 1.0) of an exported folder, as JSON-LD.

It describes `index.csv`, and the pictures that the index names. Programs that read Croissant, such as mlcroissant, give
one record per image and one per mask.
"""

from collections.abc import Mapping, Sequence
from typing import Any

# The JSON-LD context that the specification prescribes.
NAMES = (
    *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format"),
    *("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex"),
    *("repeated", "replace", "samplingRate", "separator", "source", "subField", "transform"),
)
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "data": {"@id": "cr:data", "@type": "@json"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in NAMES},
}
PICTURES = {".png": "image/png"}  # endings whose content Croissant readers decode


def croissant(
    name: str,
    description: str,
    licences: Sequence[str],
    citation: str,
    index: str,
    patterns: Mapping[str, Sequence[str]],
    ending: str,
) -> dict[str, Any]:
    """The metadata. `index` is the SHA-256 of index.csv, `patterns` the paths of images and masks with wildcards."""
    distribution: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject",
            "@id": "index",
            "name": "index.csv",
            "contentUrl": "index.csv",
            "encodingFormat": "text/csv",
            "sha256": index,
        }
    ]
    for kind, includes in patterns.items():
        files = {"@type": "cr:FileSet", "@id": f"{kind}-files", "name": f"{kind}-files", "includes": list(includes)}
        distribution.append(files | {"encodingFormat": PICTURES.get(ending, "application/octet-stream")})
    decoded = [kind for kind in patterns if ending in PICTURES]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": description,
        **({"license": list(licences)} if licences else {}),
        **({"citeAs": citation} if citation else {}),
        "version": "1.0.0",
        "distribution": distribution,
        "recordSet": [_rows(), *map(_pictures, decoded)],
    }


def _rows() -> dict[str, Any]:
    """All lines of the index as text."""
    return _record_set("rows", [_column("rows", name) for name in ("image", "mask", "task", "split", "subject")])


def _pictures(kind: str) -> dict[str, Any]:
    """The pictures of one kind, with their lines of the index."""
    column = {"images": "image", "masks": "mask"}[kind]
    path = _field(kind, "path", {"fileProperty": "fullpath"}, {"fileSet": {"@id": f"{kind}-files"}})
    # mlcroissant holds paths as objects that equal no text; the expression turns them into text.
    path["source"]["transform"] = {"regex": "^(.*)$"}
    path["references"] = {"fileObject": {"@id": "index"}, "extract": {"column": column}}
    content = _field(kind, "content", {"fileProperty": "content"}, {"fileSet": {"@id": f"{kind}-files"}})
    content["dataType"] = "sc:ImageObject"
    return _record_set(kind, [path, content, *(_column(kind, name) for name in ("task", "split", "subject"))])


def _column(record_set: str, name: str) -> dict[str, Any]:
    return _field(record_set, name, {"column": name}, {"fileObject": {"@id": "index"}})


def _field(record_set: str, name: str, extract: Mapping[str, str], source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{name}",
        "name": name,
        "dataType": "sc:Text",
        "source": {**source, "extract": dict(extract)},
    }


def _record_set(name: str, fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": list(fields)}
