"""Whole sessions in a real Chromium: from a folder without masks to exported masks, with the network of the package."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from chromium import CHROMIUM, needs_chromium
from page_folders import write_volume
from PIL import Image

from universeg.app.view import upright
from universeg.imageio.load import read_labels
from universeg.prediction.postprocess import Cleaning, cleaned

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [pytest.mark.slow, needs_chromium]

EXAMPLES = Path("examples/labelled")
PATIENCE = 180  # seconds for anything that the network computes
SIZES = {"wide": (1280, 800), "narrow": (800, 720)}


class Program:
    """`universeg app` on a folder, or on the sample task."""

    def __init__(self, folder=None, port=9440):
        command = [sys.executable, "-m", "universeg", "app", *([folder] if folder else [])]
        command += ["--no-browser", "--port", str(port)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        lines = iter(self.process.stdout.readline, "")
        self.address = next(found[0] for line in lines if (found := re.search(r"http://\S+", line)))
        self.port = int(re.search(r":(\d+)/", self.address)[1])

    def kill(self, how=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(30)
        self.process.stdout.close()


class Window:
    """A window of the browser with the page."""

    def __init__(self, page):
        self.page = page

    def value(self, expression):
        names = "editor, stage, session, saver, sliceState"
        return self.page.evaluate(f"(() => {{ const {{{names}}} = universegPage; return {expression} }})()")

    def until(self, expression, patience=PATIENCE):
        """Wait for something to become true. The page forbids the `eval` that Playwright's own function needs."""
        end = time.monotonic() + patience
        while not self.value(expression):
            assert time.monotonic() < end, expression
            self.page.wait_for_timeout(40)

    def open(self, address):
        self.page.goto(address)
        end = time.monotonic() + PATIENCE
        while not self.page.evaluate("Boolean(window.universegPage?.editor.raster)"):
            assert time.monotonic() < end
            self.page.wait_for_timeout(40)

    def at(self, points):
        """Where pixels (x, y) of the image are in the window."""
        box = self.page.locator("#stage").bounding_box()
        places = self.value(f"{[[float(x), float(y)] for x, y in points]}.map(([x, y]) => stage.onStage({{x, y}}))")
        return [(box["x"] + left, box["y"] + top) for left, top in places]

    def mask(self):
        """The labels of the pixels. One string is read in 0.1 s, a list of 65,536 numbers in 2 s."""
        height, width, digits = self.value("[editor.raster.height, editor.raster.width, editor.raster.mask.join('')]")
        return np.array([*digits], np.uint8).reshape(height, width)

    def stroke(self, points):
        """Paint a line with the mouse, and wait until it is saved."""
        first, *others = self.at(points)
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for place in others:
            self.page.mouse.move(*place, steps=2)
        self.page.mouse.up()

    def polygon(self, points):
        self.page.keyboard.press("g")
        for place in self.at(points):
            self.page.mouse.click(*place)
        self.page.keyboard.press("Enter")
        self.page.keyboard.press("b")

    def saved(self):
        self.until("saver.pending === 0")

    def show(self, key, row=None):
        self.page.evaluate(f"universegPage.editor.show({key!r}{'' if row is None else f', {row}'})")
        self.until(f"editor.key === {key!r} && editor.raster" + ("" if row is None else f" && editor.row === {row}"))

    def add_example(self):
        count = self.value("session.examples.count")
        self.saved()
        self.page.keyboard.press("e")
        self.until(f"session.examples.count === {count + 1}")


def outline(mask, corners=18):
    """A polygon around a round mask: x and y of its corners."""
    rows, columns = np.nonzero(mask)
    row, column = rows.mean(), columns.mean()
    points = []
    for angle in np.linspace(0, 2 * np.pi, corners, endpoint=False):
        along = np.arange(0, max(mask.shape))
        ys, xs = row + along * np.sin(angle), column + along * np.cos(angle)
        inside = (ys >= 0) & (ys < mask.shape[0] - 0.5) & (xs >= 0) & (xs < mask.shape[1] - 0.5)
        far = max((k for k in along[inside] if mask[int(ys[k]), int(xs[k])]), default=1)
        points.append((column + far * np.cos(angle) + 0.5, row + far * np.sin(angle) + 0.5))
    return points


def dice(first, second):
    return 200 * np.count_nonzero((first > 0) & (second > 0)) / (np.count_nonzero(first) + np.count_nonzero(second))


def truth(key):
    """The structure of a sample picture, without the hole in it."""
    ring = np.array(Image.open(EXAMPLES / f"masks/{key}.png").convert("L")) > 0
    return cleaned(ring.astype(np.uint8), Cleaning(fill_holes=True)) > 0


