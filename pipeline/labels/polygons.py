"""Label kind `polygons`: one file per picture with named polygons: JSON, XML or CSV.

JSON is as labelme writes it, or {name: [polygon, ...]} with a polygon as a list of (column, row).
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pipeline.attrition import BadScan
from pipeline.fields import Name
from pipeline.labels.json_file import load_json
from pipeline.labels.label_files import OneFile
from pipeline.labels.label_map import LabelRequest
from pipeline.labels.outline import Points, filled
from universeg.imageio.image import LoadedImage

NamedPolygons = Iterator[tuple[str, Points]]
MAX_BYTES = 64 << 20
REMEDY = "fetch the file again, or add the scan to known_bad"


class PolygonLabels(OneFile):
    """One JSON, XML or CSV file per picture with named polygons."""

    names_are_values = True

    kind: Literal["polygons"]
    names: dict[str, Name] = Field(description="Name in the file to label")


def decode_polygons(
    spec: PolygonLabels, request: LabelRequest, image: LoadedImage
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The inside of the polygons of each label. A label that is not in the file has an empty mask."""
    path = request.paths[""][0]
    try:
        polygons = [(spec.names[name], points) for name, points in _read(path) if name in spec.names]
        masks = [(label, filled([points], image)) for label, points in polygons]
    except BadScan as bad:
        raise BadScan(bad.reason, str(path), bad.remedy or REMEDY) from bad
    except (OSError, ValueError, TypeError, LookupError, AttributeError, ElementTree.ParseError) as error:
        raise BadScan(f"cannot be read as polygons: {error}", str(path), REMEDY) from error
    for label in spec.masks:
        parts = [mask for name, mask in masks if name == label]
        yield label, np.logical_or.reduce(parts) if parts else np.zeros(image.shape, bool)


def _read(path: Path) -> NamedPolygons:
    if path.stat().st_size > MAX_BYTES:
        raise BadScan(f"is larger than {MAX_BYTES} bytes")
    if path.suffix.lower() not in _READERS:
        raise BadScan(f"its name does not end with one of {', '.join(_READERS)}")
    return _READERS[path.suffix.lower()](path)


def _read_json(path: Path) -> NamedPolygons:
    content = load_json(path)
    if "shapes" in content:
        yield from ((str(shape["label"]), _points(shape["points"])) for shape in content["shapes"])
    else:
        yield from ((str(name), _points(points)) for name, polygons in content.items() for points in polygons)


def _read_xml(path: Path) -> NamedPolygons:
    """`<Annotation Name><Region><Vertex X Y>`, as slide viewers write it, or `<object><name><polygon><pt><x><y>`."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if "<!ENTITY" in text:  # nested entities can expand to any size
        raise BadScan("defines XML entities, which are not allowed here")
    tree = ElementTree.fromstring(text)
    for annotation in tree.iter("Annotation"):
        for region in annotation.iter("Region"):
            vertices = [(vertex.attrib["X"], vertex.attrib["Y"]) for vertex in region.iter("Vertex")]
            yield annotation.attrib.get("Name", ""), _points(vertices)
    for item in tree.iter("object"):
        points = [(point.findtext("x"), point.findtext("y")) for point in item.iter("pt")]
        yield str(item.findtext("name")).strip(), _points(points)


def _read_csv(path: Path) -> NamedPolygons:
    """Rows of name, column, row. Consecutive rows with the same name are one polygon; an empty row ends it."""
    name = ""
    points: list[tuple[str, str]] = []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for number, row in enumerate(csv.reader(file)):
            if number == 0 and len(row) == 3 and not row[1].strip().replace(".", "").isdigit():
                continue  # a header
            if points and (not row or row[0] != name):
                yield name, _points(points)
                points = []
            if row:
                name = row[0]
                points.append((row[1], row[2]))
    if points:
        yield name, _points(points)


def _points(pairs: Any) -> Points:
    return [(float(x), float(y)) for x, y in pairs]


_READERS: Mapping[str, Callable[[Path], NamedPolygons]] = {".json": _read_json, ".xml": _read_xml, ".csv": _read_csv}
