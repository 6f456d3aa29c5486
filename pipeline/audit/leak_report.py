"""The report of the stage `leaks`: a table of all pairs, and a page with pictures of the first of them."""

import base64
import csv
import html
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from pipeline.attrition import printable
from pipeline.audit.images import Images
from pipeline.audit.pairs import LEAK, Declared, Pair, number_of_leaks
from universeg.base.atomic_write import atomic_write
from universeg.store import Pixels

MOST_PICTURES = 300  # pairs with pictures, so that the page stays below 20 MB
SIDE = 160  # pixels of a picture
COLUMNS = (
    *("verdict", "evidence", "similarity", "images"),
    *(f"{name}_{number}" for number in (1, 2) for name in ("dataset", "person", "use", "image", "file")),
)
STYLE = """
:root { color-scheme: light dark; --ink: #1b1c20; --paper: #fff; --faint: #6a6c74; --line: #d9dbe0; --leak: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e9ec; --paper: #16171a; --faint: #9a9ca4; --line: #34363c; --leak: #ff8a80; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 70rem; padding: 0 1rem; }
.pair { display: flex; flex-wrap: wrap; gap: 1rem; border-top: 1px solid var(--line); padding: 1rem 0; }
figure { margin: 0; max-width: 160px; } img { image-rendering: auto; display: block; border-radius: 4px; }
figcaption, .faint { color: var(--faint); font-size: 13px; overflow-wrap: anywhere; }
.leak { color: var(--leak); font-weight: 600; }
"""


def write_report(folder: Path, declared: Sequence[Declared], found: Sequence[Pair], images: Images) -> None:
    """Write leaks.csv with every pair, and leaks.html with pictures of the first MOST_PICTURES."""
    with (
        atomic_write(folder / "leaks.csv") as part,
        part.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(_row(pair, images) for pair in found)
    with atomic_write(folder / "leaks.html") as part:
        part.write_text("".join(_page(declared, found, images)), encoding="utf-8")


def _row(pair: Pair, images: Images) -> list[str]:
    row = [pair.verdict, pair.evidence, f"{pair.similarity:.3f}", str(pair.count)]
    names = [images.all[number].name for number in pair.images] or ["", ""]
    files = pair.files or ("", "")
    for person, name, file in zip((pair.one, pair.other), names, files, strict=True):
        row += [person.dataset, person.name, person.use, name, printable(file)]
    return row


def _page(declared: Sequence[Declared], found: Sequence[Pair], images: Images) -> Iterator[str]:
    leaks = number_of_leaks(declared, found)
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>Leaks</title><style>{STYLE}</style><body>"
    yield f"<h1>Images and persons in two places</h1><p>{len(images.all)} images of {len(images.stores)} stores. "
    yield f"<span class=leak>{leaks} leaks</span>, {len(found)} pairs of persons in all.</p>"
    yield "".join(f"<p>{html.escape(str(one))}</p>" for one in declared)
    for pair in found[:MOST_PICTURES]:
        mark = " class=leak" if pair.verdict == LEAK else ""
        similarity = f"similarity {pair.similarity:.2f} in {pair.count} images" if pair.images else ""
        yield "<div class=pair>"
        for place, person in enumerate((pair.one, pair.other)):
            picture = _picture(images.pixels(pair.images[place])) if pair.images else ""
            name = images.all[pair.images[place]].name if pair.images else pair.files[place]
            caption = f"{html.escape(str(person))}<br>{html.escape(printable(name))}"
            yield f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"
        yield f"<div><div{mark}>{pair.verdict}: {pair.evidence}</div><div class=faint>{similarity}</div></div></div>"
    if len(found) > MOST_PICTURES:
        yield f"<p>{len(found) - MOST_PICTURES} more pairs are in leaks.csv.</p>"
    yield "</body></html>\n"


def _picture(pixels: Pixels) -> str:
    """A picture as an element of the page."""
    data = io.BytesIO()
    Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(data, "png")
    source = base64.b64encode(data.getvalue()).decode()
    return f"<img width={SIDE} height={SIDE} alt='image of a pair' src='data:image/png;base64,{source}'>"