@pytest.fixture
def browser():
    """A context of Chromium; every request that it makes must stay on this computer."""
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = chromium.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
        requests, problems = [], []
        context.on("request", lambda request: requests.append(request.url))
        context.on("weberror", lambda error: problems.append(str(error.error)))
        context.on("dialog", lambda dialog: dialog.accept())
        yield context
        chromium.close()
    elsewhere = [url for url in requests if not re.match(r"http://127\.0\.0\.1:\d+/|data:|blob:", url)]
    assert requests
    assert not elsewhere
    assert not problems


@pytest.fixture
def program():
    """`program(folder)` starts the program; it is ended after the test."""
    started = []

    def start(*arguments):
        started.append(Program(*arguments))
        return started[-1]

    yield start
    for one in started:
        one.kill()


@pytest.mark.timeout(1500)
def test_a_folder_of_pictures(tmp_path, browser, program):
    folder = tmp_path / "pictures"
    shutil.copytree(EXAMPLES / "images", folder)
    keys = sorted(path.stem for path in folder.iterdir())[:7]
    (folder / "sample08.png").unlink()
    first = program(folder)
    window = Window(browser.new_page())
    window.open(first.address)
    assert "token" not in window.page.url
    assert window.value("session.keys") == keys

    # Three examples: the first with the brush, the others with the polygon; all with the mouse.
    rows, columns = np.nonzero(truth(keys[0]))
    window.page.locator("#size").fill("9")
    lines = [
        (columns[rows == row].min() + 3.5, columns[rows == row].max() - 2.5, row + 0.5)
        for row in range(rows.min() + 4, rows.max() - 3, 5)
    ]
    window.stroke([(x, y) for k, (a, b, y) in enumerate(lines) for x in ((a, b) if k % 2 else (b, a))])
    window.saved()
    painted = window.mask()
    assert dice(painted, truth(keys[0])) > 70
    window.page.keyboard.press("Control+z")
    assert not window.mask().any()
    window.page.keyboard.press("Control+y")
    np.testing.assert_array_equal(window.mask(), painted)
    window.add_example()
    for key in keys[1:3]:
        window.show(key)
        window.polygon(outline(truth(key)))
        assert dice(window.mask(), truth(key)) > 85
        window.add_example()

    # The next image shows a draft. It is corrected; undo gives the draft again; then it is accepted.
    window.until(f"editor.key === {keys[3]!r} && editor.state === 'draft' && editor.source === 'draft'")
    draft = window.mask()
    assert dice(draft, truth(keys[3])) > 60
    window.stroke([(20, 20), (60, 24)])
    assert (window.mask() != draft).sum() > 100
    window.saved()
    window.page.keyboard.press("Control+z")
    np.testing.assert_array_equal(window.mask(), draft)
    window.stroke([(20, 30), (60, 34)])
    window.page.locator("#discard").click()
    window.until("editor.source === 'draft'")
    np.testing.assert_array_equal(window.mask(), draft)
    window.until("session.expected !== null")
    assert window.page.locator("#dice").inner_text().isdigit()
    window.saved()
    window.page.keyboard.press("a")
    window.until(f"session.images.get({keys[3]!r}).slices[0]?.[0] === true")
    window.until("editor.state === 'draft' && editor.source === 'draft'")

    # The program is killed. A stroke is painted while it is away; it is saved when the program is back.
    key = window.value("editor.key")
    before = window.mask()
    window.stroke([(30, 200), (90, 204)])
    window.saved()
    first.kill()
    window.stroke([(30, 220), (90, 224)])
    corrected = window.mask()
    window.until("saver.failing !== ''")
    assert window.page.locator("#saved").inner_text() == "Not saved yet"
    assert "does not answer" in window.page.locator("#banner").inner_text()
    second = program(folder, first.port)
    again = Window(browser.new_page())
    again.open(second.address)
    window.saved()
    window.page.close()
    again.until(f"session.images.get({key!r}).slices[0]?.[2] === 2")
    again.show(key)
    np.testing.assert_array_equal(again.mask(), corrected)
    assert (corrected != before).sum() > 100
    again.until(f"Object.keys(session.images.get({keys[3]!r}).slices).length === 1")

    # The rest, and the export.
    again.until("session.work.doing !== 'loading the network'")
    again.page.keyboard.press("r")
    again.until("!session.resting && session.keys.every((key) => sliceState(session.images.get(key), 0) !== 'none')")
    again.page.locator("#export").click()
    again.page.locator("#export-start").click()
    again.until("session.export.result !== '' && !session.export.doing")
    assert "7 masks in" in again.page.locator("#export-state").inner_text()
    again.page.keyboard.press("Escape")
    exported = {name: np.array(Image.open(folder / f"universeg-page/export/{name}_mask.png")) for name in keys}
    np.testing.assert_array_equal(exported[keys[0]] > 0, painted > 0)
    np.testing.assert_array_equal(exported[keys[3]] > 0, draft > 0)
    np.testing.assert_array_equal(exported[key] > 0, corrected > 0)
    assert np.mean([dice(exported[name], truth(name)) for name in keys]) > 60

    check_looks(again.page, tmp_path)
    second.kill(signal.SIGINT)
    assert second.process.returncode in (0, 130)  # 0 if the tests run where Ctrl-C is ignored


