"""Path patterns with named parts: a pattern finds files, and reads the values of its parts from their paths.

`imagesTr/{subject}.nii.gz` matches the end of a path, below any leading folders, so it does not matter into which
folder an archive was unpacked. `*` matches any text without "/", `**/` any folders. A part that occurs twice must have
the same value both times. The ending of a name (`.nii.gz`) also matches in capitals, and an accented letter matches in
both encodings of Unicode.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

_TOKEN = re.compile(r"{(?P<part>\w+)}|(?P<deep>\*\*/)|(?P<star>\*)|(?P<text>[^{}*]+)|(?P<bad>[{}])")
_ENDING = re.compile(r"(?:\.[A-Za-z0-9]+)+$")
_ROOT = "root_"


@dataclass(frozen=True)
class Match:
    """A path that matches a pattern."""

    path: str  # relative to the dataset's folder, with "/"
    root: str  # the leading folders that the pattern does not mention
    parts: Mapping[str, str]  # values of the named parts


@dataclass(frozen=True)
class PathPattern:
    """A path pattern; raises ValueError if it is malformed."""

    text: str
    parts: Mapping[str, str]  # named part -> regular expression; a part without one is any text without "/"

    def __post_init__(self) -> None:
        unused = set(self.parts) - self.names
        if unused:
            raise ValueError(f"{self.text!r} has no part {sorted(unused)}")
        _ = self.regex  # so that it raises here

    @cached_property
    def names(self) -> frozenset[str]:
        """The named parts."""
        return frozenset(m["part"] for m in _TOKEN.finditer(self.text) if m["part"])

    @cached_property
    def ending(self) -> str:
        """The ending that all matching files have, such as .nii.gz; "" if they may have any."""
        found = _ENDING.search(self.text)
        return found[0] if found else ""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The regular expression that a whole path must match."""
        seen: set[str] = set()
        pieces = [rf"(?P<{_ROOT}>(?s:.*/)?)"]
        for token in _TOKEN.finditer(composed(self.text).removesuffix(self.ending)):
            pieces.append(self._piece(token, seen))
        pieces.append(f"(?i:{re.escape(self.ending)})")
        try:
            return re.compile("".join(pieces))
        except re.error as error:
            raise ValueError(f"{self.text!r}: a part is not a regular expression: {error}") from error

    def _piece(self, token: re.Match[str], seen: set[str]) -> str:
        if token["bad"]:
            raise ValueError(f"{self.text!r}: {{ and }} are allowed only around the name of a part")
        if token["part"] in seen:
            return f"(?P={token['part']})"
        if token["part"]:
            seen.add(token["part"])
            return f"(?P<{token['part']}>{composed(self.parts.get(token['part'], '[^/]+'))})"
        return {"deep": "(?s:.*/)?", "star": "[^/]*"}.get(token.lastgroup or "", re.escape(token["text"] or ""))

    def fits(self, path: str) -> bool:
        """Whether a path matches the pattern."""
        return self.regex.fullmatch(composed(path)) is not None

    def matches(self, paths: Iterable[str]) -> Iterator[Match]:
        """Those of `paths` that match the pattern, with the values of their parts."""
        for path in paths:
            if found := self.regex.fullmatch(composed(path)):
                parts = found.groupdict()
                yield Match(path, parts.pop(_ROOT), parts)


def composed(text: str) -> str:
    """The text with each accented letter as one character: macOS writes file names with the accents apart."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def without_zeros(text: str) -> str:
    """The text without leading zeros of its numbers, so that 007 and 7 are equal."""
    return re.sub(r"0*(\d+)", r"\1", text)


def same_but_for_zeros(one: str, other: str) -> bool:
    """Whether two texts are equal, but for zeros before numbers: 007 and 7.

    0a01 and 00a1 are not: zeros before a number make it longer, so texts of equal length have other numbers.
    """
    return one == other or (len(one) != len(other) and without_zeros(one) == without_zeros(other))


def natural_key(text: str) -> list[tuple[int, str]]:
    """A sort key that puts 2 before 10."""
    return [(int(digits or 0), other) for other, digits in re.findall(r"(\D*)(\d*)", text)]
