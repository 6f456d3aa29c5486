"""What is known of each image in a session, and how it is written to session.json and read back. No torch here."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from universeg.app.folder import Folder
from universeg.app.saved import SavedFiles
from universeg.episodes.lever_flags import Effort
from universeg.imageio.image import ImageError
from universeg.prediction.labels import Label, colour
from universeg.prediction.settings import Settings

VERSION = 1
FIRST_DRAFT = 3  # examples from which on there are drafts
KEPT = ("intensity", "window", "channel", "axis")  # settings that a person chooses on the page
MOST_NAME = 80  # characters of a label's name
MOST_LABELS = 64


@dataclass(frozen=True)
class Progress:
    """What a thread does, for the page."""

    doing: str = ""
    done: float = 0
    total: int = 0
    problem: str = ""  # why it could not be done
    result: str = ""  # what came of it


@dataclass
class Slice:
    """A slice with a mask of the person: painted, or a draft that was accepted."""

    done: bool = False
    example: bool = False
    revision: int = 1


@dataclass
class Draft:
    """A mask that the network made."""

    sureness: float  # 0..1, see universeg.prediction.check.confidence
    examples: int  # the number of the set of examples that it was made with
    doubts: list[str] = field(default_factory=list)  # what is probably wrong with the image, or odd about the draft


@dataclass
class ImageState:
    """All slices of one image; a picture has slice 0 only."""

    slices: dict[int, Slice] = field(default_factory=dict)
    drafts: dict[int, Draft] = field(default_factory=dict)
    count: int | None = None  # slices; None until the image is read
    volume: bool = False
    error: str = ""  # why it cannot be used
    skipped: int = -1  # the number of the set of examples that have none of its kind
    changed: int = 0  # the version of the session that changed it last


@dataclass
class Wishes:
    """What drafts the person waits for."""

    focus: tuple[str, int] | None = None  # the image and slice in view
    rest: tuple[str, ...] = ()  # images that are still to do after "segment the rest"
    asked: int = 0  # how many these were at first
    better: Effort | None = None  # find what improves results


@dataclass(frozen=True)
class Better:
    """What leave-one-out found to improve the results of a session's examples."""

    effort: Effort
    lines: tuple[str, ...]  # what was tried, and with what result
    levers: dict[str, Any]  # fields of universeg.episodes.levers.Levers
    left_out: tuple[str, ...]  # names of examples that make results worse
    adapted: bool  # whether adapted weights are in the page's own folder
    examples: int  # how many there were


def read_better(entry: Any) -> Better | None:
    """Better from JSON, or None. Raises ValueError if it cannot be used."""
    if entry is None:
        return None
    try:
        found = Better(**entry)
    except TypeError as error:
        raise ValueError(f"better: {error}") from error
    lists = [found.lines, found.left_out]
    texts = all(isinstance(part, list) and all(isinstance(line, str) for line in part) for part in lists)
    if found.effort not in ("normal", "best") or not texts or not isinstance(found.levers, dict):
        raise ValueError("better: expected effort, lines, levers, left_out, adapted and examples")
    return found


def default_labels(known: Mapping[int, Label]) -> list[Label]:
    """The labels of a new session."""
    found = [label for value, label in sorted(known.items()) if 0 < value < 256]
    return found[:MOST_LABELS] or [Label(1, "structure", colour(0))]


def checked_labels(entries: Any) -> list[Label]:
    """Labels from JSON. Raises ValueError if they cannot be used."""
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_LABELS:
        raise ValueError(f"expected 1 to {MOST_LABELS} labels")
    labels = [_label(entry) for entry in entries]
    if len({label.value for label in labels}) < len(labels):
        raise ValueError("two labels have the same value")
    return labels


def _label(entry: Any) -> Label:
    try:
        value, name, levels = entry["value"], entry["name"], entry["colour"]
        red, green, blue = levels
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError("a label needs a value, a name and a colour of three numbers") from error
    whole = all(isinstance(number, int) for number in (value, red, green, blue))
    if not whole or not 0 < value < 256 or not all(0 <= level < 256 for level in (red, green, blue)):
        raise ValueError("values of labels are 1 to 255, and colours three numbers from 0 to 255")
    if not isinstance(name, str) or not name.strip() or len(name) > MOST_NAME or not name.isprintable():
        raise ValueError(f"a label needs a name of at most {MOST_NAME} letters")
    return Label(value, name.strip(), (red, green, blue))


def as_entries(labels: Sequence[Label]) -> list[dict[str, Any]]:
    """Labels as JSON."""
    return [{"value": label.value, "name": label.name, "colour": list(label.colour)} for label in labels]


def checked_settings(entries: Any) -> Settings:
    """Settings from JSON. Raises ValueError if they cannot be used."""
    if not isinstance(entries, dict) or not entries.keys() <= set(KEPT):
        raise ValueError(f"settings are {', '.join(KEPT)}")
    window = entries.get("window")
    if window is not None:
        if not isinstance(window, list) or len(window) != 2 or not all(isinstance(end, int | float) for end in window):
            raise ValueError("a window is two numbers")
        entries = {**entries, "window": (float(window[0]), float(window[1]))}
    if entries.get("intensity", "unit") not in ("unit", "ct", "mr") or entries.get("channel") == "best":
        raise ValueError("intensity is unit, ct or mr; channel is luminance, red, green or blue")
    return Settings(**entries)


def packed(
    settings: Settings, labels: Sequence[Label], images: Mapping[str, ImageState], **rest: Any
) -> dict[str, Any]:
    """The content of session.json."""
    chosen = {name: getattr(settings, name) for name in KEPT}
    saved = {
        key: {"slices": _numbered(state.slices), "drafts": _numbered(state.drafts)}
        for key, state in images.items()
        if state.slices or state.drafts
    }
    return {"version": VERSION, "settings": chosen, "labels": as_entries(labels), "images": saved, **rest}


def unpacked(saved: Mapping[str, Any], files: SavedFiles, folder: Folder) -> dict[str, ImageState]:
    """The state of all images. Masks without an entry, which a killed program may leave, count as painted.

    Raises ImageError if it is the session of another version.
    """
    where = str(files.folder / "session.json")
    if saved and saved.get("version") != VERSION:
        raise ImageError(f"is of version {saved.get('version')}, not {VERSION}", where, "move it away")
    images, entries = dict[str, ImageState](), saved.get("images", {})
    try:
        for key in folder.entries:
            entry = entries.get(key, {})
            slices, drafts = _read(Slice, entry.get("slices", {})), _read(Draft, entry.get("drafts", {}))
            images[key] = ImageState(
                {row: slices.get(row, Slice()) for row in files.rows("masks", key)},
                {row: drafts[row] for row in files.rows("drafts", key) if row in drafts},
            )
    except (TypeError, ValueError, AttributeError) as error:
        raise ImageError(f"is damaged ({error})", where, "move it away; the masks beside it are kept") from error
    return images


def _numbered(parts: Mapping[int, Slice] | Mapping[int, Draft]) -> dict[str, Any]:
    return {str(row): asdict(part) for row, part in parts.items()}


def _read(kind: Any, entries: Mapping[str, Any]) -> dict[int, Any]:
    names = {part.name for part in fields(kind)}
    return {
        int(row): kind(**{name: value for name, value in entry.items() if name in names})
        for row, entry in entries.items()
    }
