"""Path patterns with named parts: one pattern both finds files and says what their names mean.

`imagesTr/{subject}.nii.gz` matches the end of a path, under any leading folders, so that an archive's own top
folder, or how somebody unpacked it, does not matter. `*` is anything within one name, `**/` any folders. A part
that is named twice must read the same both times.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

_TOKEN = re.compile(r"{(?P<part>\w+)}|(?P<deep>\*\*/)|(?P<star>\*)|(?P<text>[^{}*]+)|(?P<bad>[{}])")
_ROOT = "root_"


@dataclass(frozen=True)
class Match:
    path: str  # relative to the dataset's folder, with "/"
    root: str  # the leading folders that the pattern does not mention
    parts: Mapping[str, str]


@dataclass(frozen=True)
class Template:
    """A path pattern; raises ValueError for one that cannot be read."""

    text: str
    parts: Mapping[str, str]  # regular expressions of named parts

    def __post_init__(self) -> None:
        unused = set(self.parts) - self.names
        if unused:
            raise ValueError(f"{self.text!r} has no part {sorted(unused)}")
        _ = self.regex

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(m["part"] for m in _TOKEN.finditer(self.text) if m["part"])

    @cached_property
    def regex(self) -> re.Pattern[str]:
        seen: set[str] = set()
        pieces = [rf"(?P<{_ROOT}>(?:.*/)?)"]
        for token in _TOKEN.finditer(self.text):
            pieces.append(self._piece(token, seen))
        try:
            return re.compile("".join(pieces))
        except re.error as error:
            raise ValueError(f"{self.text!r}: a part is not a regular expression: {error}") from error

    def _piece(self, token: re.Match[str], seen: set[str]) -> str:
        if token["bad"]:
            raise ValueError(f"{self.text!r}: {{ and }} only around the name of a part")
        if token["part"] in seen:
            return f"(?P={token['part']})"
        if token["part"]:
            seen.add(token["part"])
            return f"(?P<{token['part']}>{self.parts.get(token['part'], '[^/]+')})"
        return {"deep": "(?:.*/)?", "star": "[^/]*"}.get(token.lastgroup or "", re.escape(token["text"] or ""))

    def fits(self, path: str) -> bool:
        return self.regex.fullmatch(path) is not None

    def matches(self, paths: Iterable[str]) -> Iterator[Match]:
        """Those of `paths` that the pattern describes."""
        for path in paths:
            if found := self.regex.fullmatch(path):
                parts = found.groupdict()
                yield Match(path, parts.pop(_ROOT), parts)


def counted(text: str) -> str:
    """The text without zeros before its numbers: 007 and 7 are one number, however files are named."""
    return re.sub(r"0*(\d+)", r"\1", text)


def natural(text: str) -> list[tuple[int, str]]:
    """A sort key in which 2 comes before 10."""
    return [(int(digits or 0), other) for other, digits in re.findall(r"(\D*)(\d*)", text)]
