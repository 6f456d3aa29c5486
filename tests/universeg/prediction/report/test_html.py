import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from bright_ellipses import LABELS, Bright, good
from PIL import Image

from universeg.prediction.check.checkup import Plan, check_up
from universeg.prediction.labels import Label
from universeg.prediction.measure import Measure
from universeg.prediction.report.csv_file import write_csv
from universeg.prediction.report.html import Page, html, write_html
from universeg.prediction.report.result import Result

EVIL = '<script>alert("1")</script>"\' onload=x &amp;\x1b[31m.png'


class Tags(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def result(name, dice=None, **more):
    return Result(image=f"new/{name}", mask=f"out/{name}_mask.png", expected_dice=dice, **more)


def page(results, **more):
    return Page(Path("out"), results, more.pop("labels", LABELS), [("a.png", "b.png")], {"torch": "2"}, **more)


def test_hostile_names_are_only_text():
    named = result(EVIL, 50.0, measures=(Measure(EVIL, 3, 1),), warnings=(EVIL,))
    hostile = page([named, Result(EVIL, error=EVIL)], labels=[Label(1, EVIL, (1, 2, 3))], common=[EVIL])
    seen = Tags(html(hostile))
    assert "script" not in {tag for tag, _ in seen.tags}
    assert not [attrs for _, attrs in seen.tags if any(name.startswith("on") for name in attrs)]
    assert '<script>alert("1")</script>' in seen.text
    assert "\x1b" not in seen.text
    links = [attrs["href"] for tag, attrs in seen.tags if tag == "a"]
    assert all(re.fullmatch(r"\./[\w%.-]+", link) for link in links), links


def test_a_name_cannot_become_another_address():
    (link,) = [
        attrs["href"] for tag, attrs in Tags(html(page([Result("x", mask="javascript:alert(1)")]))).tags if tag == "a"
    ]
    assert link == "./javascript%3Aalert%281%29"


def test_the_page_is_one_file_that_loads_nothing(tmp_path):
    preview = tmp_path / "previews/a.jpg"
    preview.parent.mkdir()
    Image.new("RGB", (8, 8), (9, 99, 9)).save(preview)
    checkup = check_up(Bright(good()), Plan(with_curve=True, with_influences=True))
    whole = Page(tmp_path, [result("a.png", 91.0, preview=str(preview))], LABELS, [("a", "b")], {}, checkup)
    write_html(whole)
    text = (tmp_path / "report.html").read_text()
    sources = [attrs["src"] for _, attrs in Tags(text).tags if "src" in attrs]
    assert len(sources) == 1 + 8
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "http:" not in text
    assert "https:" not in text
    assert "prefers-color-scheme: dark" in text
    seen = Tags(text).text
    assert f"Expected Dice {checkup.estimate.dice:.0f} of 100" in seen
    assert "number of examples" in seen
    assert seen.count("changes the others by") == 8


def test_what_needs_a_look_comes_first():
    some = [result("good.png", 92.0), result("bad.png", 31.0), Result("new/gone.png", error="no such file")]
    titles = re.findall(r"<h3[^>]*>([^<]*)</h3>", html(page(some)))
    assert titles == ["gone.png", "bad.png", "good.png"]
    assert "1 of 3 images could not be segmented" in html(page(some))


def test_warnings_of_all_images_are_told_once():
    some = [
        result("a.png", warnings=("of examples", "of all", "mine")),
        result("b.png", warnings=("of examples", "of all")),
    ]
    text = html(page(some, common=["of examples"]))
    assert [text.count(words) for words in ("of all", "mine", "of examples")] == [1, 1, 0]


def test_names_that_are_not_utf8_do_not_stop_the_page(tmp_path):
    write_html(Page(tmp_path, [Result("new/\udcff.png", mask="out/\udcff_mask.png")], LABELS, [], {}))
    assert b"%FF_mask.png" in (tmp_path / "report.html").read_bytes()


def test_measurements_are_a_table_that_no_spreadsheet_runs(tmp_path):
    some = [
        result(
            "=1+1.png",
            81.25,
            measures=(Measure("-a", 5, 1, area_mm2=1.23456789), Measure("b", 0, 0)),
            warnings=("x", "c"),
        ),
        Result("new/gone.png", error="@no such file"),
    ]
    write_csv(tmp_path / "m.csv", [some[0], Result("=2.png", error="@gone")], common=["c"])
    raw = (tmp_path / "m.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    assert [row["structure"] for row in rows] == ["'-a", "b", ""]
    assert (rows[0]["pixels"], rows[0]["area_mm2"], rows[0]["expected_dice"]) == ("5", "1.2346", "81.25")
    assert rows[0]["warnings"] == "x"
    assert (rows[2]["image"], rows[2]["warnings"]) == ("'=2.png", "'@gone")


@pytest.mark.parametrize("count", [1, 2])
def test_title_counts_images(count):
    title = Tags(html(page([result(f"{n}.png") for n in range(count)]))).text
    assert f"Segmentation of {count} image{'s' if count > 1 else ''}" in title
