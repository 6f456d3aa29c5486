"""Label kind `polygons`: one file per picture with named polygons: JSON, XML or CSV.

JSON is as labelme writes it (polygons, rectangles and circles), or {name: [polygon, ...]} with a polygon as a list of
(column, row). XML is as slide viewers write it; a region with NegativeROA="1" is a hole.
"""

import csv
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
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

CIRCLE_CORNERS = 256  # of the polygon that stands for a circle
MAX_BYTES = 64 << 20
REMEDY = "fetch the file again, or add the scan to known_bad"


@dataclass(frozen=True)
class Region:
    """Some polygons with one name, and the holes in them."""

    name: str
    polygons: Sequence[Points]
    holes: Sequence[Points] = ()


Regions = Iterator[Region]


class PolygonLabels(OneFile):
    """One JSON, XML or CSV file per picture with named polygons."""

    names_are_values = True

    kind: Literal["polygons"]
    names: dict[str, Name] = Field(description="Name in the file to label")


def decode_polygons(
    spec: PolygonLabels, request: LabelRequest, image: LoadedImage
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The inside of the polygons of each label, without holes. A label that is not in the file has an empty mask."""
    path = request.paths[""][0]
    try:
        masks = [(spec.names[region.name], _mask(region, image)) for region in _read(path, spec.names)]
    except BadScan as bad:
        raise BadScan(bad.reason, str(path), bad.remedy or REMEDY) from bad
    except (OSError, ValueError, TypeError, LookupError, AttributeError, ElementTree.ParseError) as error:
        raise BadScan(f"cannot be read as polygons: {error}", str(path), REMEDY) from error
    for label in spec.masks:
        parts = [mask for name, mask in masks if name == label]
        yield label, np.logical_or.reduce(parts) if parts else np.zeros(image.shape, bool)


def _mask(region: Region, image: LoadedImage) -> NDArray[np.bool_]:
    inside = filled(region.polygons, image)
    return inside & ~filled(region.holes, image) if region.holes else inside


def _read(path: Path, wanted: Collection[str]) -> Regions:
    """The regions with one of the wanted names."""
    if path.stat().st_size > MAX_BYTES:
        raise BadScan(f"is larger than {MAX_BYTES} bytes")
    if path.suffix.lower() not in _READERS:
        raise BadScan(f"its name does not end with one of {', '.join(_READERS)}")
    return _READERS[path.suffix.lower()](path, wanted)


def _read_json(path: Path, wanted: Collection[str]) -> Regions:
    content = load_json(path)
    if "shapes" in content:
        yield from (_labelme(shape) for shape in content["shapes"] if str(shape["label"]) in wanted)
        return
    for name, polygons in content.items():
        if name in wanted and polygons:
            yield Region(name, [_points(points) for points in polygons])


def _labelme(shape: Any) -> Region:
    """A polygon, a rectangle (two opposite corners), or a circle (centre, and a point on its rim)."""
    name, points, kind = str(shape["label"]), _points(shape["points"]), shape.get("shape_type") or "polygon"
    if kind == "rectangle":
        (left, top), (right, bottom) = points
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    elif kind == "circle":
        (x, y), rim = points
        radius = math.dist((x, y), rim)
        angles = [2 * math.pi * n / CIRCLE_CORNERS for n in range(CIRCLE_CORNERS)]
        points = [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]
    elif kind != "polygon":
        remedy = "draw it as one of these, or leave its name out of 'names'"
        raise BadScan(f"{name!r} is a shape of type {kind!r}; expected polygon, rectangle or circle", remedy=remedy)
    return Region(name, [points])


def _read_xml(path: Path, wanted: Collection[str]) -> Regions:
    """`<Annotation Name><Region><Vertex X Y>`, as slide viewers write it, or `<object><name><polygon><pt><x><y>`."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if "<!ENTITY" in text:  # nested entities can expand to any size
        raise BadScan("defines XML entities, which are not allowed here")
    tree = ElementTree.fromstring(text)
    for annotation in tree.iter("Annotation"):
        outlines: tuple[list[Points], list[Points]] = [], []  # polygons, holes
        if annotation.attrib.get("Name", "") in wanted:
            for region in annotation.iter("Region"):
                vertices = [(vertex.attrib["X"], vertex.attrib["Y"]) for vertex in region.iter("Vertex")]
                outlines[region.attrib.get("NegativeROA") == "1"].append(_points(vertices))
            yield Region(annotation.attrib.get("Name", ""), *outlines)
    for item in tree.iter("object"):
        name = str(item.findtext("name")).strip()
        if name in wanted:
            yield Region(name, [_points([(point.findtext("x"), point.findtext("y")) for point in item.iter("pt")])])


def _read_csv(path: Path, wanted: Collection[str]) -> Regions:
    """Rows of name, column, row. Consecutive rows with the same name are one polygon; an empty row ends it."""
    name = ""
    points: list[tuple[str, str]] = []
    rows: list[tuple[str, list[tuple[str, str]]]] = []
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for number, row in enumerate(csv.reader(file)):
            if number == 0 and len(row) == 3 and not row[1].strip().replace(".", "").isdigit():
                continue  # a header
            if points and (not row or row[0] != name):
                rows.append((name, points))
                points = []
            if row:
                name = row[0]
                points.append((row[1], row[2]))
    rows.append((name, points))
    yield from (Region(name, [_points(pairs)]) for name, pairs in rows if name in wanted and pairs)


def _points(pairs: Any) -> Points:
    return [(float(x), float(y)) for x, y in pairs]


_READERS: Mapping[str, Callable[[Path, Collection[str]], Regions]] = {
    ".json": _read_json,
    ".xml": _read_xml,
    ".csv": _read_csv,
}