def check_looks(page, folder):
    """Everything fits in both widths, and axe finds nothing serious, in light and in dark."""
    from axe_playwright_python.sync_playwright import Axe

    for name, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)
            page.screenshot(path=folder / f"{name}-{scheme}.png")
            found = Axe().run(page).response["violations"]
            serious = [one for one in found if one["impact"] in ("serious", "critical")]
            told = [(one["id"], [node["html"][:120] for node in one["nodes"]][:4]) for one in serious]
            assert not told, (name, scheme)
            over = page.evaluate(
                "[...document.querySelectorAll('body *')]"
                ".filter((one) => one.getBoundingClientRect().right > innerWidth + 1"
                " && getComputedStyle(one).position !== 'absolute').map((one) => one.id || one.className)"
            )
            assert not over, (name, scheme)
            for opener in ("help", "export", "open", "better"):
                page.locator(f"#{opener}").click()
                page.wait_for_timeout(200)
                found = Axe().run(page).response["violations"]
                serious = [(one["id"], opener) for one in found if one["impact"] in ("serious", "critical")]
                assert not serious
                page.keyboard.press("Escape")


@pytest.mark.timeout(900)
def test_the_sample_task_and_better_results(tmp_path, browser, program):
    window = Window(browser.new_page())
    window.open(program().address)
    assert "A sample task" in window.page.locator("#banner").inner_text()
    window.until("editor.source === 'draft' && session.expected !== null && !session.resting")
    assert window.value("session.expected.dice") > 90
    window.page.locator("#better").click()
    window.page.locator("input[value=best]").check()
    window.page.locator("#better-start").click()
    window.until("session.better.lines.length > 0")
    assert "on your 4 examples" in window.page.locator("#better-lines").inner_text()
    assert window.page.locator("#better").inner_text() == "Improving …"
    window.page.screenshot(path=tmp_path / "better.png")
    window.page.locator("#better-start").click()  # stop
    window.until("!session.better.searching && !session.work.doing")
    assert window.page.locator("#better-state").inner_text() == "In use: one pass for each image."
    window.page.keyboard.press("Escape")
    window.page.locator("#better").click()
    window.page.locator("input[value=normal]").check()
    window.page.locator("#better-start").click()
    window.until("!session.better.searching && session.better.lines.length > 1")
    assert "refine: " in window.page.locator("#better-lines").inner_text()
    window.page.keyboard.press("Escape")
    window.until("session.expected.current && editor.source === 'draft'")
    assert window.value("session.expected.dice") > 90


@pytest.mark.timeout(900)
def test_everything_by_keyboard(tmp_path, browser, program):
    folder = tmp_path / "pictures"
    shutil.copytree(EXAMPLES / "images", folder)
    started = program(folder)
    window = Window(browser.new_page())
    window.open(started.address)
    press = window.page.keyboard.press
    for _ in range(40):
        if window.page.evaluate("document.activeElement.id") == "stage":
            break
        press("Tab")
    assert window.page.evaluate("document.activeElement.id") == "stage"
    press("]")
    press("Space")
    for key in ["ArrowRight"] * 6 + ["ArrowDown"] * 6 + ["Shift+ArrowLeft"]:
        press(key)
    press("Space")
    window.saved()
    marked = int((window.mask() > 0).sum())
    assert marked > 300
    press("x")
    press("Space")
    for _ in range(4):
        press("ArrowRight")
    press("Space")
    assert 0 < (window.mask() > 0).sum() < marked
    window.saved()
    press("g")
    for key in ("Space", "Shift+ArrowUp", "Space", "Shift+ArrowRight", "Space", "Enter"):
        press(key)
    window.saved()
    shown = window.value("editor.key")
    press("e")
    window.until("session.examples.count === 1")
    window.until(f"editor.key !== {shown!r}")
    press("p")
    window.until(f"editor.key === {shown!r} && editor.source === 'yours'")
    assert window.page.locator("#chip").inner_text() == "Example"
    window.page.locator("#help").click()
    window.page.locator("#quit").click()
    assert started.process.wait(30) == 0
    window.until("document.getElementById('banner').textContent.includes('universeg has ended')")


