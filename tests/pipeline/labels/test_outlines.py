"""Labels that are not images: outlines as text, polygons in three formats, run lengths."""

import json

import numpy as np
import pytest
from layouts import writers
from pydantic import TypeAdapter

from pipeline import labels
from pipeline.attrition import BadScan
from pipeline.labels import Labels
from pipeline.labels.label_map import LabelRequest
from universeg.base.rng import rng_for
from universeg.imageio.image import LoadedImage

IMAGE = LoadedImage(np.zeros((20, 16)), (1.0, 1.0))
A, B = np.zeros((2, 20, 16), bool)
A[2:9, 3:15] = True
B[7:18, 1:6] = True


def masks(files, parts=None, image=IMAGE, **spec):
    labels_spec = TypeAdapter(Labels).validate_python(spec)
    return dict(labels.masks(labels_spec, LabelRequest(files, parts=parts or {}), image))


def test_outlines_as_text(tmp_path):
    writers.outline(tmp_path / "a.txt", A)
    spec = {"kind": "contours", "names": {"a": "a.txt", "b": "b.txt"}, "missing": "absent"}
    found = masks({"a": (tmp_path / "a.txt",)}, **spec)
    np.testing.assert_array_equal(found["a"], A)
    assert not found["b"].any()


def polygon(mask):
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [[int(columns[i]), int(rows[k])] for i, k in ((0, 0), (-1, 0), (-1, -1), (0, -1))]


def labelme_json():
    return json.dumps({"shapes": [{"label": name, "points": polygon(mask)} for name, mask in (("A", A), ("B", B))]})


def name_to_polygons_json():
    return json.dumps({"A": [polygon(A)], "B": [polygon(B)], "other": []})


def annotations_xml():
    regions = "".join(
        f'<Annotation Name="{name}"><Regions><Region><Vertices>'
        + "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in polygon(mask))
        + "</Vertices></Region></Regions></Annotation>"
        for name, mask in (("A", A), ("B", B))
    )
    return f"<Annotations>{regions}</Annotations>"


def objects_xml():
    items = "".join(
        f"<object><name>{name}</name><polygon>"
        + "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in polygon(mask))
        + "</polygon></object>"
        for name, mask in (("A", A), ("B", B))
    )
    return f"<annotation>{items}</annotation>"


def points_csv():
    return "name,x,y\n" + "".join(f"{name},{x},{y}\n" for name, mask in (("A", A), ("B", B)) for x, y in polygon(mask))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.json", labelme_json),
        ("p.json", name_to_polygons_json),
        ("p.xml", annotations_xml),
        ("p.xml", objects_xml),
        ("p.csv", points_csv),
    ],
)
def test_polygons(tmp_path, name, content):
    writers.text(tmp_path / name, content())
    spec = {"kind": "polygons", "path": name, "names": {"A": "a", "B": "b", "C": "c"}}
    found = masks({"": (tmp_path / name,)}, **spec)
    np.testing.assert_array_equal(found["a"], A)
    np.testing.assert_array_equal(found["b"], B)
    assert not found["c"].any()


def labelme(*shapes):
    return json.dumps({"shapes": [{"label": "A", "shape_type": kind, "points": points} for kind, points in shapes]})


def of_file(tmp_path, name, content, image=IMAGE):
    writers.text(tmp_path / name, content)
    return masks({"": (tmp_path / name,)}, image=image, kind="polygons", path=name, names={"A": "a"})["a"]


@pytest.mark.parametrize("corners", [[[3, 2], [14, 8]], [[14, 2], [3, 8]]])
def test_a_labelme_rectangle_is_two_opposite_corners(tmp_path, corners):
    np.testing.assert_array_equal(of_file(tmp_path, "p.json", labelme(("rectangle", corners))), A)


def test_a_labelme_circle_is_its_centre_and_a_point_on_the_rim(tmp_path):
    image = LoadedImage(np.zeros((200, 160)), (1.0, 1.0))
    found = of_file(tmp_path, "p.json", labelme(("circle", [[70.0, 90.0], [70.0 + 30, 90.0 + 40]])), image)
    distance = np.hypot(*(np.mgrid[:200, :160] - np.array([90, 70])[:, None, None]))
    assert found[distance <= 49].all()
    assert not found[distance >= 52].any(), "pixels that the outline touches belong to it"
    assert abs(found.sum() / (np.pi * 50**2) - 1) < 0.03


@pytest.mark.parametrize("kind", ["line", "linestrip", "point", "mask"])
def test_other_labelme_shapes_are_named(tmp_path, kind):
    points = [[3, 2], [14, 8], [3, 8]]
    with pytest.raises(BadScan, match=f"'A' is a shape of type '{kind}'; expected polygon, rectangle or circle"):
        of_file(tmp_path, "p.json", labelme((kind, points)))
    other = labelme((kind, points)).replace('"A"', '"B"')  # the manifest does not use it
    assert not of_file(tmp_path, "p.json", other).any()


