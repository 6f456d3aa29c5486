"""Find where records lie in an LMDB file, and ask the kernel to load many of them at once.

LMDB loads a record that is not in memory by one page fault after another. If the kernel knows in advance which bytes
are needed, it loads them in parallel, which is 20 times faster. LMDB has no function that tells where a record is, so
this file reads LMDB's B+ tree itself, in the layout of its C header: a page is a 16-byte head, then the offsets of its
nodes, then the nodes. A large record has its own pages, and its node holds the number of the first one. For a file of
another layout there is no read-ahead, and reading still works.

LMDB trusts the file: a damaged number in a page can make it read outside the file, which ends the process. Therefore
every page on the way to a record is checked here before LMDB reads the record.
"""

import os
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path

PAGE = 4096
HEAD = 16  # bytes before a page's content
BRANCH, LEAF, OWN_PAGES = 0x01, 0x02, 0x01  # flags: of a page, of a page, of a node
MAGIC, VERSION = 0xBEEFC0DE, 1
META = struct.Struct("<16x II 16x I 84x QQQ")  # magic, version, page size; root of the tree, last page, transaction
FLAGS_AT = 92  # in the first pages: flags of the tree
PAGE_HEAD = struct.Struct("<Q2xHHH")  # number of the page, flags, end of the offsets, begin of the nodes
NODE = struct.Struct("<HHHH")  # low and high half of a size or page, flags, length of the key
MAX_GAP = 1 << 15  # bytes; ranges with a smaller gap are joined into one request

Place = tuple[int, int]  # offset in the file, bytes


class PageError(ValueError):
    """The pages of a file do not form a tree: it is damaged. The message says which page."""


def record_places(path: Path, prefix: bytes) -> dict[bytes, Place | None]:
    """The keys that start with `prefix`, with offset and size of their records; None for a small record.

    Empty for a file of another layout. Raises PageError if a page on the way to these keys is damaged.
    """
    with path.open("rb", buffering=0) as file:
        tree = _Tree(file.fileno(), path.stat().st_size)
        root = tree.root()
        return dict(tree.leaves(root, prefix)) if root is not None else {}


def read_ahead(path: Path, wanted: Iterable[Place]) -> None:
    """Ask the kernel to load these parts of a file, and return at once. Without posix_fadvise it does nothing."""
    if not hasattr(os, "posix_fadvise"):
        return
    with path.open("rb", buffering=0) as file:
        for start, length in _joined(sorted(wanted)):
            os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_WILLNEED)


def _joined(sorted_places: Iterable[Place]) -> Iterator[Place]:
    """The same places, with neighbours joined."""
    first, end = 0, 0
    for start, length in sorted_places:
        if start > end + MAX_GAP or not end:
            if end:
                yield first, end - first
            first = start
        end = max(end, start + length)
    if end:
        yield first, end - first


class _Tree:
    """The pages of a file. Numbers of pages, offsets and sizes are checked before they are used."""

    def __init__(self, file: int, size: int) -> None:
        self.file, self.size = file, size
        self.seen = set[int]()

    def page(self, number: int) -> bytes:
        return os.pread(self.file, PAGE, number * PAGE)

    def root(self) -> int | None:
        """The number of the root page of the newest transaction; None if the file has another layout."""
        pages = [self.page(number) for number in range(2)]
        if any(len(page) < PAGE for page in pages):
            return None
        newest = max(pages, key=lambda page: int(META.unpack_from(page)[-1]))
        *layout, root, _, _ = META.unpack_from(newest)
        if tuple(layout) != (MAGIC, VERSION, PAGE):
            return None
        if newest[FLAGS_AT : FLAGS_AT + 2] != b"\0\0":
            raise PageError("the first pages are damaged")
        return int(root)

    def leaves(self, number: int, prefix: bytes) -> Iterator[tuple[bytes, Place | None]]:
        """Keys that start with `prefix` and their places, in key order, in the subtree of a page."""
        if not 2 <= number < self.size // PAGE or number in self.seen:
            raise PageError(f"a page refers to page {number}, which is not in the file or was used before")
        self.seen.add(number)
        page = self.page(number)
        own_number, flags, lower, upper = PAGE_HEAD.unpack_from(page)
        if own_number != number or flags not in (BRANCH, LEAF) or not HEAD <= lower <= upper <= PAGE or lower % 2:
            raise PageError(f"page {number} is damaged")
        nodes = [self._node(page, at, upper) for (at,) in struct.iter_unpack("<H", page[HEAD:lower])]
        keys = [node[0] for node in nodes]
        if flags == LEAF:
            if keys != sorted(set(keys)):
                raise PageError(f"page {number} is damaged: keys are not in order")
            yield from ((key, self._place(*node)) for key, *node in nodes if key.startswith(prefix))
        else:
            keys[0:1] = [b""]
            first, last = (bisect_right(keys, bound) for bound in (prefix, prefix + b"\xff"))
            for _, low, high, _, _ in nodes[max(0, first - 1) : last]:
                yield from self.leaves(low | high << 32, prefix)

    def _node(self, page: bytes, at: int, upper: int) -> tuple[bytes, int, int, int, int]:
        """Key; size of the value (in a branch: low half of the child's number); flags; place; first own page."""
        if not upper <= at <= PAGE - NODE.size:
            raise PageError("a page is damaged: a node lies outside it")
        low, high, flags, length = NODE.unpack_from(page, at)
        start = at + NODE.size + length
        if start > PAGE:
            raise PageError("a page is damaged: a key lies outside it")
        own_page = int.from_bytes(page[start : start + 8], "little")
        return page[at + NODE.size : start], low | high << 16, flags, start, own_page

    def _place(self, size: int, flags: int, start: int, own_page: int) -> Place | None:
        """Where the record of a leaf's node lies, if it has its own pages."""
        if flags == OWN_PAGES:
            begin = own_page * PAGE + HEAD
            if own_page < 2 or begin + size > self.size:
                raise PageError("a record lies outside the file")
            return begin, size
        if flags or start + size > PAGE:
            raise PageError("a record lies outside its page")
        return None
