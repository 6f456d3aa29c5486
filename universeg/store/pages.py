"""Find where records lie in an LMDB file, and ask the kernel to load many of them at once.

LMDB loads a record that is not in memory by one page fault after another. If the kernel knows in advance which bytes
are needed, it loads them in parallel, which is 20 times faster. LMDB has no function that tells where a record is, so
this file reads LMDB's B+ tree itself, in the layout of its C header: a page is a 16-byte head, then the offsets of its
nodes, then the nodes. A large record has its own pages, and its node holds the number of the first one. The result is
used only for read-ahead; for a file of another layout there is no read-ahead, and reading still works.
"""

import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

PAGE = 4096
HEAD = 16  # bytes before a page's content
BRANCH, LEAF, OWN_PAGES = 0x01, 0x02, 0x01  # flags: of a page, of a page, of a node
MAGIC, VERSION = 0xBEEFC0DE, 1
META = struct.Struct("<16x II 16x I 84x QQQ")  # magic, version, page size; root of the tree, last page, transaction
NODE = struct.Struct("<HHHH")  # low and high half of a size or page, flags, length of the key
MAX_GAP = 1 << 15  # bytes; ranges with a smaller gap are joined into one request

Place = tuple[int, int]  # offset in the file, bytes


def record_places(path: Path, prefix: bytes) -> dict[bytes, Place]:
    """Offset and size of the large records whose key starts with `prefix`; empty for a file of another layout."""
    with path.open("rb", buffering=0) as file:
        fd = file.fileno()

        def page(number: int) -> bytes:
            return os.pread(fd, PAGE, number * PAGE)

        try:
            metas = [META.unpack_from(page(number)) for number in range(2)]
            *layout, root, _, _ = max(metas, key=lambda meta: int(meta[-1]))
            return dict(_leaves(page, int(root), prefix)) if tuple(layout) == (MAGIC, VERSION, PAGE) else {}
        except (struct.error, RecursionError):
            return {}


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


def _leaves(page_of: Callable[[int], bytes], number: int, prefix: bytes) -> Iterator[tuple[bytes, Place]]:
    """Keys that start with `prefix` and their places, in key order, in the subtree of a page."""
    page = page_of(number)
    (flags, lower) = struct.unpack_from("<HH", page, 10)
    nodes = [_node(page, at) for (at,) in struct.iter_unpack("<H", page[HEAD:lower])]
    if flags & LEAF:
        for key, low, own_pages, where in nodes:
            if own_pages and key.startswith(prefix):
                yield key, (where * PAGE + HEAD, low)
    elif flags & BRANCH:
        keys = [b"", *(key for key, *_ in nodes[1:])]
        first, last = (bisect_right(keys, bound) for bound in (prefix, prefix + b"\xff"))
        for _, low, _, _ in nodes[max(0, first - 1) : last]:
            yield from _leaves(page_of, low, prefix)


def _node(page: bytes, at: int) -> tuple[bytes, int, bool, int]:
    """Key, size of the value (in a branch: number of the child page), whether it has own pages, number of the first."""
    low, high, flags, length = NODE.unpack_from(page, at)
    key = page[at + NODE.size : at + NODE.size + length]
    own_pages = bool(flags & OWN_PAGES)
    where = int.from_bytes(page[at + NODE.size + length :][:8], "little") if own_pages else 0
    return key, low | high << 16, own_pages, where