def test_a_negative_region_of_an_xml_file_is_a_hole_in_its_annotation(tmp_path):
    hole = np.zeros_like(A)
    hole[4:6, 5:9] = True

    def region(mask, **attributes):
        corners = "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in polygon(mask))
        given = "".join(f' {key}="{value}"' for key, value in attributes.items())
        return f"<Region{given}><Vertices>{corners}</Vertices></Region>"

    def annotation(*regions):
        return f'<Annotation Name="A"><Regions>{"".join(regions)}</Regions></Annotation>'

    one = annotation(region(hole, NegativeROA=1), region(A, NegativeROA=0))
    found = of_file(tmp_path, "p.xml", f"<Annotations>{one}</Annotations>")
    np.testing.assert_array_equal(found, A & ~hole)
    filled_by_another = f"<Annotations>{one}{annotation(region(hole))}</Annotations>"
    np.testing.assert_array_equal(of_file(tmp_path, "p.xml", filled_by_another), A)


RUNS = {"kind": "rle", "path": "r.json", "key": "{subject}_frontal", "names": {"Edema": "edema", "Lesion": "lesion"}}


@pytest.mark.parametrize("number", range(5))
def test_run_lengths_of_overlapping_masks(tmp_path, number):
    shape = (20 + 40 * number, 16 + 30 * number)
    rng = rng_for("runs", number)
    edema, lesion = (rng.random(shape) < 0.5, np.zeros(shape, bool))
    lesion[: shape[0] // 2] = number > 0
    writers.run_lengths(tmp_path / "r.json", {"p1_frontal": {"Edema": edema, "Lesion": lesion, "Other": lesion}})
    image = LoadedImage(np.zeros(shape), (1.0, 1.0))
    found = masks({"": (tmp_path / "r.json",)}, {"subject": "p1"}, image, **RUNS)
    np.testing.assert_array_equal(found["edema"], edema)
    np.testing.assert_array_equal(found["lesion"], lesion)


def test_run_lengths_are_decoded_as_coco_encodes_them(tmp_path):
    """The text was encoded by hand: 5 bits per character, offset 48, differences from the fourth value on."""
    writers.text(tmp_path / "r.json", json.dumps({"p1_frontal": {"Edema": {"size": [10, 10], "counts": "6Q21kN"}}}))
    image = LoadedImage(np.zeros((10, 10)), (1.0, 1.0))
    flat = masks({"": (tmp_path / "r.json",)}, {"subject": "p1"}, image, **RUNS)["edema"].ravel(order="F")
    assert np.flatnonzero(np.diff(flat.astype(int), prepend=0)).tolist() == [6, 71, 72]


@pytest.mark.parametrize(
    ("spec", "name", "content", "words"),
    [
        ({"kind": "contours", "names": {"a": "c.txt"}}, "c.txt", "1 2\nhello\n", "line 2 is not a point"),
        ({"kind": "contours", "names": {"a": "c.txt"}}, "c.txt", "1 2\n3 4\n", "has 2 points"),
        ({"kind": "contours", "names": {"a": "c.txt"}}, "c.txt", "1 2\n3 nan\n 4 5\n", "of finite numbers"),
        ({"kind": "polygons", "path": "p.json", "names": {"A": "a"}}, "p.json", "[", "cannot be read as"),
        ({"kind": "polygons", "path": "p.xml", "names": {"A": "a"}}, "p.xml", "<a>", "cannot be read as"),
        (
            {"kind": "polygons", "path": "p.xml", "names": {"A": "a"}},
            "p.xml",
            "<!DOCTYPE a [<!ENTITY b 'c'>]>",
            "entities",
        ),
        ({"kind": "polygons", "path": "p.csv", "names": {"A": "a"}}, "p.csv", "A,1\nA,2\n", "cannot be read as"),
        ({"kind": "polygons", "path": "p.txt", "names": {"A": "a"}}, "p.txt", "A,1\nA,2\n", "does not end with one of"),
        (RUNS, "r.json", "{", "cannot be read as JSON"),
        (RUNS, "r.json", "{}", "no entry 'p1_frontal'"),
        (RUNS, "r.json", '{"p1_frontal": {"Edema": {"size": [1, 2], "counts": "2"}}}', "the mask has"),
        (RUNS, "r.json", '{"p1_frontal": {"Edema": {"size": [20, 16], "counts": "2"}}}', "its runs have 2 pixels"),
        (RUNS, "r.json", '{"p1_frontal": {"Edema": {"size": [20, 16], "counts": [-2, 322]}}}', "its runs have"),
        (
            RUNS,
            "r.json",
            '{"p1_frontal": {"Edema": {"size": [20, 16], "counts": "\\u00ff"}}}',
            "is not part of a run length",
        ),
        (RUNS, "r.json", '{"p1_frontal": {"Edema": {}}}', "entry 'p1_frontal', 'Edema'"),
    ],
)
def test_an_unusable_file_is_named(tmp_path, spec, name, content, words):
    writers.text(tmp_path / name, content)
    label = next(iter(spec["names"])) if spec["kind"] == "contours" else ""
    with pytest.raises(BadScan, match=words) as bad:
        masks({label: (tmp_path / name,)}, {"subject": "p1"}, **spec)
    assert bad.value.file == str(tmp_path / name)
    assert bad.value.remedy
