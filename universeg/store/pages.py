"""Where records lie in an LMDB file, so that the kernel can be asked for many of them at once.

LMDB fetches a cold record by one page fault after another, and only when it is asked for it; the kernel, told before
which bytes are wanted, fetches them side by side (20 times as fast). LMDB does not say where its records are, so its
tree is read here, as its C header lays it out: pages of a 16-byte head, offsets of nodes, and nodes. A large record has
pages of its own, whose number is in its node. What is read here serves as advice alone; where it is not as expected,
there is none.
"""

import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

PAGE = 4096
HEAD = 16  # bytes before a page's content
BRANCH, LEAF, OWN_PAGES = 0x01, 0x02, 0x01  # of a page, of a page, of a node
MAGIC, VERSION = 0xBEEFC0DE, 1
META = struct.Struct("<16x II 16x I 84x QQQ")  # magic, version, page size; root of the tree, last page, transaction
NODE = struct.Struct("<HHHH")  # low and high half of a size or page, flags, length of the key
NEAR = 1 << 15  # bytes; a smaller gap is read over rather than asked around

Place = tuple[int, int]  # offset in the file, bytes


def places(path: Path, prefix: bytes) -> dict[bytes, Place]:
    """Where the large records lie whose key begins with `prefix`; nothing for a file of another layout."""
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


def advise(path: Path, wanted: Iterable[Place]) -> None:
    """Ask the kernel for these bytes of a file, where it takes advice; returns at once."""
    if not hasattr(os, "posix_fadvise"):
        return
    with path.open("rb", buffering=0) as file:
        for start, length in _joined(sorted(wanted)):
            os.posix_fadvise(file.fileno(), start, length, os.POSIX_FADV_WILLNEED)


def _joined(sorted_places: Iterable[Place]) -> Iterator[Place]:
    """The same with neighbours in one."""
    first, end = 0, 0
    for start, length in sorted_places:
        if start > end + NEAR or not end:
            if end:
                yield first, end - first
            first = start
        end = max(end, start + length)
    if end:
        yield first, end - first


def _leaves(page_of: Callable[[int], bytes], number: int, prefix: bytes) -> Iterator[tuple[bytes, Place]]:
    """Keys and places below a page, in order, of keys that begin with `prefix`."""
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
    """Key; size of the value, or in a branch the page below; whether it has own pages, and the first of them."""
    low, high, flags, length = NODE.unpack_from(page, at)
    key = page[at + NODE.size : at + NODE.size + length]
    own_pages = bool(flags & OWN_PAGES)
    where = int.from_bytes(page[at + NODE.size + length :][:8], "little") if own_pages else 0
    return key, low | high << 16, own_pages, where
