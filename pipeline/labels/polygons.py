"""Named polygons of a picture in one file: JSON (as labelme writes it, or name to polygons), XML or CSV."""

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
from pipeline.labels.json_file import load
from pipeline.labels.label_files import OneFile
from pipeline.labels.label_map import LabelRequest
from pipeline.labels.outline import Points, filled
from universeg.imageio.image import LoadedImage

Named = Iterator[tuple[str, Points]]
LARGEST = 64 << 20  # bytes


class PolygonLabels(OneFile):
    """One JSON, XML or CSV file per picture with named polygons."""

    kind: Literal["polygons"]
    names: dict[str, Name] = Field(description="Name in the file to label")
    _named_by_value = True


def polygons(spec: PolygonLabels, found: LabelRequest, image: LoadedImage) -> Iterator[tuple[str, NDArray[Any]]]:
    """The inside of the polygons of each name; a name that the file lacks is absent from the picture."""
    path = found.paths[""][0]
    try:
        if path.stat().st_size > LARGEST:
            raise BadScan(f"is larger than {LARGEST} bytes")
        if path.suffix.lower() not in _READERS:
            raise BadScan(f"expected one of {', '.join(_READERS)}")
        named = list(_READERS[path.suffix.lower()](path))
        masks = [(spec.names[name], filled([points], image)) for name, points in named if name in spec.names]
    except (OSError, ValueError, TypeError, LookupError, AttributeError, ElementTree.ParseError) as error:
        reason = f"cannot be read as polygons: {error}"
        raise BadScan(reason, str(path), "fetch the file again, or add the scan to known_bad") from error
    for label in spec.masks:
        mine = [mask for name, mask in masks if name == label]
        yield label, np.logical_or.reduce(mine) if mine else np.zeros(image.shape, bool)


def _json(path: Path) -> Named:
    content = load(path)
    if "shapes" in content:
        yield from ((str(shape["label"]), _pairs(shape["points"])) for shape in content["shapes"])
    else:
        yield from ((str(name), _pairs(points)) for name, several in content.items() for points in several)


def _xml(path: Path) -> Named:
    """`<Annotation Name><Region><Vertex X Y>` as slide viewers write it, or `<object><name><polygon><pt><x><y>`."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if "<!ENTITY" in text:
        raise BadScan("defines entities, which a list of polygons needs not")
    tree = ElementTree.fromstring(text)
    for annotation in tree.iter("Annotation"):
        for region in annotation.iter("Region"):
            vertices = [(vertex.attrib["X"], vertex.attrib["Y"]) for vertex in region.iter("Vertex")]
            yield annotation.attrib.get("Name", ""), _pairs(vertices)
    for item in tree.iter("object"):
        points = [(point.findtext("x"), point.findtext("y")) for point in item.iter("pt")]
        yield str(item.findtext("name")).strip(), _pairs(points)


def _csv(path: Path) -> Named:
    """Name, column, row; consecutive rows with one name are one polygon; a blank row ends it."""
    name = ""
    points: list[tuple[str, str]] = []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for number, row in enumerate(csv.reader(file)):
            if number == 0 and len(row) == 3 and not row[1].strip().replace(".", "").isdigit():
                continue  # a heading
            if points and (not row or row[0] != name):
                yield name, _pairs(points)
                points = []
            if row:
                name = row[0]
                points.append((row[1], row[2]))
    if points:
        yield name, _pairs(points)


def _pairs(points: Any) -> Points:
    return [(float(x), float(y)) for x, y in points]


_READERS: Mapping[str, Callable[[Path], Named]] = {".json": _json, ".xml": _xml, ".csv": _csv}