@pytest.mark.timeout(900)
def test_labels_and_the_threshold_brush(tmp_path, browser, program):
    folder = tmp_path / "pictures"
    shutil.copytree(EXAMPLES / "images", folder)
    started = program(folder)
    window = Window(browser.new_page())
    window.open(started.address)
    window.page.locator("#add-label").click()
    window.until("session.labels.length === 2")
    window.page.get_by_label("Name of label 2").fill("core")
    window.page.get_by_label("Name of label 2").press("Enter")
    window.until("session.labels[1].name === 'core'")
    window.page.get_by_label("Colour of core").evaluate(
        "(one) => { one.value = '#102030'; one.dispatchEvent(new Event('change')) }"
    )
    window.until("session.labels[1].colour.join() === '16,32,48'")
    window.page.locator("#stage").focus()
    window.page.keyboard.press("1")
    window.stroke([(40, 60), (120, 60)])
    window.page.keyboard.press("2")
    window.stroke([(80, 60), (160, 60)])
    assert set(np.unique(window.mask())) == {0, 1, 2}
    assert window.mask()[60, 60] == 1
    assert window.mask()[60, 100] == 2, "the later label is on top"
    window.saved()

    # The threshold brush paints what looks like its first point, the brush paints everything.
    window.page.keyboard.press("p")
    window.until("editor.key === session.keys.at(-1)")
    grey = np.array(Image.open(folder / f"{window.value('editor.key')}.png").convert("L")).astype(int)
    window.page.keyboard.press("t")
    window.page.locator("#tolerance").fill("10")
    window.page.locator("#size").fill("60")
    window.stroke([(128, 128), (129, 128)])
    painted = window.mask() == 2
    near = np.abs(grey - grey[128, 128]) <= 0.1 * 255
    assert painted.sum() > 50
    assert (near[painted]).mean() > 0.99
    assert (~near[98:158, 98:158]).any(), "there are other grey levels under the brush"
    window.saved()
    window.page.reload()
    window.open(started.address)
    assert window.value("session.labels.map((label) => label.name).join()") == "structure,core"


@pytest.mark.timeout(900)
def test_a_stroke_survives_the_end_of_both_program_and_browser(tmp_path, program):
    folder = tmp_path / "pictures"
    shutil.copytree(EXAMPLES / "images", folder)
    first = program(folder)
    with playwright.sync_playwright() as started:
        how = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
        context = started.chromium.launch_persistent_context(tmp_path / "profile", **how)
        window = Window(context.new_page())
        window.open(first.address)
        key = window.value("editor.key")
        first.kill()
        window.stroke([(40, 40), (90, 60)])
        painted = window.mask()
        window.until("saver.failing !== ''")
        context.close()
        second = program(folder, first.port)
        context = started.chromium.launch_persistent_context(tmp_path / "profile", **how)
        window = Window(context.new_page())
        window.open(second.address)
        window.until(f"session.images.get({key!r}).slices[0]?.[2] === 1")
        window.show(key)
        np.testing.assert_array_equal(window.mask(), painted)
        context.close()
    np.testing.assert_array_equal(np.array(Image.open(folder / f"universeg-page/masks/{key}/0000.png")), painted)


@pytest.mark.timeout(1500)
def test_a_volume(tmp_path, browser, program):
    folder = tmp_path / "volumes"
    folder.mkdir()
    ball = write_volume(folder / "v.nii.gz", affine=np.diag([-1.0, 1.0, 3.0, 1.0]))[::-1]
    started = program(folder)
    window = Window(browser.new_page())
    window.open(started.address)
    assert window.value("editor.about.count") == 12
    painted = {}
    for row in (4, 6, 8):
        window.show("v", row)
        window.polygon(outline(upright(ball[:, :, row])))
        painted[row] = window.mask()
        assert dice(painted[row], upright(ball[:, :, row])) > 80
        window.add_example()
    window.until("editor.row === 9 && editor.source === 'draft'")
    window.page.keyboard.press("PageUp")
    window.until("editor.row === 10")
    window.show("v", 6)
    window.until("session.work.doing !== 'loading the network'")
    window.page.locator("#rest").click()
    window.until("!session.resting && Object.keys(session.images.get('v').drafts).length >= 9")
    window.page.locator("#accept-all").click()
    window.until("Object.values(session.images.get('v').slices).length === 12")
    window.page.screenshot(path=tmp_path / "volume.png")
    window.page.locator("#export").click()
    window.page.locator("#export-start").click()
    window.until("session.export.result !== '' && !session.export.doing")
    found, scan = read_labels(folder / "universeg-page/export/v_mask.nii.gz"), nib.load(folder / "v.nii.gz")
    np.testing.assert_allclose(nib.load(folder / "universeg-page/export/v_mask.nii.gz").affine, scan.affine)
    for row, mask in painted.items():
        np.testing.assert_array_equal(upright(found.values[:, :, row]), mask)
    assert dice(found.values, ball) > 60
