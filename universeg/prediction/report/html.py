"""report.html: one file that shows all results, what to trust of them, and how they were made.

jinja2 escapes every name; it is a library that PyTorch needs anyway. The page has no script, and loads nothing.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from PIL import Image

from universeg.base.atomic_write import atomic_write
from universeg.prediction.check.checkup import Checkup
from universeg.prediction.check.leave_one_out import verdict
from universeg.prediction.check.show import example_picture, printable, summary
from universeg.prediction.labels import Label
from universeg.prediction.report.preview import QUALITY
from universeg.prediction.report.result import NOTICE, Result, look_first

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = Path(__file__).with_name("page.html.jinja")
MOST_PICTURES = 400  # in one page, about 20 MB; further images are listed without


@dataclass(frozen=True)
class Page:
    """What the page shows."""

    output: Path
    results: Sequence[Result]
    labels: Sequence[Label]
    support: Sequence[tuple[str, str]]  # image and mask of each example
    facts: Mapping[str, str]  # weights, settings and versions
    checkup: Checkup | None = None
    common: Sequence[str] = ()  # warnings about the examples, which every result has

    @classmethod
    def of(
        cls,
        output: Path,
        results: Sequence[Result],
        labels: Sequence[Label],
        checkup: Checkup | None,
        report: Mapping[str, Any],
        common: Sequence[str],
    ) -> "Page":
        """Of the results; `report` is what report.json holds."""
        support = [(pair["image"], ", ".join(Path(mask).name for mask in pair["masks"])) for pair in report["support"]]
        facts = {name: str(value) for name, value in report["versions"].items()}
        facts |= {"weights": report["weights"]["file"], "SHA-256 of the weights": report["weights"]["sha256"]}
        facts |= {name.replace("_", " "): str(value) for name, value in report["settings"].items()}
        return cls(output, results, labels, support, facts, checkup, common)


def write_html(page: Page) -> None:
    """Write report.html into the output folder."""
    with atomic_write(page.output / "report.html") as part:
        part.write_bytes(html(page).encode(errors="backslashreplace"))


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["printable"] = printable
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def html(page: Page) -> str:
    """The text of report.html."""
    ordered = look_first([*page.results])
    told = [set(result.warnings).difference(page.common) for result in ordered if not result.error]
    shared = set.intersection(*told) if len(told) > 1 else set[str]()
    return _template().render(
        title=f"Segmentation of {len(ordered)} {'image' if len(ordered) == 1 else 'images'}",
        notice=NOTICE,
        cards=[
            _card(result, shared.union(page.common), number < MOST_PICTURES) for number, result in enumerate(ordered)
        ],
        failed=sum(result.error is not None for result in ordered),
        sorted=any(result.expected_dice is not None for result in ordered) and len(ordered) > 1,
        labels=[{"name": label.name, "colour": "#{:02x}{:02x}{:02x}".format(*label.colour)} for label in page.labels],
        support=[{"image": Path(image).name, "mask": Path(mask).name} for image, mask in page.support],
        facts=page.facts,
        check=_check(page.checkup, page.labels),
        common=sorted(shared),
    )


def data_uri(picture: Image.Image) -> str:
    """The picture inside the page, as JPEG."""
    file = io.BytesIO()
    picture.convert("RGB").save(file, format="JPEG", quality=QUALITY)
    return _uri(file.getvalue())


def _uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _card(result: Result, common: set[str], with_picture: bool) -> dict[str, Any]:
    """What the page shows of one image."""
    preview = Path(result.preview) if result.preview and with_picture else None
    dice = result.expected_dice
    return {
        "name": Path(result.image).name,
        "path": result.image,
        "picture": _uri(preview.read_bytes()) if preview is not None and preview.is_file() else "",
        "files": [(what, _link(path)) for what, path in _files(result).items() if path],
        "dice": None if dice is None else round(dice),
        "level": "" if dice is None else verdict(dice).split()[1],
        "measures": [
            {"structure": one.structure, "size": one.size, "parts": one.parts, "slices": one.slices, "frame": one.frame}
            for one in result.measures
        ],
        "warnings": [warning for warning in result.warnings if warning not in common],
        "error": result.error,
    }


def _files(result: Result) -> dict[str, str]:
    soft = {f"probability {at}" * bool(at) or "probability": path for at, path in enumerate(result.probabilities)}
    return {"mask": result.mask, "picture to check": result.overlay, "uncertainty": result.uncertainty, **soft}


def _link(path: str) -> str:
    """Relative to the page, which lies in the same folder; the name cannot become another address."""
    return "./" + quote(Path(path).name, errors="surrogateescape")


def _check(checkup: Checkup | None, labels: Sequence[Label]) -> dict[str, Any] | None:
    if checkup is None:
        return None
    estimate, curve = checkup.estimate, checkup.curve
    influence = {one.example: one.dice for one in checkup.influences}
    trials = [] if estimate is None else sorted(estimate.trials, key=lambda trial: trial.dice)
    return {
        "summary": "" if estimate is None else summary(estimate),
        "dice": None if estimate is None else round(estimate.dice),
        "interval": None if estimate is None else [round(end) for end in estimate.interval],
        "verdict": "" if estimate is None else estimate.verdict,
        "structures": []
        if estimate is None or len(labels) < 2
        else [(label.name, f"{estimate.of_label(at):.0f}") for at, label in enumerate(labels)],
        "curve": None if curve is None else {"text": str(curve), "points": _points(curve.counts, curve.dice)},
        "findings": [{"text": str(one), "fixable": one.fix is not None} for one in checkup.findings],
        "fixed": checkup.fixed,
        "trials": [
            {
                "name": Path(trial.name).name,
                "dice": round(trial.dice),
                "picture": data_uri(example_picture(trial)),
                "influence": influence.get(trial.example),
            }
            for trial in trials
        ],
    }


def _points(counts: Sequence[int], dice: Sequence[float]) -> str:
    """The curve in a drawing of 240 x 80: examples to the right, Dice 0 to 100 up."""
    most = max(counts)
    return " ".join(f"{20 + 200 * n / most:.0f},{75 - 0.7 * score:.0f}" for n, score in zip(counts, dice, strict=True))
